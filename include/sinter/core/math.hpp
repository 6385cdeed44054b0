// Elementary functions of float and double, the same names on host and device. Device code gets
// CUDA's own; the host, also in what nvcc compiles, gets functions that g++ and clang++ turn into
// vector code. A comment says how far a result may be from the exact value, in units in the last
// place (ulp).
#pragma once

#include "sinter/core/types.hpp"
#if SINTER_DEVICE_CODE
#include "sinter/core/math/device.cuh"
#else
#include "sinter/core/math/choice.hpp"
#include "sinter/core/math/exp.hpp"
#include "sinter/core/math/hyperbolic.hpp"
#include "sinter/core/math/inverse.hpp"
#include "sinter/core/math/log.hpp"
#include "sinter/core/math/power.hpp"
#include "sinter/core/math/root.hpp"
#include "sinter/core/math/rounding.hpp"
#include "sinter/core/math/special.hpp"
#include "sinter/core/math/trig.hpp"
#endif
