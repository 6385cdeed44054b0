// Trigonometry on the host. Nearly all angles are near: up to 2^17 a float is reduced by five
// products with parts of pi, the first four of them exact. The others are reduced exactly too, over
// the whole range: x / pi is taken modulo 2 in double, with those bits of 1/pi that matter for x's
// exponent (the others give multiples of 2 or nothing). That costs two loads from a table of 1.6
// KiB, which no vector unit likes. sin, cos and tan compute both and choose, without a branch;
// sin_near, cos_near and tan_near give the same bits where is_far says no. double is libm's.
#pragma once

#include "sinter/core/math/bits.hpp"

namespace sinter::math {

/// The topmost bit is set if sin_near, cos_near and tan_near do not take x: beyond 2^17, and NaN.
SINTER_HD SINTER_INLINE uint32 is_far(float x) {
    return host::word(0x1p17F) - host::word(host::magnitude(x));
}

namespace host {

/// The bits of 1/pi that matter: the first 29 (times a float's 24 they are exact) and the next 53,
/// for the exponent fields from 152 on; smaller ones need them from the top. Infinity and NaN get
/// NaN.
struct half_turn_table {
    static constexpr int first = 152, size = 256 - first;
    double high[size]{}, low[size]{};

    /// 64 bits of 1/pi from position `at` on, where the bit at 0 counts 1/4.
    static constexpr uint64 digits(int at) {
        constexpr uint64 all[] = {
            0xa2f9836e4e441529UL, 0xfc2757d1f534ddc0UL, 0xdb6295993c439041UL, 0xfe5163abdebbc561UL};
        const int i = at / 64, shift = at % 64;
        return shift == 0 ? all[i] : all[i] << shift | all[i + 1] >> (64 - shift);
    }
    static constexpr double scaled(uint64 n, int places) {
        return static_cast<double>(n) * bits_as<double>(static_cast<uint64>(1023 - places) << 52);
    }
    constexpr half_turn_table() {
        // x is a multiple of 2^(exponent - 150): bits worth 2^(151 - exponent) or more drop out.
        for (int k = 0; k < size - 1; ++k) {
            high[k] = scaled(digits(k) >> 35, k + 30);
            low[k] = scaled(digits(k + 29) >> 11, k + 83);
        }
        high[size - 1] = low[size - 1] = not_a_number;
    }
};
inline constexpr half_turn_table half_turns{};

/// An angle's distance r from a multiple of a half or quarter turn, and that multiple in the lowest
/// bits of `steps`.
struct angle {
    float r;
    uint32 steps;
};
/// `far` where x is far, else `near`.
SINTER_HD SINTER_INLINE angle pick_angle(float x, angle far, angle near) {
    const uint32 mask = if_top(is_far(x));
    return {pick(mask, far.r, near.r), (far.steps & mask) | (near.steps & ~mask)};
}

/// x = (steps + r / pi) pi, or with Cosine x = (steps - 1/2 + r / pi) pi; |r| <= pi/2.
template <bool Cosine>
SINTER_HD SINTER_INLINE angle near_half_turn(float x) {
    constexpr float to_integer = format<float>::to_integer;
    const float turns = x * 0x1.45f306p-2F;
    const float t = (Cosine ? turns + 0.5F : turns) + to_integer;
    const float n = Cosine ? (t - to_integer) - 0.5F : t - to_integer;
    // The parts of pi have so few bits that n times them is exact, also without FMA: eight for an
    // n of 16 bits, and for halves less. For the sine none is negative: -0 has to stay -0.
    constexpr float second = Cosine ? 0x1.fcp-11F : 0x1.fap-11F;
    constexpr float third = Cosine ? -0x1.58p-20F : 0x1.54p-19F;
    const float rest = ((x - n * 0x1.92p+1F) - n * second) - n * third;
    return {(rest - n * 0x1.1p-29F) - n * 0x1.68c234p-38F, word(t)};
}
/// x = (steps + r / (pi/2)) pi/2 with |r| <= pi/4. In double: near its poles the tangent doubles
/// the error of r.
SINTER_HD SINTER_INLINE angle near_quarter_turn(float x) {
    constexpr float to_integer = format<float>::to_integer;
    const float t = x * 0x1.45f306p-1F + to_integer;
    const double wide = x, n = t - to_integer;
    return {static_cast<float>((wide - n * 0x1.921fb5444p+0) - n * 0x1.68c234c4c6629p-39), word(t)};
}
/// The same for all x: in units of pi / Parts, less Shift of them.
template <int Parts>
SINTER_HD SINTER_INLINE angle far_turn(float x, double shift) {
    constexpr double to_integer = format<double>::to_integer;
    const int exponent = static_cast<int>(word(x) >> 23 & 255U) - half_turn_table::first;
    const int64 k = exponent > 0 ? exponent : 0;
    const double wide = x;
    const double turns = wide * half_turns.high[k] * Parts;  // exact
    const double more = wide * half_turns.low[k] * Parts;
    const double whole = ((turns + more) + shift) + to_integer;
    const double rest = (turns - ((whole - to_integer) - shift)) + more;
    return {static_cast<float>(rest * (0x1.921fb54442d18p+1 / Parts)),
            static_cast<uint32>(word(whole))};
}
/// The sine of r, with the other sign for odd steps; |r| <= pi/2. Coefficients are such that it is
/// 1 at pi/2 and never more.
SINTER_HD SINTER_INLINE float sin_of(angle a) {
    const float r2 = a.r * a.r;
    float p = 0x1.5c1a8p-19F;
    p = p * r2 + -0x1.9f6254p-13F;
    p = p * r2 + 0x1.110f52p-7F;
    p = p * r2 + -0x1.55555cp-3F;
    const float y = a.r + a.r * (p * r2);  // of -0: 0
    return value((word(y) | (word(a.r) & sign_bit<float>)) ^ (a.steps << 31));
}
/// sin(r) and cos(r) for |r| <= pi/4.
SINTER_HD SINTER_INLINE float sin_small(float r, float r2) {
    float p = -0x1.994e7cp-13F;
    p = p * r2 + 0x1.110760p-7F;
    p = p * r2 + -0x1.555546p-3F;
    return r * (1.0F + p * r2);  // keeps the sign of 0
}
SINTER_HD SINTER_INLINE float cos_small(float r2) {
    float p = 0x1.9a02d0p-16F;
    p = p * r2 + -0x1.6c0c8ep-10F;
    p = p * r2 + 0x1.55554ap-5F;
    return 1.0F + (p * (r2 * r2) - 0.5F * r2);
}
/// The tangent of r, or for odd steps that of r + pi/2; |r| <= pi/4.
SINTER_HD SINTER_INLINE float tan_of(angle a) {
    const float r2 = a.r * a.r, s = sin_small(a.r, r2), c = cos_small(r2);
    const uint32 odd = 0U - (a.steps & 1U);
    const float up = pick(odd, c, s), down = pick(odd, s, c);
    return flipped(odd, up / down);
}

}  // namespace host

SINTER_HD SINTER_INLINE float sin_near(float x) {
    return host::sin_of(host::near_half_turn<false>(x));
}
SINTER_HD SINTER_INLINE float cos_near(float x) {
    return host::sin_of(host::near_half_turn<true>(x));
}
SINTER_HD SINTER_INLINE float tan_near(float x) { return host::tan_of(host::near_quarter_turn(x)); }

/// The sine of radians. float: 3 ulp up to 512, 4 ulp up to 2^17, 3 ulp beyond. double: libm's.
SINTER_HD SINTER_INLINE float sin(float x) {
    return host::sin_of(
        host::pick_angle(x, host::far_turn<1>(x, 0.0), host::near_half_turn<false>(x)));
}
SINTER_HD SINTER_INLINE double sin(double x) { return __builtin_sin(x); }
/// The cosine of radians. float: 3 ulp up to 512, 4 ulp up to 2^17, 3 ulp beyond. double: libm's.
SINTER_HD SINTER_INLINE float cos(float x) {
    return host::sin_of(
        host::pick_angle(x, host::far_turn<1>(x, 0.5), host::near_half_turn<true>(x)));
}
SINTER_HD SINTER_INLINE double cos(double x) { return __builtin_cos(x); }

/// The tangent of radians. float: 4 ulp everywhere. double: libm's.
SINTER_HD SINTER_INLINE float tan(float x) {
    return host::tan_of(host::pick_angle(x, host::far_turn<2>(x, 0.0), host::near_quarter_turn(x)));
}
SINTER_HD SINTER_INLINE double tan(double x) { return __builtin_tan(x); }

}  // namespace sinter::math
