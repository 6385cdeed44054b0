// Elementary functions of float and double, the same names on host and device. Device code gets
// CUDA's own; the host, also in what nvcc compiles, gets functions that g++ and clang++ turn into
// vector code. A comment says how far from the exact value, in units in the last place (ulp).
#pragma once

#include "sinter/core/types.hpp"
#if SINTER_DEVICE_CODE
#include "sinter/core/math/device.hpp"
#else
#include "sinter/core/math/exp.hpp"
#include "sinter/core/math/hyperbolic.hpp"
#include "sinter/core/math/log.hpp"
#include "sinter/core/math/trig.hpp"

namespace sinter::math {

/// The square root, correctly rounded.
SINTER_HD SINTER_INLINE float sqrt(float x) {
    // g++ has to call libm for a negative number, which sets errno, unless it sees that there is
    // none. The quiet comparison is the one that it understands.
    return __builtin_sqrtf(__builtin_isless(x, 0.0F) ? static_cast<float>(not_a_number) : x);
}
SINTER_HD SINTER_INLINE double sqrt(double x) {
    return __builtin_sqrt(__builtin_isless(x, 0.0) ? not_a_number : x);
}

}  // namespace sinter::math
#endif
