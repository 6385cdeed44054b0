// The host engine: runs a bound stage on the processor. The twin of the kernels.
#pragma once

#include "sinter/cpu/columns.hpp"
#include "sinter/cpu/matmul.hpp"
#include "sinter/cpu/stage.hpp"

namespace sinter::cpu {

/// Runs stage `b` with the loops of its code, in the calling thread.
inline void run(const stage_loops& loops, const ir::bound_stage& b) {
    for (int d = 0; d < b.outer_rank; ++d)
        if (b.extent[d] == 0) return;
    context c(loops, b);
    if (loops.product != nullptr) {
        const int64 most = std::max({b.extent[0], b.extent[1], b.extent[2], int64{1}});
        c.capacity = std::min(tile_length, most);
        product_run(c).run();
    } else if (loops.elementwise) {
        run_elementwise(c);
    } else if (const int column = column_axis(c); column >= 0) {
        run_columns(c, column);
    } else {
        run_rows(c);
    }
}

}  // namespace sinter::cpu
