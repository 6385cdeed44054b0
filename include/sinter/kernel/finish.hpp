// The last block of several: blocks leave what they have in device memory, and the last one to
// arrive finishes for all. Device-readable.
#pragma once

#include "sinter/kernel/sync.hpp"

namespace sinter::kernel {

#if SINTER_NVCC || SINTER_EMULATOR

/// Called by all threads of each of `blocks` blocks after their stores. True in all threads of the
/// block that comes last, which then sees what the others stored (by load_coherent). `counter` is 0
/// before and after. Sites First and First + 1 are barriers and fences.
template <class Sync, int First>
SINTER_DEVICE bool arrives_last(unsigned* counter, unsigned blocks, unsigned& last) {
    Sync::template block<First>();
    if (simt::tid().x == 0) {
        Sync::template fence<First>();
        last = simt::atomic_inc(counter, blocks - 1) == blocks - 1 ? 1U : 0U;
    }
    Sync::template block<First + 1>();
    if (last == 0) return false;
    Sync::template fence<First + 1>();
    return true;
}

#endif

}  // namespace sinter::kernel
