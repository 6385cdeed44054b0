// Copies of an array along an axis, elements that go round it, and diagonals.
#pragma once

#include "sinter/tensor/arange.hpp"
#include "sinter/tensor/join.hpp"

namespace sinter {

namespace detail {

// Copies of `e` next to its axis A, before (Whole) or behind it, counted as one axis with it.
template <bool Whole, int A, expression E>
auto copied(const char* operation, const E& e, int64 times) {
    constexpr int R = symbol_of<E>::rank, at = A < 0 ? A + R : A;
    static_assert(A >= -R && A < R && R < max_rank,
                  "tile and repeat: the axis must lie in [-rank, rank), and the array may have up "
                  "to 7 axes.");
    if (times < 0)
        throw shape_error(std::string(operation) + ": shape " + shape_text(shape_of(e)) +
                          " cannot be repeated " + std::to_string(times) + " times.");
    shape<R> joined = shape_of(e);
    shape<R + 1> apart{};
    constexpr int added = Whole ? at : at + 1;
    for (int i = 0, from = 0; i <= R; ++i)
        apart[static_cast<std::size_t>(i)] =
            i == added ? times : joined[static_cast<std::size_t>(from++)];
    joined[at] *= times;
    return reshape(broadcast_to(unsqueeze(e, axis<added>), apart), joined);
}

}  // namespace detail

/// `times` copies of `x`, one behind the other along an axis: `tile(x, 2, axis<0>)` of a row a, b
/// is a, b, a, b. Lazy; its value is stored, for which `x` is read in one kernel. A negative number
/// is a shape_error.
template <expression X, int A>
auto tile(const X& x, int64 times, axis_tag<A>) {
    return detail::copied<true, A>("tile", x, times);
}
/// Every element `times` times in a row along an axis: `repeat(x, 2, axis<0>)` of a, b is
/// a, a, b, b. As `tile` otherwise.
template <expression X, int A>
auto repeat(const X& x, int64 times, axis_tag<A>) {
    return detail::copied<false, A>("repeat", x, times);
}
/// The elements moved by `shift` places along an axis; those that leave it at one end come back at
/// the other. A new array, or a variable when `x` holds variables.
template <expression X, int A>
auto roll(const X& x, int64 shift, axis_tag<A>) {
    constexpr int R = symbol_of<X>::rank;
    static_assert(A >= -R && A < R, "roll: the axis must lie in [-rank, rank).");
    const int64 n = shape_of(x)[static_cast<std::size_t>(A < 0 ? A + R : A)];
    const int64 first = n == 0 ? 0 : (n - shift % n) % n;
    const auto part = [&](range along) {
        return [&]<int... I>(ints<I...>) {
            return slice(x, (I == (A < 0 ? A + R : A) ? along : range())...);
        }
        (make_ints<R>{});
    };
    return concat(axis<A>, part(range(first, n)), part(range(0, first)));
}

/// The diagonal of the last two axes as the last axis; diagonal k lies k columns to the right of
/// the main one. A view: assigning to it writes through.
template <element T, int R>
tensor_view<T, R - 1> diagonal(const tensor<T, R>& x, int64 k = 0) {
    static_assert(R >= 2, "diagonal: the array must have rank 2 or more.");
    constexpr std::size_t last = R - 1;
    const int64 height = x.extents()[last - 1], width = x.extents()[last];
    // A diagonal beyond the corner has no elements.
    const int64 down = k >= 0 ? 0 : k < -height ? height : -k;
    const int64 right = k <= 0 ? 0 : k > width ? width : k;
    const int64 rows = height - down, columns = width - right;
    shape<R - 1> e{};
    detail::stride_list<R - 1> s{};
    for (std::size_t i = 0; i + 1 < last; ++i) {
        e[i] = x.extents()[i];
        s[i] = x.strides()[i];
    }
    const int64 n = rows < columns ? rows : columns;
    e[last - 1] = n > 0 ? n : 0;
    s[last - 1] = x.strides()[last - 1] + x.strides()[last];
    const int64 skipped = down * x.strides()[last - 1] + right * x.strides()[last];
    return tensor_view<T, R - 1>(
        tensor<T, R - 1>::over(x.memory(), x.offset() + (n > 0 ? skipped : 0), e, s));
}
/// The sum of the main diagonal of the last two axes. Lazy; of a tensor only the diagonal is read.
template <expression X>
auto trace(const X& x) {
    static_assert(symbol_of<X>::rank >= 2, "trace: the operand must have rank 2 or more.");
    if constexpr (detail::lazy<X> || symbol_of<X>::has_variable) {
        return sum(where(coordinate(x, axis<-2>) == coordinate(x, axis<-1>),
                         x,
                         detail::zero_beside<symbol_of<X>::type>()),
                   axis<-2, -1>);
    } else {
        return sum(diagonal(x), axis<-1>);
    }
}
/// The square matrix with the elements of a vector on its main diagonal and 0 elsewhere. Lazy:
/// fuses into its neighbours.
template <expression X>
auto diag(const X& x) {
    static_assert(symbol_of<X>::rank == 1, "diag: takes a vector; of a matrix it is diagonal().");
    return where(
        eye<bool>(shape_of(x)[0], device_of(x)), x, detail::zero_beside<symbol_of<X>::type>());
}

}  // namespace sinter
