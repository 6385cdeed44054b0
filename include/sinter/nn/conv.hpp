// Convolution layers of images (examples, height, width, channels).
#pragma once

#include "sinter/nn/linear.hpp"
#include "sinter/tensor/grouped_conv.hpp"

namespace sinter::nn {

/// Per axis, or one number for both.
struct pair {
    int64 at[2];
    constexpr pair(int64 both) : at{both, both} {}
    constexpr pair(int64 height, int64 width) : at{height, width} {}
};

struct conv2d_options {
    pair kernel = 3, stride = 1, dilation = 1;
};

namespace detail {

constexpr conv_options<2> slides(const conv2d_options& o) {
    return {{o.stride.at[0], o.stride.at[1]}, {o.dilation.at[0], o.dilation.at[1]}};
}

inline int64 per_group(int64 channels, const groups& g) {
    if (g.count < 1 || channels % g.count != 0)
        throw shape_error("nn::conv2d: " + std::to_string(channels) + " channels do not come in " +
                          std::to_string(g.count) + " groups.");
    return channels / g.count;
}

}  // namespace detail

/// conv2d with filters (out, height, width, in) and a bias: `conv2d(1, 32, {.kernel = 3})`, among
/// zeros `conv2d(1, 32, {.kernel = 3}, padding(1))` or `same`; with channels in groups `conv2d(32,
/// 64, {.kernel = 3}, same, groups(4))`, where a filter has in / groups channels. Begins as
/// PyTorch's.
template <element T = float, bool Padded = false, bool Bias = true, bool Grouped = false>
struct conv2d {
    variable<T, 4> weight;
    variable<T, 1> bias;
    conv2d_options options;
    padding around = padding(0);
    groups in_groups = groups(1);
    static constexpr auto kernel_role = detail::kernel_part::product;

    conv2d(int64 in, int64 out, const conv2d_options& o = {})
        : weight(detail::parameter<T, 4>({out, o.kernel.at[0], o.kernel.at[1], in})), options(o) {
        if constexpr (Bias) bias = detail::parameter<T, 1>({out});
        detail::default_init(weight, bias);
    }
    conv2d(int64 in, int64 out, const conv2d_options& o, no_bias_tag) : conv2d(in, out, o) {}
    conv2d(int64 in, int64 out, const conv2d_options& o, const padding& p) : conv2d(in, out, o) {
        around = p;
    }
    conv2d(int64 in, int64 out, const conv2d_options& o, const padding& p, no_bias_tag)
        : conv2d(in, out, o, p) {}
    conv2d(int64 in, int64 out, const conv2d_options& o, const padding& p, const groups& g)
        : conv2d(detail::per_group(in, g), out, o, p) {
        in_groups = g;
    }
    template <class V>
    void members(V&& v) {
        v("weight", weight);
        if constexpr (Bias) v("bias", bias);
    }
    template <expression X>
    auto operator()(const X& x) const {
        if constexpr (Bias) {
            return products(x) + bias;
        } else {
            return products(x);
        }
    }

private:
    template <class X>
    auto products(const X& x) const {
        if constexpr (Grouped) {
            return sinter::conv2d(x, weight, detail::slides(options), around, in_groups);
        } else if constexpr (Padded) {
            return sinter::conv2d(x, weight, detail::slides(options), around);
        } else {
            return sinter::conv2d(x, weight, detail::slides(options));
        }
    }
};
conv2d(int64, int64)->conv2d<float, false, true>;
conv2d(int64, int64, conv2d_options)->conv2d<float, false, true>;
conv2d(int64, int64, conv2d_options, no_bias_tag)->conv2d<float, false, false>;
conv2d(int64, int64, conv2d_options, padding)->conv2d<float, true, true>;
conv2d(int64, int64, conv2d_options, padding, no_bias_tag)->conv2d<float, true, false>;
conv2d(int64, int64, conv2d_options, padding, groups)->conv2d<float, true, true, true>;

/// depthwise_conv2d with filters (channels, height, width, 1) and a bias, among zeros:
/// `depthwise_conv2d(64, {.kernel = 3}, same)`. Begins as PyTorch's conv2d with as many groups.
template <element T = float>
struct depthwise_conv2d {
    variable<T, 4> weight;
    variable<T, 1> bias;
    conv2d_options options;
    padding around;
    static constexpr auto kernel_role = detail::kernel_part::beginning;

    explicit depthwise_conv2d(int64 channels,
                              const conv2d_options& o = {},
                              const padding& p = padding(0))
        : weight(detail::parameter<T, 4>({channels, o.kernel.at[0], o.kernel.at[1], 1})),
          bias(detail::parameter<T, 1>({channels})),
          options(o),
          around(p) {
        detail::default_init(weight, bias);
    }
    template <class V>
    void members(V&& v) {
        v("weight", weight);
        v("bias", bias);
    }
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::depthwise_conv2d(x, weight, detail::slides(options), around) + bias;
    }
};
depthwise_conv2d(int64)->depthwise_conv2d<float>;
depthwise_conv2d(int64, conv2d_options)->depthwise_conv2d<float>;
depthwise_conv2d(int64, conv2d_options, padding)->depthwise_conv2d<float>;

/// The transposed convolution: (n, h, w, in) to (n, (h - 1) stride + span - 2 padding + more, ...,
/// out), with filters (in, height, width, out).
template <element T = float>
struct conv_transpose2d {
    variable<T, 4> weight;
    variable<T, 1> bias;
    conv2d_options options;
    padding around;
    pair more;
    static constexpr auto kernel_role = detail::kernel_part::beginning;

    conv_transpose2d(int64 in,
                     int64 out,
                     const conv2d_options& o = {},
                     const padding& p = padding(0),
                     const pair& more_ = 0)
        : weight(detail::parameter<T, 4>({in, o.kernel.at[0], o.kernel.at[1], out})),
          bias(detail::parameter<T, 1>({out})),
          options(o),
          around(p),
          more(more_) {
        detail::default_init(weight, bias);
    }
    template <class V>
    void members(V&& v) {
        v("weight", weight);
        v("bias", bias);
    }
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::conv_transpose2d(
                   x, weight, detail::slides(options), around, {more.at[0], more.at[1]}) +
               bias;
    }
};
conv_transpose2d(int64, int64)->conv_transpose2d<float>;
conv_transpose2d(int64, int64, conv2d_options)->conv_transpose2d<float>;
conv_transpose2d(int64, int64, conv2d_options, padding)->conv_transpose2d<float>;
conv_transpose2d(int64, int64, conv2d_options, padding, pair)->conv_transpose2d<float>;

}  // namespace sinter::nn
