// Points in a queue of work that other queues and the host can wait for.
#pragma once

#include <time.h>

#include <utility>

#include "sinter/core/shared.hpp"
#include "sinter/runtime/outside.hpp"

namespace sinter {

class stream;

/// A point in a stream: the work that was queued before `record`. Copies name the same event. On
/// the host and the emulator work is done at once, and an event is only a time. An event that was
/// never recorded counts as reached.
class event {
public:
    /// An event of streams on `d`, not recorded yet.
    explicit event(device d = default_device()) : state_(detail::shared<state>::make(d)) {
        runtime::require_device(d, "create an event");
        if (!d.is_cuda()) return;
        const runtime::cuda_session cuda(d, "create an event");
        cuda.check(cuda->event_create(&state_->handle, true), "cudaEventCreateWithFlags");
        state_->api = &cuda.api();
    }

    /// The device of the streams that can record it.
    device where() const { return state_->where; }
    /// The `cudaEvent_t`; null where the device is not CUDA.
    void* handle() const { return state_->handle; }

    /// Moves the event to the end of the work that is queued on `s` now. A stream of another device
    /// is a device_error.
    void record(const stream& s);
    /// The same on this thread's current stream of `where()`.
    void record();

    /// True when the work before it is done. Throws as `synchronize`.
    bool query() const {
        if (!state_->handle) {
            runtime::refuse_reported(where());
            return true;
        }
        const runtime::cuda_session cuda(where(), "query an event");
        const int code = cuda->event_query(state_->handle);
        if (code == runtime::cuda_error_not_ready) {
            cuda->get_last_error();
            return false;
        }
        cuda.check(code, "cudaEventQuery");
        retire(cuda);
        runtime::refuse_reported(where());
        return true;
    }
    /// Waits until the work before it is done. Throws device_error when any of it failed, and
    /// index_error when it met an index outside an axis.
    void synchronize() const {
        wait();
        runtime::refuse_reported(where());
    }
    /// The same, but leaves an index_error to the next who waits: for those who cannot stop here.
    void wait() const {
        if (!state_->handle) return;
        const runtime::cuda_session cuda(where(), "synchronize with an event");
        cuda.check(cuda->event_synchronize(state_->handle), "cudaEventSynchronize");
        retire(cuda);
    }

    /// The milliseconds of the device between two recorded events, for which it waits. A
    /// device_error when one was not recorded or the devices differ.
    friend double elapsed_ms(const event& start, const event& stop) {
        if (!(start.where() == stop.where()))
            throw device_error("elapsed_ms: one event is on " + start.where().name() +
                               ", the other one on " + stop.where().name() + ".");
        if (!start.state_->recorded || !stop.state_->recorded)
            throw device_error("elapsed_ms: an event was not recorded yet.");
        if (!start.state_->handle) return stop.state_->host_ms - start.state_->host_ms;
        start.wait();
        stop.wait();
        const runtime::cuda_session cuda(start.where(), "elapsed_ms");
        float ms = 0;
        cuda.check(cuda->event_elapsed(&ms, start.state_->handle, stop.state_->handle),
                   "cudaEventElapsedTime");
        return static_cast<double>(ms);
    }

private:
    struct state {
        explicit state(device d) : where(d) {}
        ~state() {
            if (handle && api->event_destroy(handle) != runtime::cuda_success)
                api->get_last_error();
        }
        state(const state&) = delete;
        state& operator=(const state&) = delete;

        device where;
        const runtime::cuda_api* api = nullptr;
        void* handle = nullptr;
        bool recorded = false;
        double host_ms = 0;
        void* queue = nullptr;  // where it was recorded, and the last launch before it
        uint64 number = 0;
    };

    void retire(const runtime::cuda_session& cuda) const {
        if (state_->recorded) cuda.log().done(state_->number, state_->queue);
    }

    detail::shared<state> state_;
};
double elapsed_ms(const event& start, const event& stop);

}  // namespace sinter
