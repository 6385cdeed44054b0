// What tests that run kernels on the emulator share: which flavour they are compiled in, and runs
// under every schedule.
#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "sinter/simt/simt.hpp"

namespace sinter_test {

#if defined(SINTER_TEST_ASAN)
inline constexpr bool asan_flavour = true;
#else
inline constexpr bool asan_flavour = false;
#endif
#if defined(SINTER_TEST_RACE)
inline constexpr bool race_flavour = true;
#else
inline constexpr bool race_flavour = false;
#endif

#if SINTER_EMULATOR
/// Runs `f` under each of these schedules.
template <class F>
void under(const std::vector<sinter::emulator::options>& schedules, F f) {
    for (const auto& o : schedules) {
        const sinter::emulator::scoped_options scope(o);
        CAPTURE(static_cast<int>(o.schedule));
        CAPTURE(o.seed);
        f();
    }
}
#endif

}  // namespace sinter_test
