// How the threads that share a row join the states of its reductions. Device-readable.
#pragma once

#include "sinter/kernel/fields.hpp"
#include "sinter/kernel/finish.hpp"

namespace sinter::kernel {

#if SINTER_NVCC || SINTER_EMULATOR

/// The threads of a row: lanes of a warp, warps of a block, blocks of a team. All of them call
/// `join` the same number of times.
template <class Sync>
struct row_group {
    unsigned lanes, rows;  // threads of a row, rows of the block
    unsigned team, member;
    bool across;  // lane l of a warp is of row l % rows
    unsigned char* states;
    unsigned state_bytes;  // of each of the two sets
    unsigned char* partials;
    unsigned partial_bytes;  // of each of the two sets of a team
    unsigned* counter;
    unsigned turn = 0, met = 0;

    template <class Kernel>
    SINTER_DEVICE row_group(const Kernel& k, unsigned char* shared)
        : lanes(k.g.lanes),
          rows(k.g.rows),
          team(k.g.team),
          member(simt::bid().x % k.g.team),
          across(k.g.across),
          states(shared),
          state_bytes(k.g.state_bytes / 2),
          partials(k.partials),
          partial_bytes(k.g.partial_bytes),
          counter(k.g.team > 1 ? k.counters + simt::bid().x / k.g.team * 2 : nullptr) {}

    SINTER_DEVICE row_group(unsigned row_lanes,
                            unsigned block_rows,
                            bool rows_across,
                            unsigned char* shared,
                            unsigned bytes)
        : lanes(row_lanes),
          rows(block_rows),
          team(1),
          member(0),
          across(rows_across),
          states(shared),
          state_bytes(bytes),
          partials(nullptr),
          partial_bytes(0),
          counter(nullptr) {}

    template <int Site, class S>
    struct take_below {
        S &s, &other;
        int delta;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            other.all.template at<K>() =
                Sync::template shfl_down<Site>(s.all.template at<K>(), delta);
        }
    };
    template <int Site, class S>
    struct take_from {
        S& s;
        int lane;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            s.all.template at<K>() = Sync::template shfl<Site>(s.all.template at<K>(), lane);
        }
    };
    template <int Site, class S>
    SINTER_DEVICE static void join_lanes(S& s, unsigned first, unsigned last) {
        SINTER_ROLLED
        for (unsigned delta = first; delta >= last; delta /= 2) {
            S other;
            each<S::count()>(take_below<Site, S>{s, other, static_cast<int>(delta)});
            s.merge(other);
        }
    }

    /// Joins the threads' states; all threads of the row end with the same.
    template <class S>
    SINTER_DEVICE void join(S& s) {
        constexpr unsigned warp = simt::warp_size;
        if (across) {
            join_lanes<0>(s, warp / 2, rows);
        } else {
            join_lanes<0>(s, (lanes < warp ? lanes : warp) / 2, 1);
        }
        if (across || lanes > warp) {
            join_warps(s);
        } else {
            each<S::count()>(take_from<0, S>{s, static_cast<int>(simt::lane() & ~(lanes - 1))});
        }
        if (team > 1) join_blocks(s);
        turn ^= 1U;
    }
    template <class S>
    SINTER_DEVICE void join_warps(S& s) {
        constexpr unsigned warp = simt::warp_size;
        const unsigned from_warp = across ? rows : 1;  // states that each warp leaves
        const unsigned warps = (across ? simt::bdim().x : lanes) / warp;
        S* all = reinterpret_cast<S*>(states + turn * state_bytes);
        if (simt::lane() < from_warp) all[simt::warp() * from_warp + simt::lane()] = s;
        Sync::template block<0>();
        const S* mine = all + (across ? simt::tid().x % rows : simt::warp() / warps * warps);
        s = mine[0];
        SINTER_ROLLED
        for (unsigned w = 1; w < warps; ++w) {
            S next = mine[w * from_warp];
            s.merge(next);
        }
    }
    template <class S>
    SINTER_DEVICE void join_blocks(S& s) {
        constexpr unsigned warp = simt::warp_size;
        constexpr int words = sizeof(S) / sizeof(uint64);
        auto* set = reinterpret_cast<S*>(partials + (simt::bid().x / team * 2 + turn) *
                                                        static_cast<uint64>(partial_bytes));
        met += team;
        if (simt::tid().x == 0) {
            simt::store<words>(reinterpret_cast<uint64*>(set + member),
                               bits_as<simt::vec<uint64, words>>(s));
            Sync::template fence<0>();
            simt::atomic_add(counter, 1U);
            Sync::template counter<0>(counter, met);
            Sync::template fence<1>();
        }
        Sync::template block<1>();
        // Every warp merges all members, so that no further barrier is needed.
        s.clear();
        SINTER_ROLLED
        for (unsigned i = simt::lane(); i < team; i += warp) {
            auto next =
                bits_as<S>(simt::load_coherent<words>(reinterpret_cast<const uint64*>(set + i)));
            s.merge(next);
        }
        join_lanes<1>(s, warp / 2, 1);
        each<S::count()>(take_from<1, S>{s, 0});
    }
    /// Leaves the counters of the team as they were found, once nobody waits any more.
    SINTER_DEVICE void leave() const {
        if (team == 1 || simt::tid().x != 0) return;
        leave_meeting(counter, team);
    }
};

#endif

}  // namespace sinter::kernel
