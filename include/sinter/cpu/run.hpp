// The host engine's one entrance.
#pragma once

#include "sinter/cpu/stage.hpp"

namespace sinter::cpu {

/// Runs stage `b` with the loops of its code, in the threads of the file that compiled them.
inline void run(const stage_loops& loops, const ir::bound_stage& b) { loops.run(loops, b); }

}  // namespace sinter::cpu
