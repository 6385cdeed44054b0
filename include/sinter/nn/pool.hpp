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
    static constexpr bool begins_kernel = true;

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
    static constexpr bool begins_kernel = true;
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
    static constexpr bool begins_kernel = true;
    explicit adaptive_avg_pool2d(const pair& size) : parts(size) {}
    template <class V>
    void members(V&&) {}
    template <expression X>
    auto operator()(const X& x) const {
        return adaptive_avg_pool(x, parts.at);
    }
};

/// All axes but the first as one: (n, ...) to (n, k).
struct flatten {
    template <class V>
    void members(V&&) {}
    template <expression X>
    auto operator()(const X& x) const {
        return reshape(x, shape<2>{shape_of(x)[0], -1});
    }
};

}  // namespace sinter::nn
