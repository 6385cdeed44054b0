// The last block of several: blocks leave what they have in device memory, and the last one to
// arrive finishes for all. Device-readable.
#pragma once

#include "sinter/kernel/sync.hpp"

namespace sinter::kernel {

#if SINTER_NVCC || SINTER_EMULATOR

/// Called by all threads of each of `blocks` blocks after their stores. True in all threads of the
/// block that comes last, which then sees what the others stored (by load_coherent). `counter` is 0
/// before and after. `Barrier` and `Fence` are the first of two sites each.
template <class Sync, int Barrier, int Fence = Barrier>
SINTER_DEVICE bool arrives_last(unsigned* counter, unsigned blocks, unsigned& last) {
    Sync::template block<Barrier>();
    if (simt::tid().x == 0) {
        Sync::template fence<Fence>();
        last = simt::atomic_inc(counter, blocks - 1) == blocks - 1 ? 1U : 0U;
    }
    Sync::template block<Barrier + 1>();
    if (last == 0) return false;
    Sync::template fence<Fence + 1>();
    return true;
}
/// After a meeting of `blocks` blocks, each of which added 1 to counter[0] and waited for the
/// others: the last to leave puts both counters back to 0.
SINTER_DEVICE void leave_meeting(unsigned* counter, unsigned blocks) {
    if (simt::atomic_inc(counter + 1, blocks - 1) == blocks - 1) simt::atomic_inc(counter, 0);
}

#endif

}  // namespace sinter::kernel
