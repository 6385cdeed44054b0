// How the runtime reaches the emulator's memory: through two functions that test builds install, so
// that classes are the same in files with and without the emulator.
#pragma once

#include <atomic>

#include "sinter/core/config.hpp"

#if SINTER_EMULATOR
#include "sinter/simt/emulator_api.hpp"
#endif

namespace sinter::runtime {

/// Allocation on the emulator. `allocate` returns null when it cannot, `release` returns false when
/// a kernel wrote outside the memory.
struct emulator_memory {
    void* (*allocate)(unsigned long bytes);
    bool (*release)(void* p);
};

/// For tests: how often emulated memory turned out to be damaged when it was freed.
inline constinit std::atomic<long> damaged_releases{0};

inline constinit std::atomic<const emulator_memory*> the_emulator_memory{nullptr};

/// The emulator's memory, or null when this program has no emulator.
inline const emulator_memory* current_emulator_memory() noexcept {
    return the_emulator_memory.load(std::memory_order_acquire);
}

#if SINTER_EMULATOR
struct emulator_memory_calls {
    static void* allocate(unsigned long bytes) { return emulator::allocate(bytes); }
    static bool release(void* p) { return emulator::release(p); }
};
inline constexpr emulator_memory the_emulator_calls{emulator_memory_calls::allocate,
                                                    emulator_memory_calls::release};

// Before every ordinary initialiser, as in cuda_runtime.hpp.
[[gnu::constructor(101)]] static void install_emulator_memory() {
    the_emulator_memory = &the_emulator_calls;
}
#endif

}  // namespace sinter::runtime
