// Which arrays of a row program stay in shared memory between its passes. Host code.
#pragma once

#include "sinter/ir/list.hpp"

namespace sinter::kernel {

/// Bytes of one row buffer: a row of `type`, rounded up to 16.
constexpr int64 row_buffer_bytes(dtype type, int64 row_length) {
    return (row_length * size_of(type) + 15) / 16 * 16;
}

/// What `plan_row_buffers` decided.
struct row_buffer_plan {
    int buffers = 0;  // row buffers in use
    int64 bytes = 0;  // of shared memory
    int refused = 0;  // views that are read more than once and found no room
    int rereads = 0;  // reads per element that these cost
};

/// Gives row buffers to the loads of a row program. `code` are the instructions of the `count`
/// loads, in kernel order, `view[j]` numbers the memory that load j reads: equal numbers mean equal
/// address, strides and type. Views that are read most often come first, while `room` bytes last.
/// Fills `buffer` and `fills` as ir::bound_stage has them.
inline row_buffer_plan plan_row_buffers(const ir::instr* code,
                                        const int* view,
                                        int count,
                                        int64 row_length,
                                        int64 room,
                                        short* buffer,
                                        unsigned char* fills) {
    constexpr unsigned passes = (1U << ir::max_passes) - 1;
    const auto reads = [&](int j) {
        if (code[j].row_constant) return 0;
        return __builtin_popcount(code[j].loops & passes);
    };
    for (int j = 0; j < count; ++j) {
        buffer[j] = -1;
        fills[j] = 0xff;
    }
    row_buffer_plan plan;
    // Bit by bit from the view with most reads; a view is represented by its first load.
    for (;;) {
        int best = -1, best_reads = 1;
        for (int j = 0; j < count; ++j) {
            if (buffer[j] != -1 || reads(j) == 0) continue;
            int sum = 0;
            bool first = true;
            for (int i = 0; i < count; ++i) {
                if (view[i] != view[j] || reads(i) == 0) continue;
                first = first && i >= j;
                sum += reads(i);
            }
            if (first && sum > best_reads) {
                best = j;
                best_reads = sum;
            }
        }
        if (best < 0) break;
        const int64 bytes = row_buffer_bytes(code[best].type, row_length);
        const bool fits = plan.bytes + bytes <= room;
        bool filled = false;
        for (unsigned pass = 0; pass < ir::max_passes; ++pass)
            for (int i = 0; i < count; ++i) {
                if (view[i] != view[best] || reads(i) == 0) continue;
                if (buffer[i] == -1) {
                    buffer[i] = static_cast<short>(fits ? plan.buffers : -2);
                    if (fits) fills[i] = 0;
                }
                if (fits && !filled && (code[i].loops >> pass & 1)) {
                    fills[i] = static_cast<unsigned char>(1U << pass);
                    filled = true;
                }
            }
        if (fits) {
            ++plan.buffers;
            plan.bytes += bytes;
        } else {
            ++plan.refused;
            plan.rereads += best_reads - 1;
        }
    }
    for (int j = 0; j < count; ++j)
        if (buffer[j] == -2) buffer[j] = -1;
    return plan;
}

}  // namespace sinter::kernel
