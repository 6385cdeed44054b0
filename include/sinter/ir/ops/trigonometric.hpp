// Entries: trigonometric and hyperbolic functions, in radians. Integers become float.
#pragma once

#include "sinter/ir/ops/entry.hpp"

namespace sinter::ir {
namespace op {

// Named by derivatives.
struct cos;
struct cosh;
struct rsqrt;

struct sin {
    static constexpr op_info info() { return {"sin", nullptr, 1, yields::floating, 14}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::sin(a);
    }
    /// The same where math::is_far says no.
    template <class T>
    SINTER_HD SINTER_INLINE static T near(T a) {
        return math::sin_near(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy * of<cos>(a);
    }
};
struct cos {
    static constexpr op_info info() { return {"cos", nullptr, 1, yields::floating, 14}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::cos(a);
    }
    /// The same where math::is_far says no.
    template <class T>
    SINTER_HD SINTER_INLINE static T near(T a) {
        return math::cos_near(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return -dy * of<sin>(a);
    }
};
struct tan {
    static constexpr op_info info() { return {"tan", nullptr, 1, yields::floating, 18}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::tan(a);
    }
    /// The same where math::is_far says no.
    template <class T>
    SINTER_HD SINTER_INLINE static T near(T a) {
        return math::tan_near(a);
    }
    template <class V>
    static constexpr V derivative(V, V y, V dy) {
        return dy * (1.0 + y * y);
    }
};
struct asin {
    static constexpr op_info info() { return {"asin", nullptr, 1, yields::floating, 16}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::asin(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy * of<rsqrt>(1.0 - a * a);
    }
};
struct acos {
    static constexpr op_info info() { return {"acos", nullptr, 1, yields::floating, 16}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::acos(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return -dy * of<rsqrt>(1.0 - a * a);
    }
};
struct atan {
    static constexpr op_info info() { return {"atan", nullptr, 1, yields::floating, 18}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::atan(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy / (1.0 + a * a);
    }
};
struct atan2 {
    static constexpr op_info info() { return {"atan2", nullptr, 2, yields::floating, 24}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return math::atan2(a, b);
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V b, V, V dy) {
        const V r = a * a + b * b;
        return {dy * (b / r), -dy * (a / r)};
    }
};
struct sinh {
    static constexpr op_info info() { return {"sinh", nullptr, 1, yields::floating, 20}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::sinh(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy * of<cosh>(a);
    }
};
struct cosh {
    static constexpr op_info info() { return {"cosh", nullptr, 1, yields::floating, 18}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::cosh(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy * of<sinh>(a);
    }
};
struct tanh {
    static constexpr op_info info() { return {"tanh", nullptr, 1, yields::floating, 20}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::tanh(a);
    }
    template <class V>
    static constexpr V derivative(V, V y, V dy) {
        return dy * (1.0 - y * y);
    }
};
struct asinh {
    static constexpr op_info info() { return {"asinh", nullptr, 1, yields::floating, 30}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::asinh(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy * of<rsqrt>(a * a + 1.0);
    }
};
struct acosh {
    static constexpr op_info info() { return {"acosh", nullptr, 1, yields::floating, 30}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::acosh(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy * of<rsqrt>(a * a - 1.0);
    }
};
struct atanh {
    static constexpr op_info info() { return {"atanh", nullptr, 1, yields::floating, 26}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::atanh(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy / (1.0 - a * a);
    }
};

}  // namespace op

using trigonometric = op_list<op::sin,
                              op::cos,
                              op::tan,
                              op::asin,
                              op::acos,
                              op::atan,
                              op::atan2,
                              op::sinh,
                              op::cosh,
                              op::tanh,
                              op::asinh,
                              op::acosh,
                              op::atanh>;

}  // namespace sinter::ir

namespace sinter {

/// The sine.
template <class A>
    requires elementwise_operands<A>
auto sin(A&& a) { return detail::elementwise<ir::op::sin>(static_cast<A&&>(a)); }
/// The cosine.
template <class A>
    requires elementwise_operands<A>
auto cos(A&& a) { return detail::elementwise<ir::op::cos>(static_cast<A&&>(a)); }
/// The tangent.
template <class A>
    requires elementwise_operands<A>
auto tan(A&& a) { return detail::elementwise<ir::op::tan>(static_cast<A&&>(a)); }
/// The angle whose sine is a, in [-pi/2, pi/2]; NaN outside [-1, 1].
template <class A>
    requires elementwise_operands<A>
auto asin(A&& a) { return detail::elementwise<ir::op::asin>(static_cast<A&&>(a)); }
/// The angle whose cosine is a, in [0, pi]; NaN outside [-1, 1].
template <class A>
    requires elementwise_operands<A>
auto acos(A&& a) { return detail::elementwise<ir::op::acos>(static_cast<A&&>(a)); }
/// The angle whose tangent is a, in [-pi/2, pi/2].
template <class A>
    requires elementwise_operands<A>
auto atan(A&& a) { return detail::elementwise<ir::op::atan>(static_cast<A&&>(a)); }
/// The angle of the point (b, a), in [-pi, pi].
template <class A, class B>
    requires elementwise_operands<A, B>
auto atan2(A&& a, B&& b) {
    return detail::elementwise<ir::op::atan2>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// The hyperbolic sine.
template <class A>
    requires elementwise_operands<A>
auto sinh(A&& a) { return detail::elementwise<ir::op::sinh>(static_cast<A&&>(a)); }
/// The hyperbolic cosine.
template <class A>
    requires elementwise_operands<A>
auto cosh(A&& a) { return detail::elementwise<ir::op::cosh>(static_cast<A&&>(a)); }
/// The hyperbolic tangent.
template <class A>
    requires elementwise_operands<A>
auto tanh(A&& a) { return detail::elementwise<ir::op::tanh>(static_cast<A&&>(a)); }
/// The inverse of sinh.
template <class A>
    requires elementwise_operands<A>
auto asinh(A&& a) { return detail::elementwise<ir::op::asinh>(static_cast<A&&>(a)); }
/// The inverse of cosh, at least 0; NaN below 1.
template <class A>
    requires elementwise_operands<A>
auto acosh(A&& a) { return detail::elementwise<ir::op::acosh>(static_cast<A&&>(a)); }
/// The inverse of tanh; NaN outside [-1, 1].
template <class A>
    requires elementwise_operands<A>
auto atanh(A&& a) { return detail::elementwise<ir::op::atanh>(static_cast<A&&>(a)); }

}  // namespace sinter
