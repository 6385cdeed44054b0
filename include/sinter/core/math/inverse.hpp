// Inverse trigonometric functions on the host.
#pragma once

#include "sinter/core/math/root.hpp"

namespace sinter::math {

namespace host {

/// (atan(t) - t) / t for t^2 = u: |t| <= 1 in float, |t| <= sqrt(2) - 1 in double.
SINTER_HD SINTER_INLINE float atan_small(float u) {
    float p = -0x1.e06c12p-10F;
    p = p * u + 0x1.6b62bp-7F;
    p = p * u + -0x1.0215a8p-5F;
    p = p * u + 0x1.dd7a02p-5F;
    p = p * u + -0x1.58fd7ap-4F;
    p = p * u + 0x1.c0de94p-4F;
    p = p * u + -0x1.242838p-3F;
    p = p * u + 0x1.999298p-3F;
    p = p * u + -0x1.55554p-2F;
    return p * u;
}
SINTER_HD SINTER_INLINE double atan_small(double u) {
    double p = -0x1.26ea90036aa01p-6;
    p = p * u + 0x1.388f141ce14b8p-5;
    p = p * u + -0x1.9d20456da7eb9p-5;
    p = p * u + 0x1.df21ae97ab2a1p-5;
    p = p * u + -0x1.10ed147c47bp-4;
    p = p * u + 0x1.3b113a63f056ap-4;
    p = p * u + -0x1.745cfaeafdf5fp-4;
    p = p * u + 0x1.c71c70fa84af7p-4;
    p = p * u + -0x1.24924922e93b6p-3;
    p = p * u + 0x1.99999999963abp-3;
    p = p * u + -0x1.5555555555543p-2;
    return p * u;
}
/// (asin(t) - t) / t for t^2 = u <= 1/4.
SINTER_HD SINTER_INLINE float asin_small(float u) {
    float p = 0x1.595b78p-5F;
    p = p * u + 0x1.8c4d4ap-6F;
    p = p * u + 0x1.74782cp-5F;
    p = p * u + 0x1.330248p-4F;
    p = p * u + 0x1.5555c6p-3F;
    return p * u;
}
SINTER_HD SINTER_INLINE double asin_small(double u) {
    double p = 0x1.0a5dd6464d0ep-5;
    p = p * u + -0x1.54d884397afd5p-6;
    p = p * u + 0x1.6132fc79705bp-6;
    p = p * u + 0x1.ee9cdccc74d25p-9;
    p = p * u + 0x1.609b904ca591cp-7;
    p = p * u + 0x1.75a54e8b38b25p-7;
    p = p * u + 0x1.ca1b38171857bp-7;
    p = p * u + 0x1.1c4a24944cf0fp-6;
    p = p * u + 0x1.6e8bdb8c64d9p-6;
    p = p * u + 0x1.f1c71ab83989fp-6;
    p = p * u + 0x1.6db6db71a196p-5;
    p = p * u + 0x1.333333332ed05p-4;
    p = p * u + 0x1.555555555557p-3;
    return p * u;
}

/// The angle of the point (x, y) with x, y >= 0 that are not both 0 and not both infinite.
SINTER_HD SINTER_INLINE float angle_of(float x, float y) {
    const uint32 steep = if_above(y, x);
    const float t = pick(steep, x, y) / pick(steep, y, x);
    const float r = t + t * atan_small(t * t);
    // pi/2 - r or r.
    return keep(steep, format<float>::half_pi) +
           (flipped(steep, r) + keep(steep, format<float>::half_pi_rest));
}
SINTER_HD SINTER_INLINE double angle_of(double x, double y) {
    const uint64 steep = if_above(y, x);
    // The sum below must not overflow: numbers above 2^1000 are made smaller.
    double low = pick(steep, x, y), high = pick(steep, y, x);
    const double scale = value(format<double>::one - (if_above(high, 0x1p1000) & (4UL << 52)));
    low *= scale;
    high *= scale;
    // Above tan(pi/8): pi/4 and the angle from there.
    const uint64 upper = if_above(low, 0x1.a827999fcef32p-2 * high);
    const double t = (low - keep(upper, high)) / (high + keep(upper, low));
    const double r = keep(upper, 0.5 * format<double>::half_pi) + (t + t * atan_small(t * t));
    return keep(steep, format<double>::half_pi) +
           (flipped(steep, r) + keep(steep, format<double>::half_pi_rest));
}
template <class T>
SINTER_HD SINTER_INLINE T atan2(T y, T x) {
    constexpr word_t<T> infinity = format<T>::infinity;
    const T ax = magnitude(x), ay = magnitude(y);
    // Both infinite: the diagonal. Both 0: the axis of x.
    const word_t<T> diagonal = if_zero<word_t<T>>((word(ax) ^ infinity) | (word(ay) ^ infinity));
    const word_t<T> zero = if_zero<word_t<T>>(word(ax) | word(ay));
    const T r = angle_of(pick(diagonal | zero, T(1), ax), pick(diagonal, T(1), ay));
    // pi - r where x is negative.
    const word_t<T> left = if_negative(x);
    const T s = keep(left, T(2) * format<T>::half_pi) +
                (flipped(left, r) + keep(left, T(2) * format<T>::half_pi_rest));
    return flipped(word(y), s);
}
template <class T>
SINTER_HD SINTER_INLINE T atan(T x) {
    return with_sign(angle_of(T(1), magnitude(x)), x);
}

/// For |x| = a: r = asin(a), or from 1/2 on half of acos(a), by acos(a) = 2 asin(sqrt((1 - a) /
/// 2)).
template <class T>
struct arc {
    word_t<T> big;
    T r;
};
template <class T>
SINTER_HD SINTER_INLINE arc<T> arc_of(T x) {
    const T a = magnitude(x);
    const word_t<T> big = if_above(a, T(0.5));
    const T u = pick(big, T(0.5) - T(0.5) * a, a * a);
    const T t = pick(big, math::sqrt(u), a);
    return {big, t + t * asin_small(u)};
}
template <class T>
SINTER_HD SINTER_INLINE T asin(T x) {
    const arc<T> s = arc_of(x);
    const T far = format<T>::half_pi - (T(2) * s.r - format<T>::half_pi_rest);
    return with_sign(pick(s.big, far, s.r), x);
}
template <class T>
SINTER_HD SINTER_INLINE T acos(T x) {
    const arc<T> s = arc_of(x);
    const T near = format<T>::half_pi - (with_sign(s.r, x) - format<T>::half_pi_rest);
    const T below = T(2) * (format<T>::half_pi - (s.r - format<T>::half_pi_rest));
    return pick(s.big, pick(if_negative(x), below, T(2) * s.r), near);
}

}  // namespace host

/// The angle of the point (x, y), in (-pi, pi]. float: 2 ulp, double: 3 ulp.
SINTER_HD SINTER_INLINE float atan2(float y, float x) { return host::atan2(y, x); }
SINTER_HD SINTER_INLINE double atan2(double y, double x) { return host::atan2(y, x); }
/// The angle whose tangent is x, in [-pi/2, pi/2]. float: 2 ulp, double: 3 ulp.
SINTER_HD SINTER_INLINE float atan(float x) { return host::atan(x); }
SINTER_HD SINTER_INLINE double atan(double x) { return host::atan(x); }
/// The angle whose sine is x, in [-pi/2, pi/2]; NaN outside [-1, 1]. 3 ulp.
SINTER_HD SINTER_INLINE float asin(float x) { return host::asin(x); }
SINTER_HD SINTER_INLINE double asin(double x) { return host::asin(x); }
/// The angle whose cosine is x, in [0, pi]; NaN outside [-1, 1]. 2 ulp.
SINTER_HD SINTER_INLINE float acos(float x) { return host::acos(x); }
SINTER_HD SINTER_INLINE double acos(double x) { return host::acos(x); }

}  // namespace sinter::math
