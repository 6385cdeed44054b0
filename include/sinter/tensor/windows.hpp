// Sliding windows, padding and pooling.
#pragma once

#include <limits>

#include "sinter/expr/statistics.hpp"
#include "sinter/tensor/rearrange.hpp"

namespace sinter {

/// Zeros along one axis: before the first element, behind the last, and between neighbours.
struct pad_width {
    int64 before = 0, after = 0, between = 0;
};

/// How windows slide along one axis: `size` elements each, `dilation` apart, the next window
/// `stride` further.
struct window {
    int64 size = 1, stride = 1, dilation = 1;

    /// From the first to the last element of one window.
    int64 span() const { return dilation * (size - 1) + 1; }
    /// The number of windows along `extent` elements. Throws shape_error where not even one fits,
    /// and for numbers that make no sense.
    int64 count(const char* operation, int64 extent) const {
        if (size < 1 || stride < 1 || dilation < 1)
            throw shape_error(std::string(operation) +
                              ": size, stride and dilation of a window must be at least 1, not " +
                              std::to_string(size) + ", " + std::to_string(stride) + " and " +
                              std::to_string(dilation) + ".");
        if (span() > extent)
            throw shape_error(std::string(operation) + ": a window of " + std::to_string(size) +
                              " elements, " + std::to_string(dilation) +
                              " apart, does not fit an axis of " + std::to_string(extent) + ".");
        return (extent - span()) / stride + 1;
    }
};

/// Zeros around the axes along which windows slide: `padding(1)` at both ends of each axis,
/// `padding(1, 2)` axis by axis; `same` as many as make the number of windows the extent divided by
/// the stride, rounded up, the odd one behind.
class padding {
public:
    template <std::convertible_to<int64>... W>
        requires(sizeof...(W) >= 1 && sizeof...(W) <= 3)
    constexpr explicit padding(W... width)
        : width_{static_cast<int64>(width)...}, count_(sizeof...(W)) {}
    static constexpr padding for_same() {
        padding p(0);
        p.count_ = 0;
        return p;
    }
    /// The zeros along the k-th of the axes, whose extent is `extent`.
    pad_width along(int k, int64 extent, const window& w) const {
        if (count_ == 0) {
            const int64 windows = (extent + w.stride - 1) / w.stride,
                        missing = (windows - 1) * w.stride + w.span() - extent,
                        all = missing > 0 ? missing : 0;
            return {all / 2, all - all / 2, 0};
        }
        const int64 n = width_[count_ == 1 ? 0 : k];
        return {n, n, 0};
    }
    constexpr bool is_same() const { return count_ == 0; }
    /// True when it tells something of every one of `axes` axes.
    constexpr bool covers(int axes) const { return count_ <= 1 || count_ == axes; }

private:
    int64 width_[3]{};
    int count_;
};
inline constexpr padding same = padding::for_same();

namespace detail {

// The whole array around a padded one, and where that lies in it.
template <int R>
struct pad_operand {
    shape<R> whole;
    slice_operand<R> inside;
    void append_to(operand_list& list) const {
        shape_operand<R>{whole}.append_to(list);
        inside.append_to(list);
    }
};

// Axes A... are known to be the only ones that get zeros, none of them between elements.
template <int R, int... A, expression E>
auto padded(const char* operation, const E& e, const pad_width* widths) {
    const shape<R> extents = shape_of(e);
    pad_operand<R> o;
    for (int i = 0; i < R; ++i) {
        const auto k = static_cast<std::size_t>(i);
        const pad_width& w = widths[i];
        if (w.before < 0 || w.after < 0 || w.between < 0)
            throw shape_error(std::string(operation) + ": the zeros around axis " +
                              std::to_string(i) + " of shape " + shape_text(extents) + " are " +
                              std::to_string(w.before) + ", " + std::to_string(w.after) + " and " +
                              std::to_string(w.between) + ", but none may be negative.");
        const int64 n = extents[k];
        o.whole[k] = n + w.before + w.after + (n > 0 ? (n - 1) * w.between : 0);
        o.inside.axis[i] = {w.before, w.between + 1, n};
    }
    constexpr auto along = static_cast<unsigned char>((0 | ... | (1 << (R - 1 - A))));
    return make<sym::padded<symbol_of<E>, along>>(e, o);
}

// Axes A... of rank R, counted from the right.
template <int Splits, class S, int R, int... A>
using windowed_symbol = sym::windowed<Splits, S, (A < 0 ? -1 - A : R - 1 - A)...>;

// So many windows along each axis.
template <int... A, expression E>
auto counted_windows(const E& e, const window* w, const int64* count) {
    using S = symbol_of<E>;
    constexpr int R = S::rank, K = sizeof...(A);
    const shape<R> extents = shape_of(e);
    slice_operand<R + K> o;
    for (int i = 0; i < R; ++i) o.axis[i] = {0, 1, extents[static_cast<std::size_t>(i)]};
    const int axis_of[] = {(A < 0 ? A + R : A)...};
    for (int k = 0; k < K; ++k) {
        o.axis[axis_of[k]] = {0, w[k].stride, count[k]};
        o.axis[R + k] = {0, w[k].dilation, w[k].size};
    }
    return make<windowed_symbol<0, S, R, A...>>(e, o);
}
template <int... A, expression E>
auto windows(const char* operation, const E& e, const window* w) {
    constexpr int R = symbol_of<E>::rank;
    const shape<R> extents = shape_of(e);
    int64 count[sizeof...(A)], k = 0;
    for (const int a : {(A < 0 ? A + R : A)...}) {
        count[k] = w[k].count(operation, extents[static_cast<std::size_t>(a)]);
        ++k;
    }
    return counted_windows<A...>(e, w, count);
}
// The same, and axis B in parts of `part` elements each: one more axis behind those of the windows.
template <int B, int... A, expression E>
auto windows_in_parts(const char* operation, const E& e, const window* w, int64 part, int64 parts) {
    using S = symbol_of<E>;
    constexpr int R = S::rank, K = sizeof...(A);
    const shape<R> extents = shape_of(e);
    slice_operand<R + K + 1> o;
    for (int i = 0; i < R; ++i) o.axis[i] = {0, 1, extents[static_cast<std::size_t>(i)]};
    [[maybe_unused]] const int axis_of[] = {A..., 0};
    for (int k = 0; k < K; ++k) {
        const int64 n = w[k].count(operation, extents[static_cast<std::size_t>(axis_of[k])]);
        o.axis[axis_of[k]] = {0, w[k].stride, n};
        o.axis[R + k] = {0, w[k].dilation, w[k].size};
    }
    o.axis[B] = {0, part, parts};
    o.axis[R + K] = {0, 1, part};
    return make<windowed_symbol<1, S, R, A..., B>>(e, o);
}
// `e` with the zeros that `p` puts around the axes A... of windows w.
template <int... A, expression E>
auto padded_for(const char* operation, const E& e, const window* w, const padding& p) {
    constexpr int R = symbol_of<E>::rank, K = sizeof...(A);
    if (!p.covers(K))
        throw shape_error(std::string(operation) + ": the padding must name one number or " +
                          std::to_string(K) + ", one for each axis of the windows.");
    const shape<R> extents = shape_of(e);
    pad_width widths[R]{};
    const int axis_of[] = {(A < 0 ? A + R : A)...};
    for (int k = 0; k < K; ++k)
        widths[axis_of[k]] = p.along(k, extents[static_cast<std::size_t>(axis_of[k])], w[k]);
    return padded<R, (A < 0 ? A + R : A)...>(operation, e, widths);
}

template <int R, int... A>
constexpr void check_windows() {
    static_assert(valid_axes<A...>(R) && sizeof...(A) > 0,
                  "windows: name the axes; they must lie in [-rank, rank) and differ.");
    static_assert(R + sizeof...(A) <= max_rank,
                  "windows: an array and the axes of its windows may have up to 8 axes together.");
}

}  // namespace detail

/// `e` among zeros: `pad(x, {{1, 1}, {0, 2}})` gives one row more on either side and two columns
/// behind; a third number is how many zeros go between neighbours. The values are stored in the
/// padded array by the kernel that computes them; one fill writes the zeros. Throws shape_error for
/// negative widths.
template <expression E, int K>
auto pad(const E& e, const pad_width (&widths)[K]) {
    static_assert(K == symbol_of<E>::rank, "pad: takes widths for every axis of the operand.");
    if constexpr (K == symbol_of<E>::rank) return detail::padded<K>("pad", e, widths);
}

/// All windows of `e` along the given axes: `windows(x, axis<1, 2>, {{.size = 3}, {.size = 3}})` of
/// shape (n, h, w, c) is (n, h - 2, w - 2, c, 3, 3), as NumPy's sliding_window_view. Nothing is
/// copied: windows are strides, and reductions and products over them fuse with what computes `e`,
/// unless that is costly and would be computed again in every window: then it is stored. Throws
/// shape_error where no window fits.
template <expression E, int... A>
auto windows(const E& e, axis_tag<A...>, const window (&w)[sizeof...(A)]) {
    constexpr int R = symbol_of<E>::rank;
    detail::check_windows<R, A...>();
    if constexpr (detail::valid_axes<A...>(R)) return detail::windows<A...>("windows", e, w);
}
/// The same over `e` among zeros, which is stored for that: `windows(x, axis<1>, {{.size = 3}},
/// same)`.
template <expression E, int... A>
auto windows(const E& e, axis_tag<A...>, const window (&w)[sizeof...(A)], const padding& p) {
    constexpr int R = symbol_of<E>::rank;
    detail::check_windows<R, A...>();
    if constexpr (detail::valid_axes<A...>(R))
        return detail::windows<A...>("windows", detail::padded_for<A...>("windows", e, w, p), w);
}

namespace detail {

// Axes 1..K of a value whose first axis counts examples and whose last one channels.
template <class Positions>
struct spatial_axes;
template <int... J>
struct spatial_axes<ints<J...>> {
    template <class E>
    static auto windows(const char* operation, const E& e, const window* w) {
        return detail::windows<J + 1 ...>(operation, e, w);
    }
    template <class E>
    static auto padded(const char* operation, const E& e, const window* w, const padding& p) {
        return padded_for<J + 1 ...>(operation, e, w, p);
    }
    // (1, extents of the axes, 1) of true.
    template <class E>
    static auto inside(const E& e) {
        constexpr int R = symbol_of<E>::rank;
        shape<R> s = shape_of(e);
        s.front() = s.back() = 1;
        return broadcast_to(make<sym::scalar<dtype::boolean>>(number_operand<dtype::boolean>(true)),
                            s);
    }
    static constexpr auto last = axis<(-1 - J)...>;
};
template <int K, expression E>
constexpr bool pools() {
    constexpr bool fits = symbol_of<E>::rank == K + 2;
    static_assert(fits,
                  "Pooling: the operand must have the axes of the windows between one of examples "
                  "and one of channels: rank 4 for images (n, h, w, c).");
    return fits;
}
// What max starts from: below every value but itself.
template <dtype D>
constexpr auto lowest() {
    using T = storage_t<D>;
    if constexpr (is_floating(D)) {
        return -__builtin_inf();
    } else {
        return std::numeric_limits<T>::lowest();
    }
}

}  // namespace detail

/// The maximum of every window over the axes between the first (examples) and the last (channels):
/// `max_pool(x, {{.size = 2, .stride = 2}, {.size = 2, .stride = 2}})` of images (n, h, w, c). One
/// kernel. NaN propagates. Throws shape_error where no window fits.
template <expression E, int K>
auto max_pool(const E& e, const window (&w)[K]) {
    if constexpr (detail::pools<K, E>()) {
        using at = detail::spatial_axes<make_ints<K>>;
        return max(at::windows("max_pool", e, w), at::last);
    }
}
/// The same where a padding surrounds `e`, with a value below all others: padding is never the
/// maximum of a window that holds an element.
template <expression E, int K>
auto max_pool(const E& e, const window (&w)[K], const padding& p) {
    if constexpr (detail::pools<K, E>()) {
        using at = detail::spatial_axes<make_ints<K>>;
        constexpr auto low = detail::lowest<symbol_of<E>::type>();
        return max(where(at::windows("max_pool", at::padded("max_pool", at::inside(e), w, p), w),
                         at::windows("max_pool", at::padded("max_pool", e, w, p), w),
                         low),
                   at::last);
    }
}
/// The mean of every window, otherwise as `max_pool`; integers give float.
template <expression E, int K>
auto avg_pool(const E& e, const window (&w)[K]) {
    if constexpr (detail::pools<K, E>()) {
        using at = detail::spatial_axes<make_ints<K>>;
        return mean(at::windows("avg_pool", e, w), at::last);
    }
}
/// The same among zeros, which count (PyTorch's default).
template <expression E, int K>
auto avg_pool(const E& e, const window (&w)[K], const padding& p) {
    if constexpr (detail::pools<K, E>()) {
        using at = detail::spatial_axes<make_ints<K>>;
        return mean(at::windows("avg_pool", at::padded("avg_pool", e, w, p), w), at::last);
    }
}

}  // namespace sinter
