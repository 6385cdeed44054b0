// Launches of kernels: how CUDA is asked to run one, and the counter that shows what ran.
#pragma once

#include <vector>

#include "sinter/runtime/log.hpp"
#include "sinter/runtime/memory.hpp"
#include "sinter/runtime/watch.hpp"

namespace sinter {

namespace runtime {

void note_launch(const launch_record& r);
void note_temporary(int64 count);

}  // namespace runtime

/// Counts what this thread runs while the counter lives, on every device. Counters nest: each
/// counts.
class launch_counter {
public:
    launch_counter() : outer_(top) { top = this; }
    ~launch_counter() {
        // Counters on the heap may go in any order.
        launch_counter** at = &top;
        while (*at && *at != this) at = &(*at)->outer_;
        if (*at) *at = outer_;
    }
    launch_counter(const launch_counter&) = delete;
    launch_counter& operator=(const launch_counter&) = delete;

    /// Kernels that ran; the host's loops count as kernels.
    int launches() const { return static_cast<int>(records_.size()); }
    /// Those of them that ran on `d`.
    int launches_on(device d) const {
        int n = 0;
        for (const runtime::launch_record& r : records_) n += r.where == d;
        return n;
    }
    /// Arrays that an evaluation allocated for itself and freed.
    int temporaries() const { return temporaries_; }
    /// The sum over launches of the bytes of the arrays that each reads.
    int64 bytes_loaded() const { return bytes_loaded_; }
    /// The sum over launches of the bytes of the arrays that each writes.
    int64 bytes_stored() const { return bytes_stored_; }
    /// Every launch, in order.
    const std::vector<runtime::launch_record>& records() const { return records_; }

    /// Starts again from zero.
    void reset() {
        records_.clear();
        temporaries_ = 0;
        bytes_loaded_ = bytes_stored_ = 0;
    }

private:
    friend void runtime::note_launch(const runtime::launch_record& r);
    friend void runtime::note_temporary(int64 count);

    [[gnu::cold]] static void note(const runtime::launch_record& r) {
        for (launch_counter* c = top; c; c = c->outer_) {
            c->records_.push_back(r);
            c->bytes_loaded_ += r.bytes_in;
            c->bytes_stored_ += r.bytes_out;
        }
    }

    static inline constinit thread_local launch_counter* top = nullptr;

    std::vector<runtime::launch_record> records_;
    int temporaries_ = 0;
    int64 bytes_loaded_ = 0, bytes_stored_ = 0;
    launch_counter* outer_;
};

namespace runtime {

/// Tells this thread's counters of one launch. `cuda_launch` does so itself; the host and the
/// emulator call it where they run a kernel.
inline void note_launch(const launch_record& r) {
    if (launch_counter::top) [[unlikely]]
        launch_counter::note(r);
}

/// Tells this thread's counters of arrays that an evaluation allocates for itself.
inline void note_temporary(int64 count = 1) {
    for (launch_counter* c = launch_counter::top; c; c = c->outer_)
        c->temporaries_ += static_cast<int>(count);
}

/// Dynamic shared memory above which CUDA wants to be asked first.
inline constexpr unsigned plain_shared_bytes = 48 * 1024;

/// Queues the kernel `entry` on `s` with r.grid blocks of r.block threads and tells the counters.
/// `args` are the addresses of its arguments. Throws device_error, which names the kernel, when the
/// device is missing or refuses; nothing has run then and the next operation works.
inline void cuda_launch(const launch_record& r,
                        const void* entry,
                        void** args,
                        unsigned shared_bytes,
                        const stream& s) {
    const watched_launch watched(r, s.handle());
    const cuda_session cuda(r.where, "launch of kernel ", r.kernel);
    if (shared_bytes > plain_shared_bytes)
        cuda.check(cuda->set_max_shared(entry, static_cast<int>(shared_bytes)),
                   "cudaFuncSetAttribute");
    const uint64 number = cuda.log().add({.kernel = r.kernel,
                                          .label = r.label,
                                          .stream = s.handle(),
                                          .grid = r.grid,
                                          .block = r.block});
    const auto call = r.cooperative ? cuda->launch_cooperative : cuda->launch_kernel;
    const int code = call(entry, r.grid, r.block, args, shared_bytes, s.handle());
    if (code != cuda_success) {
        if (!is_sticky(code)) cuda.log().forget(number);
        cuda.fail(code, r.cooperative ? "cudaLaunchCooperativeKernel" : "cudaLaunchKernel");
    }
    note_launch(r);
}
/// The same on this thread's current stream of r.where.
inline void cuda_launch(const launch_record& r,
                        const void* entry,
                        void** args,
                        unsigned shared_bytes = 0) {
    cuda_launch(r, entry, args, shared_bytes, current_stream(r.where));
}

}  // namespace runtime
}  // namespace sinter
