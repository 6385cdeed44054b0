// The state of the fake of CUDA: its devices, memory, streams and events, and the calls so far.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/fake_order.hpp"
#include "sinter/runtime/cuda_api.hpp"

namespace sinter_test {

using sinter::runtime::copy_kind;
using sinter::runtime::cuda_api;
using sinter::runtime::cuda_attribute;
using sinter::runtime::dim;

/// What stands for a kernel: the entry that a launch names.
using fake_kernel = void (*)(dim grid, dim block, void** args);

/// What the fake must know of a kernel: its parameters, and which of them are addresses.
struct fake_parameter {
    std::size_t bytes;
    enum { value, reads, writes } use = value;
};

/// The state of the fake; one a program, as with CUDA.
struct fake_cuda {
    struct device_state {
        std::shared_ptr<fake_queue> plain;  // the default stream
        std::size_t used = 0, cached = 0;   // the pool
        int fault = 0;
    };
    struct event_state {
        int device = 0;
        std::shared_ptr<fake_mark> mark;
    };

    int devices = 1;
    int fail_at = 0;      // the number of the call that fails, from 1; 0: none
    int fail_count = 1;   // how many calls fail from there
    int fail_code = 719;  // what it returns
    bool sticky = false;  // every call after it fails too
    int calls = 0;
    bool failed = false;
    std::size_t capacity = std::size_t{1} << 40;  // of each device
    bool fragmented = false;                      // freed memory fits nothing until it is trimmed
    std::vector<std::string> log;                 // the calls by name
    std::vector<std::string> mistakes;            // what CUDA would not forgive
    std::map<void*, fake_block> blocks;
    std::vector<void*> freed;  // kept until nothing can use it
    std::map<void*, std::shared_ptr<fake_queue>> streams;
    std::vector<std::shared_ptr<fake_queue>> queues;  // also those of streams that are gone
    std::map<void*, event_state> events;
    std::map<int, device_state> state;
    std::map<const void*, std::vector<fake_parameter>> kernels;
    bool any_kernel = false;       // kernels that were not declared do nothing
    const void* guilty = nullptr;  // the kernel that ends its device when it runs
    int guilt = 700;
    fake_clock host;
    std::size_t actors = 0;
    double now = 0;         // microseconds
    double kernel_us = 10;  // how long a kernel runs
    unsigned shared_limit = 48 * 1024, last_shared = 0;
    void* last_free_stream = nullptr;
    void* last_launch_stream = nullptr;
    std::mutex mutex;

    // Each thread of CUDA has its own.
    static inline thread_local int current_device = 0;
    static inline thread_local int last_error = 0;

    bool clean() const {
        return blocks.empty() && streams.empty() && events.empty() && mistakes.empty();
    }
    int count(const std::string& name) const {
        int n = 0;
        for (const std::string& s : log) n += s == name;
        return n;
    }
    std::size_t pending() const {
        std::size_t n = 0;
        for (const auto& q : queues) n += q->pending.size();
        return n;
    }

    /// Tells the fake what the arguments of a kernel are.
    void declare(fake_kernel k, std::vector<fake_parameter> parameters) {
        const std::lock_guard lock(mutex);
        kernels[reinterpret_cast<const void*>(k)] = std::move(parameters);
    }
    /// True when the host may read, or write, `bytes` at `p` now: no work in flight disturbs it.
    bool host_may_use(const void* p, bool writes = false) {
        const auto at = block_at(p, 1);
        if (at == blocks.end()) return true;
        for (const fake_access& u : at->second.uses)
            if ((u.writes || writes) && !u.before(host)) return false;
        return true;
    }

    /// Counts one call; its error code when it is to fail.
    int begin(const char* name) {
        ++calls;
        now += 1;
        log.emplace_back(name);
        const bool planned = calls >= fail_at && calls < fail_at + fail_count;
        const bool fails = (fail_at && planned) || (sticky && failed);
        if (!fails) return 0;
        failed = true;
        return last_error = fail_code;
    }
    /// The same for a call that the current device answers: after a fault it always fails.
    int begin_on_device(const char* name) {
        if (const int e = begin(name)) return e;
        if (const int fault = state[current_device].fault) return last_error = fault;
        return 0;
    }
    void expect(bool fine, const char* mistake) {
        if (!fine) mistakes.emplace_back(mistake);
    }

    std::map<void*, fake_block>::iterator block_at(const void* p, std::size_t bytes) {
        const auto* at = static_cast<const char*>(p);
        for (auto i = blocks.begin(); i != blocks.end(); ++i) {
            const auto* first = static_cast<const char*>(i->first);
            if (at >= first && at + bytes <= first + i->second.bytes) return i;
        }
        return blocks.end();
    }
    bool on_device(const void* p, std::size_t bytes) {
        const auto at = block_at(p, bytes);
        return at != blocks.end() && !at->second.pinned;
    }

    fake_queue& new_queue(void* handle) {
        auto q = std::make_shared<fake_queue>();
        q->actor = ++actors;
        q->device = current_device;
        q->handle = handle;
        queues.push_back(q);
        return *q;
    }
    /// The queue behind a handle on the current device.
    std::shared_ptr<fake_queue> queue_of(void* handle) {
        if (handle) {
            const auto at = streams.find(handle);
            if (at != streams.end()) {
                expect(at->second->device == current_device, "a stream of another device");
                return at->second;
            }
            mistakes.emplace_back("a stream that does not exist");
        }
        auto& plain = state[current_device].plain;
        if (!plain) {
            new_queue(nullptr);
            plain = queues.back();
        }
        return plain;
    }
    /// Queues work that was asked for now.
    void push(fake_queue& q, std::function<void()> run, double microseconds = 1) {
        host.tick(0);
        q.clock.join(host);
        q.clock.tick(q.actor);
        q.pending.push_back({std::move(run), microseconds, now});
    }
    /// Notes that the work queued last uses memory.
    void use(fake_queue& q, const void* p, std::size_t bytes, bool writes) {
        const auto at = block_at(p, bytes);
        if (at == blocks.end()) return;
        const auto first = static_cast<std::size_t>(static_cast<const char*>(p) -
                                                    static_cast<const char*>(at->first));
        if (const char* wrong = at->second.use(
                {q.actor, q.clock.of(q.actor), writes, first, first + bytes}, q.clock))
            mistakes.emplace_back(wrong);
    }
    void wait_for(fake_queue& q) {
        q.drain();
        host.join(q.clock);
        now = std::max(now, q.time);
    }
    void wait_for_device(int device) {
        for (const auto& q : std::vector<std::shared_ptr<fake_queue>>(queues))
            if (q->device == device) wait_for(*q);
        if (pending() > 0) return;
        std::erase_if(queues,
                      [&](const auto& q) { return q->handle && !streams.count(q->handle); });
        for (void* p : freed) std::free(p);
        freed.clear();
    }
};
inline fake_cuda& fake() {
    static fake_cuda state;
    return state;
}

}  // namespace sinter_test
