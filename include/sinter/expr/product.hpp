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
concept with_a_vector = symbol_of<A>::rank >= 1 && symbol_of<B>::rank >= 1 &&
                        (symbol_of<A>::rank == 1 || symbol_of<B>::rank == 1);

}  // namespace detail

/// The matrix product of (..., m, k) and (..., k, n): out[..., i, j] = sum over l of a[..., i, l] *
/// b[..., l, j]. The axes before the last two are a batch and broadcast, as in NumPy: they are
/// matched from the right, and one that is missing or has extent 1 is repeated without a copy. The
/// whole batch is one kernel. Types promote; float, half and bfloat16 accumulate in float, double
/// in double; integers wrap to their type, so that 8-bit ones are better widened inside the
/// product: matmul(astype<int>(a), astype<int>(b)) reads bytes and adds in int. k = 0 gives zeros.
/// What is done to either operand, element by element, and to the result becomes part of its
/// kernel.
template <expression A, expression B>
    requires(!detail::with_a_vector<A, B>)
auto matmul(A&& a, B&& b) {
    using SA = symbol_of<A>;
    using SB = symbol_of<B>;
    static_assert(SA::rank >= 1 && SB::rank >= 1,
                  "matmul: both operands must have rank 1 or more: write a * b to scale.");
    static_assert(SA::rank < max_rank && SB::rank < max_rank,
                  "matmul: both operands must have rank 7 or less.");
    constexpr dtype t = detail::product_type<A, B>();
    return detail::make<sym::matmul<sym::as<t, SA>, sym::as<t, SB>>>(std::forward<A>(a),
                                                                     std::forward<B>(b));
}

/// `e` itself, but the products and convolutions of float in it, and in its gradients, may run on
/// tensor cores on devices of 8.0 and later: their operands are rounded to tf32 (10 bits of
/// fraction, to nearest, ties away from zero) and products are added in float, so that an element
/// differs from the exact one by at most about 2^-10 times the sum of |a b|. Types other than float
/// are not concerned, and the host computes what it computes without. A sub-expression that is
/// stored in a tensor, or was shared before, keeps what it was computed with. Without this,
/// products of float are float throughout.
template <expression E>
auto allow_tf32(E&& e) {
    return detail::make<sym::tf32<symbol_of<E>>>(std::forward<E>(e));
}

}  // namespace sinter
