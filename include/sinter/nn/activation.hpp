// Activations as layers. Each is the function of its name.
#pragma once

#include "sinter/expr/compose.hpp"
#include "sinter/nn/module.hpp"

namespace sinter::nn {

namespace detail {

struct no_members {
    template <class V>
    void members(V&&) {}
};

}  // namespace detail

struct relu : detail::no_members {
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::relu(x);
    }
};
struct sigmoid : detail::no_members {
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::sigmoid(x);
    }
};
struct tanh : detail::no_members {
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::tanh(x);
    }
};
struct gelu : detail::no_members {
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::gelu(x);
    }
};
struct silu : detail::no_members {
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::silu(x);
    }
};
struct mish : detail::no_members {
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::mish(x);
    }
};
struct selu : detail::no_members {
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::selu(x);
    }
};
struct softplus : detail::no_members {
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::softplus(x);
    }
};
struct hardswish : detail::no_members {
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::hardswish(x);
    }
};
struct hardsigmoid : detail::no_members {
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::hardsigmoid(x);
    }
};
struct leaky_relu : detail::no_members {
    double slope = 0.01;
    leaky_relu() = default;
    explicit leaky_relu(double negative_slope) : slope(negative_slope) {}
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::leaky_relu(x, slope);
    }
};
struct elu : detail::no_members {
    double alpha = 1;
    elu() = default;
    explicit elu(double alpha_) : alpha(alpha_) {}
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::elu(x, alpha);
    }
};
/// Over the last axis.
struct softmax : detail::no_members {
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::softmax(x);
    }
};
struct log_softmax : detail::no_members {
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::log_softmax(x);
    }
};

}  // namespace sinter::nn
