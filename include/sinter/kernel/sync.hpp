// The places where threads of a kernel wait for one another. Each has a number, so that a test can
// take one away and show that its absence is noticed. Device-readable.
#pragma once

#include "sinter/simt/simt.hpp"

namespace sinter::kernel {

/// What kernels use: every site does what it says.
struct device_sync {
#if SINTER_NVCC || SINTER_EMULATOR
    template <int Site>
    SINTER_DEVICE static void block() {
        simt::sync_block();
    }
    template <int Site>
    SINTER_DEVICE static void fence() {
        simt::fence();
    }
    template <int Site, class T>
    SINTER_DEVICE static T shfl_down(T v, int delta) {
        return simt::shfl_down(v, delta);
    }
#endif
};

}  // namespace sinter::kernel
