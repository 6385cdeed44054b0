// Convolutions whose channels come in groups, and those of every channel by itself. With g groups
// the filters are (filters, window, channels / g): filter f sees the channels of group f * g /
// filters alone.
#pragma once

#include "sinter/tensor/conv.hpp"

namespace sinter {

/// In how many groups the channels of a convolution come: `conv2d(x, w, {}, same, groups(32))`.
struct groups {
    int64 count;
    constexpr explicit groups(int64 n) : count(n) {}
};

namespace detail {

// `e` in row-major order under a shape, stored when the expression is evaluated.
template <int R, expression E>
auto stored_as(const E& e, const shape<R>& s) {
    return make<sym::reshaped<R, symbol_of<E>>>(e, shape_operand<R>{s});
}

template <int K, class Space = make_ints<K>>
struct grouped_convolution;
template <int K, int... J>
struct grouped_convolution<K, ints<J...>> : convolution<K> {
    using plain = convolution<K>;
    using typename plain::extents, typename plain::options, typename plain::slides;

    static void check(const char* operation, const extents& x, const extents& w, const groups& g) {
        const std::string n = std::to_string(g.count);
        if (g.count < 1)
            throw shape_error(std::string(operation) + ": there must be at least one group, not " +
                              n + ".");
        if (x.back() != g.count * w.back())
            refuse_convolution(operation,
                               x,
                               w,
                               std::to_string(x.back()) + " channels are not " + n + " groups of " +
                                   std::to_string(w.back()));
        if (w.front() % g.count != 0)
            refuse_convolution(
                operation,
                x,
                w,
                std::to_string(w.front()) + " filters are no multiple of " + n + " groups");
    }
    // (examples, space, groups, window, channels of a group).
    template <class X>
    static auto windows_of(const char* operation, const X& x, const slides& s, const groups& g) {
        return windows_in_parts<K + 1, (J + 1)...>(
            operation, x, s.of, shape_of(x).back() / g.count, g.count);
    }
    template <class X>
    static auto among_zeros(const char* operation, const X& x, const slides& s, const padding& p) {
        return padded_for<(J + 1)...>(operation, x, s.of, p);
    }
    template <class X, class W>
    static auto forward(
        const char* operation, const X& x, const W& w, const options& o, const groups& g) {
        const extents filter = shape_of(w);
        check(operation, shape_of(x), filter, g);
        return contract<grouped_forward_map<K>>(
            windows_of(operation, x, plain::windows_for(filter, o), g), w);
    }
    template <class X, class W>
    static auto forward(const char* operation,
                        const X& x,
                        const W& w,
                        const options& o,
                        const padding& p,
                        const groups& g) {
        const slides s = plain::windows_for(shape_of(w), o);
        return forward(operation, among_zeros(operation, x, s, p), w, o, g);
    }
    // As without groups; the turned filters are (channels, window, filters of a group), which is
    // another order than that of memory: they are stored.
    template <class Y, class W>
    static auto transposed(const char* operation,
                           const Y& y,
                           const W& w,
                           const extents& wanted,
                           const options& o,
                           const padding& p,
                           const groups& g) {
        const extents ys = shape_of(y), filter = shape_of(w);
        check(operation, wanted, filter, g);
        plain::check_filters(operation, ys, filter);
        const int64 members = filter.front() / g.count;
        extents turned = filter;
        turned.front() = wanted.back();
        turned.back() = members;
        const auto parts =
            windows_in_parts<0>(operation, flip(w, axis<(J + 1)...>), nullptr, members, g.count);
        const auto stored = stored_as(permute(parts, axes<0, K + 1, (J + 1)..., K + 2>), turned);
        return forward(operation,
                       plain::spread(operation, y, filter, wanted, o, p),
                       stored,
                       plain::dense(o),
                       g);
    }
    template <class X, class Y>
    static auto filter_gradient(const char* operation,
                                const X& x,
                                const Y& y,
                                const extents& filter,
                                const options& o,
                                const padding& p,
                                const groups& g) {
        check(operation, shape_of(x), filter, g);
        plain::check_filter_gradient(operation, shape_of(x), shape_of(y), filter, o, p);
        const slides s = plain::windows_for(filter, o);
        return contract<grouped_filter_gradient_map<K>>(
            windows_of(operation, among_zeros(operation, x, s, p), s, g), y);
    }
};

}  // namespace detail

/// conv1d whose channels come in groups: x (n, length, c), filters (f, size, c / groups), where f
/// is a multiple of the groups; one kernel with what computes its operands and its result. Throws
/// shape_error where numbers do not fit.
template <expression X, expression W>
auto conv1d(const X& x, const W& w, const conv_options<1>& o, const groups& g) {
    if constexpr (detail::are_convolved<1, X, W>())
        return detail::grouped_convolution<1>::forward("conv1d", x, w, o, g);
}
/// The same among zeros.
template <expression X, expression W>
auto conv1d(const X& x, const W& w, const conv_options<1>& o, const padding& p, const groups& g) {
    if constexpr (detail::are_convolved<1, X, W>())
        return detail::grouped_convolution<1>::forward("conv1d", x, w, o, p, g);
}
/// The gradient of conv1d with groups with respect to its input of shape `input`. The turned
/// filters are stored first.
template <expression Y, expression W>
auto conv1d_input_gradient(const Y& y,
                           const W& w,
                           const shape<3>& input,
                           const conv_options<1>& o,
                           const padding& p,
                           const groups& g) {
    if constexpr (detail::are_convolved<1, Y, W>())
        return detail::grouped_convolution<1>::transposed(
            "conv1d_input_gradient", y, w, input, o, p, g);
}
/// The gradient of conv1d with groups with respect to its filters of shape `filter`.
template <expression X, expression Y>
auto conv1d_filter_gradient(const X& x,
                            const Y& y,
                            const shape<3>& filter,
                            const conv_options<1>& o,
                            const padding& p,
                            const groups& g) {
    if constexpr (detail::are_convolved<1, X, Y>())
        return detail::grouped_convolution<1>::filter_gradient(
            "conv1d_filter_gradient", x, y, filter, o, p, g);
}

/// conv2d whose channels come in groups: x (n, h, w, c), filters (f, kh, kw, c / groups), where f
/// is a multiple of the groups; one kernel with what computes its operands and its result. Throws
/// shape_error where numbers do not fit. With as many groups as channels see depthwise_conv2d.
template <expression X, expression W>
auto conv2d(const X& x, const W& w, const conv_options<2>& o, const groups& g) {
    if constexpr (detail::are_convolved<2, X, W>())
        return detail::grouped_convolution<2>::forward("conv2d", x, w, o, g);
}
/// The same among zeros.
template <expression X, expression W>
auto conv2d(const X& x, const W& w, const conv_options<2>& o, const padding& p, const groups& g) {
    if constexpr (detail::are_convolved<2, X, W>())
        return detail::grouped_convolution<2>::forward("conv2d", x, w, o, p, g);
}
/// The gradient of conv2d with groups with respect to its input of shape `input`. The turned
/// filters are stored first.
template <expression Y, expression W>
auto conv2d_input_gradient(const Y& y,
                           const W& w,
                           const shape<4>& input,
                           const conv_options<2>& o,
                           const padding& p,
                           const groups& g) {
    if constexpr (detail::are_convolved<2, Y, W>())
        return detail::grouped_convolution<2>::transposed(
            "conv2d_input_gradient", y, w, input, o, p, g);
}
/// The gradient of conv2d with groups with respect to its filters of shape `filter`.
template <expression X, expression Y>
auto conv2d_filter_gradient(const X& x,
                            const Y& y,
                            const shape<4>& filter,
                            const conv_options<2>& o,
                            const padding& p,
                            const groups& g) {
    if constexpr (detail::are_convolved<2, X, Y>())
        return detail::grouped_convolution<2>::filter_gradient(
            "conv2d_filter_gradient", x, y, filter, o, p, g);
}

namespace detail {

template <class X, class W>
auto depthwise(const X& x, const W& w, const conv_options<2>& o) {
    const shape<4> xs = shape_of(x), filter = shape_of(w);
    if (xs.back() != filter.front() || filter.back() != 1)
        refuse_convolution(
            "depthwise_conv2d",
            xs,
            filter,
            "the filters are to be (" + std::to_string(xs.back()) + ", height, width, 1)");
    // Neighbouring channels side by side: a host turns blocks of the filters round more slowly than
    // all of them once.
    const auto beside =
        stored_as(permute(w, axes<3, 1, 2, 0>), shape<3>{filter[1], filter[2], filter[0]});
    return sum_of_products<-1, -2>(
        detail::windows<1, 2>("depthwise_conv2d", x, convolution<2>::windows_for(filter, o).of),
        permute(beside, axes<2, 0, 1>));
}

}  // namespace detail

/// The convolution of every channel by itself: x (n, h, w, c), filters (c, kh, kw, 1). A sum over
/// windows, not a matrix product: neighbouring channels are computed side by side. The filters are
/// stored in another order first. Types as for conv2d. Throws shape_error where channels differ or
/// no window fits.
template <expression X, expression W>
auto depthwise_conv2d(const X& x, const W& w, const conv_options<2>& o = {}) {
    if constexpr (detail::are_convolved<2, X, W>()) return detail::depthwise(x, w, o);
}
/// The same among zeros.
template <expression X, expression W>
auto depthwise_conv2d(const X& x, const W& w, const conv_options<2>& o, const padding& p) {
    if constexpr (detail::are_convolved<2, X, W>()) {
        const auto s = detail::convolution<2>::windows_for(shape_of(w), o);
        return detail::depthwise(detail::padded_for<1, 2>("depthwise_conv2d", x, s.of, p), w, o);
    }
}

}  // namespace sinter
