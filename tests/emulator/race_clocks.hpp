// Who knows of whose accesses: the happens-before relation of a launch.
//
// A block barrier orders everything before it in its block (epochs). A warp barrier orders its
// lanes (clocks). A shuffle or a ballot orders nothing. A fence takes a snapshot of what its thread
// knows; atomics carry snapshots from the threads that fenced before them to the threads that fence
// after them.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "internal.hpp"

namespace sinter::emulator {

/// The accesses of one thread between two of its synchronisations.
struct segment {
    unsigned block, linear, epoch, clock;
};

/// What is known of other blocks and threads, sorted by (block, linear). `linear` is `whole_block`
/// for "all epochs below value", else a thread, for "all clocks up to value".
struct known_entry {
    unsigned block, linear, value;
};
inline constexpr unsigned whole_block = ~0U;
using knowledge = std::shared_ptr<const std::vector<known_entry>>;

class clocks {
public:
    void begin_launch(unsigned fibers);
    void begin_thread(const fiber& f);
    /// The segment of this thread's accesses from now to its next synchronisation.
    std::uint32_t current_segment(const fiber& f);
    /// False for a segment of an earlier launch.
    bool is_live(std::uint32_t id) const { return id >= first_; }
    const segment& at(std::uint32_t id) const { return segments_[id - first_]; }
    /// True when the accesses of `past` happen before what `f` does now.
    bool happened_before(const segment& past, const fiber& f) const;

    void barrier(const block& b);
    void warp_barrier(const block& b, unsigned warp, unsigned mask);
    void fence(const fiber& f);
    void atomic(const fiber& f, const void* p);
    void observe(const fiber& f, const void* p);
    /// The id that the next segment gets.
    std::uint32_t next_id() const { return first_ + static_cast<std::uint32_t>(segments_.size()); }
    /// Starts the ids again: no stamp of an older launch is left.
    void restart_ids() { first_ = 1; }

private:
    struct thread_clock {
        unsigned clock = 1;
        std::uint32_t open = 0;    // the segment of its accesses now; 0: the next one opens it
        unsigned lanes[32] = {};   // the clocks of the warp's lanes that this thread knows
        knowledge known, pending;  // pending: read by an atomic, usable after a fence
        knowledge released;        // what its atomics carry, besides its last fence:
        bool fenced = false;       // whether there was one since the last barrier,
        segment last_fence{};      // its time,
        unsigned fence_lanes[32] = {};
        knowledge fence_known;  // and what was known then
    };
    void tick(thread_clock& t) {
        ++t.clock;
        t.open = 0;
    }
    static knowledge snapshot(const thread_clock& t);
    void fold_fence(thread_clock& t);
    bool everyone_fenced_last(const block& b) const;
    knowledge join(const knowledge& a, const knowledge& b);

    std::vector<thread_clock> threads_;  // by index in the pool
    std::vector<segment> segments_;
    std::uint32_t first_ = 1;
    std::unordered_map<const void*, knowledge> released_;  // by the address of the atomic
    knowledge last_a_, last_b_, last_joined_;
};

}  // namespace sinter::emulator
