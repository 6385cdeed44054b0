// Products with vectors: sums of elementwise products, at the speed of reading the larger operand.
#pragma once

#include "sinter/expr/product.hpp"
#include "sinter/expr/reduce.hpp"
#include "sinter/tensor/rearrange.hpp"

namespace sinter {

namespace detail {

template <element T, int R>
const shape<R>& extents_of(const tensor<T, R>& t) {
    return t.extents();
}
template <lazy E>
auto extents_of(const E& e) {
    return shape_of(e);
}
/// Broadcasting would let an extent of 1 pass for any other. The right operand is summed along its
/// `from_last`-th axis from the right.
template <class A, class B>
void require_inner(const char* operation, const A& a, const B& b, int from_last) {
    const auto& p = extents_of(a);
    const auto& q = extents_of(b);
    const int64 left = p.back(), right = *(q.end() - from_last);
    if (left != right)
        throw shape_error(std::string(operation) + ": shapes " + shape_text(p) + " and " +
                          shape_text(q) + " do not fit: " + std::to_string(left) + " is not " +
                          std::to_string(right) + ".");
}
/// The sum over the axes of products; that of integers wraps to their type as a matrix product
/// does.
template <int... Axis, class A, class B>
auto sum_of_products(const A& a, const B& b) {
    constexpr dtype t = product_type<A, B>();
    if constexpr (is_floating(t)) {
        return sum(a * b, axis<Axis...>);
    } else {
        return astype<storage_t<t>>(sum(a * b, axis<Axis...>));
    }
}

}  // namespace detail

/// The product with a vector: (k) and (k) give the rank-0 dot product, (..., m, k) and (k) give
/// (..., m), (k) and (..., k, n) give (..., n). Types and sums as for two matrices. A reduction,
/// not a tiled product: each element of the matrix is used once.
template <expression A, expression B>
    requires detail::with_a_vector<A, B>
auto matmul(const A& a, const B& b) {
    detail::require_inner("matmul", a, b, symbol_of<B>::rank > 1 ? 2 : 1);
    if constexpr (symbol_of<B>::rank == 1) {
        return detail::sum_of_products<-1>(a, b);
    } else {
        return detail::sum_of_products<-2>(unsqueeze(a, axis<1>), b);
    }
}
/// The dot product of two vectors of one length, as rank 0.
template <expression A, expression B>
auto dot(const A& a, const B& b) {
    static_assert(symbol_of<A>::rank == 1 && symbol_of<B>::rank == 1,
                  "dot: both operands must have rank 1; matmul takes matrices.");
    if constexpr (symbol_of<A>::rank == 1 && symbol_of<B>::rank == 1) {
        detail::require_inner("dot", a, b, 1);
        return detail::sum_of_products<-1>(a, b);
    }
}
/// The dot products along the last axis, which both have; the axes before broadcast: (..., k) and
/// (..., k) give (...). Types as for matmul.
template <expression A, expression B>
auto vecdot(const A& a, const B& b) {
    static_assert(symbol_of<A>::rank >= 1 && symbol_of<B>::rank >= 1,
                  "vecdot: both operands must have rank 1 or more.");
    if constexpr (symbol_of<A>::rank >= 1 && symbol_of<B>::rank >= 1) {
        detail::require_inner("vecdot", a, b, 1);
        return detail::sum_of_products<-1>(a, b);
    }
}
/// The outer product of two vectors: out[i, j] = a[i] * b[j].
template <expression A, expression B>
auto outer(const A& a, const B& b) {
    static_assert(symbol_of<A>::rank == 1 && symbol_of<B>::rank == 1,
                  "outer: both operands must have rank 1.");
    if constexpr (symbol_of<A>::rank == 1 && symbol_of<B>::rank == 1)
        return unsqueeze(a, axis<1>) * b;
}

}  // namespace sinter
