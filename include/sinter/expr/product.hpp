// The matrix product.
#pragma once

#include "sinter/expr/expr.hpp"

namespace sinter {

namespace detail {

/// The type of a product of the two, for which neither may be bool.
template <class A, class B>
constexpr dtype product_type() {
    static_assert(symbol_of<A>::type != dtype::boolean && symbol_of<B>::type != dtype::boolean,
                  "matmul: bool arrays have no product: write astype<float>(x).");
    return promote(symbol_of<A>::type, symbol_of<B>::type);
}
/// Products with a vector are sums: see tensor/product.hpp.
template <class A, class B>
concept with_a_vector =
    symbol_of<A>::rank >= 1 && symbol_of<A>::rank <= 2 && symbol_of<B>::rank >= 1 &&
    symbol_of<B>::rank <= 2 && symbol_of<A>::rank + symbol_of<B>::rank < 4;

}  // namespace detail

/// The matrix product of (m, k) and (k, n): out[i, j] = sum over l of a[i, l] * b[l, j]. Types
/// promote; float, half and bfloat16 accumulate in float, double in double; integers wrap to their
/// type. k = 0 gives zeros. What is done to either operand, element by element, and to the result
/// becomes part of its kernel.
template <expression A, expression B>
    requires(!detail::with_a_vector<A, B>)
auto matmul(A&& a, B&& b) {
    using SA = symbol_of<A>;
    using SB = symbol_of<B>;
    static_assert(SA::rank == 2 && SB::rank == 2, "matmul: both operands must have rank 1 or 2.");
    constexpr dtype t = detail::product_type<A, B>();
    return detail::make<sym::matmul<sym::as<t, SA>, sym::as<t, SB>>>(std::forward<A>(a),
                                                                     std::forward<B>(b));
}

}  // namespace sinter
