// Elements by index arrays: each thread computes where its element lies and reads it there, so that
// what is taken fuses into what follows, and nothing is stored in between.
//
// Traffic: a row of neighbouring elements is read in full lines, but in accesses of one element.
#pragma once

#include "sinter/tensor/inside.hpp"

namespace sinter {

namespace detail {

/// `e` with `After` new axes behind its own.
template <int After, class E>
auto before_axes(E&& e) {
    if constexpr (After == 0) {
        return std::forward<E>(e);
    } else {
        using S = symbol_of<E>;
        constexpr unsigned added = ((1U << After) - 1) << S::rank;
        using U = typename unsqueezed_symbol<S, added, make_ints<S::rank + After>>::type;
        return make<U>(std::forward<E>(e));
    }
}

/// Offsets of the first and the last element of an array in memory.
struct offset_range {
    int64 low = 0, high = 0;
    explicit offset_range(const ir::array_ref& a) {
        for (int j = 0; j < max_rank; ++j)
            if (a.extent[j] > 0) (a.stride[j] < 0 ? low : high) += a.stride[j] * (a.extent[j] - 1);
    }
};

template <dtype D>
constexpr auto taken_outside() {
    if constexpr (is_floating(D)) {
        return __builtin_nan("");
    } else {
        return zero_beside<D>();
    }
}

/// Elements of x at the given indices along axis A. Around Q axes of indices lie the other axes of
/// x; Q = -1: each index has coordinates of its own along these. `index` is given, from the start.
template <class X, int A, int Q>
struct element_taken {
    const X& x;
    int64 slot;
    template <class I, class J>
    auto operator()(I given, J index) const {
        constexpr auto a = static_cast<std::size_t>(A);
        const offset_range range(x.as_array());
        // Lanes that compute no element of the result must not read outside either.
        const auto offset = clamp(beside<0>(given, index * x.strides()[a]), range.low, range.high);
        return where(inside(index, x.extent(A), slot),
                     make<sym::taken<typename X::symbol, symbol_of<decltype(offset)>>>(x, offset),
                     taken_outside<X::type>());
    }

private:
    // `offset` and those along the axes of x from D on but A.
    template <int D, class I, class O>
    auto beside(const I& given, const O& offset) const {
        if constexpr (D == X::rank) {
            return offset;
        } else if constexpr (D == A) {
            return beside<D + 1>(given, offset);
        } else {
            const int64 stride = x.strides()[static_cast<std::size_t>(D)];
            if constexpr (Q < 0) {
                return beside<D + 1>(given, coordinate(given, axis<D>) * stride + offset);
            } else {
                constexpr int after = X::rank - 1 - D + (D < A ? Q - 1 : 0);
                return beside<D + 1>(
                    given, before_axes<after>(numbers_to<X>(x.extent(D), {})) * stride + offset);
            }
        }
    }
};
/// The same of indices that may count from the end. The index has a name: written out three times
/// it would be a guess that it is one, and a second program for when it is not.
template <class X, int A, int Q>
struct taken_at {
    const X& x;
    int64 slot = 0;  // 0: nobody is told of an index outside
    template <class I>
    auto operator()(I given) const {
        const auto i = astype<int64>(given);
        return with(element_taken<X, A, Q>{x, slot}, given, where(i < 0, i + x.extent(A), i));
    }
};

/// Whether the class in a column is the label of its row.
struct label_column {
    int64 classes, slot;
    template <class L>
    auto operator()(L label) const {
        const auto i = astype<int64>(label);
        return inside(i, classes, slot) && i == numbers_to<L>(classes, {});
    }
};

}  // namespace detail

/// The parts of `x` that integer indices name along an axis, which their shape replaces:
/// `take(table, words)` of a table (n, d) and words (batch, length) has shape (batch, length, d).
/// Negative indices count from the end. An index outside is an index_error: on the host before
/// anything else happens, and a lazy index array is evaluated for that; of a device at the next
/// point where the host waits for it. Lazy otherwise: fuses into what follows.
template <element T, int R, expression I, int A = 0, class B = backend>
auto take(const tensor<T, R>& x, const I& indices, axis_tag<A> = {}) {
    constexpr int axis_ = A < 0 ? A + R : A, Q = symbol_of<I>::rank;
    static_assert(R >= 1 && axis_ >= 0 && axis_ < R, "take: the axis must lie in [-rank, rank).");
    static_assert(R - 1 + Q <= max_rank, "take: the result would have more than 8 axes.");
    const int64 slot = detail::check_indices<B>("take", x, indices, axis_);
    return with(detail::taken_at<tensor<T, R>, axis_, Q>{x, slot},
                detail::before_axes<R - 1 - axis_>(indices));
}
/// out[i, j] = x[index[i, j], j], here for axis 0 of a matrix: each element names its place along
/// one axis; along the others the index may be shorter than x. Indices outside as for `take`. Lazy.
template <element T, int R, expression I, int A, class B = backend>
auto gather(const tensor<T, R>& x, const I& indices, axis_tag<A>) {
    constexpr int axis_ = A < 0 ? A + R : A;
    static_assert(axis_ >= 0 && axis_ < R, "gather: the axis must lie in [-rank, rank).");
    static_assert(symbol_of<I>::rank == R, "gather: the indices must have the rank of the array.");
    const auto& e = detail::extents_of(indices);
    for (int d = 0; d < R; ++d)
        if (d != axis_ && e[static_cast<std::size_t>(d)] > x.extent(d))
            throw shape_error("gather: indices of shape " + shape_text(e) +
                              " are longer than an array of shape " + shape_text(x.extents()) +
                              " along axis " + std::to_string(d) + ".");
    const int64 slot = detail::check_indices<B>("gather", x, indices, axis_);
    return with(detail::taken_at<tensor<T, R>, axis_, -1>{x, slot}, indices);
}

/// Integer labels as rows with a 1 in column `label` and 0 elsewhere, along a new last axis of
/// extent `classes`. A label outside [0, classes) is an index_error, thrown as that of `take`.
/// Lazy.
template <class T = int64, expression L, class B = backend>
auto one_hot(const L& labels, int64 classes) {
    static_assert(category(symbol_of<L>::type) <= 1, "one_hot: the labels must be integers.");
    constexpr int R = symbol_of<L>::rank;
    static_assert(R < max_rank, "one_hot: the result would have more than 8 axes.");
    shape<R + 1> e{};
    for (int d = 0; d < R; ++d)
        e[static_cast<std::size_t>(d)] = detail::extents_of(labels)[static_cast<std::size_t>(d)];
    e[R] = classes > 0 ? classes : 0;
    const int64 slot = detail::check_labels<B>("one_hot", labels, detail::place_of(labels), R, e);
    return astype<T>(with(detail::label_column{classes, slot}, unsqueeze(labels, axis<R>)));
}

}  // namespace sinter
