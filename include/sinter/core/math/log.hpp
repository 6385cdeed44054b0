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
    const uint32 small = ((word(x) & format<float>::infinity) - (1U << 23)) >> 31 << 28;
    const uint32 w = word(x * value(0x3f800000U + small));
    const uint32 above = w - sqrt_half32;  // its exponent field is n, two's complement
    const float n = static_cast<float>(static_cast<int>(above - small) >> 23);
    return {n, value((above & 0x7fffffU) + sqrt_half32) - 1.0F};
}
SINTER_HD SINTER_INLINE log_parts64 log_reduce(double x) {
    const uint64 small = ((word(x) & format<double>::infinity) - (1UL << 52)) >> 63 << 58;
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
/// n log(2) + log(1 + f).
SINTER_HD SINTER_INLINE float log_joined(log_parts32 e) {
    return e.n * 0x1.62e4p-1F + (e.f + (log1p_small(e.f) + e.n * 0x1.7f7d1cp-20F));
}
SINTER_HD SINTER_INLINE double log_joined(log_parts64 e) {
    return e.n * 0x1.62e42ffp-1 + (e.f + (log1p_small(e.f) + e.n * -0x1.718432a1b0e26p-35));
}
/// `y` where x is positive and finite; else -inf for 0, NaN for negative x, x for inf and NaN.
template <class T>
SINTER_HD SINTER_INLINE T log_special(T x, T y) {
    using f = format<T>;
    const word_t<T> w = word(x), negative = if_top(w);
    const word_t<T> special = negative | if_top((w & f::infinity) + (word_t<T>(1) << f::digits));
    const T r = pick(special, value(w | (f::nan & negative)), y);
    return pick(if_zero<word_t<T>>(w << 1), value(f::infinity | sign_bit<T>), r);
}

}  // namespace host

/// The natural logarithm. 1 ulp.
SINTER_HD SINTER_INLINE float log(float x) {
    return host::log_special(x, host::log_joined(host::log_reduce(x)));
}
SINTER_HD SINTER_INLINE double log(double x) {
    return host::log_special(x, host::log_joined(host::log_reduce(x)));
}
/// log(1 + x) without cancellation near 0. 2 ulp.
SINTER_HD SINTER_INLINE float log1p(float x) {
    const float u = 1.0F + x;
    host::log_parts32 e = host::log_reduce(u);
    // What the sum lost joins f, on its scale of 2^-n; from 2^32 on it is nothing.
    const float v = u - 1.0F, lost = (1.0F - (u - v)) + (x - v);
    const uint32 n = (host::word(u) - host::sqrt_half32) & 0xff800000U;
    e.f += lost * host::keep(host::if_top(n - (32U << 23)), host::value((127U << 23) - n));
    return host::with_sign(host::log_special(u, host::log_joined(e)), x);
}
SINTER_HD SINTER_INLINE double log1p(double x) {
    const double u = 1.0 + x;
    host::log_parts64 e = host::log_reduce(u);
    const double v = u - 1.0, lost = (1.0 - (u - v)) + (x - v);
    const uint64 n = (host::word(u) - host::sqrt_half64) & 0xfff0000000000000UL;
    e.f += lost * host::keep(host::if_top(n - (64UL << 52)), host::value((1023UL << 52) - n));
    return host::with_sign(host::log_special(u, host::log_joined(e)), x);
}
/// The logarithm to base 2; of powers of 2 exact. 2 ulp.
SINTER_HD SINTER_INLINE float log2(float x) {
    const host::log_parts32 e = host::log_reduce(x);
    const float r = e.f + host::log1p_small(e.f);
    return host::log_special(x, e.n + r * 0x1.715476p+0F);
}
SINTER_HD SINTER_INLINE double log2(double x) {
    const host::log_parts64 e = host::log_reduce(x);
    const double r = e.f + host::log1p_small(e.f);
    return host::log_special(x, e.n + r * 0x1.71547652b82fep+0);
}
/// The logarithm to base 10. 2 ulp.
SINTER_HD SINTER_INLINE float log10(float x) {
    const host::log_parts32 e = host::log_reduce(x);
    const float r = (e.f + host::log1p_small(e.f)) * 0x1.bcb7b2p-2F;
    return host::log_special(x, e.n * 0x1.344p-2F + (r + e.n * 0x1.3509f8p-18F));
}
SINTER_HD SINTER_INLINE double log10(double x) {
    const host::log_parts64 e = host::log_reduce(x);
    const double r = (e.f + host::log1p_small(e.f)) * 0x1.bcb7b1526e50ep-2;
    return host::log_special(x, e.n * 0x1.3441350ap-2 + (r + e.n * -0x1.0c0219dc1da99p-39));
}

}  // namespace sinter::math
