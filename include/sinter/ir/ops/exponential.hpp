// Entries: powers, roots, exponentials, logarithms, the error and gamma functions. Integers become
// float. How exact they are: core/math, function by function.
#pragma once

#include "sinter/ir/ops/arithmetic.hpp"

namespace sinter::ir {
namespace op {

// Named by derivatives.
struct sigmoid;
struct digamma;

struct exp {
    static constexpr op_info info() { return {"exp", nullptr, 1, yields::floating, 14}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::exp(a);
    }
    template <class V>
    static constexpr V derivative(V, V y, V dy) {
        return dy * y;
    }
};
struct exp2 {
    static constexpr op_info info() { return {"exp2", nullptr, 1, yields::floating, 14}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::exp2(a);
    }
    template <class V>
    static constexpr V derivative(V, V y, V dy) {
        return dy * (0.69314718055994530942 * y);
    }
};
struct expm1 {
    static constexpr op_info info() { return {"expm1", nullptr, 1, yields::floating, 16}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::expm1(a);
    }
    template <class V>
    static constexpr V derivative(V, V y, V dy) {
        return dy * (y + 1.0);
    }
};
struct log {
    static constexpr op_info info() { return {"log", nullptr, 1, yields::floating, 14}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::log(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy / a;
    }
};
struct log2 {
    static constexpr op_info info() { return {"log2", nullptr, 1, yields::floating, 14}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::log2(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy / (0.69314718055994530942 * a);
    }
};
struct log10 {
    static constexpr op_info info() { return {"log10", nullptr, 1, yields::floating, 15}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::log10(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy / (2.3025850929940456840 * a);
    }
};
struct log1p {
    static constexpr op_info info() { return {"log1p", nullptr, 1, yields::floating, 20}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::log1p(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy / (1.0 + a);
    }
};
struct sqrt {
    static constexpr op_info info() { return {"sqrt", nullptr, 1, yields::floating, 4}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::sqrt(a);
    }
    template <class V>
    static constexpr V derivative(V, V y, V dy) {
        return dy / (2.0 * y);
    }
};
struct rsqrt {
    static constexpr op_info info() { return {"rsqrt", nullptr, 1, yields::floating, 8}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::rsqrt(a);
    }
    template <class V>
    static constexpr V derivative(V, V y, V dy) {
        return dy * (-0.5 * (y * y * y));
    }
};
struct cbrt {
    static constexpr op_info info() { return {"cbrt", nullptr, 1, yields::floating, 20}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::cbrt(a);
    }
    template <class V>
    static constexpr V derivative(V, V y, V dy) {
        return dy / (3.0 * (y * y));
    }
};
struct pow {
    static constexpr op_info info() { return {"pow", nullptr, 2, yields::same, 40}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        if constexpr (floating_v<T>) {
            return math::pow(a, b);
        } else {
            if (is_negative(b))
                return a == T(1) ? T(1) : a == T(-1) ? (b % 2 == 0 ? T(1) : T(-1)) : T(0);
            T r = 1;
            for (T e = b; e > 0; e = static_cast<T>(e / 2)) {
                if (e % 2 != 0) r = wrapping(r, a, times_f{});
                a = wrapping(a, a, times_f{});
            }
            return r;
        }
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V b, V y, V dy) {
        // x^0 is 1 everywhere, 0^x is 0 for x > 0.
        const V flat = choose(a == 0.0, choose(b < 0.0, y, 0.0), y * of<log>(a));
        return {dy * choose(b == 0.0, 0.0, b * of<pow>(a, b - 1.0)), dy * flat};
    }
};
/// Equal operands are told apart because the difference of two infinities is no number.
struct logaddexp {
    static constexpr op_info info() { return {"logaddexp", nullptr, 2, yields::floating, 38}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        const T above = math::log1p(math::exp(a < b ? a - b : b - a));
        return maximum::value(a, b) + (a == b ? T(0.69314718055994530942) : above);
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V b, V, V dy) {
        return {dy * of<sigmoid>(a - b), dy * of<sigmoid>(b - a)};
    }
};
struct hypot {
    static constexpr op_info info() { return {"hypot", nullptr, 2, yields::floating, 8}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return math::hypot(a, b);
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V b, V y, V dy) {
        return {dy * (a / y), dy * (b / y)};
    }
};
struct erf {
    static constexpr op_info info() { return {"erf", nullptr, 1, yields::floating, 24}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::erf(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy * (1.1283791670955125739 * of<exp>(-(a * a)));
    }
};
struct erfc {
    static constexpr op_info info() { return {"erfc", nullptr, 1, yields::floating, 30}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::erfc(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy * (-1.1283791670955125739 * of<exp>(-(a * a)));
    }
};
struct lgamma {
    static constexpr op_info info() { return {"lgamma", nullptr, 1, yields::floating, 60}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::lgamma(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy * of<digamma>(a);
    }
};
struct digamma {
    static constexpr op_info info() { return {"digamma", nullptr, 1, yields::floating, 70}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        // Below 1/2 by reflection, then eight steps up to where its series in 1/z^2 holds.
        const bool low = a < T(0.5);
        const T r = math::choose(low, T(1) - a, a);
        T steps = T(0);
        for (int k = 0; k < 8; ++k) steps += T(1) / (r + T(k));
        const T z = r + T(8), q = T(1) / (z * z);
        T s = T(691.0 / 32760) - q * T(1.0 / 12);
        s = T(1.0 / 132) - q * s;
        s = T(1.0 / 240) - q * s;
        s = T(1.0 / 252) - q * s;
        s = T(1.0 / 120) - q * s;
        s = T(1.0 / 12) - q * s;
        constexpr T pi = T(3.1415926535897932385);
        const T mirror = pi / math::tan(pi * (a - math::round(a)));
        const T up = math::log(z) - (T(0.5) / z + q * s + steps);
        return up - math::choose(low, mirror, T(0));
    }
};

}  // namespace op

using exponential = op_list<op::exp,
                            op::exp2,
                            op::expm1,
                            op::log,
                            op::log2,
                            op::log10,
                            op::log1p,
                            op::sqrt,
                            op::rsqrt,
                            op::cbrt,
                            op::pow,
                            op::hypot,
                            op::logaddexp,
                            op::erf,
                            op::erfc,
                            op::lgamma,
                            op::digamma>;

}  // namespace sinter::ir

namespace sinter {

/// e to the power a.
template <class A>
    requires elementwise_operands<A>
auto exp(A&& a) { return detail::elementwise<ir::op::exp>(static_cast<A&&>(a)); }
/// 2 to the power a.
template <class A>
    requires elementwise_operands<A>
auto exp2(A&& a) { return detail::elementwise<ir::op::exp2>(static_cast<A&&>(a)); }
/// e^a - 1 without cancellation near 0.
template <class A>
    requires elementwise_operands<A>
auto expm1(A&& a) { return detail::elementwise<ir::op::expm1>(static_cast<A&&>(a)); }
/// The natural logarithm; of 0 it is -inf, of negative numbers NaN.
template <class A>
    requires elementwise_operands<A>
auto log(A&& a) { return detail::elementwise<ir::op::log>(static_cast<A&&>(a)); }
/// The logarithm to base 2; exact for powers of 2.
template <class A>
    requires elementwise_operands<A>
auto log2(A&& a) { return detail::elementwise<ir::op::log2>(static_cast<A&&>(a)); }
/// The logarithm to base 10.
template <class A>
    requires elementwise_operands<A>
auto log10(A&& a) { return detail::elementwise<ir::op::log10>(static_cast<A&&>(a)); }
/// log(1 + a) without cancellation near 0.
template <class A>
    requires elementwise_operands<A>
auto log1p(A&& a) { return detail::elementwise<ir::op::log1p>(static_cast<A&&>(a)); }
/// The square root, correctly rounded; of negative numbers NaN.
template <class A>
    requires elementwise_operands<A>
auto sqrt(A&& a) { return detail::elementwise<ir::op::sqrt>(static_cast<A&&>(a)); }
/// 1 / sqrt(a).
template <class A>
    requires elementwise_operands<A>
auto rsqrt(A&& a) { return detail::elementwise<ir::op::rsqrt>(static_cast<A&&>(a)); }
/// The cube root, of negative numbers too.
template <class A>
    requires elementwise_operands<A>
auto cbrt(A&& a) { return detail::elementwise<ir::op::cbrt>(static_cast<A&&>(a)); }
/// a to the power b. Integers stay integers and wrap; to a negative power they give 0, but 1 and
/// -1.
template <class A, class B>
    requires elementwise_operands<A, B>
auto pow(A&& a, B&& b) {
    return detail::elementwise<ir::op::pow>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// log(e^a + e^b) without overflow on the way.
template <class A, class B>
    requires elementwise_operands<A, B>
auto logaddexp(A&& a, B&& b) {
    return detail::elementwise<ir::op::logaddexp>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// sqrt(a^2 + b^2) without overflow on the way.
template <class A, class B>
    requires elementwise_operands<A, B>
auto hypot(A&& a, B&& b) {
    return detail::elementwise<ir::op::hypot>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// The error function.
template <class A>
    requires elementwise_operands<A>
auto erf(A&& a) { return detail::elementwise<ir::op::erf>(static_cast<A&&>(a)); }
/// 1 - erf(a) without cancellation for large a.
template <class A>
    requires elementwise_operands<A>
auto erfc(A&& a) { return detail::elementwise<ir::op::erfc>(static_cast<A&&>(a)); }
/// The logarithm of |gamma(a)|.
template <class A>
    requires elementwise_operands<A>
auto lgamma(A&& a) { return detail::elementwise<ir::op::lgamma>(static_cast<A&&>(a)); }
/// The derivative of lgamma. It has none itself.
template <class A>
    requires elementwise_operands<A>
auto digamma(A&& a) { return detail::elementwise<ir::op::digamma>(static_cast<A&&>(a)); }

}  // namespace sinter
