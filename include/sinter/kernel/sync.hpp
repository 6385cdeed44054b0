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
    template <int Site, class T>
    SINTER_DEVICE static T shfl(T v, int source) {
        return simt::shfl(v, source);
    }
    /// Waits for the copies that this thread started, but for its latest `Pending` groups.
    template <int Site, int Pending = 0>
    SINTER_DEVICE static void copies() {
        simt::cp_async_wait<Pending>();
    }
    /// Waits until the counter of a cooperative launch has come to `value`.
    template <int Site>
    SINTER_DEVICE static void counter(const unsigned* p, unsigned value) {
        simt::wait_until(p, value);
    }
#endif
};

}  // namespace sinter::kernel
