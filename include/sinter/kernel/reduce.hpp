// The kernel of a stage that reduces once and needs its rows no more: sums over columns, rows or
// everything, with elementwise work before and after, always one launch.
//
// Shape: a block has `columns` x `depth` threads; a column of threads folds one output. Threads
// that are neighbours in a warp are neighbours in memory: along the outputs when those are
// contiguous (a sum over the first axis), along the row when that is (a sum over the last). Each
// thread folds in registers, a tree in shared memory joins the depth. When there are too few
// outputs to fill the device, the row is split over grid.y: each block leaves its states in a
// workspace, and the last one to finish (ticket and fence) merges them, always in the same order.
// Hence a result has the same bits in every run.
//
// Traffic: each array is read once, values per element are written while the row is walked. A split
// writes and reads one state per output and split, which is at most one element in
// reduce_elements_per_thread times depth.
#pragma once

#include "sinter/kernel/element.hpp"
#include "sinter/kernel/fold.hpp"
#include "sinter/kernel/sync.hpp"
#include "sinter/kernel/tuning.hpp"

namespace sinter::kernel {

/// The reduce kernel of stage C. Blocks have bdim().x = columns * depth threads, both powers of
/// two.
template <class C, class Sync = device_sync>
struct reduce {
    static constexpr int max_threads = tuning::reduce_threads, min_blocks = 1;
    using states = fold_states<C, 0>;

    args<C> a;
    unsigned columns, depth;
    bool along_row;      // neighbouring threads walk the row, else the outputs
    int64 tiles, chunk;  // tiles of `columns` outputs; elements of the row per block
    uint64 once;         // bit j: store j has one place per row
    bool spread;         // some row constant is stored to every element of its row
    states* partials;    // gdim().y times a.rows, when gdim().y > 1
    unsigned* counters;  // one per tile, 0 before and after
    SINTER_DEVICE void operator()() const;
};

#if SINTER_NVCC || SINTER_EMULATOR

/// A block at work on `columns` outputs.
template <class C, class Sync>
struct reduce_work {
    using states = fold_states<C, 0>;
    static constexpr int last_pass = 1;

    const reduce<C, Sync>& k;
    states* all;  // in shared memory, one per thread
    unsigned x, y, neighbour;
    ir::registers<C> row;
    offsets<C> base;

    SINTER_DEVICE reduce_work(const reduce<C, Sync>& kernel, states* shared)
        : k(kernel),
          all(shared),
          x(k.along_row ? simt::tid().x / k.depth : simt::tid().x % k.columns),
          y(k.along_row ? simt::tid().x % k.depth : simt::tid().x / k.columns),
          neighbour(k.along_row ? 1 : k.columns) {}
    SINTER_HD static constexpr reading elements() {
        return stores_elements<C>() ? reading::own : reading::constant;
    }
    struct load_for_stores {
        ir::registers<C>& v;
        const args<C>& a;
        const offsets<C>& o;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            constexpr int j = element_loads<C, last_pass>().at[K];
            constexpr int slot = load_slot<C>(j);
            if constexpr (element_loads<C, 0>().find(j) < 0)
                v.template at<j>() = read<C, slot, elements()>(a, o.load[slot]);
        }
    };

    SINTER_DEVICE offsets<C> element_at(int64 i) const {
        const args<C>& a = k.a;
        offsets<C> o = base;
        if (a.row_rank <= 1) {
            move(o, a, a.outer_rank, i);
        } else {
            locate(o, a, a.outer_rank, a.outer_rank + a.row_rank, i);
        }
        return o;
    }
    SINTER_DEVICE void fold(states& s, int64 i) {
        const args<C>& a = k.a;
        const offsets<C> o = element_at(i);
        ir::registers<C> v;
        load_elements<C, 0, elements()>(v, a, o);
        if constexpr (stores_elements<C>())
            each<element_loads<C, last_pass>().count>(load_for_stores{v, a, o});
        ir::pass<C, 0>::compute(v, row, a.functors);
        s.step(v, row, i);
        if constexpr (stores_elements<C>()) {
            ir::pass<C, last_pass>::compute(v, row, a.functors);
            store_values<C, last_pass, which::per_element>(v, row, a, o);
        }
    }
    // Joins the states of a column; the thread with y = 0 has the result, in `s` and in `all`.
    SINTER_DEVICE void join(states& s) {
        const unsigned t = simt::tid().x;
        all[t] = s;
        SINTER_ROLLED
        for (unsigned half = k.depth / 2; half > 0; half /= 2) {
            Sync::template block<0>();
            if (y < half) {
                states next = all[t + half * neighbour];
                s.merge(next);
                all[t] = s;
            }
        }
    }
    SINTER_DEVICE void keep_partial(int64 output, const states& s) const {
        constexpr int words = sizeof(states) / sizeof(uint64);
        states* p = k.partials + (simt::bid().y * k.a.rows + output);
        simt::store<words>(reinterpret_cast<uint64*>(p), bits_as<simt::vec<uint64, words>>(s));
    }
    SINTER_DEVICE void merge_partials(int64 output, states& s) const {
        constexpr int words = sizeof(states) / sizeof(uint64);
        SINTER_ROLLED
        for (unsigned part = y; part < simt::gdim().y; part += k.depth) {
            const states* p = k.partials + (part * k.a.rows + output);
            auto next =
                bits_as<states>(simt::load_coherent<words>(reinterpret_cast<const uint64*>(p)));
            s.merge(next);
        }
    }
    // True in the last block of this tile, which then sees the states of all others.
    SINTER_DEVICE bool arrives_last(int64 tile) const {
        unsigned& last = simt::shared<unsigned, reduce_work>();
        Sync::template block<2>();
        if (simt::tid().x == 0) {
            Sync::template fence<0>();
            const unsigned others = simt::gdim().y - 1;
            last = simt::atomic_inc(k.counters + tile, others) == others ? 1U : 0U;
        }
        Sync::template block<3>();
        if (last == 0) return false;
        Sync::template fence<1>();
        return true;
    }
    SINTER_DEVICE void deliver(states& s) {
        const args<C>& a = k.a;
        s.finish(row);
        take_row_values<C, last_pass, reading::own>(row, a, base);
        if (y == 0) store_values<C, last_pass, which::per_row>(row, row, a, base, ~k.once);
        if (!k.spread) return;
        SINTER_ROLLED
        for (int64 i = y; i < a.row_length; i += k.depth)
            store_values<C, last_pass, which::per_row>(row, row, a, element_at(i), k.once);
    }
    SINTER_DEVICE void run(int64 tile) {
        const args<C>& a = k.a;
        const int64 output = tile * k.columns + x;
        const bool mine = output < a.rows;
        states s;
        s.clear();
        if (mine) {
            base = no_offsets<C>();
            locate(base, a, 0, a.outer_rank, output);
            take_row_values<C, 0, reading::own>(row, a, base);
            const int64 begin = simt::bid().y * k.chunk;
            const int64 end = begin + k.chunk < a.row_length ? begin + k.chunk : a.row_length;
            for (int64 i = begin + y; i < end; i += k.depth) fold(s, i);
        }
        join(s);
        if (simt::gdim().y > 1) {
            if (mine && y == 0) keep_partial(output, s);
            if (!arrives_last(tile)) return;
            s.clear();
            if (mine) merge_partials(output, s);
            join(s);
        }
        if (k.spread) {
            Sync::template block<4>();
            if (y > 0) s = all[simt::tid().x - y * neighbour];
        }
        if (mine && (y == 0 || k.spread)) deliver(s);
    }
};

template <class C, class Sync>
SINTER_DEVICE void reduce<C, Sync>::operator()() const {
    static_assert(ir::is_pure_reduction<C>());
    simt::carver cut;
    reduce_work<C, Sync> work(*this, cut.take<states>(simt::bdim().x));
    take_scalars(work.row, a);
    SINTER_ROLLED
    for (int64 tile = simt::bid().x; tile < tiles; tile += simt::gdim().x) {
        if (tile != simt::bid().x) Sync::template block<1>();  // `all` is still being read
        work.run(tile);
    }
}

#endif

}  // namespace sinter::kernel
