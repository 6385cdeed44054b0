// Launches the kernel of a stage: on the emulator in test builds, on CUDA where nvcc compiles.
#pragma once

#include "sinter/kernel/launch.hpp"
#include "sinter/runtime/launch.hpp"
#include "sinter/runtime/memory.hpp"
#include "sinter/runtime/properties.hpp"

namespace sinter::exec {

/// Which loads of stage C keep their rows in shared memory between passes, and the arrays that say
/// so.
template <class C>
struct row_buffers {
    static constexpr int loads = kernel::args<C>::loads;
    short buffer[kernel::at_least_one(loads)];
    unsigned char fills[kernel::at_least_one(loads)];
    int count = 0;

    /// Plans for the stage as bound: loads of one view share a buffer.
    void plan(const ir::bound_stage& b, const kernel::device_limits& limits) {
        constexpr auto list = ir::loads_of<C>();
        ir::instr code[kernel::at_least_one(loads)];
        int view[kernel::at_least_one(loads)];
        for (int j = 0; j < loads; ++j) {
            code[j] = C::at(list.at[j]);
            view[j] = j;
            for (int i = j - 1; i >= 0; --i)
                if (same(b, code, i, j)) view[j] = i;
        }
        const int64 room = kernel::row_buffer_room<C>(b.row_length, limits);
        count =
            kernel::plan_row_buffers(code, view, loads, b.row_length, room, buffer, fills).buffers;
    }

private:
    static bool same(const ir::bound_stage& b, const ir::instr* code, int i, int j) {
        if (b.load[i].data != b.load[j].data || code[i].type != code[j].type) return false;
        for (int d = 0; d < b.outer_rank + b.row_rank; ++d)
            if (b.load[i].stride[d] != b.load[j].stride[d]) return false;
        return true;
    }
};

template <class C>
kernel::launch_plan<C> plan_stage(ir::bound_stage b, const kernel::device_limits& limits) {
    row_buffers<C> rows;
    if constexpr (kernel::kernel_kind_of<C>() == kernel::kernel_kind::row) {
        rows.plan(b, limits);
        b.buffer = rows.buffer;
        b.fills = rows.fills;
        b.buffers = rows.count;
    }
    return kernel::plan_launch<C>(b, limits);
}

inline runtime::storage_ptr workspace_for(const kernel::launch_shape& p, device where) {
    if (p.workspace_bytes == 0) return nullptr;
    auto memory = runtime::allocate(where, static_cast<std::size_t>(p.workspace_bytes));
    runtime::fill_zero(memory->data(), where, static_cast<std::size_t>(p.zeroed_bytes));
    return memory;
}
inline runtime::dim dim_of(const simt::dim& d) { return {d.x, d.y, d.z}; }

#if SINTER_EMULATOR
/// Runs stage C on the emulator; what the emulator finds wrong is a device_error.
template <class C>
void run_on_emulator(const ir::bound_stage& b, const runtime::launch_record& record) {
    // A small device, so that small tests still fill it.
    const kernel::device_limits limits{
        .sm_count = 2, .shared_per_block = 99 * 1024, .shared_per_sm = 164 * 1024};
    auto p = plan_stage<C>(b, limits);
    if (p.nothing) return;
    const auto memory = workspace_for(p, record.where);
    if (memory) p.use_workspace(memory->data());
    runtime::launch_record r = record;
    r.grid = dim_of(p.grid);
    r.block = dim_of(p.block);
    const runtime::watched_launch watched(r, nullptr);
    const auto& result = simt::launch(p.kernel, p.grid, p.block, p.shared_bytes);
    runtime::note_launch(r);
    if (!result.errors.empty())
        throw device_error(std::string("The emulator found an error in the ") + record.kernel +
                           " kernel: " + result.errors.front());
}
#endif

#if SINTER_NVCC
/// Queues stage C on the current stream of its device.
template <class C>
void run_on_cuda(const ir::bound_stage& b, const runtime::launch_record& record) {
    const runtime::device_properties d = runtime::properties_of(record.where);
    const kernel::device_limits limits{d.sm_count,
                                       d.shared_per_block,
                                       d.shared_per_sm,
                                       kernel::bytes_in_flight(d.bandwidth, d.sm_count)};
    auto p = plan_stage<C>(b, limits);
    if (p.nothing) return;
    const auto memory = workspace_for(p, record.where);
    if (memory) p.use_workspace(memory->data());
    runtime::launch_record r = record;
    r.grid = dim_of(p.grid);
    r.block = dim_of(p.block);
    void* arguments[] = {&p.kernel};
    using kernel_type = decltype(p.kernel);
    runtime::cuda_launch(r, simt::entry_pointer<kernel_type>(), arguments, p.shared_bytes);
}
#endif

}  // namespace sinter::exec
