// Grid, block and shared memory of the row kernel. Host code.
#pragma once

#include "sinter/kernel/plan.hpp"
#include "sinter/kernel/row_buffers.hpp"

namespace sinter::kernel {

/// Threads of a block of the row kernel for rows of this length.
inline unsigned row_block(int64 row_length) {
    const int64 wanted = detail::divide_up(row_length, tuning::row_elements_per_thread);
    return static_cast<unsigned>(
        detail::power_of_two_from(detail::larger(wanted, simt::warp_size), tuning::row_threads));
}
/// Bytes of shared memory that row buffers of stage C may take on a device, for rows of this
/// length.
template <class C>
int64 row_buffer_room(int64 row_length, const device_limits& d) {
    const int64 states = row_state_bytes<C>(row_block(row_length) / simt::warp_size);
    // 1 KiB of each block is CUDA's own.
    const int64 share = d.shared_per_sm / tuning::row_blocks_resident - 1024;
    const int64 room = detail::smaller(d.shared_per_block, detail::larger(share, 0));
    return detail::larger(room - (states + 15) / 16 * 16, 0);
}

template <class C, class Sync>
void plan_row(launch_plan<C, Sync>& p, const ir::bound_stage& b, const device_limits& d) {
    auto& k = p.kernel;
    p.block.x = row_block(b.row_length);
    p.grid.x = static_cast<unsigned>(
        detail::smaller(b.rows, static_cast<int64>(d.sm_count) * tuning::row_blocks_per_sm));
    // Buffers lie one after another in the order of their numbers.
    int64 bytes = 0;
    for (int number = 0; number < b.buffers; ++number) {
        int64 size = 0;
        for (int j = 0; j < ir::loads_of<C>().count; ++j) {
            if (k.a.buffer[j] != number) continue;
            k.buffer_offset[j] = static_cast<unsigned>(bytes);
            size = row_buffer_bytes(C::at(ir::loads_of<C>().at[j]).type, b.row_length);
        }
        bytes += size;
    }
    k.buffer_bytes = static_cast<unsigned>(bytes);
    const unsigned states = row_state_bytes<C>(p.block.x / simt::warp_size);
    p.shared_bytes = (states + 15) / 16 * 16 + k.buffer_bytes;
    k.once = detail::stored_once<C>(b);
    k.last_loop = false;
    for (int j = 0; j < C::stores; ++j)
        k.last_loop |= b.store[j].data && (!store_is_per_row<C>(j) || !(k.once >> j & 1));
}

}  // namespace sinter::kernel
