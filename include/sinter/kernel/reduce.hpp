// The kernel of a stage that reduces once and needs its rows no more: sums over columns, rows or
// everything, with elementwise work before and after, always one launch.
//
// Shape: a block has `columns` x `depth` threads; a column of threads folds one row, which ends as
// one output, or the rows of a strip of neighbouring outputs. Threads that are neighbours in a warp
// are neighbours in memory: along the outputs where those are contiguous (a sum over the first
// axis: a thread has 16 bytes of columns), along the row where that is. A thread loads several
// strips before it folds the first, because what keeps memory busy is bytes in flight; every
// element of a strip has states of its own, which are joined at the end, so folds do not wait for
// one another. When there are too few outputs to fill the device, rows are split over grid.y, about
// one wave of blocks in all: each leaves its states in a workspace, and the last one to finish
// (ticket and fence) merges them, always in the same order. Hence a result has the same bits in
// every run.
//
// Traffic: each array is read once, values per element are written while the row is walked. A split
// writes and reads one state per output and split, which is at most one element in
// reduce_elements_per_thread times depth.
#pragma once

#include "sinter/kernel/row_finder.hpp"
#include "sinter/kernel/row_group.hpp"

namespace sinter::kernel {

/// True when what the walk over a row evaluates depends on values of the row.
template <class C>
SINTER_HD constexpr bool walk_uses_row() {
    for (int i = 0; i < C::size; ++i) {
        const ir::instr x = C::at(i);
        const bool walked = (x.h == ir::how::compute && !x.row_constant && x.level == 0) ||
                            (x.h == ir::how::reduce && x.level == 1);
        for (const short k : x.in) {
            if (!walked || k < 0) continue;
            const ir::instr y = C::at(k);
            if (y.row_constant && (y.h == ir::how::load || y.h == ir::how::compute)) return true;
        }
    }
    return false;
}
/// Elements of a strip of the reduce kernel: each has its own states.
template <class C>
SINTER_HD constexpr int reduce_width() {
    int width = strip_width<C>();
    while (width > 1 &&
           width * static_cast<int>(sizeof(fold_states<C, 0>)) > tuning::reduce_state_bytes)
        width /= 2;
    return width;
}
/// Strips that a thread loads before it folds the first.
template <class C>
SINTER_HD constexpr int reduce_batch() {
    if (stores_elements<C>()) return 1;
    // The window kernel has the short ones; what is left reads most of its elements from L1.
    if (C::head().windows) return 1;
    constexpr int width = reduce_width<C>();
    constexpr int of_states = 3 * width * fold_states<C, 0>::bytes();
    int of_loads = 0;
    const auto loads = sweep<C, 0, 0>::loads();
    for (int i = 0; i < loads.count; ++i) of_loads += width * size_of(C::at(loads.at[i]).type);
    int batch = 1;
    while (batch < tuning::reduce_most_strips &&
           2 * batch * of_loads + of_states <= tuning::reduce_register_bytes &&
           2 * batch * width * C::size <= tuning::reduce_instructions)
        batch *= 2;
    return batch;
}

/// How a launch of the reduce kernel is laid out.
struct reduce_layout : strip_layout {
    unsigned columns = 1, depth = simt::warp_size;  // of threads, powers of two
    bool along_row = true;       // neighbouring threads walk the row, else the outputs
    bool wide_outputs = false;   // a strip is neighbouring outputs, else a part of a row
    unsigned outputs = 1;        // of a tile
    unsigned skipped = 0;        // wide outputs: output 0 is number `skipped`
    int64 tiles = 0, chunk = 0;  // tiles of outputs; numbers of a row per block
    unsigned state_bytes = 0;
};

/// The reduce kernel of stage C.
template <class C, class Sync = device_sync>
struct reduce {
    static constexpr int max_threads = tuning::reduce_threads, min_blocks = 2;
    using states = fold_states<C, 0>;

    args<C> a;
    reduce_layout g;
    uint64 once;         // bit j: store j has one place per row
    bool spread;         // some row constant is stored to every element of its row
    states* partials;    // gdim().y times a.rows, when gdim().y > 1
    unsigned* counters;  // one per tile, 0 before and after
    SINTER_DEVICE void operator()() const;
};

#if SINTER_NVCC || SINTER_EMULATOR

/// A block at work on a tile of outputs.
template <class C, class Sync>
struct reduce_work {
    using states = fold_states<C, 0>;
    static constexpr int width = reduce_width<C>(), batch = reduce_batch<C>(), last_pass = 1;
    static constexpr bool stores = stores_elements<C>();
    static constexpr reading how = stores ? reading::own : reading::constant;
    using walk = sweep<C, 0, stores ? last_pass : 0>;
    using strips = strip<C, walk, width, how, which::per_element>;

    const reduce<C, Sync>& k;
    unsigned char* shared;
    strip_finder<C, width> place;
    row_group<Sync> group;
    unsigned x, y;
    uint32 outputs_low = 0, outputs_span = 0;  // wide outputs: which of this thread's strip exist
    ir::registers<C> row;

    SINTER_DEVICE reduce_work(const reduce<C, Sync>& kernel, unsigned char* bytes)
        : k(kernel),
          shared(bytes),
          place(kernel.a, kernel.g),
          group(kernel.g.depth,
                kernel.g.columns,
                !kernel.g.along_row,
                bytes,
                kernel.g.state_bytes / 2),
          x(k.g.along_row ? simt::tid().x / k.g.depth : simt::tid().x % k.g.columns),
          y(k.g.along_row ? simt::tid().x % k.g.depth : simt::tid().x / k.g.columns) {}

    struct fold_into {
        states* s;
        int64 position;
        unsigned apart;
        SINTER_DEVICE void step(int e, const ir::registers<C>& v, const ir::registers<C>& r) {
            s[e].step(v, r, position + static_cast<int64>(static_cast<uint32>(e) * apart));
        }
    };
    SINTER_DEVICE strip_place<C> strip_at(const offsets<C>& piece,
                                          int64 from,
                                          uint32 count,
                                          uint32 u) const {
        strip_place<C> p = place.strip_at(piece, from, count, u);
        if (k.g.wide_outputs) {
            p.first = 0;
            p.apart = 1;
            p.low = outputs_low;
            p.span = u < count ? outputs_span : 0;
            p.axis = k.a.outer_rank - 1;
            p.whole = p.span == static_cast<uint32>(width);
        }
        place.go_to(p.at, from, u);
        return p;
    }
    /// Walks the numbers of this thread; element e of its strips goes into s[e].
    SINTER_DEVICE void fold(states (&s)[width]) {
        SINTER_ROLLED
        for (int64 from = place.first; from < place.end; from += tuning::row_piece) {
            const int64 left = place.end - from;
            const auto count =
                static_cast<uint32>(left < tuning::row_piece ? left : tuning::row_piece);
            const offsets<C> piece = place.piece(from);
            SINTER_ROLLED
            for (uint32 u = y * k.g.per_thread; u < count; u += batch * k.g.stride) {
                strips in[batch];
                strip_place<C> at[batch];
                SINTER_UNROLLED
                for (int b = 0; b < batch; ++b) {
                    at[b] = strip_at(piece, from, count, u + static_cast<uint32>(b) * k.g.stride);
                    in[b].load(k.a, at[b], k.g.wide, nullptr);
                }
                SINTER_UNROLLED
                for (int b = 0; b < batch; ++b) {
                    fold_into into{s,
                                   from - place.shift + u + static_cast<uint32>(b) * k.g.stride,
                                   k.g.wide_outputs ? 0 : k.g.apart};
                    in[b].template compute<stores>(row, k.a, at[b], into);
                    if constexpr (stores) in[b].store(k.a, at[b], k.g.wide, 0);
                }
            }
        }
    }

    // ---- What comes after the walk

    // The states of output tid of a tile of wide outputs, in the threads that have one.
    SINTER_DEVICE states join_wide(states (&all)[width]) {
        auto* table = reinterpret_cast<states*>(shared);
        SINTER_UNROLLED
        for (int e = 0; e < width; ++e)
            table[y * k.g.outputs + x * width + static_cast<unsigned>(e)] = all[e];
        Sync::template block<4>();
        states s = all[0];
        if (simt::tid().x >= k.g.outputs) return s;
        s = table[simt::tid().x];
        SINTER_ROLLED
        for (unsigned i = 1; i < k.g.depth; ++i) {
            states next = table[i * k.g.outputs + simt::tid().x];
            s.merge(next);
        }
        return s;
    }
    SINTER_DEVICE static void keep_partial(states* p, const states& s) {
        constexpr int words = sizeof(states) / sizeof(uint64);
        simt::store<words>(reinterpret_cast<uint64*>(p), bits_as<simt::vec<uint64, words>>(s));
    }
    // Merges what the blocks of a tile left of one output: parts first, first + step, ..., which
    // lie `apart` from one another, the first at `from`; several loads under way.
    SINTER_DEVICE static void merge_partials(
        const states* from, int64 apart, unsigned first, unsigned step, states& s) {
        constexpr int words = sizeof(states) / sizeof(uint64), ahead = words > 2 ? 2 : 4;
        SINTER_ROLLED
        for (unsigned part = first; part < simt::gdim().y; part += ahead * step) {
            simt::vec<uint64, words> bits[ahead];
            SINTER_UNROLLED
            for (unsigned i = 0; i < ahead; ++i) {
                if (part + i * step < simt::gdim().y)
                    bits[i] = simt::load_coherent<words>(
                        reinterpret_cast<const uint64*>(from + scaled(i, apart)));
            }
            SINTER_UNROLLED
            for (unsigned i = 0; i < ahead; ++i) {
                if (part + i * step >= simt::gdim().y) continue;
                auto next = bits_as<states>(bits[i]);
                s.merge(next);
            }
            from += scaled(ahead, apart);
        }
    }
    SINTER_DEVICE void deliver(int64 output, states& s, bool first) {
        const args<C>& a = k.a;
        offsets<C> o = no_offsets<C>();
        place.go_along(o, 0, a.outer_rank, static_cast<uint64>(output));
        take_row_values<C, 0, reading::own>(row, a, o);
        s.template finish<1>(row);
        take_row_values<C, last_pass, reading::own>(row, a, o);
        if (first) store_values<C, last_pass, which::per_row>(row, row, a, o, ~k.once);
        if (!k.spread) return;
        SINTER_ROLLED
        for (int64 i = y; i < a.row_length; i += k.g.depth) {
            offsets<C> q = o;
            place.go_along(q, a.outer_rank, a.outer_rank + a.row_rank, static_cast<uint64>(i));
            store_values<C, last_pass, which::per_row>(row, row, a, q, k.once);
        }
    }
    SINTER_DEVICE void run(int64 tile) {
        const args<C>& a = k.a;
        const bool wide = k.g.wide_outputs;
        // Wide outputs: this thread walks outputs number..number + width - 1, and later delivers
        // one.
        int64 output = tile * k.g.outputs + (wide ? simt::tid().x : x);
        bool mine = output < a.rows && (!wide || simt::tid().x < k.g.outputs);
        if (wide) {
            output -= k.g.skipped;
            mine = output >= 0 && output < a.rows && simt::tid().x < k.g.outputs;
            begin_wide(tile * k.g.outputs + x * width);
        } else {
            place.begin(output, simt::bid().y, k.g.chunk);
        }
        states all[width];
        SINTER_UNROLLED
        for (int e = 0; e < width; ++e) all[e].clear();
        if constexpr (walk_uses_row<C>())
            if (place.live) take_row_values<C, 0, reading::own>(row, a, place.base);
        fold(all);
        states s = all[0];
        if (wide) {
            s = join_wide(all);
        } else {
            SINTER_UNROLLED
            for (int e = 1; e < width; ++e) s.merge(all[e]);
        }
        const unsigned part = wide ? 0 : y, parts = wide ? 1 : k.g.depth;
        const bool split = simt::gdim().y > 1;
        states* const own = split ? k.partials + (simt::bid().y * a.rows + output) : nullptr;
        const states* const others = split ? k.partials + (part * a.rows + output) : nullptr;
        const int64 apart = parts * a.rows;
        // First what the threads of this block folded, then what the blocks of the tile left.
        SINTER_ROLLED
        for (bool of_blocks = false;; of_blocks = true) {
            if (!wide) group.join(s);
            if (of_blocks || !split) break;
            if (mine && (wide || y == 0)) keep_partial(own, s);
            unsigned& last = simt::shared<unsigned, reduce_work>();
            if (!arrives_last<Sync, 2>(k.counters + tile, simt::gdim().y, last)) return;
            s.clear();
            // Wide outputs: a thread merges all of its one, else the threads of a row share them.
            if (mine) merge_partials(others, apart, part, parts, s);
        }
        if (mine && (wide || y == 0 || k.spread)) deliver(output, s, wide || y == 0);
    }
    // Finds the strip of outputs that begins with number `first`, of which `skipped` is output 0.
    SINTER_DEVICE void begin_wide(int64 first) {
        const args<C>& a = k.a;
        const int64 output = first - k.g.skipped;
        place.live = output < a.rows && output + width > 0;
        place.base = no_offsets<C>();
        place.first = simt::bid().y * k.g.chunk;
        place.end = 0;
        if (!place.live) return;
        // Before output 0 there is nothing, but the strip begins there.
        if (output < 0) {
            move(place.base, a, a.outer_rank - 1, output);
        } else {
            place.go_along(place.base, 0, a.outer_rank, static_cast<uint64>(output));
        }
        outputs_low = output < 0 ? static_cast<uint32>(-output) : 0;
        const int64 left = a.rows - output;
        outputs_span = (left < width ? static_cast<uint32>(left) : width) - outputs_low;
        place.end = a.row_length - place.first < k.g.chunk ? a.row_length : place.first + k.g.chunk;
    }
};

template <class C, class Sync>
SINTER_DEVICE void reduce<C, Sync>::operator()() const {
    static_assert(ir::is_pure_reduction<C>());
    simt::carver cut;
    reduce_work<C, Sync> work(*this, cut.take<unsigned char>(g.state_bytes));
    take_scalars(work.row, a);
    SINTER_ROLLED
    for (int64 tile = simt::bid().x; tile < g.tiles; tile += simt::gdim().x) {
        // The table of wide outputs is still being read.
        if (g.wide_outputs && tile != simt::bid().x) Sync::template block<5>();
        work.run(tile);
    }
}

#endif

}  // namespace sinter::kernel
