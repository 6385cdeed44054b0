// Grid, block and loaders of the matmul kernel. Host code.
#pragma once

#include "sinter/kernel/plan.hpp"

namespace sinter::kernel {

namespace detail {

/// The axes of bound stage `b` in the order of the kernel: rows, columns, the innermost summed one,
/// the other summed ones, the batch.
struct product_axes {
    int at[max_rank]{}, first_batch = 3, count = 0;
    explicit product_axes(const ir::bound_stage& b) {
        const int sums = b.row_rank - 1;
        push(b.rows_axis());
        push(b.columns_axis());
        push(b.summed_axis());
        for (int d = 0; d < sums; ++d) push(b.outer_rank + d);
        first_batch = count;
        for (int d = 0; d < b.rows_axis(); ++d) push(d);
    }
    void push(int axis) { at[count++] = axis; }
    /// Puts what is given by axis of the stage into this order.
    void sort(int64* by_axis) const {
        int64 old[max_rank];
        for (int d = 0; d < max_rank; ++d) old[d] = by_axis[d];
        for (int d = 0; d < count; ++d) by_axis[d] = old[at[d]];
    }
};

}  // namespace detail

template <class C, class Sync>
void plan_matmul(launch_plan<C, Sync>& p, const ir::bound_stage& b) {
    matmul_args<C>& q = p.kernel.p;
    const detail::product_axes axes(b);
    q.first_batch = axes.first_batch;
    q.axes = axes.count;
    axes.sort(q.a.extent);
    for (int k = 0; k < args<C>::loads; ++k) axes.sort(q.a.load[k].stride);
    for (int k = 0; k < args<C>::stores; ++k) axes.sort(q.a.store[k].stride);
    constexpr auto loads = ir::loads_of<C>();
    for (int side = 0; side < 2; ++side) {
        int votes = 0;
        for (int k = 0; k < loads.count; ++k) {
            const ir::instr x = C::at(loads.at[k]);
            const int64* stride = q.a.load[k].stride;
            if (x.loops >> (ir::side_a + side) & 1)
                votes +=
                    (detail::magnitude(stride[2]) == 1) - (detail::magnitude(stride[side]) == 1);
        }
        q.along_k[side] = votes > 0;
        q.vectors[side] = false;
        const int value = side == 0 ? C::head().core_a : C::head().core_b;
        if (const int slot = loads.find(value); slot >= 0) {
            const ir::bound_operand& o = q.a.load[slot];
            const int along = q.along_k[side] ? 2 : side, across = q.along_k[side] ? side : 2;
            q.vectors[side] = o.stride[along] == 1 && o.stride[across] % 8 == 0 &&
                              detail::aligned(o.data, tuning::vector_bytes);
            for (int d = 3; d < axes.count; ++d)
                q.vectors[side] = q.vectors[side] && o.stride[d] % 8 == 0;
        }
    }
    q.row_varies = detail::row_constants_vary<C>(b);
    constexpr int tile_m = uses_tensor_cores<C>() ? tuning::mma_m : tuning::tile_m;
    constexpr int tile_n = uses_tensor_cores<C>() ? tuning::mma_n : tuning::tile_n;
    constexpr int tile_k = uses_tensor_cores<C>() ? tuning::mma_k : tuning::tile_k;
    const int64 m = detail::divide_up(q.a.extent[0], tile_m);
    const int64 n = detail::divide_up(q.a.extent[1], tile_n);
    q.tiles_n = static_cast<unsigned>(n);
    q.tiles = static_cast<unsigned>(m * n);
    q.steps = detail::divide_up(q.a.extent[2], tile_k);
    for (int d = 3; d < axes.first_batch; ++d) q.steps *= q.a.extent[d];
    p.grid.x = static_cast<unsigned>(m * n * b.batch());
    p.block.x = static_cast<unsigned>(kernel_of<C, Sync>::max_threads);
}

}  // namespace sinter::kernel
