// Values that follow from where an element lies: no memory holds them and nothing reads them.
#pragma once

#include "sinter/expr/with.hpp"

namespace sinter {

/// The int64 index of each element of `x` along the given axis, or its number in row-major order
/// along several axes (none: all). The other axes have extent 1, so that the result broadcasts
/// against `x`: `coordinate(x, axis<-1>)` of a matrix has shape (1, n). Nothing of `x` is read; its
/// derivative is 0.
template <expression E, int... A>
auto coordinate(E&& x, axis_tag<A...> = {}) {
    using S = symbol_of<E>;
    static_assert(
        detail::valid_axes<A...>(S::rank),
        "coordinate: the axes must lie in [-rank, rank) of its operand and differ from each "
        "other.");
    if constexpr (detail::valid_axes<A...>(S::rank))
        return detail::make<sym::coordinate_of<dtype::i64, detail::axis_bits<A...>(S::rank), S>>(
            std::forward<E>(x));
}

namespace detail {

/// 0 as a number that leaves a value of type D what it is.
template <dtype D>
constexpr auto zero_beside() {
    if constexpr (D == dtype::boolean) {
        return false;
    } else {
        return 0;
    }
}

template <bool Lower>
struct triangle {
    int64 diagonal = 0;
    template <class X>
    auto operator()(X x) const {
        const auto row = coordinate(x, axis<-2>);
        const auto column = coordinate(x, axis<-1>);
        if constexpr (Lower) {
            return where(column <= row + diagonal, x, zero_beside<X::type>());
        } else {
            return where(column >= row + diagonal, x, zero_beside<X::type>());
        }
    }
};

}  // namespace detail

/// The lower triangle of the last two axes: elements above the diagonal are 0. Diagonal k lies k
/// columns to the right of the main one. Elementwise: fuses into its neighbours. The derivative
/// passes where the element does.
template <expression X>
auto tril(X&& x, int64 diagonal = 0) {
    static_assert(symbol_of<X>::rank >= 2, "tril: the operand must have rank 2 or more.");
    if constexpr (symbol_of<X>::rank >= 2)
        return with(detail::triangle<true>{diagonal}, std::forward<X>(x));
}
/// The upper triangle likewise: elements below the diagonal are 0.
template <expression X>
auto triu(X&& x, int64 diagonal = 0) {
    static_assert(symbol_of<X>::rank >= 2, "triu: the operand must have rank 2 or more.");
    if constexpr (symbol_of<X>::rank >= 2)
        return with(detail::triangle<false>{diagonal}, std::forward<X>(x));
}

}  // namespace sinter
