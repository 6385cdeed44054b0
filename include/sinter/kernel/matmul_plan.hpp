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

/// How many blocks share the steps of a tile: more than one where tiles do not fill the device and
/// the sums are long.
inline int64 product_splits(int64 tiles, int64 steps, const device_limits& d) {
    const int64 idle = tiles > 0 ? d.sm_count / tiles : 1;
    const int64 worth = smaller(steps / tuning::product_split_steps, tuning::product_most_splits);
    return larger(smaller(idle, worth), 1);
}

}  // namespace detail

template <class C, class Sync>
void plan_matmul(launch_plan<C, Sync>& p, const ir::bound_stage& b, const device_limits& d) {
    matmul_args<C>& q = p.kernel.p;
    const detail::product_axes axes(b);
    q.first_batch = axes.first_batch;
    q.axes = axes.count;
    axes.sort(q.a.extent);
    for (int k = 0; k < args<C>::loads; ++k) axes.sort(q.a.load[k].stride);
    for (int k = 0; k < args<C>::stores; ++k) axes.sort(q.a.store[k].stride);
    if constexpr (args<C>::guards > 0)
        for (ir::bound_guard& g : q.a.guard) axes.sort(g.stride);
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
            for (int axis = 3; axis < axes.count; ++axis)
                q.vectors[side] = q.vectors[side] && o.stride[axis] % 8 == 0;
            // A chunk lies among zeros or it does not.
            for (int g = guards_before<C>(slot); g < guards_before<C>(slot + 1); ++g) {
                const ir::bound_guard& x = b.guard[g];
                const bool apart = along == 2 && x.inner != 0 && x.inner_extent % 8 == 0;
                q.vectors[side] = q.vectors[side] && (apart || x.stride[axes.at[along]] == 0);
            }
        }
    }
    q.row_varies = detail::row_constants_vary<C>(b);
    const auto tiles_of = [&](int axis, int tile) {
        return detail::divide_up(q.a.extent[axis], tile);
    };
    int tile_m = tuning::small_tile::side, tile_n = tile_m, tile_k = tuning::small_tile::k;
    if constexpr (uses_tensor_cores<C>()) {
        tile_m = tuning::mma_m, tile_n = tuning::mma_n, tile_k = tuning::mma_k;
    } else if constexpr (has_large_tiles<C>()) {
        constexpr int side = tuning::large_tile::side;
        q.large = tiles_of(0, side) * tiles_of(1, side) * b.batch() >= d.sm_count;
        if (q.large) tile_m = tile_n = side, tile_k = tuning::large_tile::k;
    }
    const int64 m = tiles_of(0, tile_m), n = tiles_of(1, tile_n);
    q.tiles_n = static_cast<unsigned>(n);
    q.tiles = static_cast<unsigned>(m * n);
    q.steps = detail::divide_up(q.a.extent[2], tile_k);
    for (int axis = 3; axis < axes.first_batch; ++axis) q.steps *= q.a.extent[axis];
    const int64 tiles = m * n * b.batch(), splits = detail::product_splits(tiles, q.steps, d);
    q.splits = static_cast<unsigned>(splits);
    if (splits > 1) {
        p.zeroed_bytes = detail::divide_up(tiles * int64{sizeof(unsigned)}, 16) * 16;
        p.workspace_bytes =
            p.zeroed_bytes + tiles * splits * tile_m * tile_n * int64{sizeof(product_t<C>)};
    }
    p.grid.x = static_cast<unsigned>(tiles * splits);
    p.block.x = static_cast<unsigned>(kernel_of<C, Sync>::max_threads);
}

}  // namespace sinter::kernel
