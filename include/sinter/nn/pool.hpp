// Pooling layers of images (examples, height, width, channels).
#pragma once

#include "sinter/nn/conv.hpp"
#include "sinter/tensor/adaptive_pool.hpp"

namespace sinter::nn {

struct pool2d_options {
    pair stride = 0;  // 0: the size
};

namespace detail {

struct pool2d_base {
    window down, across;
    static constexpr auto kernel_role = kernel_part::pooling;

    explicit pool2d_base(const pair& size, const pool2d_options& o = {})
        : down{size.at[0], o.stride.at[0] ? o.stride.at[0] : size.at[0]},
          across{size.at[1], o.stride.at[1] ? o.stride.at[1] : size.at[1]} {}
    template <class V>
    void members(V&&) {}
};

}  // namespace detail

/// The maximum of windows: `max_pool2d(2)`, `max_pool2d(3, {.stride = 2})`.
struct max_pool2d : detail::pool2d_base {
    using pool2d_base::pool2d_base;
    template <expression X>
    auto operator()(const X& x) const {
        return max_pool(x, {down, across});
    }
};
/// The mean of windows.
struct avg_pool2d : detail::pool2d_base {
    using pool2d_base::pool2d_base;
    template <expression X>
    auto operator()(const X& x) const {
        return avg_pool(x, {down, across});
    }
};
/// The mean over all of an image: (n, h, w, c) to (n, c), PyTorch's adaptive_avg_pool2d(1) without
/// the axes of extent 1.
struct global_avg_pool2d {
    static constexpr auto kernel_role = detail::kernel_part::beginning;
    template <class V>
    void members(V&&) {}
    template <expression X>
    auto operator()(const X& x) const {
        return mean(x, axis<1, 2>);
    }
};
/// The means of `rows` x `columns` parts that cover the image evenly, whatever its size: see
/// adaptive_avg_pool.
struct adaptive_avg_pool2d {
    pair parts;
    static constexpr auto kernel_role = detail::kernel_part::beginning;
    explicit adaptive_avg_pool2d(const pair& size) : parts(size) {}
    template <class V>
    void members(V&&) {}
    template <expression X>
    auto operator()(const X& x) const {
        return adaptive_avg_pool(x, parts.at);
    }
};

/// All axes but the first as one: (n, ...) to (n, k). Of a variable it is a view, and so is the way
/// back: no launch.
struct flatten {
    static constexpr auto kernel_role = detail::kernel_part::view;
    template <class V>
    void members(V&&) {}
    template <expression X>
    auto operator()(const X& x) const {
        return reshape(x, shape<2>{shape_of(x)[0], -1});
    }
    template <element T, int R>
    variable<T, 2> operator()(const variable<T, R>& x) const {
        const tensor<T, R> value = x.detach();
        const variable<T, 2> y(reshape(value, shape<2>{value.extent(0), -1}), false);
        if (!autodiff::gradients_wanted() || !x.requires_grad()) return y;
        auto again = [from = x.shared_state(), e = value.extents()](
                         const exec::made_array& seed, const autodiff::take_gradient& take) {
            const tensor<T, R> dx = reshape(sinter::detail::restored<T, 2>(seed), e);
            take(from, sinter::detail::erased(dx));
        };
        return y.recorded_as(std::move(again), {x.shared_state()});
    }
};

}  // namespace sinter::nn
