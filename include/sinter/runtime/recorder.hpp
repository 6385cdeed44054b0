// Records launches with their times: from events on CUDA, from the clock elsewhere. Only
// <sinter/profile.hpp> includes it.
#pragma once

#include <time.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "sinter/runtime/stream.hpp"
#include "sinter/runtime/watch.hpp"

namespace sinter::runtime {

/// One launch, copy, fill or named range with its time.
struct recorded_launch {
    std::string kernel;  // "map", "row", ..., "copy from host", or the name of a range
    std::string label;   // what it computes; may be empty
    device where{};
    void* queue = nullptr;  // the CUDA stream
    int thread = 0;         // that asked for it, numbered from 0
    bool is_range = false;
    bool failed = false;
    int64 bytes = 0;
    int64 flops = 0;
    double start_us = 0;     // on one clock for all devices
    double duration_us = 0;  // 0 while it is not known
};

/// What marks ranges for a profiler from outside, such as NVTX; null when there is none.
struct range_marker {
    void (*push)(const char* name) = nullptr;
    void (*pop)() = nullptr;
};
inline constinit range_marker the_range_marker{};

/// The recorder of the program. It is made when it is first used and never destroyed.
class recorder {
public:
    static recorder& get() {
        static recorder* const one = new recorder;
        return *one;
    }
    /// Microseconds of the clock on which all times are.
    static double now_us() {
        timespec t{};
        ::clock_gettime(CLOCK_MONOTONIC, &t);
        return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
    }

    /// Begins to record for one more reader; where its part of the log begins.
    std::size_t open() {
        const std::lock_guard lock(mutex_);
        ++readers_;
        watch();
        return log_.size();
    }
    /// The log from `first` on, with all times; waits for the devices.
    std::vector<recorded_launch> read(std::size_t first) {
        const std::lock_guard lock(mutex_);
        resolve();
        std::vector<recorded_launch> r;
        for (std::size_t i = first; i < log_.size(); ++i)
            if (!log_[i].failed) r.push_back(log_[i]);
        return r;
    }
    /// One reader less.
    void close() {
        const std::lock_guard lock(mutex_);
        if (--readers_ > 0) return;
        resolve();
        log_.clear();
        log_.shrink_to_fit();
        pending_.clear();
        spare_.clear();
        bases_.clear();
        watch();
    }
    /// Watches launches when there are readers or markers.
    void watch() {
        static constexpr launch_watcher watcher{&begin, &end};
        const bool wanted = readers_ > 0 || the_range_marker.push;
        the_launch_watcher.store(wanted ? &watcher : nullptr, std::memory_order_release);
    }

    /// A range of the program's own; what it returns goes to `end_range`.
    void* begin_range(const char* name) {
        recorded_launch r;
        r.kernel = name;
        r.is_range = true;
        return start(std::move(r), name);
    }
    static void end_range(void* span) { end(span, false); }

private:
    // Where the times of a device's events lie on the clock. Events measure in float milliseconds:
    // a base of its own every few seconds keeps them exact.
    struct base {
        event at;
        double host_us = 0;
    };
    struct span {
        std::size_t index = 0;
        bool recording = false;
        bool marked = false;
        device where{};
        void* queue = nullptr;
        std::shared_ptr<base> from;
        std::unique_ptr<event> start, stop;
    };

    static int thread_number() {
        static std::atomic<int> next{0};
        thread_local const int mine = next++;
        return mine;
    }

    static void* begin(const launch_record& r, void* queue) {
        recorded_launch e;
        e.kernel = r.kernel;
        if (r.label) e.label = r.label;
        e.where = r.where;
        e.queue = queue;
        e.bytes = r.traffic >= 0 ? r.traffic : r.bytes_in + r.bytes_out;
        e.flops = r.flops;
        return get().start(std::move(e), r.label ? r.label : r.kernel);
    }
    // Recording must not disturb what it records: whatever fails here leaves a launch without time.
    void* start(recorded_launch e, const char* name) {
        auto s = std::make_unique<span>();
        if (the_range_marker.push) {
            the_range_marker.push(name);
            s->marked = true;
        }
        const std::lock_guard lock(mutex_);
        if (readers_ > 0) {
            s->recording = true;
            s->where = e.where;
            s->queue = e.queue;
            e.thread = thread_number();
            if (pending_.size() >= most_pending) resolve();
            e.start_us = now_us();
            s->index = log_.size();
            log_.push_back(std::move(e));
            if (s->where.is_cuda()) try {
                    s->from = base_of(s->where);
                    s->start = take_event(s->where);
                    s->stop = take_event(s->where);
                    s->start->record(stream::borrow(s->where, s->queue));
                } catch (const std::exception&) {
                    s->stop.reset();
                }
        }
        return s.release();
    }
    static void end(void* p, bool failed) {
        std::unique_ptr<span> s(static_cast<span*>(p));
        if (s->marked) the_range_marker.pop();
        recorder& r = get();
        const std::lock_guard lock(r.mutex_);
        if (!s->recording || s->index >= r.log_.size()) return;
        recorded_launch& e = r.log_[s->index];
        e.failed = failed;
        if (!s->where.is_cuda()) {
            e.duration_us = now_us() - e.start_us;
        } else if (s->stop && !failed) {
            try {
                s->stop->record(stream::borrow(s->where, s->queue));
                r.pending_.push_back(std::move(s));
            } catch (const error&) {}
        }
    }

    std::unique_ptr<event> take_event(device d) {
        for (std::size_t i = spare_.size(); i-- > 0;)
            if (spare_[i]->where() == d) {
                std::swap(spare_[i], spare_.back());
                auto e = std::move(spare_.back());
                spare_.pop_back();
                return e;
            }
        return std::make_unique<event>(d);
    }
    std::shared_ptr<base> base_of(device d) {
        for (auto& b : bases_)
            if (b->at.where() == d) {
                if (now_us() - b->host_us > 4e6) b = new_base(d);
                return b;
            }
        bases_.push_back(new_base(d));
        return bases_.back();
    }
    // On a stream of its own: it must not wait for work.
    static std::shared_ptr<base> new_base(device d) {
        auto b = std::make_shared<base>(base{event(d)});
        const stream idle(d);
        b->at.record(idle);
        b->at.wait();
        b->host_us = now_us();
        return b;
    }
    void resolve() {
        for (auto& s : pending_) try {
                recorded_launch& e = log_[s->index];
                e.duration_us = elapsed_ms(*s->start, *s->stop) * 1e3;
                e.start_us = s->from->host_us + elapsed_ms(s->from->at, *s->start) * 1e3;
                spare_.push_back(std::move(s->start));
                spare_.push_back(std::move(s->stop));
            } catch (const std::exception&) {  // the device has failed, which its next
                                               // synchronisation tells
            }
        pending_.clear();
    }

    static constexpr std::size_t most_pending = 4096;

    std::mutex mutex_;
    int readers_ = 0;
    std::vector<recorded_launch> log_;
    std::vector<std::unique_ptr<span>> pending_;
    std::vector<std::unique_ptr<event>> spare_;
    std::vector<std::shared_ptr<base>> bases_;
};

}  // namespace sinter::runtime
