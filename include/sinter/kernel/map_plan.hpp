// Grid, block and path of the map kernel. Host code.
#pragma once

#include "sinter/kernel/plan.hpp"

namespace sinter::kernel {

namespace detail {

template <class C>
bool map_is_contiguous(const ir::bound_stage& b) {
    if (b.outer_rank > 1 || row_constants_vary<C>(b)) return false;
    constexpr int64 width = map_width<C>();
    const auto fits = [&](const ir::bound_operand& o, dtype type) {
        return (b.outer_rank == 0 || o.stride[0] == 1 || b.extent[0] == 1) &&
               aligned(o.data, width * size_of(type));
    };
    constexpr auto loads = ir::loads_of<C>();
    for (int k = 0; k < loads.count; ++k) {
        const ir::instr x = C::at(loads.at[k]);
        if (!x.row_constant && !fits(b.load[k], x.type)) return false;
    }
    for (int j = 0; j < C::stores; ++j)
        if (b.store[j].data && !fits(b.store[j], C::at(C::stored(j)).type)) return false;
    return true;
}

}  // namespace detail

/// The map kernel: no more blocks than keep the device full.
template <class C, class Sync>
void plan_map(launch_plan<C, Sync>& p, const ir::bound_stage& b, const device_limits& d) {
    p.kernel.contiguous = detail::map_is_contiguous<C>(b);
    p.kernel.row_varies = detail::row_constants_vary<C>(b);
    const int64 items = p.kernel.contiguous ? detail::divide_up(b.rows, map_width<C>()) : b.rows;
    const int64 threads =
        detail::smaller(detail::power_of_two_from(items, 1 << 20), tuning::map_threads);
    p.block.x = static_cast<unsigned>(detail::larger(threads, simt::warp_size));
    p.grid.x = static_cast<unsigned>(
        detail::smaller(detail::divide_up(items, p.block.x),
                        static_cast<int64>(d.sm_count) * tuning::map_blocks_per_sm));
}

}  // namespace sinter::kernel
