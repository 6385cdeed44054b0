#include "race_clocks.hpp"

#include <algorithm>
#include <utility>

namespace sinter::emulator {

static bool earlier(const known_entry& a, const known_entry& b) {
    return a.block != b.block ? a.block < b.block : a.linear < b.linear;
}

void clocks::begin_launch(unsigned fibers) {
    first_ = next_id();
    segments_.clear();
    threads_.assign(fibers, {});
    released_.clear();
    last_a_ = last_b_ = last_joined_ = nullptr;
}
void clocks::begin_thread(const fiber& f) { threads_[f.index] = {}; }

std::uint32_t clocks::current_segment(const fiber& f) {
    thread_clock& t = threads_[f.index];
    if (t.open == 0) {
        t.open = next_id();
        segments_.push_back({f.home->id, f.info.linear, f.home->epoch, t.clock});
    }
    return t.open;
}
bool clocks::happened_before(const segment& past, const fiber& f) const {
    const block& b = *f.home;
    const thread_clock& t = threads_[f.index];
    if (past.block == b.id) {
        if (past.linear == f.info.linear || past.epoch < b.epoch) return true;
        if (past.linear / 32 == f.info.warp && t.lanes[past.linear % 32] >= past.clock) return true;
    }
    if (t.known == nullptr) return false;
    const auto value = [&](unsigned linear) {
        const known_entry key{past.block, linear, 0};
        const auto it = std::lower_bound(t.known->begin(), t.known->end(), key, earlier);
        return it != t.known->end() && it->block == past.block && it->linear == linear ? it->value
                                                                                       : 0U;
    };
    return value(whole_block) > past.epoch || value(past.linear) >= past.clock;
}

knowledge clocks::join(const knowledge& a, const knowledge& b) {
    if (a == b || b == nullptr) return a;
    if (a == nullptr) return b;
    // The threads of a block often join the same two.
    if (a == last_a_ && b == last_b_) return last_joined_;
    auto both = std::make_shared<std::vector<known_entry>>();
    both->reserve(a->size() + b->size());
    auto i = a->begin(), j = b->begin();
    while (i != a->end() || j != b->end()) {
        if (j == b->end() || (i != a->end() && earlier(*i, *j))) {
            both->push_back(*i++);
        } else if (i == a->end() || earlier(*j, *i)) {
            both->push_back(*j++);
        } else {
            both->push_back({i->block, i->linear, std::max(i->value, j->value)});
            ++i;
            ++j;
        }
    }
    last_a_ = a;
    last_b_ = b;
    last_joined_ = std::move(both);
    return last_joined_;
}

// Makes the last fence part of what the thread's atomics carry.
void clocks::fold_fence(thread_clock& t) {
    if (!t.fenced) return;
    t.released = join(t.released, join(t.fence_known, snapshot(t)));
    t.fenced = false;
}
// True when every thread fenced and touched nothing since: the block's whole past is released,
// which is one entry instead of one for each thread.
bool clocks::everyone_fenced_last(const block& b) const {
    return std::all_of(b.fibers.begin(), b.fibers.end(), [&](const fiber* f) {
        const thread_clock& t = threads_[f->index];
        return f->state == fiber_state::finished ||
               (t.fenced && t.last_fence.epoch + 1 == b.epoch && t.open == 0);
    });
}
void clocks::barrier(const block& b) {
    knowledge known, pending, released;
    const bool whole = everyone_fenced_last(b);
    for (const fiber* f : b.fibers) {
        if (f->state == fiber_state::finished) continue;
        thread_clock& t = threads_[f->index];
        if (whole) {
            released = join(released, t.fence_known);
            t.fenced = false;
        }
        fold_fence(t);
        known = join(known, t.known);
        pending = join(pending, t.pending);
        released = join(released, t.released);
    }
    if (whole) {
        using entries = std::vector<known_entry>;
        released = join(released, std::make_shared<entries>(entries{{b.id, whole_block, b.epoch}}));
    }
    for (const fiber* f : b.fibers) {
        thread_clock& t = threads_[f->index];
        t.known = known;
        t.pending = pending;
        t.released = released;
        tick(t);
    }
}
void clocks::warp_barrier(const block& b, unsigned warp, unsigned mask) {
    knowledge known, pending, released;
    unsigned lanes[32] = {};
    const auto thread = [&](unsigned lane) -> thread_clock& {
        return threads_[b.fibers[warp * 32 + lane]->index];
    };
    for (unsigned i = 0; i < 32; ++i) {
        if ((mask >> i & 1U) == 0) continue;
        thread_clock& t = thread(i);
        fold_fence(t);
        known = join(known, t.known);
        pending = join(pending, t.pending);
        released = join(released, t.released);
        for (unsigned k = 0; k < 32; ++k) lanes[k] = std::max(lanes[k], t.lanes[k]);
        lanes[i] = std::max(lanes[i], t.clock);
    }
    for (unsigned i = 0; i < 32; ++i) {
        if ((mask >> i & 1U) == 0) continue;
        thread_clock& t = thread(i);
        t.known = known;
        t.pending = pending;
        t.released = released;
        std::copy(lanes, lanes + 32, t.lanes);
        tick(t);
    }
}
void clocks::fence(const fiber& f) {
    thread_clock& t = threads_[f.index];
    t.known = join(t.known, t.pending);
    t.pending = nullptr;
    t.fenced = true;  // a later fence covers an earlier one
    t.last_fence = {f.home->id, f.info.linear, f.home->epoch, t.clock};
    t.fence_known = t.known;
    std::copy(t.lanes, t.lanes + 32, t.fence_lanes);
    tick(t);
}
knowledge clocks::snapshot(const thread_clock& t) {
    auto own = std::make_shared<std::vector<known_entry>>();
    const unsigned first = t.last_fence.linear / 32 * 32;
    for (unsigned i = 0; i < 32; ++i) {
        const bool me = first + i == t.last_fence.linear;
        const unsigned clock = me ? t.last_fence.clock : t.fence_lanes[i];
        if (clock != 0) own->push_back({t.last_fence.block, first + i, clock});
    }
    if (t.last_fence.epoch != 0)
        own->push_back({t.last_fence.block, whole_block, t.last_fence.epoch});
    return own;
}
void clocks::observe(const fiber& f, const void* p) {
    thread_clock& t = threads_[f.index];
    t.pending = join(t.pending, released_[p]);
}
void clocks::atomic(const fiber& f, const void* p) {
    thread_clock& t = threads_[f.index];
    knowledge& there = released_[p];
    t.pending = join(t.pending, there);
    there = join(there, t.released);
    if (t.fenced) there = join(there, join(t.fence_known, snapshot(t)));
}

}  // namespace sinter::emulator
