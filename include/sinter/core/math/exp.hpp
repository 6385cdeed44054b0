// Exponentials on the host. x = n ln 2 + r with |r| <= ln 2 / 2; e^r is a polynomial, 2^n a sum in
// the exponent.
#pragma once

#include "sinter/core/math/bits.hpp"

namespace sinter::math {

namespace host {

/// x = n ln 2 + r.
struct exp_parts32 {
    float n, r;
    uint32 k;  // n as an integer, in the low bits
};
struct exp_parts64 {
    double n, r;
};
SINTER_HD SINTER_INLINE exp_parts32 exp_reduce(float x) {
    const float t = x * 0x1.715476p+0F + format<float>::to_integer;
    const float n = t - format<float>::to_integer;
    return {n, (x - n * 0x1.62e4p-1F) - n * 0x1.7f7d1cp-20F, word(t)};
}
SINTER_HD SINTER_INLINE exp_parts64 exp_reduce(double x) {
    const double n =
        (x * 0x1.71547652b82fep+0 + format<double>::to_integer) - format<double>::to_integer;
    return {n, (x - n * 0x1.62e42ffp-1) - n * -0x1.718432a1b0e26p-35};
}
/// e^r - 1 for |r| <= ln 2 / 2.
SINTER_HD SINTER_INLINE float expm1_small(float r) {
    float p = 0x1.a1a444p-13F;
    p = p * r + 0x1.6d5524p-10F;
    p = p * r + 0x1.11108ep-7F;
    p = p * r + 0x1.5554e2p-5F;
    p = p * r + 0x1.555556p-3F;
    p = p * r + 0.5F;
    return r + r * r * p;
}
SINTER_HD SINTER_INLINE double expm1_small(double r) {
    double p = 0x1.1f9c2337545bfp-29;
    p = p * r + 0x1.af71ce13e20a0p-26;
    p = p * r + 0x1.27e4c13221581p-22;
    p = p * r + 0x1.71ddecc15c12fp-19;
    p = p * r + 0x1.a01a01b2babc4p-16;
    p = p * r + 0x1.a01a01b4d5667p-13;
    p = p * r + 0x1.6c16c16c13eedp-10;
    p = p * r + 0x1.111111110e8f5p-7;
    p = p * r + 0x1.555555555555dp-5;
    p = p * r + 0x1.555555555555ep-3;
    p = p * r + 0.5;
    return r + r * r * p;
}
/// e^r for |r| <= ln 2 / 2.
SINTER_HD SINTER_INLINE float exp_small(float r) {
    float p = 0x1.6a1f98p-10F;
    p = p * r + 0x1.123ccap-7F;
    p = p * r + 0x1.555904p-5F;
    p = p * r + 0x1.55548ep-3F;
    p = p * r + 0x1.fffffcp-2F;
    p = p * r + 1.0F;
    return p * r + 1.0F;
}
/// x times 2^n, in two steps: 2^n alone may be no number. `k` holds n in its low bits, |n| < 190;
/// its sign is that of `sign`.
SINTER_HD SINTER_INLINE float scaled(float x, uint32 k, float sign) {
    constexpr uint32 one = format<float>::one, far = 64U << 23;
    const uint32 last = one + far - (if_negative(sign) & (2 * far));  // 2^64 or 2^-64
    return x * value((k << 23) + (2 * one - last)) * value(last);
}
SINTER_HD SINTER_INLINE double scaled(double x, double n) {
    const double half = n * 0.5 + format<double>::to_integer;
    const double rest = n - (half - format<double>::to_integer) + format<double>::to_integer;
    return x * value((word(half) + 1023UL) << 52) * value((word(rest) + 1023UL) << 52);
}
/// 2^n for a normal result.
SINTER_HD SINTER_INLINE float power_of_two(uint32 k) { return value((k + 127U) << 23); }
SINTER_HD SINTER_INLINE double power_of_two(double n) {
    return value((word(n + format<double>::to_integer) + 1023UL) << 52);
}

}  // namespace host

/// e to the power x. float: 1.2 ulp, double: 1 ulp.
SINTER_HD SINTER_INLINE float exp(float x) {
    const host::exp_parts32 e = host::exp_reduce(host::bounded(x, 104.0F));
    return host::scaled(host::exp_small(e.r), e.k, x);
}
SINTER_HD SINTER_INLINE double exp(double x) {
    const host::exp_parts64 e = host::exp_reduce(host::bounded(x, 746.0));
    return host::scaled(1.0 + host::expm1_small(e.r), e.n);
}
/// 2 to the power x. float: 1.2 ulp, double: 1 ulp.
SINTER_HD SINTER_INLINE float exp2(float x) {
    constexpr float to_integer = host::format<float>::to_integer;
    const float a = host::bounded(x, 151.0F), t = a + to_integer;
    const float r = (a - (t - to_integer)) * host::format<float>::ln2;
    return host::scaled(host::exp_small(r), host::word(t), x);
}
SINTER_HD SINTER_INLINE double exp2(double x) {
    constexpr double to_integer = host::format<double>::to_integer;
    const double a = host::bounded(x, 1076.0), n = (a + to_integer) - to_integer;
    return host::scaled(1.0 + host::expm1_small((a - n) * host::format<double>::ln2), n);
}
/// e to the power x, minus 1, without cancellation near 0. 2 ulp.
SINTER_HD SINTER_INLINE float expm1(float x) {
    const float most = host::pick(host::if_negative(x), 20.0F, 89.0F);
    const host::exp_parts32 e = host::exp_reduce(host::bounded(x, most));
    // 2^n (1 + p) - 1, from 2^(n-1): 2^128 is no number.
    const float s = host::power_of_two(e.k - 1U);
    const float y = (s * host::expm1_small(e.r) + (s - 0.5F)) * 2.0F;
    return host::with_sign(y, x);  // also of -0
}
SINTER_HD SINTER_INLINE double expm1(double x) {
    const double most = host::pick(host::if_negative(x), 40.0, 710.0);
    const host::exp_parts64 e = host::exp_reduce(host::bounded(x, most));
    const double s = host::power_of_two(e.n - 1.0);
    const double y = (s * host::expm1_small(e.r) + (s - 0.5)) * 2.0;
    return host::with_sign(y, x);
}

}  // namespace sinter::math
