// Elementary functions of float and double, the same names on host and device. Device code gets
// CUDA's own (exp 1 ulp, sin 2 ulp, tanh 2 ulp in float), the host libm's.
#pragma once

#include "sinter/core/types.hpp"
#if !SINTER_RTC
#include <cmath>
#endif

namespace sinter::math {

SINTER_HD SINTER_INLINE float exp(float x) { return ::expf(x); }
SINTER_HD SINTER_INLINE double exp(double x) { return ::exp(x); }
SINTER_HD SINTER_INLINE float log(float x) { return ::logf(x); }
SINTER_HD SINTER_INLINE double log(double x) { return ::log(x); }
SINTER_HD SINTER_INLINE float sin(float x) { return ::sinf(x); }
SINTER_HD SINTER_INLINE double sin(double x) { return ::sin(x); }
SINTER_HD SINTER_INLINE float tanh(float x) { return ::tanhf(x); }
SINTER_HD SINTER_INLINE double tanh(double x) { return ::tanh(x); }
SINTER_HD SINTER_INLINE float sqrt(float x) { return ::sqrtf(x); }
SINTER_HD SINTER_INLINE double sqrt(double x) { return ::sqrt(x); }

}  // namespace sinter::math
