// CUDA as a replaceable table of plain functions. Everything the library asks of CUDA goes through
// it, so a program without CUDA has the same classes, and a test can put a fake in its place that
// counts calls and fails the n-th.
#pragma once

#include <atomic>

#include "sinter/core/config.hpp"
#include "sinter/core/types.hpp"

namespace sinter::runtime {

/// The direction of a copy; the values are those of cudaMemcpyKind.
enum class copy_kind : int { host_to_host, host_to_device, device_to_host, device_to_device, any };

/// What `cuda_api::device_attribute` can ask of a device.
enum class cuda_attribute : int {
    sm_count,
    capability_major,
    capability_minor,
    max_shared_per_block,  // bytes, with the opt-in
    max_shared_per_sm,     // bytes
    l2_bytes,
    memory_clock,    // kHz
    memory_bus_bits  // of the bus to device memory
};

/// An extent in blocks or threads.
struct dim {
    unsigned x = 1, y = 1, z = 1;
};

/// The error codes that the library tells apart; the values are those of cudaError_t.
inline constexpr int cuda_success = 0;
inline constexpr int cuda_error_memory_allocation = 2;
inline constexpr int cuda_error_insufficient_driver = 35;
inline constexpr int cuda_error_no_device = 100;
inline constexpr int cuda_error_not_ready = 600;

/// True for the errors of work that has run which end a device for this process: CUDA returns them
/// from every later call.
constexpr bool is_sticky(int code) {
    switch (code) {
        case 214:  // an ECC error that could not be corrected
        case 226:  // a contained memory error
        case 700:  // an illegal address
        case 702:  // a kernel ran too long
        case 710:  // a failed assert of a kernel
        case 714:  // the stack of a kernel
        case 715:  // an illegal instruction
        case 716:  // a misaligned address
        case 717:  // an address of the wrong space
        case 718:  // an invalid program counter
        case 719:  // a launch failure
        case 721:  // tensor memory that was not released
        case 810:  // the MPS client was ended
        case 911:  // another device failed
            return true;
        default: return false;
    }
}

/// What the driver's pool of a device holds, in bytes.
struct pool_bytes {
    uint64 used = 0;      // allocated, or freed by work that has not run yet
    uint64 reserved = 0;  // taken from the device
};

/// The calls into CUDA. Results are cudaError_t as int, streams and events are void*; a null stream
/// is the default one. No entry may be null.
struct cuda_api {
    int (*device_count)(int* count);
    int (*set_device)(int index);
    int (*get_device)(int* index);
    int (*device_attribute)(int* value, cuda_attribute what, int index);
    int (*device_synchronize)();
    int (*set_pool_threshold)(int index, uint64 bytes);
    int (*pool_state)(int index, pool_bytes* out);
    int (*pool_trim)(int index);  // gives unused memory of the pool back to the device
    int (*memory_info)(uint64* free, uint64* total);  // of the current device

    int (*malloc_async)(void** out, uint64 bytes, void* stream);
    int (*free_async)(void* p, void* stream);
    int (*free)(void* p);
    int (*malloc_host)(void** out, uint64 bytes);
    int (*free_host)(void* p);
    int (*memcpy_async)(void* dst, const void* src, uint64 bytes, copy_kind kind, void* stream);
    int (*memset_async)(void* dst, int value, uint64 bytes, void* stream);

    int (*launch_kernel)(
        const void* entry, dim grid, dim block, void** args, uint64 shared_bytes, void* stream);
    // The same; refused unless all blocks can run at the same time.
    int (*launch_cooperative)(
        const void* entry, dim grid, dim block, void** args, uint64 shared_bytes, void* stream);
    int (*set_max_shared)(const void* entry, int bytes);

    int (*stream_create)(void** out);
    int (*stream_destroy)(void* stream);
    int (*stream_query)(void* stream);
    int (*stream_synchronize)(void* stream);
    int (*stream_wait_event)(void* stream, void* event);
    int (*event_create)(void** out, bool timing);
    int (*event_destroy)(void* event);
    int (*event_record)(void* event, void* stream);
    int (*event_query)(void* event);
    int (*event_synchronize)(void* event);
    int (*event_elapsed)(float* milliseconds, void* start, void* stop);

    int (*get_last_error)();   // and forgets it
    int (*peek_last_error)();  // and keeps it
    const char* (*error_string)(int code);
};

/// What the runtime knows of the current table: forgotten when the table changes.
struct cuda_state {
    std::atomic<const cuda_api*> api{nullptr};
    std::atomic<int> device_count{-1};        // -1: not asked yet
    std::atomic<uint64> pools_configured{0};  // one bit a device
    std::atomic<uint64> faulted{0};           // one bit a device: see faults.hpp
    std::atomic<uint64> epoch{0};             // the number of tables before this one
};
inline constinit cuda_state the_cuda_state;

/// The bit of a device in a word of the state.
constexpr uint64 device_bit(int index) { return uint64{1} << (static_cast<unsigned>(index) % 64); }

/// The calls into CUDA, or null when this program has none.
inline const cuda_api* current_cuda_api() noexcept {
    return the_cuda_state.api.load(std::memory_order_acquire);
}

/// Replaces the calls into CUDA and returns the old ones; null means a program without CUDA. What
/// was allocated through a table is released through it, so a table must outlive its allocations.
inline const cuda_api* set_cuda_api(const cuda_api* api) noexcept {
    const cuda_api* old = the_cuda_state.api.exchange(api, std::memory_order_acq_rel);
    the_cuda_state.device_count = -1;
    the_cuda_state.pools_configured = 0;
    the_cuda_state.faulted = 0;
    ++the_cuda_state.epoch;
    return old;
}

}  // namespace sinter::runtime

namespace sinter::cuda {

/// The number of CUDA devices: 0 without CUDA, driver or GPU. Never throws.
inline int device_count() noexcept {
    auto& state = runtime::the_cuda_state;
    if (const int known = state.device_count.load(std::memory_order_acquire); known >= 0)
        return known;
    const runtime::cuda_api* api = runtime::current_cuda_api();
    if (!api) return 0;
    int count = 0;
    const int code = api->device_count(&count);
    if (code != runtime::cuda_success) {
        api->get_last_error();
        count = 0;
        // Any other failure may pass: ask again next time.
        if (code != runtime::cuda_error_insufficient_driver &&
            code != runtime::cuda_error_no_device)
            return 0;
    }
    state.device_count.store(count, std::memory_order_release);
    return count;
}

/// True when there is at least one CUDA device. Never throws.
inline bool is_available() noexcept { return device_count() > 0; }

}  // namespace sinter::cuda

#if defined(SINTER_HAS_CUDA) || SINTER_NVCC
#include "sinter/runtime/cuda_runtime.hpp"
#endif
