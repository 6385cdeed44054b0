// Roots on the host.
#pragma once

#include "sinter/core/math/bits.hpp"

namespace sinter::math {

namespace host {

#if defined(__clang__) && defined(__x86_64__)
// clang calls libm, which sets errno, but for the instruction's own name.
typedef float float4 __attribute__((vector_size(16)));
typedef double double2 __attribute__((vector_size(16)));
SINTER_HD SINTER_INLINE float root(float x) { return __builtin_ia32_sqrtss(float4{x})[0]; }
SINTER_HD SINTER_INLINE double root(double x) { return __builtin_ia32_sqrtsd(double2{x})[0]; }
#else
// g++ calls libm for a negative number, unless it sees that there is none. The quiet comparison is
// the one that it understands.
SINTER_HD SINTER_INLINE float root(float x) {
    return __builtin_sqrtf(__builtin_isless(x, 0.0F) ? static_cast<float>(not_a_number) : x);
}
SINTER_HD SINTER_INLINE double root(double x) {
    return __builtin_sqrt(__builtin_isless(x, 0.0) ? not_a_number : x);
}
#endif

}  // namespace host

/// The square root, correctly rounded.
SINTER_HD SINTER_INLINE float sqrt(float x) { return host::root(x); }
SINTER_HD SINTER_INLINE double sqrt(double x) { return host::root(x); }

/// 1 / sqrt(x). 2 ulp.
SINTER_HD SINTER_INLINE float rsqrt(float x) { return 1.0F / sqrt(x); }
SINTER_HD SINTER_INLINE double rsqrt(double x) { return 1.0 / sqrt(x); }

/// The cube root, of negative numbers too. float: 2 ulp. double: libm's.
SINTER_HD SINTER_INLINE float cbrt(float x) {
    // Denormal numbers are multiplied by 2^24, very large ones divided. A third of the word is a
    // first guess; each of Halley's steps triples the digits that are right.
    const float given = host::magnitude(x);
    const uint32 small = host::if_top(host::word(given) - (1U << 23));
    const uint32 large = host::if_above(given, 0x1p120F);
    const uint32 shift = (small & 8U) - (large & 8U);
    const float a = given * host::value((127U + 3U * shift) << 23);
    const float third = static_cast<float>(static_cast<int>(host::word(a))) * 0x1.555556p-2F;
    float y = host::value(static_cast<uint32>(static_cast<int>(third)) + 0x2a5119f2U);
    for (int k = 0; k < 2; ++k) {
        const float cube = y * y * y;
        y = y - y * ((cube - a) / (2.0F * cube + a));
    }
    y = y * host::value((127U - shift) << 23);
    // 0, infinity and NaN are their own roots.
    const uint32 own =
        host::if_zero(host::word(given)) | host::if_above(given, host::format<float>::largest);
    return host::with_sign(host::pick(own, given, y), x);
}
SINTER_HD SINTER_INLINE double cbrt(double x) { return __builtin_cbrt(x); }

/// sqrt(x^2 + y^2); infinite if either is. float: 1 ulp, in double. double: libm's.
SINTER_HD SINTER_INLINE float hypot(float x, float y) {
    constexpr uint32 infinity = host::format<float>::infinity;
    const double a = x, b = y;
    const float r = static_cast<float>(sqrt(a * a + b * b));
    const uint32 infinite = host::if_zero(host::word(host::magnitude(x)) ^ infinity) |
                            host::if_zero(host::word(host::magnitude(y)) ^ infinity);
    return host::pick(infinite, host::value(infinity), r);
}
SINTER_HD SINTER_INLINE double hypot(double x, double y) { return __builtin_hypot(x, y); }

}  // namespace sinter::math
