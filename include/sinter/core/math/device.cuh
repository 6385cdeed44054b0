// Elementary functions in kernels: CUDA's own. The comments give the largest errors of float /
// double by the CUDA programming guide.
#pragma once

#include "sinter/core/types.hpp"
#if !SINTER_RTC
#include <math.h>
#endif

namespace sinter::math {

// 1 / 1 ulp.
SINTER_HD SINTER_INLINE float exp(float x) { return ::expf(x); }
SINTER_HD SINTER_INLINE double exp(double x) { return ::exp(x); }
SINTER_HD SINTER_INLINE float exp2(float x) { return ::exp2f(x); }
SINTER_HD SINTER_INLINE double exp2(double x) { return ::exp2(x); }
SINTER_HD SINTER_INLINE float expm1(float x) { return ::expm1f(x); }
SINTER_HD SINTER_INLINE double expm1(double x) { return ::expm1(x); }
// 1 / 1 ulp.
SINTER_HD SINTER_INLINE float log(float x) { return ::logf(x); }
SINTER_HD SINTER_INLINE double log(double x) { return ::log(x); }
SINTER_HD SINTER_INLINE float log2(float x) { return ::log2f(x); }
SINTER_HD SINTER_INLINE double log2(double x) { return ::log2(x); }
SINTER_HD SINTER_INLINE float log10(float x) { return ::log10f(x); }
SINTER_HD SINTER_INLINE double log10(double x) { return ::log10(x); }
SINTER_HD SINTER_INLINE float log1p(float x) { return ::log1pf(x); }
SINTER_HD SINTER_INLINE double log1p(double x) { return ::log1p(x); }
// 2 / 2 ulp.
SINTER_HD SINTER_INLINE float sin(float x) { return ::sinf(x); }
SINTER_HD SINTER_INLINE double sin(double x) { return ::sin(x); }
SINTER_HD SINTER_INLINE float cos(float x) { return ::cosf(x); }
SINTER_HD SINTER_INLINE double cos(double x) { return ::cos(x); }
// 4 / 2 ulp.
SINTER_HD SINTER_INLINE float tan(float x) { return ::tanf(x); }
SINTER_HD SINTER_INLINE double tan(double x) { return ::tan(x); }
// The host tells near angles from far ones.
SINTER_HD SINTER_INLINE uint32 is_far(float) { return 0; }
SINTER_HD SINTER_INLINE float sin_near(float x) { return sin(x); }
SINTER_HD SINTER_INLINE float cos_near(float x) { return cos(x); }
SINTER_HD SINTER_INLINE float tan_near(float x) { return tan(x); }
// 2 / 2 ulp.
SINTER_HD SINTER_INLINE float asin(float x) { return ::asinf(x); }
SINTER_HD SINTER_INLINE double asin(double x) { return ::asin(x); }
SINTER_HD SINTER_INLINE float acos(float x) { return ::acosf(x); }
SINTER_HD SINTER_INLINE double acos(double x) { return ::acos(x); }
SINTER_HD SINTER_INLINE float atan(float x) { return ::atanf(x); }
SINTER_HD SINTER_INLINE double atan(double x) { return ::atan(x); }
// 3 / 2 ulp.
SINTER_HD SINTER_INLINE float sinh(float x) { return ::sinhf(x); }
SINTER_HD SINTER_INLINE double sinh(double x) { return ::sinh(x); }
SINTER_HD SINTER_INLINE float cosh(float x) { return ::coshf(x); }
SINTER_HD SINTER_INLINE double cosh(double x) { return ::cosh(x); }
SINTER_HD SINTER_INLINE float tanh(float x) { return ::tanhf(x); }
SINTER_HD SINTER_INLINE double tanh(double x) { return ::tanh(x); }
// 4 / 3 ulp.
SINTER_HD SINTER_INLINE float asinh(float x) { return ::asinhf(x); }
SINTER_HD SINTER_INLINE double asinh(double x) { return ::asinh(x); }
SINTER_HD SINTER_INLINE float acosh(float x) { return ::acoshf(x); }
SINTER_HD SINTER_INLINE double acosh(double x) { return ::acosh(x); }
SINTER_HD SINTER_INLINE float atanh(float x) { return ::atanhf(x); }
SINTER_HD SINTER_INLINE double atanh(double x) { return ::atanh(x); }
// 1 / 1 ulp.
SINTER_HD SINTER_INLINE float cbrt(float x) { return ::cbrtf(x); }
SINTER_HD SINTER_INLINE double cbrt(double x) { return ::cbrt(x); }
// 2 / 1 ulp.
SINTER_HD SINTER_INLINE float rsqrt(float x) { return ::rsqrtf(x); }
SINTER_HD SINTER_INLINE double rsqrt(double x) { return ::rsqrt(x); }
// Correctly rounded.
SINTER_HD SINTER_INLINE float sqrt(float x) { return ::sqrtf(x); }
SINTER_HD SINTER_INLINE double sqrt(double x) { return ::sqrt(x); }
// Exact.
SINTER_HD SINTER_INLINE float floor(float x) { return ::floorf(x); }
SINTER_HD SINTER_INLINE double floor(double x) { return ::floor(x); }
SINTER_HD SINTER_INLINE float ceil(float x) { return ::ceilf(x); }
SINTER_HD SINTER_INLINE double ceil(double x) { return ::ceil(x); }
SINTER_HD SINTER_INLINE float trunc(float x) { return ::truncf(x); }
SINTER_HD SINTER_INLINE double trunc(double x) { return ::trunc(x); }
// 2 / 2 ulp.
SINTER_HD SINTER_INLINE float erf(float x) { return ::erff(x); }
SINTER_HD SINTER_INLINE double erf(double x) { return ::erf(x); }
// 4 / 5 ulp.
SINTER_HD SINTER_INLINE float erfc(float x) { return ::erfcf(x); }
SINTER_HD SINTER_INLINE double erfc(double x) { return ::erfc(x); }
// 6 / 4 ulp away from its negative zeros.
SINTER_HD SINTER_INLINE float lgamma(float x) { return ::lgammaf(x); }
SINTER_HD SINTER_INLINE double lgamma(double x) { return ::lgamma(x); }
// To the nearest integer, ties to even. Exact.
SINTER_HD SINTER_INLINE float round(float x) { return ::rintf(x); }
SINTER_HD SINTER_INLINE double round(double x) { return ::rint(x); }
// 4 / 2 ulp.
SINTER_HD SINTER_INLINE float pow(float x, float y) { return ::powf(x, y); }
SINTER_HD SINTER_INLINE double pow(double x, double y) { return ::pow(x, y); }
// 3 / 2 ulp.
SINTER_HD SINTER_INLINE float atan2(float x, float y) { return ::atan2f(x, y); }
SINTER_HD SINTER_INLINE double atan2(double x, double y) { return ::atan2(x, y); }
// 3 / 2 ulp.
SINTER_HD SINTER_INLINE float hypot(float x, float y) { return ::hypotf(x, y); }
SINTER_HD SINTER_INLINE double hypot(double x, double y) { return ::hypot(x, y); }
// Exact.
SINTER_HD SINTER_INLINE float fmod(float x, float y) { return ::fmodf(x, y); }
SINTER_HD SINTER_INLINE double fmod(double x, double y) { return ::fmod(x, y); }
SINTER_HD SINTER_INLINE float copysign(float x, float y) { return ::copysignf(x, y); }
SINTER_HD SINTER_INLINE double copysign(double x, double y) { return ::copysign(x, y); }
// Choices: by a condition; by the sign bit of x; -1, 0 or 1, NaN stays; x cut to [0, most], NaN
// stays.
SINTER_HD SINTER_INLINE float choose(bool c, float a, float b) { return c ? a : b; }
SINTER_HD SINTER_INLINE float by_sign(float x, float negative, float other) {
    return bits_as<uint32>(x) >> 31 ? negative : other;
}
SINTER_HD SINTER_INLINE float sign(float x) {
    return x > 0 ? float(1) : x < 0 ? float(-1) : x + float(0);
}
SINTER_HD SINTER_INLINE float ramp(float x, float most) {
    return x < 0 ? float(0) : x > most ? most : x;
}
SINTER_HD SINTER_INLINE double choose(bool c, double a, double b) { return c ? a : b; }
SINTER_HD SINTER_INLINE double by_sign(double x, double negative, double other) {
    return bits_as<uint64>(x) >> 63 ? negative : other;
}
SINTER_HD SINTER_INLINE double sign(double x) {
    return x > 0 ? double(1) : x < 0 ? double(-1) : x + double(0);
}
SINTER_HD SINTER_INLINE double ramp(double x, double most) {
    return x < 0 ? double(0) : x > most ? most : x;
}

}  // namespace sinter::math
