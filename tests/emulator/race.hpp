// Between the compiler's hooks (race_hooks.cpp) and the race checker (race.cpp).
#pragma once

#include <cstddef>

namespace sinter::emulator {

/// True while a kernel runs: instrumented host code looks at nothing else.
extern constinit bool race_is_watching;
/// An access of instrumented code.
void race_access(const void* p, std::size_t bytes, bool write, const void* pc);

}  // namespace sinter::emulator
