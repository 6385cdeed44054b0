// Well-known functions as ordinary expressions: what a user could write, with sharing made exact by
// `with`.
#pragma once

#include "sinter/expr/statistics.hpp"

namespace sinter {

namespace detail {

// Functor types rather than lambdas: a closure type would drag its enclosing signature into every
// symbol.
template <int A>
struct divide_by_sum {
    template <class E>
    auto operator()(E e) const {
        return e / sum(e, axis<A>, keepdims);
    }
};
// What is subtracted cancels, so it needs no gradient.
template <int A>
struct softmax_of {
    template <class X>
    auto operator()(X x) const {
        return with(divide_by_sum<A>{}, exp(x - stop_gradient(max(x, axis<A>, keepdims))));
    }
};
template <int A>
struct subtract_log_sum {
    template <class C>
    auto operator()(C c) const {
        return c - log(sum(exp(c), axis<A>, keepdims));
    }
};
template <int A>
struct log_softmax_of {
    template <class X>
    auto operator()(X x) const {
        return with(subtract_log_sum<A>{}, x - stop_gradient(max(x, axis<A>, keepdims)));
    }
};
struct over_deviation {
    double epsilon = 0;
    template <class C>
    auto operator()(C c) const {
        return c / sqrt(mean(c * c, axis<-1>, keepdims) + epsilon);
    }
};
struct standardised {
    double epsilon = 0;
    template <class X>
    auto operator()(X x) const {
        return with(over_deviation{epsilon}, x - mean(x, axis<-1>, keepdims));
    }
};

struct over_rms {
    double epsilon = 0;
    template <class X>
    auto operator()(X x) const {
        return x / sqrt(mean(x * x, axis<-1>, keepdims) + epsilon);
    }
};
template <int A>
struct over_norm {
    double epsilon = 0;
    template <class X>
    auto operator()(X x) const {
        return x / maximum(norm(x, axis<A>, keepdims), epsilon);
    }
};

template <int A>
struct cosine_of {
    double epsilon = 0;
    template <class X, class Y>
    auto operator()(X x, Y y) const {
        return sum(x * y, axis<A>) / maximum(norm(x, axis<A>) * norm(y, axis<A>), epsilon);
    }
};

}  // namespace detail

/// exp(x) / sum(exp(x)) along one axis (default the last), from which the maximum is subtracted
/// first, so that nothing overflows. A row of -inf gives NaN, as in PyTorch. One kernel.
template <expression X, int A = -1>
auto softmax(X&& x, axis_tag<A> = {}) {
    return with(detail::softmax_of<A>{}, std::forward<X>(x));
}
/// log(softmax(x)) along one axis (default the last), computed without the cancellation of the two.
/// One kernel.
template <expression X, int A = -1>
auto log_softmax(X&& x, axis_tag<A> = {}) {
    return with(detail::log_softmax_of<A>{}, std::forward<X>(x));
}
/// (x - mean) / sqrt(var + epsilon) over the last axis, with the variance without correction. One
/// kernel.
template <expression X>
auto layer_norm(X&& x, double epsilon = 1e-5) {
    return with(detail::standardised{epsilon}, std::forward<X>(x));
}
/// layer_norm(x) * scale + shift, where scale and shift have the last axis's extent. One kernel.
template <expression X, expression G, expression B>
auto layer_norm(X&& x, G&& scale, B&& shift, double epsilon = 1e-5) {
    return with(detail::standardised{epsilon}, std::forward<X>(x)) * std::forward<G>(scale) +
           std::forward<B>(shift);
}

/// x / sqrt(mean(x^2) + epsilon) over the last axis. One kernel.
template <expression X>
auto rms_norm(X&& x, double epsilon = 1e-5) {
    return with(detail::over_rms{epsilon}, std::forward<X>(x));
}
/// rms_norm(x) * scale, where scale has the last axis's extent. One kernel.
template <expression X, expression G>
auto rms_norm(X&& x, G&& scale, double epsilon = 1e-5) {
    return with(detail::over_rms{epsilon}, std::forward<X>(x)) * std::forward<G>(scale);
}
/// x / max(norm(x), epsilon) along one axis (default the last): rows of length 1. One kernel.
template <expression X, int A = -1>
auto normalize(X&& x, axis_tag<A> = {}, double epsilon = 1e-12) {
    return with(detail::over_norm<A>{epsilon}, std::forward<X>(x));
}

/// The cosine of the angle between x and y along one axis (default the last): sum(x y) /
/// max(norm(x) norm(y), epsilon), which has one axis less. One kernel.
template <expression X, expression Y, int A = -1>
auto cosine_similarity(X&& x, Y&& y, axis_tag<A> = {}, double epsilon = 1e-8) {
    return with(detail::cosine_of<A>{epsilon}, std::forward<X>(x), std::forward<Y>(y));
}

}  // namespace sinter
