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
/// Broadcasting would let an extent of 1 pass for any other.
template <class A, class B>
void require_inner(const char* operation, const A& a, const B& b) {
    const auto& p = extents_of(a);
    const auto& q = extents_of(b);
    if (p.back() != q.front())
        throw shape_error(std::string(operation) + ": shapes " + shape_text(p) + " and " +
                          shape_text(q) + " do not fit: " + std::to_string(p.back()) + " is not " +
                          std::to_string(q.front()) + ".");
}

}  // namespace detail

/// The product with a vector: (k) and (k) give the rank-0 dot product, (m, k) and (k) the vector
/// (m), (k) and (k, n) the vector (n). Types and sums as for two matrices. A reduction, not a tiled
/// product: each element of the matrix is used once.
template <expression A, expression B>
    requires detail::with_a_vector<A, B>
auto matmul(const A& a, const B& b) {
    [[maybe_unused]] constexpr dtype t = detail::product_type<A, B>();
    detail::require_inner("matmul", a, b);
    if constexpr (symbol_of<B>::rank == 1) {
        return sum(a * b, axis<-1>);
    } else {
        return sum(unsqueeze(a, axis<1>) * b, axis<0>);
    }
}
/// The dot product of two vectors of one length, as rank 0.
template <expression A, expression B>
auto dot(const A& a, const B& b) {
    static_assert(symbol_of<A>::rank == 1 && symbol_of<B>::rank == 1,
                  "dot: both operands must have rank 1; matmul takes matrices.");
    if constexpr (symbol_of<A>::rank == 1 && symbol_of<B>::rank == 1) {
        [[maybe_unused]] constexpr dtype t = detail::product_type<A, B>();
        detail::require_inner("dot", a, b);
        return sum(a * b);
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
