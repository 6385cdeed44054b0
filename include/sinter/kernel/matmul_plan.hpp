// Grid, block and loaders of the matmul kernel. Host code.
#pragma once

#include "sinter/kernel/matmul_direct_plan.hpp"

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
        // What is folded lies innermost, so that products that a block takes in turn are
        // neighbours.
        for (unsigned folded = 0; folded < 2; ++folded)
            for (int d = 0; d < b.rows_axis(); ++d)
                if ((b.folded >> d & 1) == folded) push(d);
    }
    void push(int axis) { at[count++] = axis; }
};

/// How many blocks share the steps of a tile: more than one where tiles do not fill the device and
/// the sums are long.
inline int64 product_splits(int64 tiles, int64 steps, const device_limits& d) {
    const int64 idle = tiles > 0 ? d.sm_count / tiles : 1;
    const int64 worth = smaller(steps / tuning::product_split_steps, tuning::product_most_splits);
    return larger(smaller(idle, worth), 1);
}

/// What the reductions of the epilogue fold. An axis without elements becomes one of which nothing
/// exists, so that the results still have their tiles.
template <class C>
void plan_folds(matmul_args<C>& q, const ir::bound_stage& b, const product_axes& axes) {
    q.folds = {};
    const auto folds = [&](int axis) { return (b.folded >> axes.at[axis] & 1) != 0; };
    q.folds.rows = folds(0);
    q.folds.columns = folds(1);
    for (int axis = axes.first_batch; axis < axes.count; ++axis)
        if (folds(axis)) q.folds.batch |= 1U << axis;
    for (int axis = 0; axis < axes.count; ++axis) {
        if (q.a.extent[axis] != 0 || axis == 2 || !folds(axis)) continue;
        q.folds.empty = true;
        q.a.extent[axis] = 1;
    }
    int64 turns = 1;
    for (int axis = axes.first_batch; axis < axes.count; ++axis)
        if (folds(axis)) turns *= q.a.extent[axis];
    const bool in_turn = !q.folds.rows && !q.folds.columns && turns <= tuning::product_most_turns;
    q.folds.turns = in_turn ? static_cast<unsigned>(turns) : 1;
}
/// True when stage C writes nothing.
template <class C>
bool writes_nothing(const ir::bound_stage& b) {
    for (int d = 0; d < b.outer_rank; ++d)
        if (b.extent[d] == 0 && !(has_folds<C>() && (b.folded >> d & 1))) return true;
    return false;
}

}  // namespace detail

template <class C, class Sync>
void plan_matmul(launch_plan<C, Sync>& p, const ir::bound_stage& b, const device_limits& d) {
    if constexpr (may_be_direct<C>())
        if (d.direct && detail::plan_direct(p, b, d)) return;
    matmul_args<C>& q = p.kernel.p;
    const detail::product_axes axes(b);
    q.first_batch = axes.first_batch;
    q.axes = axes.count;
    detail::sort_axes(q.a, axes);
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
        // Bytes that lie across are loaded 8 at a time, and turned round.
        const bool turned = multiplies_bytes<C>() && !q.along_k[side];
        const int64 chunk = turned || !uses_tensor_cores<C>() ? 8 : mma_chunk<C>();
        const int value = side == 0 ? side_value<C, ir::side_a>() : side_value<C, ir::side_b>();
        if (const int slot = loads.find(value); slot >= 0) {
            const ir::bound_operand& o = q.a.load[slot];
            const int along = q.along_k[side] ? 2 : side, across = q.along_k[side] ? side : 2;
            q.vectors[side] = o.stride[along] == 1 && o.stride[across] % chunk == 0 &&
                              detail::aligned(o.data, turned ? 8 : tuning::vector_bytes) &&
                              (!turned || q.a.extent[side] % chunk == 0);
            for (int axis = 3; axis < axes.count; ++axis)
                q.vectors[side] = q.vectors[side] && o.stride[axis] % chunk == 0;
            // A chunk lies among zeros or it does not.
            for (int g = guards_before<C>(slot); g < guards_before<C>(slot + 1); ++g) {
                const ir::bound_guard& x = b.guard[g];
                const bool apart = along == 2 && x.inner != 0 && x.inner_extent % chunk == 0;
                q.vectors[side] = q.vectors[side] && (apart || x.stride[axes.at[along]] == 0);
            }
        }
    }
    q.row_varies = detail::row_constants_vary<C>(b);
    int64 batch = b.batch();
    if constexpr (has_folds<C>()) {
        detail::plan_folds(q, b, axes);
        batch = 1;
        for (int axis = axes.first_batch; axis < axes.count; ++axis) batch *= q.a.extent[axis];
        batch /= q.folds.turns;
    }
    const auto tiles_of = [&](int axis, int tile) {
        return detail::divide_up(q.a.extent[axis], tile);
    };
    int tile_m = tuning::small_tile::side, tile_n = tile_m, tile_k = tuning::small_tile::k;
    if constexpr (uses_tensor_cores<C>()) {
        tile_m = tuning::mma_m, tile_n = tuning::mma_n, tile_k = mma_k<C>();
    } else if constexpr (has_large_tiles<C>()) {
        constexpr int side = tuning::large_tile::side;
        q.large = tiles_of(0, side) * tiles_of(1, side) * batch >= d.sm_count;
        if (q.large) tile_m = tile_n = side, tile_k = tuning::large_tile::k;
    }
    const int64 m = tiles_of(0, tile_m), n = tiles_of(1, tile_n);
    q.tiles_n = static_cast<unsigned>(n);
    q.tiles = static_cast<unsigned>(m * n);
    q.steps = detail::divide_up(q.a.extent[2], tile_k);
    for (int axis = 3; axis < axes.first_batch; ++axis) q.steps *= q.a.extent[axis];
    if constexpr (has_folds<C>())
        if (q.folds.empty) q.steps = 0;
    const int64 tiles = m * n * batch;
    int64 splits = detail::product_splits(tiles, q.steps, d);
    if constexpr (has_folds<C>())
        if (q.folds.turns > 1) splits = 1;
    q.splits = static_cast<unsigned>(splits);
    const auto counters = [](int64 count) {
        return detail::divide_up(count * int64{sizeof(unsigned)}, 16) * 16;
    };
    int64 partials = 0;
    if (splits > 1) {
        p.zeroed_bytes = counters(tiles);
        partials = tiles * splits * tile_m * tile_n * int64{sizeof(product_t<C>)};
    }
    if constexpr (has_folds<C>()) {
        int64 members = (q.folds.rows ? m : 1) * (q.folds.columns ? n : 1);
        for (int axis = axes.first_batch; axis < axes.count; ++axis)
            if (q.folds.batch >> axis & 1) members *= q.a.extent[axis];
        members /= q.folds.turns;
        q.folds.members = static_cast<unsigned>(members);
        p.of_folds = {p.zeroed_bytes, partials};
        p.zeroed_bytes += counters(tiles / members);
        partials += tiles * (q.folds.rows ? 1 : tile_m) * (q.folds.columns ? 1 : tile_n) *
                    int64{sizeof(typename fold_args<C>::states)};
    }
    p.workspace_bytes = p.zeroed_bytes + partials;
    p.grid.x = static_cast<unsigned>(tiles * splits);
    p.block.x = static_cast<unsigned>(kernel_of<C, Sync>::max_threads);
}

}  // namespace sinter::kernel
