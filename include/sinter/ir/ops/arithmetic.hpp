// Entries: arithmetic. Integers wrap; what divides by zero gives 0.
#pragma once

#include "sinter/ir/ops/entry.hpp"

namespace sinter::ir {
namespace op {

// Named by derivatives.
struct floor;
struct sign;
struct trunc;

struct add {
    static constexpr op_info info() { return {"add", " + ", 2, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return wrapping(a, b, plus_f{});
    }
    template <class V>
    static constexpr partials<V> derivative(V, V, V, V dy) {
        return {dy, dy};
    }
};
struct sub {
    static constexpr op_info info() { return {"sub", " - ", 2, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return wrapping(a, b, minus_f{});
    }
    template <class V>
    static constexpr partials<V> derivative(V, V, V, V dy) {
        return {dy, -dy};
    }
};
struct mul {
    static constexpr op_info info() { return {"mul", " * ", 2, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return wrapping(a, b, times_f{});
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V b, V, V dy) {
        return {dy * b, dy * a};
    }
};
struct div {
    static constexpr op_info info() { return {"div", " / ", 2, yields::same, 4}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        if constexpr (floating_v<T>) {
            return a / b;
        } else {  // truncates towards zero; the smallest integer by -1 wraps
            if (b == 0) return T(0);
            if (b == T(-1)) return wrapping(T(0), a, minus_f{});
            return static_cast<T>(a / b);
        }
    }
    template <class V>
    static constexpr partials<V> derivative(V, V b, V y, V dy) {
        return {dy / b, -dy * y / b};
    }
};
struct true_divide {
    static constexpr op_info info() { return {"true_divide", nullptr, 2, yields::floating, 4}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return a / b;
    }
    template <class V>
    static constexpr partials<V> derivative(V, V b, V y, V dy) {
        return {dy / b, -dy * y / b};
    }
};
struct fmod {
    static constexpr op_info info() { return {"fmod", nullptr, 2, yields::same, 20}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        if constexpr (floating_v<T>) {
            return math::fmod(a, b);
        } else {
            return b == 0 || b == T(-1) ? T(0) : static_cast<T>(a % b);
        }
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V b, V, V dy) {
        return {dy, -dy * of<trunc>(a / b)};
    }
};
struct remainder {
    static constexpr op_info info() { return {"remainder", nullptr, 2, yields::same, 22}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        const T r = fmod::value(a, b);
        if constexpr (floating_v<T>) {
            if (r == T(0)) return math::copysign(r, b);
            return (r < T(0)) != (b < T(0)) ? r + b : r;
        } else {
            return r != 0 && is_negative(r) != is_negative(b) ? wrapping(r, b, plus_f{}) : r;
        }
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V b, V, V dy) {
        return {dy, -dy * of<floor>(a / b)};
    }
};
struct floor_divide {
    static constexpr op_info info() { return {"floor_divide", nullptr, 2, yields::same, 24}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        if constexpr (floating_v<T>) {
            // From the remainder, which is exact: a / b may round up to an integer.
            if (b == T(0)) return a / b;
            const T r = math::fmod(a, b);
            const T q = (a - r) / b - ((r < T(0)) != (b < T(0)) && r != T(0) ? T(1) : T(0));
            return q == T(0) ? math::copysign(q, a / b) : math::round(q);
        } else {
            const T q = div::value(a, b);
            const bool below = is_negative(a) != is_negative(b) && fmod::value(a, b) != 0;
            return below ? wrapping(q, T(1), minus_f{}) : q;
        }
    }
    template <class V>
    static constexpr partials<V> derivative(V, V, V, V) {
        return {};
    }
};
struct neg {
    static constexpr op_info info() { return {"neg", nullptr, 1, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        if constexpr (integral_v<T>) {
            return wrapping(T(0), a, minus_f{});
        } else {
            return static_cast<T>(-a);
        }
    }
    template <class V>
    static constexpr V derivative(V, V, V dy) {
        return -dy;
    }
};
struct abs {
    static constexpr op_info info() { return {"abs", nullptr, 1, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        if constexpr (floating_v<T>) {
            return math::copysign(a, T(1));
        } else {
            return is_negative(a) ? neg::value(a) : a;
        }
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy * of<sign>(a);
    }
};
struct sign {
    static constexpr op_info info() { return {"sign", nullptr, 1, yields::same, 2}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        if constexpr (floating_v<T>) {
            return math::sign(a);
        } else {
            return is_negative(a) ? T(-1) : static_cast<T>(a != T(0));
        }
    }
    template <class V>
    static constexpr V derivative(V, V, V) {
        return {};
    }
};
struct square {
    static constexpr op_info info() { return {"square", nullptr, 1, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return wrapping(a, a, times_f{});
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy * (2.0 * a);
    }
};
struct reciprocal {
    static constexpr op_info info() { return {"reciprocal", nullptr, 1, yields::floating, 4}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return T(1) / a;
    }
    template <class V>
    static constexpr V derivative(V, V y, V dy) {
        return -dy * (y * y);
    }
};
struct maximum {
    static constexpr op_info info() { return {"maximum", nullptr, 2, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return a > b || a != a ? a : b;  // NaN propagates
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V b, V, V dy) {
        const V tie = choose(a == b, 0.5 * dy, 0.0);  // equal operands share it
        return {choose(a > b, dy, tie), choose(a < b, dy, tie)};
    }
};
struct minimum {
    static constexpr op_info info() { return {"minimum", nullptr, 2, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return a < b || a != a ? a : b;
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V b, V, V dy) {
        const V tie = choose(a == b, 0.5 * dy, 0.0);
        return {choose(a < b, dy, tie), choose(a > b, dy, tie)};
    }
};
struct clamp {
    static constexpr op_info info() { return {"clamp", nullptr, 3, yields::same, 2}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T low, T high) {
        return minimum::value(maximum::value(a, low), high);
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V low, V high, V, V dy) {
        const V below = choose(low < high, dy, 0.0);
        return {choose(a < low, 0.0, choose(a > high, 0.0, dy)),
                choose(a < low, below, 0.0),
                choose(a > high, dy, choose(high < low, dy, 0.0))};
    }
};
struct lerp {
    static constexpr op_info info() { return {"lerp", nullptr, 3, yields::floating, 6}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b, T w) {
        // From the nearer end: exact at both.
        return math::by_sign(w - T(0.5), a + w * (b - a), b - (b - a) * (T(1) - w));
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V b, V w, V, V dy) {
        return {dy * (1.0 - w), dy * w, dy * (b - a)};
    }
};
struct copysign {
    static constexpr op_info info() { return {"copysign", nullptr, 2, yields::floating, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return math::copysign(a, b);
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V, V y, V dy) {
        return {dy * (of<sign>(a) * of<sign>(y)), {}};
    }
};
struct where {
    static constexpr op_info info() {
        return {"where", nullptr, 3, yields::same, 1, takes::condition};
    }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(bool c, T a, T b) {
        if constexpr (floating_v<T>) {
            return math::choose(c, a, b);
        } else {
            return c ? a : b;
        }
    }
    template <class V>
    static constexpr partials<V> derivative(V c, V, V, V, V dy) {
        return {{}, choose(c, dy, 0.0), choose(c, 0.0, dy)};
    }
};

}  // namespace op

using arithmetic = op_list<op::add,
                           op::sub,
                           op::mul,
                           op::div,
                           op::true_divide,
                           op::fmod,
                           op::remainder,
                           op::floor_divide,
                           op::neg,
                           op::abs,
                           op::sign,
                           op::square,
                           op::reciprocal,
                           op::maximum,
                           op::minimum,
                           op::clamp,
                           op::lerp,
                           op::copysign,
                           op::where>;

}  // namespace sinter::ir

namespace sinter {

/// a / b as floating numbers: integers become float first.
template <class A, class B>
    requires elementwise_operands<A, B>
auto true_divide(A&& a, B&& b) {
    return detail::elementwise<ir::op::true_divide>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// The remainder of a / b truncated towards zero: it has a's sign. Integers by 0 give 0.
template <class A, class B>
    requires elementwise_operands<A, B>
auto fmod(A&& a, B&& b) {
    return detail::elementwise<ir::op::fmod>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// The remainder of a / b rounded down, as NumPy's and Python's %: it has b's sign. Integers by 0
/// give 0.
template <class A, class B>
    requires elementwise_operands<A, B>
auto remainder(A&& a, B&& b) {
    return detail::elementwise<ir::op::remainder>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// The largest integer not above a / b, as Python's //. Integers by 0 give 0.
template <class A, class B>
    requires elementwise_operands<A, B>
auto floor_divide(A&& a, B&& b) {
    return detail::elementwise<ir::op::floor_divide>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// The negative; integers wrap.
template <class A>
    requires elementwise_operands<A>
auto neg(A&& a) { return detail::elementwise<ir::op::neg>(static_cast<A&&>(a)); }
/// The absolute value; -0 becomes 0, the smallest integer stays.
template <class A>
    requires elementwise_operands<A>
auto abs(A&& a) { return detail::elementwise<ir::op::abs>(static_cast<A&&>(a)); }
/// -1, 0 or 1 as a is negative, 0 or positive; NaN stays.
template <class A>
    requires elementwise_operands<A>
auto sign(A&& a) { return detail::elementwise<ir::op::sign>(static_cast<A&&>(a)); }
/// a * a.
template <class A>
    requires elementwise_operands<A>
auto square(A&& a) { return detail::elementwise<ir::op::square>(static_cast<A&&>(a)); }
/// 1 / a; integers become float.
template <class A>
    requires elementwise_operands<A>
auto reciprocal(A&& a) { return detail::elementwise<ir::op::reciprocal>(static_cast<A&&>(a)); }
/// The larger of a and b; NaN if either is NaN.
template <class A, class B>
    requires elementwise_operands<A, B>
auto maximum(A&& a, B&& b) {
    return detail::elementwise<ir::op::maximum>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// The smaller of a and b; NaN if either is NaN.
template <class A, class B>
    requires elementwise_operands<A, B>
auto minimum(A&& a, B&& b) {
    return detail::elementwise<ir::op::minimum>(static_cast<A&&>(a), static_cast<B&&>(b));
}
/// a where it lies between low and high, else the nearer of them: min(max(a, low), high). NaN
/// stays.
template <class A, class B, class C>
    requires elementwise_operands<A, B, C>
auto clamp(A&& a, B&& low, C&& high) {
    return detail::elementwise<ir::op::clamp>(
        static_cast<A&&>(a), static_cast<B&&>(low), static_cast<C&&>(high));
}
/// a + weight (b - a).
template <class A, class B, class C>
    requires elementwise_operands<A, B, C>
auto lerp(A&& a, B&& b, C&& weight) {
    return detail::elementwise<ir::op::lerp>(
        static_cast<A&&>(a), static_cast<B&&>(b), static_cast<C&&>(weight));
}
/// |a| with the sign of b, which may be that of a zero.
template <class A, class B>
    requires elementwise_operands<A, B>
auto copysign(A&& a, B&& b) {
    return detail::elementwise<ir::op::copysign>(static_cast<A&&>(a), static_cast<B&&>(b));
}

}  // namespace sinter
