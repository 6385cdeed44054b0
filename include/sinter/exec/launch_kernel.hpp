// Launches the kernel of a stage: on the emulator in test builds, on CUDA where nvcc compiles.
#pragma once

#include "sinter/exec/product_library.hpp"
#include "sinter/runtime/memory.hpp"
#include "sinter/runtime/properties.hpp"

namespace sinter::exec {

/// False: convolutions of few channels take the tiles of all products, as a benchmark wants it for
/// comparison.
inline constinit bool takes_direct_kernel = true;

/// What kernels have on device `d`; of the host nobody asks.
inline kernel::device_limits limits_of(device d) {
    // The emulator is a small device, so that small tests still fill it.
    if (!d.is_cuda())
        return {.sm_count = 2,
                .shared_per_block = 99 * 1024,
                .shared_per_sm = 164 * 1024,
                .direct = takes_direct_kernel};
    const runtime::device_properties p = runtime::properties_of(d);
    return {.sm_count = p.sm_count,
            .shared_per_block = p.shared_per_block,
            .shared_per_sm = p.shared_per_sm,
            .bytes_in_flight = kernel::bytes_in_flight(p.bandwidth, p.sm_count),
            .direct = takes_direct_kernel};
}

inline runtime::storage_ptr workspace_for(const kernel::launch_shape& p, device where) {
    if (p.workspace_bytes == 0) return nullptr;
    auto memory = runtime::allocate(where, static_cast<std::size_t>(p.workspace_bytes));
    runtime::fill_zero(memory->data(), where, static_cast<std::size_t>(p.zeroed_bytes));
    return memory;
}
inline runtime::dim dim_of(const simt::dim& d) { return {d.x, d.y, d.z}; }

/// The record of a stage that the window kernel runs.
inline runtime::launch_record of_windows(runtime::launch_record r) {
    r.kernel = "window";
    return r;
}

#if SINTER_EMULATOR
/// Runs a launch on the emulator; what the emulator finds wrong is a device_error.
template <class K>
void start_on_emulator(const runtime::launch_record& record,
                       const kernel::launch_shape& p,
                       const K& kernel) {
    runtime::launch_record r = record;
    r.grid = dim_of(p.grid);
    r.block = dim_of(p.block);
    const runtime::watched_launch watched(r, nullptr);
    const auto& result = simt::launch(kernel, p.grid, p.block, p.shared_bytes, p.cooperative);
    runtime::note_launch(r);
    if (!result.errors.empty())
        throw device_error(std::string("The emulator found an error in the ") + record.kernel +
                           " kernel: " + result.errors.front());
}
/// Runs stage C on the emulator.
template <class C>
void run_on_emulator(const ir::bound_stage& b, const runtime::launch_record& record) {
    if (run_by_library<C>(b, record)) return;
    const kernel::device_limits d = limits_of(record.where);
    if constexpr (kernel::folds_windows<C>()) {
        const auto p = kernel::plan_windows<C>(b, d);
        if (!p.nothing) return start_on_emulator(of_windows(record), p, p.kernel);
    }
    auto p = kernel::plan_launch<C>(b, d);
    if (p.nothing) return;
    const auto memory = workspace_for(p, record.where);
    if (memory) p.use_workspace(memory->data());
    p.with_kernel([&](const auto& kernel) { start_on_emulator(record, p, kernel); });
}
#endif

#if SINTER_NVCC
/// Queues a kernel on the current stream of its device: the part that all stages share.
inline void start_on_cuda(const runtime::launch_record& record,
                          const kernel::launch_shape& p,
                          const void* entry,
                          void* kernel) {
    runtime::launch_record r = record;
    r.grid = dim_of(p.grid);
    r.block = dim_of(p.block);
    r.cooperative = p.cooperative;
    void* arguments[] = {kernel};
    runtime::cuda_launch(r, entry, arguments, p.shared_bytes);
}
/// Queues stage C on the current stream of its device.
template <class C>
void run_on_cuda(const ir::bound_stage& b, const runtime::launch_record& record) {
    if (run_by_library<C>(b, record)) return;
    if constexpr (kernel::folds_windows<C>()) {
        auto p = kernel::plan_windows<C>(b, limits_of(record.where));
        if (!p.nothing)
            return start_on_cuda(
                of_windows(record), p, simt::entry_pointer<decltype(p.kernel)>(), &p.kernel);
    }
    auto p = kernel::plan_launch<C>(b, limits_of(record.where));
    if (p.nothing) return;
    const void* entry = simt::entry_pointer<decltype(p.kernel)>();
    // Both take the same bytes.
    if constexpr (kernel::may_be_direct<C>())
        if (p.direct) entry = simt::entry_pointer<kernel::direct_matmul<C>>();
    if constexpr (kernel::kernel_kind_of<C>() == kernel::kernel_kind::map) {
        start_on_cuda(record, p, entry, &p.kernel);
    } else {
        const auto memory = workspace_for(p, record.where);
        if (memory) p.use_workspace(memory->data());
        start_on_cuda(record, p, entry, &p.kernel);
    }
}
#endif

}  // namespace sinter::exec
