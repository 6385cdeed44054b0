// Grid, block, splits and workspace of the reduce kernel. Host code.
#pragma once

#include "sinter/kernel/plan.hpp"

namespace sinter::kernel {

namespace detail {

/// True when neighbours along the row lie closer together than neighbours along the outputs.
template <class C>
bool row_is_closer(const ir::bound_stage& b) {
    if (b.rows == 1) return true;
    if (b.row_length <= 1 || b.row_rank == 0) return false;
    int votes = 0;
    for (int k = 0; k < ir::loads_of<C>().count; ++k) {
        if (C::at(ir::loads_of<C>().at[k]).row_constant) continue;
        const int64 outer = magnitude(b.load[k].stride[b.outer_rank - 1]);
        const int64 inner = magnitude(b.load[k].stride[b.outer_rank + b.row_rank - 1]);
        if (inner != outer) votes += inner != 0 && (outer == 0 || inner < outer) ? 1 : -1;
    }
    return votes > 0;
}

}  // namespace detail

template <class C, class Sync>
void plan_reduce(launch_plan<C, Sync>& p, const ir::bound_stage& b, const device_limits& d) {
    auto& k = p.kernel;
    using states = typename kernel_of<C, Sync>::states;
    int64 limit = tuning::reduce_threads;
    while (limit > simt::warp_size &&
           limit * static_cast<int64>(sizeof(states)) > tuning::reduce_shared_bytes)
        limit /= 2;
    k.along_row = detail::row_is_closer<C>(b);
    int64 columns, depth;
    if (k.along_row) {
        depth = detail::power_of_two_from(b.row_length, limit);
        columns = detail::power_of_two_from(b.rows, limit / depth);
    } else {
        columns = detail::power_of_two_from(b.rows, tuning::reduce_columns);
        depth = detail::power_of_two_from(b.row_length, limit / columns);
        columns = detail::power_of_two_from(b.rows, limit / depth);
    }
    // Whole warps: idle threads at the depth end have nothing to fold.
    while (columns * depth < simt::warp_size) depth *= 2;
    k.columns = static_cast<unsigned>(columns);
    k.depth = static_cast<unsigned>(depth);
    k.tiles = detail::divide_up(b.rows, columns);
    const int64 wanted = static_cast<int64>(d.sm_count) * tuning::reduce_blocks_per_sm;
    int64 splits = 1;
    if (k.tiles < wanted && k.tiles <= tuning::reduce_tiles_split) {
        splits = detail::smaller(detail::divide_up(wanted, k.tiles), tuning::reduce_splits);
        splits =
            detail::smaller(splits, b.row_length / (depth * tuning::reduce_elements_per_thread));
        splits = detail::larger(splits, 1);
    }
    k.chunk = detail::larger(detail::divide_up(detail::divide_up(b.row_length, splits), depth), 1) *
              depth;
    splits = detail::larger(detail::divide_up(b.row_length, k.chunk), 1);
    k.once = detail::stored_once<C>(b);
    k.spread = false;
    for (int j = 0; j < C::stores; ++j)
        k.spread |= b.store[j].data && store_is_per_row<C>(j) && !(k.once >> j & 1);
    p.block.x = static_cast<unsigned>(columns * depth);
    const int64 most = static_cast<int64>(d.sm_count) * tuning::reduce_most_blocks_per_sm;
    p.grid.x = static_cast<unsigned>(splits > 1 ? k.tiles : detail::smaller(k.tiles, most));
    p.grid.y = static_cast<unsigned>(splits);
    p.shared_bytes = p.block.x * static_cast<unsigned>(sizeof(states));
    if (splits > 1) {
        p.zeroed_bytes = (k.tiles * static_cast<int64>(sizeof(unsigned)) + 15) / 16 * 16;
        p.workspace_bytes = p.zeroed_bytes + splits * b.rows * static_cast<int64>(sizeof(states));
    }
}

}  // namespace sinter::kernel
