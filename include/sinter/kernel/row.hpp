// The kernel of a stage whose reductions feed further work on the same row (softmax, layer norm):
// always one launch.
//
// Shape: `lanes` threads of a block share a row, a block has `rows` rows: from 8 threads of a warp
// for short rows to a block for long ones. Rows that are too long for the shared memory of a block,
// or too few to fill the device, are shared by a team of blocks, which all run at the same time.
// All of this is decided by the host at run time; the code is there once, because its branches are
// uniform and what it costs is memory.
//
// A walk over the row ends with reductions: shuffles within the row's lanes, then shared memory
// where lanes are spread over warps (two sets of states take turns, so one barrier is enough), then
// device memory within a team (likewise). States are merged in a fixed order, and every thread ends
// with the same bits. Pairs of reductions such as the maximum and the sum of exponentials below it
// are one walk (see fold.hpp).
//
// Where rows lie across memory (neighbouring rows are neighbours), neighbouring threads take
// neighbouring rows, so that lines are used whole.
//
// Traffic: arrays that are read in more than one walk are copied to shared memory when a row begins
// (every byte of the row in flight at once, without registers), so they are read once. What does
// not fit, even with all processors together, is read once per walk: twice for softmax and layer
// norm. A thread meets the same elements in every walk and reads what it copied itself, so neither
// copies nor operation in place need a barrier. Every result is written once.
#pragma once

#include "sinter/kernel/row_columns.hpp"
#include "sinter/kernel/row_group.hpp"
#include "sinter/kernel/row_place.hpp"

namespace sinter::kernel {

/// Bytes of the largest set of states of a walk of stage C.
template <class C, int W = 0>
SINTER_HD constexpr int largest_fold_states() {
    if constexpr (W + 1 >= C::head().passes) {
        return 0;
    } else {
        constexpr int last = last_of_walk<C, W>();
        constexpr int here = sizeof(fold_states<C, W, last>);
        constexpr int rest = largest_fold_states<C, last + 1>();
        return here > rest ? here : rest;
    }
}

/// The row kernel of stage C.
template <class C, class Sync = device_sync>
struct row {
    static constexpr int max_threads = tuning::row_threads, min_blocks = 1;

    args<C> a;
    row_layout g;
    int kept_at[at_least_one(args<C>::loads)];              // in shared memory, in bytes; or -1
    short kept_load[at_least_one(args<C>::loads)];          // of array i: the load that fills it,
    unsigned char kept_size[at_least_one(args<C>::loads)];  // and the bytes of an element
    short same[at_least_one(args<C>::loads)];               // the first load of the same view
    uint64 once;                                            // bit j: store j has one place per row
    bool last_walk;                                         // the last pass has to walk the row
    unsigned char* partials;                                // of teams
    unsigned* counters;                                     // two per team, 0 before and after
    totals_layout totals;
    SINTER_DEVICE void operator()() const;
};

#if SINTER_NVCC || SINTER_EMULATOR

/// A thread at work on its rows.
template <class C, class Sync>
struct row_work {
    static constexpr int passes = C::head().passes;
    using kernel = row<C, Sync>;

    const kernel& k;
    row_place<C, kernel> place;
    row_group<Sync> group;
    ir::registers<C> values;  // the row's
    total_states<C, false> totals;
    row_columns<C, kernel, Sync> columns;

    SINTER_DEVICE row_work(const kernel& kernel_, unsigned char* states, unsigned char* buffers)
        : k(kernel_),
          place(kernel_, buffers),
          group(kernel_, states),
          columns(kernel_, buffers, place.row_here) {
        totals.clear();
    }

    template <class States>
    struct fold_into {
        States& s;
        int64 position;  // of element 0 of the strip
        unsigned apart;
        SINTER_DEVICE void step(int e, const ir::registers<C>& v, const ir::registers<C>& row) {
            s.step(v, row, position + static_cast<int64>(static_cast<uint32>(e) * apart));
        }
    };
    struct fold_totals {
        row_work& w;
        int64 position;  // of element 0 of the strip
        SINTER_DEVICE void step(int e, const ir::registers<C>& v, const ir::registers<C>& row) {
            w.totals.template step<false>(v, row);
            if constexpr (column_state_bytes<C>() > 0)
                w.columns.step(
                    position + static_cast<int64>(static_cast<uint32>(e) * w.k.g.apart), v, row);
        }
    };

    /// Walks the row; calls sink(position of element 0) for each strip.
    template <class Sweep, bool Store, class States>
    SINTER_DEVICE void walk(States* states) {
        const args<C>& a = k.a;
        SINTER_ROLLED
        for (int64 from = place.first; from < place.end; from += tuning::row_piece) {
            const int64 left = place.end - from;
            const auto count =
                static_cast<uint32>(left < tuning::row_piece ? left : tuning::row_piece);
            const offsets<C> piece = place.piece(from);
            SINTER_ROLLED
            for (uint32 u = place.lane * k.g.per_thread; u < count; u += k.g.stride) {
                strip_place<C> at = place.strip_at(piece, from, count, u);
                place.go_to(at.at, from, u);
                strip<C, Sweep, strip_width<C>(), reading::own, which::all> s;
                s.load(a, at, k.g.wide, &place.kept);
                if constexpr (Store) {
                    fold_totals fold{*this, from - place.shift + u};
                    s.template compute<true>(values, a, at, fold);
                    s.store(a, at, k.g.wide, k.once);
                } else {
                    fold_into<States> fold{*states, from - place.shift + u, k.g.apart};
                    s.template compute<false>(values, a, at, fold);
                }
            }
        }
    }
    template <int W>
    SINTER_DEVICE void run_from() {
        if (place.live) take_row_values<C, W, reading::own>(values, k.a, place.base);
        if constexpr (W + 1 == passes) {
            if (k.last_walk) walk<sweep<C, W, W>, true, int>(nullptr);
            if (place.live && place.lane == 0 && place.member() == 0) {
                store_values<C, W, which::per_row>(values, values, k.a, place.base, ~k.once);
                totals.template step<true>(values, values);
            }
        } else {
            constexpr int last = last_of_walk<C, W>();
            fold_states<C, W, last> s;
            s.clear();
            walk<sweep<C, W, last>, false>(&s);
            s.seal();
            group.join(s);
            s.template finish<W + 1>(values);
            if constexpr (last > W) {
                if (place.live) take_row_values<C, last, reading::own>(values, k.a, place.base);
                s.template finish<last + 1>(values);
            }
            run_from<last + 1>();
        }
    }
};

template <class C, class Sync>
SINTER_DEVICE void row<C, Sync>::operator()() const {
    static_assert(C::head().passes >= 2 && C::head().core < 0);
    simt::carver cut;
    unsigned char* states = cut.take<unsigned char>(g.state_bytes);
    unsigned char* buffers = states;
    if (g.kept_bytes > 0) buffers = cut.take<unsigned char>(g.kept_bytes);
    row_work<C, Sync> work(*this, states, buffers);
    take_scalars(work.values, a);
    const int64 teams = simt::gdim().x / g.team;
    SINTER_ROLLED
    for (int64 n = simt::bid().x / g.team; n * g.rows < a.rows; n += teams) {
        work.place.begin(n * g.rows + work.place.row_here, work.place.member(), g.part);
        if (g.kept > 0) work.place.template keep_rows<Sync>();
        work.template run_from<0>();
        work.columns.first = false;
    }
    work.group.leave();
    if constexpr (column_state_bytes<C>() > 0) {
        const bool whole = g.team == 1;
        const int64 begin = work.place.first - work.place.shift;
        work.columns.leave(whole || begin < 0 ? 0 : begin,
                           whole ? a.row_length : work.place.end - work.place.shift);
        work.columns.meet();
        work.columns.finish(work.place, states);
    }
    if constexpr (ir::ends<C, false>::totals().count > 0)
        row_end<C, row<C, Sync>, Sync>{*this, states}.run(work.totals);
}

#endif

}  // namespace sinter::kernel
