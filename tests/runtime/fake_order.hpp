// What the fake of CUDA knows of order: queues whose work runs as late as anybody allows, and
// clocks that say which work must come before which. Work that only happens to run in the right
// order is a mistake.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sinter_test {

/// A vector clock: by actor (0 the host, then queues), how much of its work is known to be done.
struct fake_clock {
    std::vector<std::uint64_t> at;

    std::uint64_t of(std::size_t actor) const { return actor < at.size() ? at[actor] : 0; }
    void tick(std::size_t actor) {
        if (at.size() <= actor) at.resize(actor + 1);
        ++at[actor];
    }
    void join(const fake_clock& other) {
        if (at.size() < other.at.size()) at.resize(other.at.size());
        for (std::size_t i = 0; i < other.at.size(); ++i) at[i] = std::max(at[i], other.at[i]);
    }
};

struct fake_queue;

/// One recording of an event.
struct fake_mark {
    std::shared_ptr<fake_queue> queue;
    fake_clock clock;
    bool reached = false;
    double time = 0;  // microseconds
};

struct fake_work {
    std::function<void()> run;
    double microseconds = 1;
    double asked_at = 0;
};

/// A stream of the fake.
struct fake_queue {
    std::size_t actor = 0;
    int device = 0;
    void* handle = nullptr;
    fake_clock clock;  // of what was queued last
    double time = 0;
    std::deque<fake_work> pending;

    /// Runs the oldest work; false when there is none.
    bool step() {
        if (pending.empty()) return false;
        const fake_work w = std::move(pending.front());
        pending.pop_front();
        time = std::max(time, w.asked_at) + w.microseconds;
        if (w.run) w.run();
        return true;
    }
    void drain() {
        while (step()) {}
    }
};

/// One use of memory.
struct fake_access {
    std::size_t actor = 0;
    std::uint64_t epoch = 0;
    bool writes = false;
    std::size_t first = 0, last = 0;  // bytes, last is one past the end

    bool before(const fake_clock& c) const { return c.of(actor) >= epoch; }
    bool conflicts(const fake_access& b) const {
        return (writes || b.writes) && first < b.last && b.first < last;
    }
};

/// An allocation of the fake.
struct fake_block {
    std::size_t bytes = 0;
    bool pinned = false;
    int device = 0;
    fake_clock made{};
    std::size_t maker = 0;
    std::uint64_t made_at = 0;
    std::vector<fake_access> uses{};

    /// Notes a use at time `c`; what is wrong with it, or null.
    const char* use(fake_access a, const fake_clock& c) {
        const char* wrong = nullptr;
        if (c.of(maker) < made_at)
            wrong = "memory is used on a stream that does not wait for its allocation";
        for (const fake_access& u : uses)
            if (u.conflicts(a) && !u.before(c)) wrong = "two streams use memory without order";
        uses.push_back(a);
        return wrong;
    }
    /// True when all uses come before `c`.
    bool idle(const fake_clock& c) const {
        return std::all_of(
            uses.begin(), uses.end(), [&](const fake_access& u) { return u.before(c); });
    }
};

}  // namespace sinter_test
