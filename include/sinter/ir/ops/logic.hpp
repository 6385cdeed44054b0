// Entries: comparison, logic and bits.
#pragma once

#include "sinter/ir/ops/entry.hpp"

namespace sinter::ir {
namespace op {

struct equal {
    static constexpr op_info info() { return {"equal", " == ", 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a == b;
    }
};
struct not_equal {
    static constexpr op_info info() { return {"not_equal", " != ", 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a != b;
    }
};
struct less {
    static constexpr op_info info() { return {"less", " < ", 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a < b;
    }
};
struct less_equal {
    static constexpr op_info info() { return {"less_equal", " <= ", 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a <= b;
    }
};
struct greater {
    static constexpr op_info info() { return {"greater", " > ", 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a > b;
    }
};
struct greater_equal {
    static constexpr op_info info() { return {"greater_equal", " >= ", 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a >= b;
    }
};
struct logical_and {
    static constexpr op_info info() { return {"logical_and", nullptr, 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a != T(0) && b != T(0);
    }
};
struct logical_or {
    static constexpr op_info info() { return {"logical_or", nullptr, 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a != T(0) || b != T(0);
    }
};
struct logical_xor {
    static constexpr op_info info() { return {"logical_xor", nullptr, 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return (a != T(0)) != (b != T(0));
    }
};
struct logical_not {
    static constexpr op_info info() { return {"logical_not", nullptr, 1, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a) {
        return a == T(0);
    }
};
struct bitwise_and {
    static constexpr op_info info() {
        return {"bitwise_and", " & ", 2, yields::same, 1, takes::bits};
    }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return static_cast<T>(a & b);
    }
};
struct bitwise_or {
    static constexpr op_info info() {
        return {"bitwise_or", " | ", 2, yields::same, 1, takes::bits};
    }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return static_cast<T>(a | b);
    }
};
struct bitwise_xor {
    static constexpr op_info info() {
        return {"bitwise_xor", " ^ ", 2, yields::same, 1, takes::bits};
    }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return static_cast<T>(a ^ b);
    }
};
struct bitwise_not {
    static constexpr op_info info() {
        return {"bitwise_not", nullptr, 1, yields::same, 1, takes::bits};
    }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        if constexpr (same_v<T, bool>) {
            return !a;
        } else {
            return static_cast<T>(~a);
        }
    }
};
struct left_shift {
    static constexpr op_info info() {
        return {"left_shift", " << ", 2, yields::same, 1, takes::integers};
    }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        constexpr T size = 8 * sizeof(T);
        return b >= 0 && b < size ? static_cast<T>(static_cast<uint64>(a) << b) : T(0);
    }
};
struct right_shift {
    static constexpr op_info info() {
        return {"right_shift", " >> ", 2, yields::same, 1, takes::integers};
    }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        constexpr T size = 8 * sizeof(T);
        return static_cast<T>(a >> (b >= 0 && b < size ? b : size - 1));
    }
};
struct isnan {
    static constexpr op_info info() { return {"isnan", nullptr, 1, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a) {
        return a != a;
    }
};
struct isinf {
    static constexpr op_info info() { return {"isinf", nullptr, 1, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value([[maybe_unused]] T a) {
        if constexpr (floating_v<T>) {
            return math::copysign(a, T(1)) == T(infinity);
        } else {
            return false;
        }
    }
};
struct isfinite {
    static constexpr op_info info() { return {"isfinite", nullptr, 1, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value([[maybe_unused]] T a) {
        if constexpr (floating_v<T>) {
            return math::copysign(a, T(1)) < T(infinity);
        } else {
            return true;
        }
    }
};

}  // namespace op

using logic = op_list<op::equal,
                      op::not_equal,
                      op::less,
                      op::less_equal,
                      op::greater,
                      op::greater_equal,
                      op::logical_and,
                      op::logical_or,
                      op::logical_xor,
                      op::logical_not,
                      op::bitwise_and,
                      op::bitwise_or,
                      op::bitwise_xor,
                      op::bitwise_not,
                      op::left_shift,
                      op::right_shift,
                      op::isnan,
                      op::isinf,
                      op::isfinite>;

}  // namespace sinter::ir

namespace sinter {

/// Whether neither a nor b is 0.
template <class A, class B>
    requires elementwise_operands<A, B>
auto logical_and(A&& a, B&& b) {
    return detail::elementwise<ir::op::logical_and>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// Whether a or b is not 0.
template <class A, class B>
    requires elementwise_operands<A, B>
auto logical_or(A&& a, B&& b) {
    return detail::elementwise<ir::op::logical_or>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// Whether exactly one of a and b is 0.
template <class A, class B>
    requires elementwise_operands<A, B>
auto logical_xor(A&& a, B&& b) {
    return detail::elementwise<ir::op::logical_xor>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// Whether a is 0.
template <class A>
    requires elementwise_operands<A>
auto logical_not(A&& a) { return detail::elementwise<ir::op::logical_not>(static_cast<A&&>(a)); }
/// The bits that a and b both have; of bool arrays, logical and.
template <class A, class B>
    requires elementwise_operands<A, B>
auto bitwise_and(A&& a, B&& b) {
    return detail::elementwise<ir::op::bitwise_and>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// The bits that a or b has; of bool arrays, logical or.
template <class A, class B>
    requires elementwise_operands<A, B>
auto bitwise_or(A&& a, B&& b) {
    return detail::elementwise<ir::op::bitwise_or>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// The bits that only one of a and b has; of bool arrays, whether they differ.
template <class A, class B>
    requires elementwise_operands<A, B>
auto bitwise_xor(A&& a, B&& b) {
    return detail::elementwise<ir::op::bitwise_xor>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// The bits that a does not have; of bool arrays, logical not.
template <class A>
    requires elementwise_operands<A>
auto bitwise_not(A&& a) { return detail::elementwise<ir::op::bitwise_not>(static_cast<A&&>(a)); }
/// a times 2^b, of integers; 0 where b is negative or all bits are shifted out.
template <class A, class B>
    requires elementwise_operands<A, B>
auto left_shift(A&& a, B&& b) {
    return detail::elementwise<ir::op::left_shift>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// a / 2^b rounded down, of integers; -1 or 0 where b is negative or all bits are shifted out.
template <class A, class B>
    requires elementwise_operands<A, B>
auto right_shift(A&& a, B&& b) {
    return detail::elementwise<ir::op::right_shift>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// Whether a is NaN; of integers, never.
template <class A>
    requires elementwise_operands<A>
auto isnan(A&& a) { return detail::elementwise<ir::op::isnan>(static_cast<A&&>(a)); }
/// Whether a is infinite; of integers, never.
template <class A>
    requires elementwise_operands<A>
auto isinf(A&& a) { return detail::elementwise<ir::op::isinf>(static_cast<A&&>(a)); }
/// Whether a is neither infinite nor NaN; of integers, always.
template <class A>
    requires elementwise_operands<A>
auto isfinite(A&& a) { return detail::elementwise<ir::op::isfinite>(static_cast<A&&>(a)); }

}  // namespace sinter
