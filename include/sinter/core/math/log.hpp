// Logarithms on the host. x = 2^n m with m in [sqrt(1/2), sqrt(2)); log m is a polynomial.
#pragma once

#include "sinter/core/math/bits.hpp"

namespace sinter::math {

namespace host {

/// x = 2^n (1 + f) for positive normal and denormal x.
struct log_parts32 {
    float n, f;
};
struct log_parts64 {
    double n, f;
};
inline constexpr uint32 sqrt_half32 = 0x3f3504f3U;
inline constexpr uint64 sqrt_half64 = 0x3fe6a09e667f3bcdUL;

SINTER_HD SINTER_INLINE log_parts32 log_reduce(float x) {
    // A denormal number is made normal: 32 joins the exponent of what it is multiplied by.
    const uint32 small = ((word(x) & infinity32) - (1U << 23)) >> 31 << 28;
    const uint32 w = word(x * value(0x3f800000U + small));
    const uint32 above = w - sqrt_half32;  // its exponent field is n, two's complement
    const float n = static_cast<float>(static_cast<int>(above - small) >> 23);
    return {n, value((above & 0x7fffffU) + sqrt_half32) - 1.0F};
}
SINTER_HD SINTER_INLINE log_parts64 log_reduce(double x) {
    const uint64 small = ((word(x) & infinity64) - (1UL << 52)) >> 63 << 58;
    const uint64 w = word(x * value(0x3ff0000000000000UL + small));
    // n + 2048 joins the digits of 2^52.
    const uint64 above = w - small - sqrt_half64 + (2048UL << 52);
    const double n = value((above >> 52) | 0x4330000000000000UL) - (0x1p52 + 2048.0);
    return {n, value(((w - sqrt_half64) & 0xfffffffffffffUL) + sqrt_half64) - 1.0};
}
/// log(1 + f) - f for 1 + f in [sqrt(1/2), sqrt(2)).
SINTER_HD SINTER_INLINE float log1p_small(float f) {
    float p = 0x1.1b66c2p-4F;
    p = p * f + -0x1.e32740p-4F;
    p = p * f + 0x1.e65f46p-4F;
    p = p * f + -0x1.fb39f4p-4F;
    p = p * f + 0x1.23315cp-3F;
    p = p * f + -0x1.55631ap-3F;
    p = p * f + 0x1.99a556p-3F;
    p = p * f + -0x1.ffffeep-3F;
    p = p * f + 0x1.555546p-2F;
    const float f2 = f * f;
    return p * (f * f2) - 0.5F * f2;
}
SINTER_HD SINTER_INLINE double log1p_small(double f) {
    // With s = f / (2 + f), log(1 + f) = 2 s + s^3 R(s^2).
    const double s = f / (2.0 + f), z = s * s;
    double p = 0x1.2ef889a3d0e71p-3;
    p = p * z + 0x1.39a3366f0e88cp-3;
    p = p * z + 0x1.74662da8e9840p-3;
    p = p * z + 0x1.c71c526d38f38p-3;
    p = p * z + 0x1.249249415be9dp-2;
    p = p * z + 0x1.9999999980b03p-2;
    p = p * z + 0x1.555555555558fp-1;
    const double square = 0.5 * f * f;
    return s * (square + z * p) - square;
}
/// `y` where x is positive and finite; else -inf for 0, NaN for negative x, x for inf and NaN.
SINTER_HD SINTER_INLINE float log_special(float x, float y) {
    const uint32 w = word(x), positive = unless_top(w), any = w << 1;
    const uint32 finite = unless_top((w & infinity32) + (1U << 23));
    const uint32 zero = unless_top(any | (0U - any));
    const float r = pick(positive & finite, y, value(w | (nan32 & ~positive)));
    return pick(zero, value(infinity32 | sign32), r);
}
SINTER_HD SINTER_INLINE double log_special(double x, double y) {
    const uint64 w = word(x), positive = unless_top(w), any = w << 1;
    const uint64 finite = unless_top((w & infinity64) + (1UL << 52));
    const uint64 zero = unless_top(any | (0UL - any));
    const double r = pick(positive & finite, y, value(w | (nan64 & ~positive)));
    return pick(zero, -infinity, r);
}

}  // namespace host

/// The natural logarithm. 1 ulp.
SINTER_HD SINTER_INLINE float log(float x) {
    const host::log_parts32 e = host::log_reduce(x);
    const float low = host::log1p_small(e.f) + e.n * 0x1.7f7d1cp-20F;
    return host::log_special(x, e.n * 0x1.62e4p-1F + (e.f + low));
}
SINTER_HD SINTER_INLINE double log(double x) {
    const host::log_parts64 e = host::log_reduce(x);
    const double low = host::log1p_small(e.f) + e.n * -0x1.718432a1b0e26p-35;
    return host::log_special(x, e.n * 0x1.62e42ffp-1 + (e.f + low));
}

}  // namespace sinter::math
