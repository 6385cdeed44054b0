// The real table over the CUDA runtime. Included by cuda_api.hpp where the build has CUDA; nothing
// else of the library may include a CUDA header.
#pragma once

#include <cuda_runtime_api.h>

#include "sinter/runtime/cuda_api.hpp"

namespace sinter::runtime {

/// The CUDA runtime behind the signatures of `cuda_api`.
struct cuda_runtime_calls {
    static cudaStream_t stream_of(void* s) { return static_cast<cudaStream_t>(s); }
    static cudaEvent_t event_of(void* e) { return static_cast<cudaEvent_t>(e); }

    static int device_count(int* count) { return cudaGetDeviceCount(count); }
    static int set_device(int index) { return cudaSetDevice(index); }
    static int get_device(int* index) { return cudaGetDevice(index); }
    static int device_attribute(int* value, cuda_attribute what, int index) {
        return cudaDeviceGetAttribute(value, attribute_of(what), index);
    }
    static int device_synchronize() { return cudaDeviceSynchronize(); }
    static int set_pool_threshold(int index, uint64 bytes) {
        cudaMemPool_t pool = nullptr;
        if (const cudaError_t e = cudaDeviceGetDefaultMemPool(&pool, index); e != cudaSuccess)
            return e;
        return cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &bytes);
    }
    static int pool_state(int index, pool_bytes* out) {
        cudaMemPool_t pool = nullptr;
        cudaError_t e = cudaDeviceGetDefaultMemPool(&pool, index);
        if (e == cudaSuccess)
            e = cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &out->used);
        if (e == cudaSuccess)
            e = cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &out->reserved);
        return e;
    }
    static int pool_trim(int index) {
        cudaMemPool_t pool = nullptr;
        if (const cudaError_t e = cudaDeviceGetDefaultMemPool(&pool, index); e != cudaSuccess)
            return e;
        return cudaMemPoolTrimTo(pool, 0);
    }
    static int memory_info(uint64* free, uint64* total) {
        std::size_t f = 0, t = 0;
        const cudaError_t e = cudaMemGetInfo(&f, &t);
        *free = f;
        *total = t;
        return e;
    }

    static int malloc_async(void** out, uint64 bytes, void* stream) {
        return cudaMallocAsync(out, bytes, stream_of(stream));
    }
    static int free_async(void* p, void* stream) { return cudaFreeAsync(p, stream_of(stream)); }
    static int free(void* p) { return cudaFree(p); }
    static int malloc_host(void** out, uint64 bytes) { return cudaMallocHost(out, bytes); }
    static int free_host(void* p) { return cudaFreeHost(p); }
    static int memcpy_async(
        void* dst, const void* src, uint64 bytes, copy_kind kind, void* stream) {
        return cudaMemcpyAsync(
            dst, src, bytes, static_cast<cudaMemcpyKind>(kind), stream_of(stream));
    }
    static int memset_async(void* dst, int value, uint64 bytes, void* stream) {
        return cudaMemsetAsync(dst, value, bytes, stream_of(stream));
    }

    static int launch_kernel(
        const void* entry, dim grid, dim block, void** args, uint64 shared_bytes, void* stream) {
        return cudaLaunchKernel(entry,
                                {grid.x, grid.y, grid.z},
                                {block.x, block.y, block.z},
                                args,
                                shared_bytes,
                                stream_of(stream));
    }
    static int launch_cooperative(
        const void* entry, dim grid, dim block, void** args, uint64 shared_bytes, void* stream) {
        return cudaLaunchCooperativeKernel(entry,
                                           {grid.x, grid.y, grid.z},
                                           {block.x, block.y, block.z},
                                           args,
                                           shared_bytes,
                                           stream_of(stream));
    }
    static int set_max_shared(const void* entry, int bytes) {
        return cudaFuncSetAttribute(entry, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    }

    static int stream_create(void** out) {
        cudaStream_t s = nullptr;
        const cudaError_t e = cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
        *out = s;
        return e;
    }
    static int stream_destroy(void* s) { return cudaStreamDestroy(stream_of(s)); }
    static int stream_query(void* s) { return cudaStreamQuery(stream_of(s)); }
    static int stream_synchronize(void* s) { return cudaStreamSynchronize(stream_of(s)); }
    static int stream_wait_event(void* s, void* e) {
        return cudaStreamWaitEvent(stream_of(s), event_of(e), 0);
    }
    static int event_create(void** out, bool timing) {
        cudaEvent_t event = nullptr;
        const cudaError_t e =
            cudaEventCreateWithFlags(&event, timing ? cudaEventDefault : cudaEventDisableTiming);
        *out = event;
        return e;
    }
    static int event_destroy(void* e) { return cudaEventDestroy(event_of(e)); }
    static int event_record(void* e, void* s) { return cudaEventRecord(event_of(e), stream_of(s)); }
    static int event_query(void* e) { return cudaEventQuery(event_of(e)); }
    static int event_synchronize(void* e) { return cudaEventSynchronize(event_of(e)); }
    static int event_elapsed(float* milliseconds, void* start, void* stop) {
        return cudaEventElapsedTime(milliseconds, event_of(start), event_of(stop));
    }

    static int get_last_error() { return cudaGetLastError(); }
    static int peek_last_error() { return cudaPeekAtLastError(); }
    static const char* error_string(int code) {
        return cudaGetErrorString(static_cast<cudaError_t>(code));
    }

private:
    static cudaDeviceAttr attribute_of(cuda_attribute what) {
        switch (what) {
            case cuda_attribute::sm_count: return cudaDevAttrMultiProcessorCount;
            case cuda_attribute::capability_major: return cudaDevAttrComputeCapabilityMajor;
            case cuda_attribute::capability_minor: return cudaDevAttrComputeCapabilityMinor;
            case cuda_attribute::max_shared_per_block:
                return cudaDevAttrMaxSharedMemoryPerBlockOptin;
            case cuda_attribute::max_shared_per_sm:
                return cudaDevAttrMaxSharedMemoryPerMultiprocessor;
            case cuda_attribute::memory_clock: return cudaDevAttrMemoryClockRate;
            case cuda_attribute::memory_bus_bits: return cudaDevAttrGlobalMemoryBusWidth;
            default: return cudaDevAttrL2CacheSize;
        }
    }
};

static_assert(static_cast<int>(copy_kind::host_to_device) == cudaMemcpyHostToDevice &&
              static_cast<int>(copy_kind::device_to_host) == cudaMemcpyDeviceToHost &&
              static_cast<int>(copy_kind::device_to_device) == cudaMemcpyDeviceToDevice &&
              static_cast<int>(copy_kind::any) == cudaMemcpyDefault);
static_assert(cuda_error_memory_allocation == cudaErrorMemoryAllocation &&
              cuda_error_insufficient_driver == cudaErrorInsufficientDriver &&
              cuda_error_no_device == cudaErrorNoDevice &&
              cuda_error_not_ready == cudaErrorNotReady);
static_assert(is_sticky(cudaErrorECCUncorrectable) && is_sticky(cudaErrorIllegalAddress) &&
              is_sticky(cudaErrorLaunchTimeout) && is_sticky(cudaErrorAssert) &&
              is_sticky(cudaErrorHardwareStackError) && is_sticky(cudaErrorIllegalInstruction) &&
              is_sticky(cudaErrorMisalignedAddress) && is_sticky(cudaErrorInvalidAddressSpace) &&
              is_sticky(cudaErrorInvalidPc) && is_sticky(cudaErrorLaunchFailure) &&
              !is_sticky(cudaErrorMemoryAllocation) && !is_sticky(cudaErrorInvalidValue));

inline constexpr cuda_api the_cuda_runtime{
    .device_count = cuda_runtime_calls::device_count,
    .set_device = cuda_runtime_calls::set_device,
    .get_device = cuda_runtime_calls::get_device,
    .device_attribute = cuda_runtime_calls::device_attribute,
    .device_synchronize = cuda_runtime_calls::device_synchronize,
    .set_pool_threshold = cuda_runtime_calls::set_pool_threshold,
    .pool_state = cuda_runtime_calls::pool_state,
    .pool_trim = cuda_runtime_calls::pool_trim,
    .memory_info = cuda_runtime_calls::memory_info,
    .malloc_async = cuda_runtime_calls::malloc_async,
    .free_async = cuda_runtime_calls::free_async,
    .free = cuda_runtime_calls::free,
    .malloc_host = cuda_runtime_calls::malloc_host,
    .free_host = cuda_runtime_calls::free_host,
    .memcpy_async = cuda_runtime_calls::memcpy_async,
    .memset_async = cuda_runtime_calls::memset_async,
    .launch_kernel = cuda_runtime_calls::launch_kernel,
    .launch_cooperative = cuda_runtime_calls::launch_cooperative,
    .set_max_shared = cuda_runtime_calls::set_max_shared,
    .stream_create = cuda_runtime_calls::stream_create,
    .stream_destroy = cuda_runtime_calls::stream_destroy,
    .stream_query = cuda_runtime_calls::stream_query,
    .stream_synchronize = cuda_runtime_calls::stream_synchronize,
    .stream_wait_event = cuda_runtime_calls::stream_wait_event,
    .event_create = cuda_runtime_calls::event_create,
    .event_destroy = cuda_runtime_calls::event_destroy,
    .event_record = cuda_runtime_calls::event_record,
    .event_query = cuda_runtime_calls::event_query,
    .event_synchronize = cuda_runtime_calls::event_synchronize,
    .event_elapsed = cuda_runtime_calls::event_elapsed,
    .get_last_error = cuda_runtime_calls::get_last_error,
    .peek_last_error = cuda_runtime_calls::peek_last_error,
    .error_string = cuda_runtime_calls::error_string,
};

// Runs before every ordinary initialiser of the program, so that a static tensor of any file
// already finds CUDA. A table that is already there stays.
[[gnu::constructor(101)]] static void install_cuda_runtime() {
    const cuda_api* none = nullptr;
    the_cuda_state.api.compare_exchange_strong(none, &the_cuda_runtime);
}

}  // namespace sinter::runtime
