// Elements by index arrays: each thread computes where its element lies and reads it there, so that
// what is taken fuses into what follows, and nothing is stored in between.
//
// Traffic: a row of neighbouring elements is read in full lines, but in accesses of one element.
#pragma once

#include <cstring>

#include "sinter/ir/walk.hpp"
#include "sinter/tensor/arange.hpp"

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

[[noreturn, gnu::cold]] inline void refuse_taken(
    const char* operation, int64 index, int axis, const int64* extents, int rank) {
    throw shape_error(std::string(operation) + ": index " + std::to_string(index) +
                      " is outside axis " + std::to_string(axis) + " of shape " +
                      shape_text(extents, rank) + ".");
}
/// The integer at `p`, of type `type`.
inline int64 integer_at(const void* p, dtype type) {
    const auto as = [p](auto x) {
        std::memcpy(&x, p, sizeof x);
        return static_cast<int64>(x);
    };
    switch (type) {
        case dtype::u8: return as(uint8{});
        case dtype::i8: return as(int8{});
        case dtype::i16: return as(int16{});
        case dtype::i32: return as(int32{});
        default: return as(int64{});
    }
}
/// Throws unless all indices in host memory are in [-extents[axis], extents[axis]).
inline void require_inside(
    const char* operation, const ir::array_ref& indices, int axis, const int64* extents, int rank) {
    const int64 n = extents[axis];
    for (ir::walk w(indices.extent, 0xff); !w.done; w.next()) {
        const int64 at = ir::offset_of(indices, w.at) * size_of(indices.type);
        const int64 i = integer_at(static_cast<const char*>(indices.data) + at, indices.type);
        if (i < -n || i >= n) refuse_taken(operation, i, axis, extents, rank);
    }
}

/// Looks at the indices where they are on the host; a lazy array is evaluated for that.
template <class B, class T, int R, class I>
void check_indices(const char* operation, const tensor<T, R>& x, const I& indices, int axis) {
    constexpr dtype type = symbol_of<I>::type;
    static_assert(category(type) == 1, "take and gather: the indices must be integers.");
    if (x.extent(axis) == 0 && extents_of(indices).size() > 0)
        refuse_taken(operation, 0, axis, x.extents().data(), R);
    if (!x.where().is_host()) return;
    if constexpr (lazy<I>) {
        const auto values = eval<I, B>(indices);
        require_inside(operation, values.as_array(), axis, x.extents().data(), R);
    } else if (indices.where().is_host()) {
        require_inside(operation, indices.as_array(), axis, x.extents().data(), R);
    }
}

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
    template <class I, class J>
    auto operator()(I given, J index) const {
        constexpr auto a = static_cast<std::size_t>(A);
        const offset_range range(x.as_array());
        // Lanes that compute no element of the result must not read outside either.
        const auto offset = clamp(beside<0>(given, index * x.strides()[a]), range.low, range.high);
        return where(index >= 0 && index < x.extent(A),
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
    template <class I>
    auto operator()(I given) const {
        const auto i = astype<int64>(given);
        return with(element_taken<X, A, Q>{x}, given, where(i < 0, i + x.extent(A), i));
    }
};

}  // namespace detail

/// The parts of `x` that integer indices name along an axis, which their shape replaces:
/// `take(table, words)` of a table (n, d) and words (batch, length) has shape (batch, length, d).
/// Negative indices count from the end. On the host an index outside is a shape_error before
/// anything else happens, and a lazy index array is evaluated for that; elsewhere nobody looks, and
/// such elements are NaN, of integers 0. Lazy otherwise: fuses into what follows.
template <element T, int R, expression I, int A = 0, class B = backend>
auto take(const tensor<T, R>& x, const I& indices, axis_tag<A> = {}) {
    constexpr int axis_ = A < 0 ? A + R : A, Q = symbol_of<I>::rank;
    static_assert(R >= 1 && axis_ >= 0 && axis_ < R, "take: the axis must lie in [-rank, rank).");
    static_assert(R - 1 + Q <= max_rank, "take: the result would have more than 8 axes.");
    detail::check_indices<B>("take", x, indices, axis_);
    return with(detail::taken_at<tensor<T, R>, axis_, Q>{x},
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
    detail::check_indices<B>("gather", x, indices, axis_);
    return with(detail::taken_at<tensor<T, R>, axis_, -1>{x}, indices);
}

}  // namespace sinter
