// Convolutions: sums of products over sliding windows, as neural networks use them. All are
// correlations (the filter is not flipped): `flip` the filter for the mathematical convolution.
// Inputs are (examples, space, channels), images (n, h, w, c); filters are (filters, window,
// channels). A convolution is a contraction of windows, which are strides, with filters, so what
// computes the input, the filters or anything of the result element by element becomes part of its
// kernel, as for `matmul`.
#pragma once

#include "sinter/expr/product.hpp"
#include "sinter/tensor/windows.hpp"

namespace sinter {

/// How the windows of a convolution slide, axis by axis: `{.stride = {2, 2}}`.
template <int K>
struct conv_options {
    int64 stride[K]{}, dilation[K]{};  // 0 stands for 1
};

namespace detail {

constexpr int64 at_least_one(int64 n) { return n == 0 ? 1 : n; }

// Where the axes of the operands stand in the index space of a convolution along K axes, all
// counted from the right. An operand of windows is (examples, K of space, channels, K of the
// window), filters are (filters, K of the window, channels).
//
// The result is (examples, K of space, filters), axes 0..K+1; above it lies what is summed: the
// channels and the window, in the order in which both operands have them in memory.
template <int K>
struct forward_map {
    static constexpr int rank = K + 2, summed = K + 1;
    static constexpr unsigned char groups = 0;
    static constexpr int windows_at(int j) {
        return j == 0 ? -1 : j <= K + 1 ? K + j : j == K + 2 ? K : j - K - 3;
    }
    static constexpr int other_at(int j) { return j == 0 ? K + 1 : j <= K + 1 ? -1 : j - K - 2; }
};
// The gradient of the filters is (filters, K of the window, channels); examples and space are
// summed. The other operand is the gradient of the result.
template <int K>
struct filter_gradient_map {
    static constexpr int rank = K + 2, summed = K + 1;
    static constexpr unsigned char groups = 0;
    static constexpr int windows_at(int j) {
        return j == 0 ? K : j <= K ? j - 1 : j == K + 1 ? -1 : j - 1;
    }
    static constexpr int other_at(int j) { return j <= K ? -1 : j == K + 1 ? 0 : j - K - 1; }
};
// The same with groups: the operand of windows has one more axis, (examples, K of space, groups, K
// of the window, channels of a group), and one element along the filters' axis for each group.
template <int K>
struct grouped_forward_map : forward_map<K> {
    static constexpr unsigned char groups = 1;
    static constexpr int windows_at(int j) {
        return j <= K + 1 ? K + 1 + j : j == K + 2 ? 0 : j - K - 2;
    }
};
template <int K>
struct grouped_filter_gradient_map : filter_gradient_map<K> {
    static constexpr unsigned char groups = 1 << (K + 1);
    static constexpr int windows_at(int j) { return j; }
};
template <class Map, class V, class W, class Positions>
struct contraction_symbol;
template <class Map, class V, class W, int... J>
struct contraction_symbol<Map, V, W, ints<J...>> {
    using type = sym::contraction<Map::rank,
                                  ints<Map::windows_at(J)...>,
                                  ints<Map::other_at(J)...>,
                                  V,
                                  W,
                                  Map::groups>;
};
template <class Map, class V, class W>
auto contract(const V& v, const W& w) {
    constexpr dtype t = product_type<V, W>();
    using S = contraction_symbol<Map,
                                 sym::as<t, symbol_of<V>>,
                                 sym::as<t, symbol_of<W>>,
                                 make_ints<Map::rank + Map::summed>>;
    return make<typename S::type>(v, w);
}

template <int K, class X, class W>
constexpr bool are_convolved() {
    constexpr bool ranks = symbol_of<X>::rank == K + 2 && symbol_of<W>::rank == K + 2;
    static_assert(ranks,
                  "A convolution's input is (examples, space, channels) and its filters are "
                  "(filters, window, channels): rank 3 for conv1d, 4 for conv2d, 5 for conv3d.");
    return ranks;
}
template <std::size_t R>
[[noreturn, gnu::cold]] void refuse_convolution(const char* operation,
                                                const std::array<int64, R>& x,
                                                const std::array<int64, R>& w,
                                                const std::string& why) {
    throw shape_error(std::string(operation) + ": shapes " +
                      shape_text(x.data(), static_cast<int>(R)) + " and " +
                      shape_text(w.data(), static_cast<int>(R)) + " do not fit: " + why + ".");
}

template <int K, class Space = make_ints<K>>
struct convolution;
template <int K, int... J>
struct convolution<K, ints<J...>> {
    using options = conv_options<K>;
    using extents = shape<K + 2>;

    struct slides {
        window of[K];
    };
    static slides windows_for(const extents& filter, const options& o) {
        return {{window{filter[static_cast<std::size_t>(J) + 1],
                        at_least_one(o.stride[J]),
                        at_least_one(o.dilation[J])}...}};
    }
    static void check_channels(const char* operation, const extents& x, const extents& w) {
        if (x.back() != w.back())
            refuse_convolution(
                operation,
                x,
                w,
                std::to_string(x.back()) + " channels are not " + std::to_string(w.back()));
    }
    // The channels of a gradient of the result are the filters.
    static void check_filters(const char* operation, const extents& y, const extents& w) {
        if (y.back() != w.front())
            refuse_convolution(operation,
                               y,
                               w,
                               std::to_string(y.back()) + " channels are not " +
                                   std::to_string(w.front()) + " filters");
    }
    // `o` with a window at every place.
    static options dense(const options& o) { return {{}, {o.dilation[J]...}}; }
    template <class X, class W>
    static auto forward(const char* operation, const X& x, const W& w, const options& o) {
        const extents filter = shape_of(w);
        check_channels(operation, shape_of(x), filter);
        return contract<forward_map<K>>(
            detail::windows<(J + 1)...>(operation, x, windows_for(filter, o).of), w);
    }
    template <class X, class W>
    static auto forward(
        const char* operation, const X& x, const W& w, const options& o, const padding& p) {
        return forward(operation,
                       padded_for<(J + 1)...>(operation, x, windows_for(shape_of(w), o).of, p),
                       w,
                       o);
    }
    // The zeros that make a convolution with the turned filters the transposed one, whose result
    // along axis j of space has `wanted[j]` elements.
    template <class Y, class W>
    static auto transposed(const char* operation,
                           const Y& y,
                           const W& w,
                           const extents& wanted,
                           const options& o,
                           const padding& p) {
        const extents ys = shape_of(y), filter = shape_of(w);
        check_filters(operation, ys, filter);
        // Axis 0 of the turned filters are the input's channels.
        const auto turned = permute(flip(w, axis<(J + 1)...>), axes<K + 1, (J + 1)..., 0>);
        return forward(operation, spread(operation, y, filter, wanted, o, p), turned, dense(o));
    }
    // `y` among these zeros.
    template <class Y>
    static auto spread(const char* operation,
                       const Y& y,
                       const extents& filter,
                       const extents& wanted,
                       const options& o,
                       const padding& p) {
        const extents ys = shape_of(y);
        const slides s = windows_for(filter, o);
        pad_width widths[K + 2]{};
        for (int k = 0; k < K; ++k) {
            const auto i = static_cast<std::size_t>(k) + 1;
            const window& v = s.of[k];
            const int64 before = v.span() - 1 - p.along(k, wanted[i], v).before,
                        spread = (ys[i] - 1) * v.stride + 1;
            widths[k + 1] = {before, wanted[i] + v.span() - 1 - before - spread, v.stride - 1};
        }
        return padded<K + 2>(operation, y, widths);
    }
    // The extent of the input that a convolution shrinks to that of `y`, and `more` elements.
    template <class Y, class W>
    static extents enlarged(
        const Y& y, const W& w, const options& o, const padding& p, const int64* more) {
        const extents filter = shape_of(w);
        extents e = shape_of(y);
        e.back() = filter.back();
        const slides s = windows_for(filter, o);
        for (int k = 0; k < K; ++k) {
            int64& n = e[static_cast<std::size_t>(k) + 1];
            const int64 shrunk = n;
            n = (n - 1) * s.of[k].stride + s.of[k].span() + more[k];
            if (p.is_same()) {
                n = shrunk * s.of[k].stride;
            } else {
                n -= 2 * p.along(k, n, s.of[k]).before;
            }
        }
        return e;
    }
    template <class X, class Y>
    static auto filter_gradient(const char* operation,
                                const X& x,
                                const Y& y,
                                const extents& filter,
                                const options& o,
                                const padding& p) {
        const extents xs = shape_of(x), ys = shape_of(y);
        check_filter_gradient(operation, xs, ys, filter, o, p);
        if (xs.back() != filter.back())
            refuse_convolution(operation, xs, ys, "the filters are to be " + shape_text(filter));
        const slides s = windows_for(filter, o);
        return contract<filter_gradient_map<K>>(
            detail::windows<(J + 1)...>(
                operation, padded_for<(J + 1)...>(operation, x, s.of, p), s.of),
            y);
    }
    static void check_filter_gradient(const char* operation,
                                      const extents& xs,
                                      const extents& ys,
                                      const extents& filter,
                                      const options& o,
                                      const padding& p) {
        const slides s = windows_for(filter, o);
        for (int k = 0; k < K; ++k) {
            const auto i = static_cast<std::size_t>(k) + 1;
            const pad_width z = p.along(k, xs[i], s.of[k]);
            if (s.of[k].count(operation, xs[i] + z.before + z.after) != ys[i])
                refuse_convolution(
                    operation, xs, ys, "such filters give another shape than that of the gradient");
        }
        if (ys.back() != filter.front() || xs.front() != ys.front())
            refuse_convolution(operation, xs, ys, "the filters are to be " + shape_text(filter));
    }
};

}  // namespace detail

/// The convolution of sequences (n, length, c), filters (f, size, c): (n, (length - span) / stride
/// + 1, f), where a window of `size` elements spans (size - 1) * dilation + 1. Types promote as in
/// `matmul`. Throws shape_error where channels differ or no window fits.
template <expression X, expression W>
auto conv1d(const X& x, const W& w, const conv_options<1>& o = {}) {
    if constexpr (detail::are_convolved<1, X, W>())
        return detail::convolution<1>::forward("conv1d", x, w, o);
}
/// The same among zeros: `conv1d(x, w, {}, same)`. Those around an array, a scaled one or its relu
/// are stored nowhere on a device.
template <expression X, expression W>
auto conv1d(const X& x, const W& w, const conv_options<1>& o, const padding& p) {
    if constexpr (detail::are_convolved<1, X, W>())
        return detail::convolution<1>::forward("conv1d", x, w, o, p);
}
/// The gradient of conv1d with respect to its input of shape `input`, from `y`, that of its result.
template <expression Y, expression W>
auto conv1d_input_gradient(const Y& y,
                           const W& w,
                           const shape<3>& input,
                           const conv_options<1>& o = {},
                           const padding& p = padding(0)) {
    if constexpr (detail::are_convolved<1, Y, W>())
        return detail::convolution<1>::transposed("conv1d_input_gradient", y, w, input, o, p);
}
/// The gradient of conv1d with respect to its filters of shape `filter`, from `y`, that of its
/// result.
template <expression X, expression Y>
auto conv1d_filter_gradient(const X& x,
                            const Y& y,
                            const shape<3>& filter,
                            const conv_options<1>& o = {},
                            const padding& p = padding(0)) {
    if constexpr (detail::are_convolved<1, X, Y>())
        return detail::convolution<1>::filter_gradient(
            "conv1d_filter_gradient", x, y, filter, o, p);
}
/// The transposed convolution: what conv1d with these filters does to an input's gradient. `y` has
/// as many channels as there are filters, the result as many as a filter has; along an axis of
/// space it has (n - 1) * stride + span - 2 * padding elements and `more` behind them, which tells
/// apart the inputs that a stride above 1 shrinks to one extent.
template <expression Y, expression W>
auto conv_transpose1d(const Y& y,
                      const W& w,
                      const conv_options<1>& o = {},
                      const padding& p = padding(0),
                      const int64 (&more)[1] = {0}) {
    if constexpr (detail::are_convolved<1, Y, W>()) {
        using c = detail::convolution<1>;
        return c::transposed("conv_transpose1d", y, w, c::enlarged(y, w, o, p, more), o, p);
    }
}

/// The convolution of images (n, h, w, c), filters (f, kh, kw, c): (n, (h - span) / stride + 1, (w
/// - span) / stride + 1, f), where a window of `size` elements spans (size - 1) * dilation + 1.
/// Types promote as in `matmul`. Throws shape_error where channels differ or no window fits.
template <expression X, expression W>
auto conv2d(const X& x, const W& w, const conv_options<2>& o = {}) {
    if constexpr (detail::are_convolved<2, X, W>())
        return detail::convolution<2>::forward("conv2d", x, w, o);
}
/// The same among zeros: `conv2d(x, w, {}, same)`. Those around an array, a scaled one or its relu
/// are stored nowhere on a device.
template <expression X, expression W>
auto conv2d(const X& x, const W& w, const conv_options<2>& o, const padding& p) {
    if constexpr (detail::are_convolved<2, X, W>())
        return detail::convolution<2>::forward("conv2d", x, w, o, p);
}
/// The gradient of conv2d with respect to its input of shape `input`, from `y`, that of its result.
template <expression Y, expression W>
auto conv2d_input_gradient(const Y& y,
                           const W& w,
                           const shape<4>& input,
                           const conv_options<2>& o = {},
                           const padding& p = padding(0)) {
    if constexpr (detail::are_convolved<2, Y, W>())
        return detail::convolution<2>::transposed("conv2d_input_gradient", y, w, input, o, p);
}
/// The gradient of conv2d with respect to its filters of shape `filter`, from `y`, that of its
/// result.
template <expression X, expression Y>
auto conv2d_filter_gradient(const X& x,
                            const Y& y,
                            const shape<4>& filter,
                            const conv_options<2>& o = {},
                            const padding& p = padding(0)) {
    if constexpr (detail::are_convolved<2, X, Y>())
        return detail::convolution<2>::filter_gradient(
            "conv2d_filter_gradient", x, y, filter, o, p);
}
/// The transposed convolution: what conv2d with these filters does to an input's gradient. `y` has
/// as many channels as there are filters, the result as many as a filter has; along an axis of
/// space it has (n - 1) * stride + span - 2 * padding elements and `more` behind them, which tells
/// apart the inputs that a stride above 1 shrinks to one extent.
template <expression Y, expression W>
auto conv_transpose2d(const Y& y,
                      const W& w,
                      const conv_options<2>& o = {},
                      const padding& p = padding(0),
                      const int64 (&more)[2] = {0, 0}) {
    if constexpr (detail::are_convolved<2, Y, W>()) {
        using c = detail::convolution<2>;
        return c::transposed("conv_transpose2d", y, w, c::enlarged(y, w, o, p, more), o, p);
    }
}

}  // namespace sinter
