// How much memory arrays use, and what the pools hold beyond that.
#pragma once

#include <atomic>
#include <string>

#include "sinter/runtime/cuda_session.hpp"
#include "sinter/runtime/host_pool.hpp"

namespace sinter {

/// The memory of one device, in bytes. Borrowed memory does not count.
struct memory_statistics {
    int64 in_use = 0;       // of the arrays that are alive
    int64 peak = 0;         // the most that in_use has been since reset_peak_memory
    int64 reserved = 0;     // of arrays and of freed memory that the pool keeps for the next ones
    int64 live = 0;         // arrays that are alive
    int64 allocations = 0;  // since the start of the program
    int64 pinned = 0;       // host only: the part of in_use that is pinned
};

namespace runtime {

/// The counters behind memory_statistics.
struct memory_counters {
    std::atomic<int64> in_use{0}, peak{0}, live{0}, allocations{0}, pinned{0};

    void add(int64 bytes) noexcept {
        const int64 now = in_use.fetch_add(bytes, std::memory_order_relaxed) + bytes;
        int64 most = peak.load(std::memory_order_relaxed);
        while (now > most && !peak.compare_exchange_weak(most, now, std::memory_order_relaxed)) {}
        live.fetch_add(1, std::memory_order_relaxed);
        allocations.fetch_add(1, std::memory_order_relaxed);
    }
    void remove(int64 bytes) noexcept {
        in_use.fetch_sub(bytes, std::memory_order_relaxed);
        live.fetch_sub(1, std::memory_order_relaxed);
    }
};

inline constexpr int counted_devices = 64;
inline constinit memory_counters the_memory_counters[2 + counted_devices];

inline memory_counters& counters_of(device d) noexcept {
    if (d.is_host()) return the_memory_counters[0];
    if (d.is_emulator()) return the_memory_counters[1];
    return the_memory_counters[2 + static_cast<unsigned>(d.index()) % counted_devices];
}

/// What CUDA device `d` has left, as the end of a sentence; empty when it does not say.
[[gnu::cold]] inline std::string memory_left(const cuda_session& cuda, device d) {
    pool_bytes pool{};
    uint64 free = 0, total = 0;
    std::string r = sinter::detail::sentence({"arrays of this program use ",
                                              counters_of(d).in_use.load(std::memory_order_relaxed),
                                              " bytes"});
    if (cuda->pool_state(d.index(), &pool) == cuda_success)
        r = sinter::detail::sentence({r, ", its pool has reserved ", pool.reserved});
    else
        cuda->get_last_error();
    if (cuda->memory_info(&free, &total) == cuda_success)
        r = sinter::detail::sentence({r, ", ", free, " of ", total, " are free"});
    else
        cuda->get_last_error();
    return r;
}

}  // namespace runtime

/// What arrays on `d` use. Throws device_error when `d` does not exist.
inline memory_statistics memory_stats(device d = default_device()) {
    runtime::require_device(d, "memory_stats");
    const runtime::memory_counters& c = runtime::counters_of(d);
    memory_statistics s;
    s.in_use = c.in_use;
    s.peak = c.peak;
    s.live = c.live;
    s.allocations = c.allocations;
    s.pinned = c.pinned;
    s.reserved = s.in_use;
    if (d.is_host()) s.reserved += static_cast<int64>(runtime::the_host_pool.kept_bytes());
    if (d.is_cuda()) {
        const runtime::cuda_session cuda(d, "memory_stats");
        runtime::pool_bytes pool{};
        cuda.check(cuda->pool_state(d.index(), &pool), "cudaMemPoolGetAttribute");
        s.reserved = static_cast<int64>(pool.reserved);
    }
    return s;
}
/// Lets `peak` begin again from what is in use now.
inline void reset_peak_memory(device d = default_device()) {
    runtime::require_device(d, "reset_peak_memory");
    runtime::memory_counters& c = runtime::counters_of(d);
    c.peak = c.in_use.load();
}
/// Gives the freed memory that the pool of `d` keeps back to the system. On CUDA it waits for the
/// device, because memory that was freed in stream order is free only then.
inline void empty_cache(device d = default_device()) {
    runtime::require_device(d, "empty_cache");
    if (d.is_host()) runtime::the_host_pool.trim();
    if (!d.is_cuda()) return;
    const runtime::cuda_session cuda(d, "empty_cache");
    const uint64 last = cuda.log().now();
    cuda.check(cuda->device_synchronize(), "cudaDeviceSynchronize");
    cuda.log().done(last);
    cuda.check(cuda->pool_trim(d.index()), "cudaMemPoolTrimTo");
}

namespace cuda {

/// The memory of CUDA device `d`; see sinter::memory_stats.
inline memory_statistics memory_stats(device d = device::cuda()) { return sinter::memory_stats(d); }
/// Gives unused memory of CUDA device `d` back; see sinter::empty_cache.
inline void empty_cache(device d = device::cuda()) { sinter::empty_cache(d); }

}  // namespace cuda
}  // namespace sinter
