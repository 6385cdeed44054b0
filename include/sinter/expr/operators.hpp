// Arithmetic and comparison of expressions. Operands broadcast as in NumPy; types promote as in
// PyTorch; a C++ number takes the array's type unless its category (bool, integer, floating) is
// higher.
#pragma once

#include "sinter/expr/expr.hpp"

namespace sinter {

/// a + b, element by element. Integers wrap.
template <class A, class B>
    requires detail::operands<A, B>
auto operator+(A&& a, B&& b) {
    return detail::binary<ir::op_id<ir::op::add>>(std::forward<A>(a), std::forward<B>(b));
}
/// a - b, element by element.
template <class A, class B>
    requires detail::operands<A, B>
auto operator-(A&& a, B&& b) {
    return detail::binary<ir::op_id<ir::op::sub>>(std::forward<A>(a), std::forward<B>(b));
}
/// a * b, element by element; the matrix product is `matmul`.
template <class A, class B>
    requires detail::operands<A, B>
auto operator*(A&& a, B&& b) {
    return detail::binary<ir::op_id<ir::op::mul>>(std::forward<A>(a), std::forward<B>(b));
}
/// a / b, element by element. Integers truncate towards zero; by zero they give 0.
template <class A, class B>
    requires detail::operands<A, B>
auto operator/(A&& a, B&& b) {
    return detail::binary<ir::op_id<ir::op::div>>(std::forward<A>(a), std::forward<B>(b));
}
/// -a, element by element.
template <expression A>
auto operator-(A&& a) {
    return neg(std::forward<A>(a));
}
/// Comparisons give bool arrays; with NaN all but != are false.
template <class A, class B>
    requires detail::operands<A, B>
auto operator==(A&& a, B&& b) {
    return detail::binary<ir::op_id<ir::op::equal>>(std::forward<A>(a), std::forward<B>(b));
}
template <class A, class B>
    requires detail::operands<A, B>
auto operator!=(A&& a, B&& b) {
    return detail::binary<ir::op_id<ir::op::not_equal>>(std::forward<A>(a), std::forward<B>(b));
}
template <class A, class B>
    requires detail::operands<A, B>
auto operator<(A&& a, B&& b) {
    return detail::binary<ir::op_id<ir::op::less>>(std::forward<A>(a), std::forward<B>(b));
}
template <class A, class B>
    requires detail::operands<A, B>
auto operator<=(A&& a, B&& b) {
    return detail::binary<ir::op_id<ir::op::less_equal>>(std::forward<A>(a), std::forward<B>(b));
}
template <class A, class B>
    requires detail::operands<A, B>
auto operator>(A&& a, B&& b) {
    return detail::binary<ir::op_id<ir::op::greater>>(std::forward<A>(a), std::forward<B>(b));
}
template <class A, class B>
    requires detail::operands<A, B>
auto operator>=(A&& a, B&& b) {
    return detail::binary<ir::op_id<ir::op::greater_equal>>(std::forward<A>(a), std::forward<B>(b));
}

// Of bits and of bool. && and || evaluate both sides, as everything elementwise does.
template <class A, class B>
    requires detail::operands<A, B>
auto operator&(A&& a, B&& b) { return bitwise_and(std::forward<A>(a), std::forward<B>(b)); }
template <class A, class B>
    requires detail::operands<A, B>
auto operator|(A&& a, B&& b) { return bitwise_or(std::forward<A>(a), std::forward<B>(b)); }
template <class A, class B>
    requires detail::operands<A, B>
auto operator^(A&& a, B&& b) { return bitwise_xor(std::forward<A>(a), std::forward<B>(b)); }
template <class A, class B>
    requires detail::operands<A, B>
auto operator<<(A&& a, B&& b) { return left_shift(std::forward<A>(a), std::forward<B>(b)); }
template <class A, class B>
    requires detail::operands<A, B>
auto operator>>(A&& a, B&& b) { return right_shift(std::forward<A>(a), std::forward<B>(b)); }
template <class A, class B>
    requires detail::operands<A, B>
auto operator&&(A&& a, B&& b) { return logical_and(std::forward<A>(a), std::forward<B>(b)); }
template <class A, class B>
    requires detail::operands<A, B>
auto operator||(A&& a, B&& b) { return logical_or(std::forward<A>(a), std::forward<B>(b)); }
template <expression A>
auto operator~(A&& a) {
    return bitwise_not(std::forward<A>(a));
}
template <expression A>
auto operator!(A&& a) {
    return logical_not(std::forward<A>(a));
}

}  // namespace sinter
