// Queues of work on a device, and which one this thread uses.
#pragma once

#include <memory>
#include <utility>

#include "sinter/runtime/cuda_session.hpp"

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
        auto queue = std::make_shared<owned_queue>();
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

    /// Waits until all work in this queue is done.
    void synchronize() const {
        if (!device_.is_cuda()) return;
        const runtime::cuda_session cuda(device_, "synchronize");
        cuda.check(cuda->stream_synchronize(handle_), "cudaStreamSynchronize");
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
    std::shared_ptr<owned_queue> owned_;
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

/// Waits until all work on `d` is done. Throws device_error when any of it failed.
inline void synchronize(device d) {
    runtime::require_device(d, "synchronize");
    if (!d.is_cuda()) return;
    const runtime::cuda_session cuda(d, "synchronize");
    cuda.check(cuda->device_synchronize(), "cudaDeviceSynchronize");
}
inline void synchronize() { synchronize(default_device()); }

}  // namespace sinter
