// Reductions of a product's results in the kernel that computes it: sums of columns (the gradient
// of a bias), of rows, of everything (a loss).
//
// Shape: a block folds its tile on the way out, while the results are in registers, and leaves one
// state for each column, row or tile in the workspace. The last block to arrive, of those whose
// tiles have a part in the same results, merges the states in the order of the tiles and writes the
// results: so these do not depend on who came when, and the product is not read again, nor stored
// where nobody else wants it. Where elements of a few products of the batch are folded, those of a
// pooling window, one block takes these products in turn: each thread adds to the states of the
// same elements, for which nobody waits.
//
// Traffic: a state for each column (row) of every tile, 1/64 or 1/128 of the product; of products
// in turn one for each element, written and read in every turn, by the same thread.
#pragma once

#include "sinter/kernel/element.hpp"
#include "sinter/kernel/fold.hpp"
#include "sinter/kernel/row_group.hpp"

namespace sinter::kernel {

/// True when the kernel of stage C, a contraction, completes reductions of what it computes.
template <class C>
SINTER_HD constexpr bool has_folds() {
    return C::head().core >= 0 && C::head().passes == 2;
}

/// What is folded, and where tiles meet. Axes as in matmul_args.
template <class C>
struct fold_args {
    using states = fold_states<C, 0>;
    bool rows, columns;  // of a tile
    bool empty;          // a folded axis has no elements: nor has the product
    unsigned batch;      // bit d: axis d of the batch
    unsigned turns;      // products that a block takes one after the other, folding their elements
    unsigned members;    // tiles that have a part in one group of results
    unsigned* counters;  // one for each group, zero before and after
    states* partials;    // by group, tile and result of a tile
};
/// The same where there is something to fold.
template <class C>
struct with_folds {
    fold_args<C> folds;
};
struct without_folds {};
template <class C>
using maybe_folds = select_t<has_folds<C>(), with_folds<C>, without_folds>;

#if SINTER_NVCC || SINTER_EMULATOR

/// The reductions of one tile of M rows and N columns. All threads of a block call the same
/// functions.
template <class C, class Sync, int M, int N, int Threads>
struct tile_folds {
    using states = fold_states<C, 0>;
    static constexpr int warps_n = N / static_cast<int>(simt::warp_size);
    /// States that fit into what a kernel sets apart: one for each thread, or one for each row of
    /// every warp.
    static constexpr int room = Threads > M* warps_n ? Threads : M* warps_n;
    static_assert(Threads % N == 0 && M <= Threads);

    static constexpr int room_bytes = room * static_cast<int>(sizeof(states));

    const fold_args<C>& f;
    states* shared;
    states mine;  // where rows are folded: of this thread's column
    unsigned group = 0, member = 0, turn = 0;

    /// The tile where `here` is, with shared memory for `room_bytes`.
    template <class Place>
    SINTER_DEVICE tile_folds(const Place& here, void* memory)
        : f(here.p.folds), shared(static_cast<states*>(memory)) {
        mine.clear();
        const auto& p = here.p;
        group = here.tile_of_all();
        if (f.turns > 1) return;
        group = 0;
        unsigned groups = 1, members = 1;
        number(f.columns, here.tile % p.tiles_n, p.tiles_n, groups, members);
        number(f.rows, here.tile / p.tiles_n, p.tiles / p.tiles_n, groups, members);
        unsigned batch = here.tile_of_all() / p.tiles;
        SINTER_ROLLED
        for (int d = p.axes - 1; d >= p.first_batch; --d) {
            const unsigned extent = static_cast<unsigned>(p.a.extent[d]);
            number((f.batch >> d & 1) != 0, batch % extent, extent, groups, members);
            batch /= extent;
        }
    }
    SINTER_DEVICE void number(
        bool folded, unsigned c, unsigned extent, unsigned& groups, unsigned& members) {
        if (folded) {
            member += c * members;
            members *= extent;
        } else {
            group += c * groups;
            groups *= extent;
        }
    }
    SINTER_DEVICE int results() const { return (f.rows ? 1 : M) * (f.columns ? 1 : N); }
    // Where the states of a tile of this group lie in the workspace.
    SINTER_DEVICE states* partials(unsigned of) const {
        return f.partials + (static_cast<int64>(group) * f.members + of) * results();
    }
    SINTER_DEVICE static void keep(states* p, const states& s) {
        constexpr int words = sizeof(states) / sizeof(uint64);
        simt::store<words>(reinterpret_cast<uint64*>(p), bits_as<simt::vec<uint64, words>>(s));
    }
    SINTER_DEVICE static states kept(const states* p) {
        constexpr int words = sizeof(states) / sizeof(uint64);
        return bits_as<states>(simt::load_coherent<words>(reinterpret_cast<const uint64*>(p)));
    }
    /// Takes element (r, c) of the tile; the lanes of a warp have neighbours of one row, and a
    /// thread always the same column. `own`: where this tile's states go.
    SINTER_DEVICE void take(states& s, int r, int c) {
        if (f.rows) return mine.merge(s);
        if (!f.columns) {
            states* const own = partials(member) + r * N + c;
            if (turn > 0) {
                states before = kept(own);
                before.merge(s);
                s = before;
            }
            return keep(own, s);
        }
        row_group<Sync>::template join_lanes<2>(s, simt::warp_size / 2, 1);
        if (simt::lane() == 0) shared[r * warps_n + c / static_cast<int>(simt::warp_size)] = s;
    }
    // Merges what `count` threads hold, `apart` from one another, into the first of them.
    template <int Site>
    SINTER_DEVICE states join(const states& s, int count, int apart) {
        const int t = static_cast<int>(simt::tid().x);
        shared[t] = s;
        Sync::template block<Site>();
        SINTER_ROLLED
        for (int half = count / 2; half > 0; half /= 2) {
            if (t < half * apart) {
                states other = shared[t + half * apart];
                shared[t].merge(other);
            }
            Sync::template block<Site>();
        }
        return shared[t];
    }
    /// Leaves the states of the tile in the workspace.
    SINTER_DEVICE void leave() {
        states* const own = partials(member);
        const int t = static_cast<int>(simt::tid().x);
        if (f.rows) {
            const int apart = f.columns ? 1 : N;
            const states s = join<6>(mine, Threads / apart, apart);
            if (t < apart) keep(own + t, s);
        } else if (f.columns) {
            Sync::template block<7>();
            if (t >= M) return;
            states s = shared[t * warps_n];
            SINTER_ROLLED
            for (int w = 1; w < warps_n; ++w) {
                states other = shared[t * warps_n + w];
                s.merge(other);
            }
            keep(own + t, s);
        }
    }
    /// True in the last block of a group, which then sees the states of all others. `last` lies in
    /// shared memory that nobody needs any more.
    SINTER_DEVICE bool arrives_last(unsigned& last) const {
        return kernel::arrives_last<Sync, 8, 2>(f.counters + group, f.members, last);
    }
    // The states of one result in tiles first, first + step, ... of a group; some loads under way.
    SINTER_DEVICE states merged(const states* from, unsigned first, unsigned step) const {
        constexpr int words = sizeof(states) / sizeof(uint64), ahead = 4;
        states s;
        s.clear();
        SINTER_ROLLED
        for (unsigned q = first; q < f.members; q += ahead * step) {
            simt::vec<uint64, words> bits[ahead];
            SINTER_UNROLLED
            for (unsigned i = 0; i < ahead; ++i) {
                const unsigned at = q + i * step < f.members ? q + i * step : q;
                bits[i] = simt::load_coherent<words>(
                    reinterpret_cast<const uint64*>(from + static_cast<int64>(at) * results()));
            }
            SINTER_UNROLLED
            for (unsigned i = 0; i < ahead; ++i) {
                if (q + i * step >= f.members) continue;
                auto next = bits_as<states>(bits[i]);
                s.merge(next);
            }
        }
        return s;
    }
    /// Merges the tiles of a group and writes their results; `from` is where the product begins,
    /// (first_m, first_n) where the tile does.
    SINTER_DEVICE void deliver(const args<C>& a,
                               ir::registers<C>& row,
                               const offsets<C>& from,
                               int64 first_m,
                               int64 first_n) {
        const int t = static_cast<int>(simt::tid().x), count = results();
        int width = 1;  // results at a time; the other threads share their tiles
        while (width < count && width < Threads) width *= 2;
        const int lanes = Threads / width;
        SINTER_ROLLED
        for (int base = 0; base < count; base += width) {
            const int result = base + t % width;
            states s;
            s.clear();
            if (result < count)
                s = merged(partials(0) + result,
                           static_cast<unsigned>(t / width),
                           static_cast<unsigned>(lanes));
            if (lanes > 1) s = join<10>(s, lanes, width);
            if (t >= width || result >= count) continue;
            const int r = f.rows ? 0 : f.columns ? result : result / N;
            const int c = f.columns ? 0 : result % N;
            const int64 i = f.rows ? 0 : first_m + r, j = f.columns ? 0 : first_n + c;
            if ((!f.rows && i >= a.extent[0]) || (!f.columns && j >= a.extent[1])) continue;
            offsets<C> o = from;
            move(o, a, 0, i);
            move(o, a, 1, j);
            s.template finish<1>(row);
            take_row_values<C, 1, reading::own>(row, a, o);
            store_values<C, 1, which::per_row>(row, row, a, o);
        }
    }
};

#endif

}  // namespace sinter::kernel
