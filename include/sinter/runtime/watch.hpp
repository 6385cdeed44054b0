// Who wants to see every launch. Nobody does, normally: then a launch pays for one branch.
#pragma once

#include <atomic>
#include <exception>

#include "sinter/runtime/device.hpp"

namespace sinter::runtime {

/// What one launch did, on any device.
struct launch_record {
    const char* kernel = "";  // "map", "row", "reduce", "matmul", ...: a literal
    device where{};
    dim grid{}, block{};
    int64 bytes_in = 0;        // the bytes of the arrays that it reads
    int64 bytes_out = 0;       // and of those that it writes
    bool cooperative = false;  // its blocks wait for one another
    // Only while launches are watched:
    int64 traffic = -1;  // bytes read and written, each array once; negative: as above
    int64 flops = 0;
    const char* label = nullptr;  // what it computes; lives as long as the program
};

/// Called around every launch, copy and fill, on the thread that asks for it. Neither may throw.
struct launch_watcher {
    void* (*begin)(const launch_record& r, void* queue);
    void (*end)(void* span, bool failed);
};

inline constinit std::atomic<const launch_watcher*> the_launch_watcher{nullptr};

/// True when somebody watches: then it is worth telling more of a launch.
inline bool launches_are_watched() noexcept {
    return the_launch_watcher.load(std::memory_order_relaxed) != nullptr;
}

/// One launch while it is being made.
class watched_launch {
public:
    watched_launch(const launch_record& r, void* queue) {
        const launch_watcher* w = the_launch_watcher.load(std::memory_order_acquire);
        if (w) [[unlikely]]
            start(w, r, queue);
    }
    ~watched_launch() {
        if (watcher_) [[unlikely]]
            stop();
    }
    watched_launch(const watched_launch&) = delete;
    watched_launch& operator=(const watched_launch&) = delete;

private:
    [[gnu::noinline]] void start(const launch_watcher* w, const launch_record& r, void* queue) {
        watcher_ = w;
        unwinding_ = std::uncaught_exceptions();
        span_ = w->begin(r, queue);
    }
    [[gnu::noinline]] void stop() { watcher_->end(span_, std::uncaught_exceptions() > unwinding_); }

    const launch_watcher* watcher_ = nullptr;
    void* span_ = nullptr;
    int unwinding_ = 0;
};

}  // namespace sinter::runtime
