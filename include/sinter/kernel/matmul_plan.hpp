// Grid, block and loaders of the matmul kernel. Host code.
#pragma once

#include "sinter/kernel/plan.hpp"

namespace sinter::kernel {

template <class C, class Sync>
void plan_matmul(launch_plan<C, Sync>& p, const ir::bound_stage& b) {
    matmul_args<C>& q = p.kernel.p;
    constexpr auto loads = ir::loads_of<C>();
    for (int side = 0; side < 2; ++side) {
        int votes = 0;
        for (int k = 0; k < loads.count; ++k) {
            const ir::instr x = C::at(loads.at[k]);
            const int64* stride = b.load[k].stride;
            if (x.loops >> (ir::side_a + side) & 1)
                votes +=
                    (detail::magnitude(stride[2]) == 1) - (detail::magnitude(stride[side]) == 1);
        }
        q.along_k[side] = votes > 0;
        q.vectors[side] = false;
        const int value = side == 0 ? C::head().core_a : C::head().core_b;
        if (const int slot = loads.find(value); slot >= 0) {
            const ir::bound_operand& o = b.load[slot];
            q.vectors[side] = o.stride[2] == 1 && o.stride[side] % 8 == 0 &&
                              detail::aligned(o.data, tuning::vector_bytes);
        }
    }
    q.row_varies = detail::row_constants_vary<C>(b);
    constexpr int tile_m = uses_tensor_cores<C>() ? tuning::mma_m : tuning::tile_m;
    constexpr int tile_n = uses_tensor_cores<C>() ? tuning::mma_n : tuning::tile_n;
    const int64 m = detail::divide_up(b.extent[0], tile_m);
    const int64 n = detail::divide_up(b.extent[1], tile_n);
    q.tiles_n = static_cast<unsigned>(n);
    p.grid.x = static_cast<unsigned>(m * n);
    p.block.x = static_cast<unsigned>(kernel_of<C, Sync>::max_threads);
}

}  // namespace sinter::kernel
