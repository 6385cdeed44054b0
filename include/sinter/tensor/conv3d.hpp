// Convolutions of volumes (n, d, h, w, c) with filters (f, kd, kh, kw, c). All of their axes are
// more than an index space has, but the last two are one in memory: a window of kw places is kw * c
// numbers in a row. So a volume is an image of depth d and height h whose lines have w * c numbers.
#pragma once

#include "sinter/tensor/conv.hpp"

namespace sinter {

namespace detail {

// As forward_map and filter_gradient_map, where a window along the last axis has all channels.
struct volume_forward_map {
    static constexpr int rank = 5, summed = 3;
    static constexpr unsigned char groups = 0;
    static constexpr int windows_at(int j) { return j == 0 ? -1 : j < rank ? j + 2 : j - rank; }
    static constexpr int other_at(int j) { return j == 0 ? 3 : j < rank ? -1 : j - rank; }
};
struct volume_filter_gradient_map {
    static constexpr int rank = 4, summed = 4;
    static constexpr unsigned char groups = 0;
    static constexpr int windows_at(int j) { return j < 3 ? j : j == 3 ? -1 : j - 1; }
    static constexpr int other_at(int j) { return j < 3 ? -1 : j - 3; }
};

struct volumes {
    using options = conv_options<3>;
    using extents = shape<5>;
    using plain = convolution<3>;

    // The last two axes of `e` as one.
    template <expression E>
    static auto flat(const E& e) {
        const extents s = shape_of(e);
        return reshape(e, shape<4>{s[0], s[1], s[2], s[3] * s[4]});
    }
    static plain::slides slides_for(const char* operation, const extents& w, const options& o) {
        if (o.dilation[2] > 1)
            throw shape_error(std::string(operation) +
                              ": the dilation of the last axis of space must be 1, not " +
                              std::to_string(o.dilation[2]) + ".");
        return plain::windows_for(w, o);
    }
    struct places {
        int64 count[3];
    };
    // How many windows there are along each axis among these zeros.
    static places places_of(const char* operation,
                            const extents& e,
                            const plain::slides& s,
                            const pad_width (&zeros)[4]) {
        places along{};
        for (int k = 0; k < 3; ++k)
            along.count[k] = s.of[k].count(
                operation,
                e[static_cast<std::size_t>(k) + 1] + zeros[k + 1].before + zeros[k + 1].after);
        return along;
    }
    // The windows of `x` among the zeros of p, with all channels along the last axis.
    template <class X>
    static auto windows_of(const char* operation,
                           const X& x,
                           const plain::slides& s,
                           const padding& p) {
        const extents e = shape_of(x);
        if (!p.covers(3))
            throw shape_error(std::string(operation) +
                              ": the padding must name one number or 3, one for each axis of the "
                              "windows.");
        pad_width zeros[4]{};
        for (int k = 0; k < 3; ++k)
            zeros[k + 1] = p.along(k, e[static_cast<std::size_t>(k) + 1], s.of[k]);
        const places along = places_of(operation, e, s, zeros);
        zeros[3].before *= e[4];
        zeros[3].after *= e[4];
        return counted_windows<1, 2, 3>(
            padded<4, 1, 2, 3>(operation, flat(x), zeros), in_lines(s, e[4]).of, along.count);
    }
    template <class X>
    static auto windows_of(const char* operation, const X& x, const plain::slides& s) {
        const extents e = shape_of(x);
        const pad_width none[4]{};
        return counted_windows<1, 2, 3>(
            flat(x), in_lines(s, e[4]).of, places_of(operation, e, s, none).count);
    }
    static plain::slides in_lines(plain::slides s, int64 channels) {
        s.of[2] = {s.of[2].size * channels, s.of[2].stride * channels, 1};
        return s;
    }

    template <class X, class W, class... P>
    static auto forward(
        const char* operation, const X& x, const W& w, const options& o, const P&... p) {
        const extents filter = shape_of(w);
        plain::check_channels(operation, shape_of(x), filter);
        return contract<volume_forward_map>(
            windows_of(operation, x, slides_for(operation, filter, o), p...), flat(w));
    }
    template <class Y, class W>
    static auto input_gradient(const char* operation,
                               const Y& y,
                               const W& w,
                               const extents& wanted,
                               const options& o,
                               const padding& p) {
        const extents ys = shape_of(y), filter = shape_of(w);
        if (ys.back() != filter.front() || wanted.back() != filter.back())
            refuse_convolution(operation, ys, filter, "the input is to be " + shape_text(wanted));
        slides_for(operation, filter, o);
        const auto turned = permute(flip(w, axis<1, 2, 3>), axes<4, 1, 2, 3, 0>);
        return forward(
            operation, plain::spread(operation, y, filter, wanted, o, p), turned, plain::dense(o));
    }
    template <class X, class Y>
    static auto filter_gradient(const char* operation,
                                const X& x,
                                const Y& y,
                                const extents& filter,
                                const options& o,
                                const padding& p) {
        const extents xs = shape_of(x), ys = shape_of(y);
        plain::check_filter_gradient(operation, xs, ys, filter, o, p);
        if (xs.back() != filter.back())
            refuse_convolution(operation, xs, ys, "the filters are to be " + shape_text(filter));
        return reshape(contract<volume_filter_gradient_map>(
                           windows_of(operation, x, slides_for(operation, filter, o), p), y),
                       filter);
    }
};

}  // namespace detail

/// The convolution of volumes (n, d, h, w, c), filters (f, kd, kh, kw, c): as conv2d with one axis
/// more, whose dilation along w must be 1. What does not lie in row-major order is stored first.
/// Throws shape_error where channels differ or no window fits.
template <expression X, expression W>
auto conv3d(const X& x, const W& w, const conv_options<3>& o = {}) {
    if constexpr (detail::are_convolved<3, X, W>())
        return detail::volumes::forward("conv3d", x, w, o);
}
/// The same among zeros. Those around an array are stored nowhere on a device.
template <expression X, expression W>
auto conv3d(const X& x, const W& w, const conv_options<3>& o, const padding& p) {
    if constexpr (detail::are_convolved<3, X, W>())
        return detail::volumes::forward("conv3d", x, w, o, p);
}
/// The gradient of conv3d with respect to its input of shape `input`, from `y`, that of its result.
template <expression Y, expression W>
auto conv3d_input_gradient(const Y& y,
                           const W& w,
                           const shape<5>& input,
                           const conv_options<3>& o = {},
                           const padding& p = padding(0)) {
    if constexpr (detail::are_convolved<3, Y, W>())
        return detail::volumes::input_gradient("conv3d_input_gradient", y, w, input, o, p);
}
/// The gradient of conv3d with respect to its filters of shape `filter`, from `y`, that of its
/// result.
template <expression X, expression Y>
auto conv3d_filter_gradient(const X& x,
                            const Y& y,
                            const shape<5>& filter,
                            const conv_options<3>& o = {},
                            const padding& p = padding(0)) {
    if constexpr (detail::are_convolved<3, X, Y>())
        return detail::volumes::filter_gradient("conv3d_filter_gradient", x, y, filter, o, p);
}

}  // namespace sinter
