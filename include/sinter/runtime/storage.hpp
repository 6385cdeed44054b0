// Allocations on every device.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "sinter/core/shared.hpp"
#include "sinter/core/std_parts.hpp"
#include "sinter/runtime/memory_stats.hpp"
#include "sinter/runtime/stream.hpp"

namespace sinter::runtime {

class storage;
/// A shared allocation: the last owner frees it.
using storage_ptr = sinter::detail::shared<storage>;

/// The allocations alive on all devices; zero-byte and borrowed ones do not count.
inline constinit std::atomic<int64> live_allocations{0};

// For tests: the number of allocations until one fails, 0 when none shall.
inline constinit std::atomic<int64> allocations_until_failure{0};

/// For tests: while it lives, the n-th allocation from now (from 1), of any thread and device,
/// throws out_of_memory.
class fail_allocation {
public:
    explicit fail_allocation(int64 n) { allocations_until_failure = n; }
    ~fail_allocation() { allocations_until_failure = 0; }
    fail_allocation(const fail_allocation&) = delete;
    fail_allocation& operator=(const fail_allocation&) = delete;
    /// True when the n-th allocation was asked for.
    bool fired() const { return allocations_until_failure <= 0; }
};

/// Work that is queued on `after` from now on runs after what is queued on `before` now; both are
/// CUDA streams. Never throws: the first failure, or 0.
[[gnu::cold]] inline int order(const cuda_api& api,
                               const stream& before,
                               const stream& after) noexcept {
    void* event = nullptr;
    int code = cuda_success;
    {
        const device_switch on(api, before.where().index());
        code = on.code();
        if (code == cuda_success) code = api.event_create(&event, false);
        if (code != cuda_success) return code;
        code = api.event_record(event, before.handle());
    }
    if (code == cuda_success) {
        const device_switch on(api, after.where().index());
        code = on.code();
        if (code == cuda_success) code = api.stream_wait_event(after.handle(), event);
    }
    const int destroyed = api.event_destroy(event);  // once it is reached
    return code == cuda_success ? destroyed : code;
}

/// One allocation on one device. Destroying it never throws; on CUDA the memory is freed in stream
/// order, so kernels in flight may still use it.
class storage {
    struct key {};

public:
    /// `bytes` of uninitialised memory on `d`, aligned to 64 bytes at least; on CUDA ordered by the
    /// current stream. Zero bytes allocate nothing and never fail. Throws out_of_memory, which
    /// names the device and the bytes, and device_error when `d` does not exist.
    static storage_ptr allocate(device d, std::size_t bytes) {
        auto s = storage_ptr::make(key{}, d, bytes);
        if (bytes) s->acquire();
        return s;
    }

    /// `bytes` of host memory that CUDA copies from and to while the program goes on; ordinary host
    /// memory in a program without a CUDA device. Its end waits for the copies that use it.
    static storage_ptr allocate_pinned(std::size_t bytes) {
        if (!sinter::cuda::is_available()) return allocate(device::host(), bytes);
        auto s = storage_ptr::make(key{}, device::host(), bytes);
        if (bytes) s->acquire_pinned();
        return s;
    }

    /// A storage that does not own `p`: who made the pointer keeps it alive.
    static storage_ptr borrow(device d, void* p, std::size_t bytes) {
        auto s = storage_ptr::make(key{}, d, bytes);
        s->data_ = p;
        return s;
    }

    /// `bytes` of the memory of `whole` from byte `at` on. It keeps `whole` alive.
    static storage_ptr part_of(storage_ptr whole, std::size_t at, std::size_t bytes) {
        auto s = storage_ptr::make(key{}, whole->where(), bytes);
        s->become_part(std::move(whole), at);
        return s;
    }

    storage(key, device d, std::size_t bytes) : device_(d), bytes_(bytes) {}
    /// As `allocate`, for memory with one owner that knows when to end it.
    storage(device d, std::size_t bytes) : storage(key{}, d, bytes) {
        if (bytes) acquire();
    }
    ~storage() {
        if (owned_) release();
    }
    storage(const storage&) = delete;
    storage& operator=(const storage&) = delete;

    device where() const { return device_; }
    std::size_t bytes() const { return bytes_; }
    void* data() const { return whole_ ? data_of_part() : data_; }
    /// True for an allocation of its own: not for borrowed memory, nor for a part of another
    /// storage.
    bool owns() const { return owned_; }
    /// How often something was written to this memory after it was made: evaluations that write
    /// in place and copies say so. Writes to the whole count for its parts.
    uint64 version() const { return whole_ ? version_ + whole_->version() : version_; }
    void note_write() { ++version_; }
    /// The storage that this one is a part of, or null.
    const storage_ptr& whole() const { return whole_; }
    /// True when nothing outside this library could free the memory.
    bool is_managed() const { return whole_ ? whole_->is_managed() : owned_; }
    /// True for host memory that CUDA can copy asynchronously.
    bool pinned() const { return whole_ ? whole_->pinned() : cuda_ && cuda_->pinned; }
    /// The stream in whose order CUDA memory was allocated and is freed; that of the caller for
    /// other memory.
    stream home() const {
        return whole_ ? whole_->home() : cuda_ ? cuda_->home : current_stream(device_);
    }

    /// Gives up the memory and becomes part of `whole`, from byte `at` on; what the elements are is
    /// the caller's affair (`move_into`). Every handle on this storage follows, expressions too:
    /// they hold places within a storage, not addresses.
    void become_part(storage_ptr whole, std::size_t at) noexcept {
        if (owned_) release();
        owned_ = false;
        data_ = nullptr;
        cuda_.reset();
        version_ = version() - whole->version();  // moving is no change
        whole_ = std::move(whole);
        at_ = at;
    }

    /// Says that work on `s` uses this memory: freeing then waits for that work. To be called for
    /// every CUDA launch and copy, before it; it costs a comparison unless `s` is not the stream on
    /// which the memory was allocated.
    [[gnu::cold]] void note_use(const stream& s) {
        if (whole_) return whole_->note_use(s);
        if (!cuda_ || (s == cuda_->home && !cuda_->pinned) || !s.where().is_cuda()) return;
        const std::lock_guard lock(cuda_->mutex);
        for (const stream& u : cuda_->users)
            if (u == s) return;
        cuda_->users.push_back(s);
    }

    /// True when no other stream than `s` may still use this CUDA memory, so that work on `s` may
    /// overwrite what nobody holds any more.
    [[gnu::cold]] bool used_only_on(const stream& s) const {
        if (whole_) return whole_->used_only_on(s);
        if (!cuda_) return true;
        const std::lock_guard lock(cuda_->mutex);
        return cuda_->home == s && cuda_->users.empty();
    }

private:
    [[gnu::noinline]] void* data_of_part() const {
        return static_cast<char*>(whole_->data()) + at_;
    }
    struct cuda_block {
        cuda_block(const cuda_api& a, stream s) : api(&a), home(std::move(s)) {}

        const cuda_api* api;  // what allocates also frees, even when the table was replaced
        stream home;
        bool pinned = false;
        std::mutex mutex;
        std::vector<stream> users;
    };

    [[noreturn, gnu::cold]] void refuse(const std::string& why) const {
        sinter::detail::refuse<out_of_memory>(
            {"allocate: ", uint64{bytes_}, " bytes on ", device_.name(), " failed, ", why, "."});
    }

    void fail_for_test() const {
        if (allocations_until_failure.load(std::memory_order_relaxed) > 0 &&
            allocations_until_failure.fetch_sub(1) == 1)
            refuse("a test asked for it");
    }

    void acquire() {
        fail_for_test();
        if (device_.is_cuda()) {
            acquire_cuda();
        } else if (device_.is_host()) {
            data_ = the_host_pool.take(bytes_);
        } else {
            require_device(device_, "allocate");
            data_ = current_emulator_memory()->allocate(bytes_);
        }
        if (!data_) refuse("there is not enough free memory");
        own();
    }
    void own() noexcept {
        owned_ = true;
        ++live_allocations;
        counters_of(device_).add(static_cast<int64>(bytes_));
    }

    [[gnu::cold]] void acquire_cuda() {
        const cuda_session cuda(device_, "allocate");
        auto block = sinter::detail::shared<cuda_block>::make(cuda.api(), current_stream(device_));
        keep_pool(cuda);
        void* p = nullptr;
        int code = cuda->malloc_async(&p, bytes_, block->home.handle());
        if (code == cuda_error_memory_allocation) {
            // What was freed becomes free memory once the work before it is done, and may then lie
            // in pieces of the wrong size.
            cuda->get_last_error();
            code = cuda->device_synchronize();
            if (is_sticky(code)) cuda.fail(code, "cudaDeviceSynchronize");
            if (code == cuda_success) code = cuda->pool_trim(device_.index());
            if (code != cuda_success) cuda->get_last_error();
            code = cuda->malloc_async(&p, bytes_, block->home.handle());
            if (code == cuda_error_memory_allocation) {
                cuda->get_last_error();
                refuse(sinter::detail::sentence(
                    {"the device has not enough free memory: ", memory_left(cuda, device_)}));
            }
        }
        cuda.check(code, "cudaMallocAsync");
        data_ = p;
        cuda_ = std::move(block);
    }

    [[gnu::cold]] void acquire_pinned() {
        fail_for_test();
        const cuda_session cuda(device::cuda(), "allocate pinned memory");
        auto block = sinter::detail::shared<cuda_block>::make(cuda.api(),
                                                              stream::default_of(device::cuda()));
        block->pinned = true;
        void* p = nullptr;
        const int code = cuda->malloc_host(&p, bytes_);
        if (code == cuda_error_memory_allocation) {
            cuda->get_last_error();
            refuse("there is not enough memory that can be pinned");
        }
        cuda.check(code, "cudaMallocHost");
        data_ = p;
        cuda_ = std::move(block);
        own();
        counters_of(device_).pinned += static_cast<int64>(bytes_);
    }

    // Freed memory stays with the process: by default the driver takes it back at every
    // synchronisation. A failure costs only speed.
    [[gnu::cold]] void keep_pool(const cuda_session& cuda) const {
        const uint64 bit = device_bit(device_.index());
        if (the_cuda_state.pools_configured.load(std::memory_order_relaxed) & bit) return;
        if (the_cuda_state.pools_configured.fetch_or(bit) & bit) return;
        if (cuda->set_pool_threshold(device_.index(), ~uint64{0}) != cuda_success)
            cuda->get_last_error();
    }

    void release() noexcept {
        --live_allocations;
        counters_of(device_).remove(static_cast<int64>(bytes_));
        if (cuda_)
            release_cuda();
        else if (device_.is_host())
            the_host_pool.give(data_, bytes_);
        else if (const emulator_memory* e = current_emulator_memory(); e && !e->release(data_))
            ++damaged_releases;
    }

    // Cannot throw and must not leak: when the ordered way fails, the memory is freed at once.
    [[gnu::cold]] void release_cuda() noexcept {
        const cuda_api& api = *cuda_->api;
        int code = cuda_success;
        if (cuda_->pinned) {
            counters_of(device_).pinned -= static_cast<int64>(bytes_);
            wait_for_copies(api);
            code = api.free_host(data_);
        } else {
            for (const stream& user : cuda_->users)
                if (code == cuda_success) code = order(api, user, cuda_->home);
            const device_switch on(api, device_.index());
            if (code == cuda_success) code = on.code();
            if (code == cuda_success) code = api.free_async(data_, cuda_->home.handle());
            if (code != cuda_success) {
                api.get_last_error();
                code = api.free(data_);  // waits for the device
            }
        }
        if (code != cuda_success) api.get_last_error();
    }

    // Host memory has no stream that could free it in order.
    [[gnu::cold]] void wait_for_copies(const cuda_api& api) const noexcept {
        for (const stream& user : cuda_->users) {
            const device_switch on(api, user.where().index());
            if (on.code() != cuda_success) api.get_last_error();
            if (api.stream_synchronize(user.handle()) != cuda_success) api.get_last_error();
        }
    }

    device device_;
    bool owned_ = false;
    std::size_t bytes_;
    void* data_ = nullptr;
    uint64 version_ = 0;
    sinter::detail::shared<cuda_block> cuda_;  // null unless CUDA allocated
    storage_ptr whole_;
    std::size_t at_ = 0;  // where in `whole_`
};

/// `bytes` of uninitialised memory on `d`; see storage::allocate.
inline storage_ptr allocate(device d, std::size_t bytes) { return storage::allocate(d, bytes); }

}  // namespace sinter::runtime
