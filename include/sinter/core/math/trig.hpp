// Trigonometry on the host. A float is reduced exactly over its whole range: x 2/pi is taken modulo
// 4 in double, with those bits of 2/pi that matter for x's exponent (the others give multiples of 4
// or nothing). That costs two loads from a table of 1.6 KiB and no branch. double is libm's.
#pragma once

#include "sinter/core/math/bits.hpp"

namespace sinter::math {

namespace host {

/// The bits of 2/pi that matter: the first 29 (times a float's 24 they are exact) and the next 53,
/// for the exponent fields from 152 on; smaller ones need them from the top. Infinity and NaN get
/// NaN.
struct quadrant_table {
    static constexpr int first = 152, size = 256 - first;
    double high[size]{}, low[size]{};

    /// 64 bits of 2/pi from position `at` on, where the bit at 0 counts 1/2.
    static constexpr uint64 digits(int at) {
        constexpr uint64 all[] = {
            0xa2f9836e4e441529UL, 0xfc2757d1f534ddc0UL, 0xdb6295993c439041UL, 0xfe5163abdebbc561UL};
        const int i = at / 64, shift = at % 64;
        return shift == 0 ? all[i] : all[i] << shift | all[i + 1] >> (64 - shift);
    }
    static constexpr double scaled(uint64 n, int places) {
        return static_cast<double>(n) * bits_as<double>(static_cast<uint64>(1023 - places) << 52);
    }
    constexpr quadrant_table() {
        // x is a multiple of 2^(exponent - 150): bits worth 2^(152 - exponent) or more drop out.
        for (int k = 0; k < size - 1; ++k) {
            high[k] = scaled(digits(k) >> 35, k + 29);
            low[k] = scaled(digits(k + 29) >> 11, k + 82);
        }
        high[size - 1] = low[size - 1] = not_a_number;
    }
};
inline constexpr quadrant_table quadrants{};

/// x = (quadrant + r / (pi/2)) pi/2 with |r| <= pi/4, modulo whole turns.
struct angle {
    float r;
    uint32 quadrant;  // in the lowest two bits
};
SINTER_HD SINTER_INLINE angle reduce_angle(float x) {
    const int exponent = static_cast<int>(word(x) >> 23 & 255U) - quadrant_table::first;
    const int64 k = exponent > 0 ? exponent : 0;
    const double wide = x;
    const double turns = wide * quadrants.high[k], more = wide * quadrants.low[k];  // turns: exact
    const double whole = (turns + more) + format<double>::to_integer;
    const double rest = (turns - (whole - format<double>::to_integer)) + more;
    return {static_cast<float>(rest * 0x1.921fb54442d18p+0), static_cast<uint32>(word(whole))};
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
/// The sine of an angle: that of r, or its cosine, or one of these with the other sign.
SINTER_HD SINTER_INLINE float sin_of(float r, uint32 quadrant) {
    const float r2 = r * r;
    const uint32 odd = 0U - (quadrant & 1U);
    return value(word(pick(odd, cos_small(r2), sin_small(r, r2))) ^ ((quadrant & 2U) << 30));
}

}  // namespace host

/// The sine of radians. float: 2 ulp everywhere. double: libm's.
SINTER_HD SINTER_INLINE float sin(float x) {
    const host::angle a = host::reduce_angle(x);
    return host::sin_of(a.r, a.quadrant);
}
SINTER_HD SINTER_INLINE double sin(double x) { return __builtin_sin(x); }
/// The cosine of radians. float: 2 ulp everywhere. double: libm's.
SINTER_HD SINTER_INLINE float cos(float x) {
    const host::angle a = host::reduce_angle(x);
    return host::sin_of(a.r, a.quadrant + 1U);
}
SINTER_HD SINTER_INLINE double cos(double x) { return __builtin_cos(x); }

/// The tangent of radians. float: 3 ulp everywhere. double: libm's.
SINTER_HD SINTER_INLINE float tan(float x) {
    const host::angle a = host::reduce_angle(x);
    const float r2 = a.r * a.r, s = host::sin_small(a.r, r2), c = host::cos_small(r2);
    const uint32 odd = 0U - (a.quadrant & 1U);
    const float up = host::pick(odd, c, s), down = host::pick(odd, s, c);
    return host::flipped(odd, up / down);
}
SINTER_HD SINTER_INLINE double tan(double x) { return __builtin_tan(x); }

}  // namespace sinter::math
