// Queues of work on a device, and which one this thread uses.
#pragma once

#include <utility>

#include "sinter/core/shared.hpp"
#include "sinter/runtime/event.hpp"

namespace sinter {

/// A queue of work on a device. Copies name the same queue; the last one destroys it if the library
/// created it. On the host and the emulator work is done at once and a stream is only a name.
class stream {
public:
    /// A new queue on `d`, which does not wait for the default one.
    explicit stream(device d) : device_(d) {
        runtime::require_device(d, "create a stream");
        if (!d.is_cuda()) return;
        const runtime::cuda_session cuda(d, "create a stream");
        auto queue = detail::shared<owned_queue>::make();
        cuda.check(cuda->stream_create(&queue->handle), "cudaStreamCreateWithFlags");
        queue->api = &cuda.api();
        handle_ = queue->handle;
        owned_ = std::move(queue);
    }
    /// The default queue of `d`.
    static stream default_of(device d) noexcept { return {d, nullptr}; }
    /// The user's own `cudaStream_t` on `d`. It must outlive the arrays that are made on it.
    static stream borrow(device d, void* handle) noexcept { return {d, handle}; }

    /// The device that works this queue off.
    device where() const { return device_; }
    /// The `cudaStream_t`; null is the default one.
    void* handle() const { return handle_; }

    /// True when all work in this queue is done. Throws as `synchronize`.
    bool query() const {
        if (!device_.is_cuda()) {
            runtime::refuse_reported(device_);
            return true;
        }
        const runtime::cuda_session cuda(device_, "query a stream");
        const uint64 last = cuda.log().now();
        const int code = cuda->stream_query(handle_);
        if (code == runtime::cuda_error_not_ready) {
            cuda->get_last_error();
            return false;
        }
        cuda.check(code, "cudaStreamQuery");
        cuda.log().done(last, handle_);
        runtime::refuse_reported(device_);
        return true;
    }
    /// Waits until all work in this queue is done. Throws device_error when any of it failed, and
    /// index_error when a kernel of this device met an index outside an axis: the first that did.
    void synchronize() const {
        if (!device_.is_cuda()) return runtime::refuse_reported(device_);
        const runtime::cuda_session cuda(device_, "synchronize");
        const uint64 last = cuda.log().now();
        cuda.check(cuda->stream_synchronize(handle_), "cudaStreamSynchronize");
        cuda.log().done(last, handle_);
        runtime::refuse_reported(device_);
    }
    /// What is queued here from now on runs after the work before `e`, which may be of another
    /// device. The host does not wait.
    void wait(const event& e) const {
        if (!e.handle()) return;
        if (!device_.is_cuda()) return e.synchronize();
        const runtime::cuda_session cuda(device_, "wait for an event");
        cuda.check(cuda->stream_wait_event(handle_, e.handle()), "cudaStreamWaitEvent");
    }
    /// The same for all work that is queued on `other` now.
    void wait(const stream& other) const {
        if (other == *this) return;
        event e(other.where());
        e.record(other);
        wait(e);
    }

    friend bool operator==(const stream& a, const stream& b) {
        return a.device_ == b.device_ && a.handle_ == b.handle_;
    }

private:
    struct owned_queue {
        const runtime::cuda_api* api = nullptr;
        void* handle = nullptr;

        owned_queue() = default;
        ~owned_queue() {
            if (api && api->stream_destroy(handle) != runtime::cuda_success) api->get_last_error();
        }
        owned_queue(const owned_queue&) = delete;
        owned_queue& operator=(const owned_queue&) = delete;
    };

    stream(device d, void* handle) : device_(d), handle_(handle) {}

    device device_;
    void* handle_ = nullptr;
    detail::shared<owned_queue> owned_;
};

/// Makes a stream current on this thread while it lives. Scopes nest.
class stream_scope {
public:
    explicit stream_scope(stream s) : stream_(std::move(s)), outer_(top) { top = this; }
    ~stream_scope() { top = outer_; }
    stream_scope(const stream_scope&) = delete;
    stream_scope& operator=(const stream_scope&) = delete;

private:
    friend stream current_stream(device d);

    // A plain pointer: it needs no destructor, so static arrays may still look at it at exit.
    static inline constinit thread_local const stream_scope* top = nullptr;

    stream stream_;
    const stream_scope* outer_;
};

/// The stream that this thread uses on `d`: that of the innermost stream_scope for `d`, else the
/// default one.
inline stream current_stream(device d) {
    for (const stream_scope* s = stream_scope::top; s; s = s->outer_)
        if (s->stream_.where() == d) return s->stream_;
    return stream::default_of(d);
}
/// The stream that this thread uses on the default device.
inline stream current_stream() { return current_stream(default_device()); }

inline void event::record(const stream& s) {
    if (!(s.where() == where()))
        throw device_error("record an event: the event is on " + where().name() +
                           ", the stream on " + s.where().name() + ".");
    if (state_->handle) {
        const runtime::cuda_session cuda(where(), "record an event");
        const uint64 last = cuda.log().now();
        cuda.check(cuda->event_record(state_->handle, s.handle()), "cudaEventRecord");
        state_->queue = s.handle();
        state_->number = last;
    } else {
        timespec t{};
        ::clock_gettime(CLOCK_MONOTONIC, &t);
        state_->host_ms =
            static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
    }
    state_->recorded = true;
}
inline void event::record() { record(current_stream(where())); }

/// Waits until all work on `d` is done. Throws device_error when any of it failed, and index_error
/// when it met an index outside an axis.
inline void synchronize(device d) {
    runtime::require_device(d, "synchronize");
    if (!d.is_cuda()) return runtime::refuse_reported(d);
    const runtime::cuda_session cuda(d, "synchronize");
    const uint64 last = cuda.log().now();
    cuda.check(cuda->device_synchronize(), "cudaDeviceSynchronize");
    cuda.log().done(last);
    runtime::refuse_reported(d);
}
inline void synchronize() { synchronize(default_device()); }
/// Waits until all work on `s` is done.
inline void synchronize(const stream& s) { s.synchronize(); }

}  // namespace sinter
