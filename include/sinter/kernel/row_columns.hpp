// Totals down the columns of the rows of a row kernel, such as the gradients of scale and shift
// beside that of a layer norm.
//
// Shape: a thread meets the same columns in every row of its block, so it keeps their states for
// itself: in shared memory where they fit beside the rows, else in device memory, which the second
// cache holds. In the end each block has one state per column, all blocks meet (they all run at the
// same time), and each merges some of the columns, in the order of the blocks. Traffic: a state per
// column and block, written and read once; no array is read again. Device-readable.
#pragma once

#include "sinter/kernel/row_totals.hpp"

namespace sinter::kernel {

#if SINTER_NVCC || SINTER_EMULATOR

/// The columns of one block.
template <class C, class Kernel, class Sync>
struct row_columns {
    using states = total_states<C, true>;
    static constexpr int words = sizeof(states) / sizeof(uint64);

    const Kernel& k;
    states *slots, *mine;  // one row of states for each row of the block; that of this thread's
    bool first = true;     // no row came in yet

    SINTER_DEVICE row_columns(const Kernel& kernel, unsigned char* buffers, unsigned row)
        : k(kernel) {
        if (k.totals.columns_in_shared) {
            slots = reinterpret_cast<states*>(buffers + k.totals.columns_at);
        } else {
            slots = of_group(simt::bid().x / k.g.team);
        }
        mine = slots + row * k.a.row_length;
    }
    // What the blocks of a team leave, and lies there beforehand where shared memory is too small.
    SINTER_DEVICE states* of_group(int64 group) const {
        return reinterpret_cast<states*>(k.partials + k.totals.columns) + group * group_length();
    }
    SINTER_DEVICE int64 group_length() const {
        return (k.totals.columns_in_shared ? 1 : k.g.rows) * k.a.row_length;
    }
    SINTER_DEVICE states get(const states* p) const {
        const auto* from = reinterpret_cast<const uint64*>(p);
        if (k.totals.columns_in_shared) return bits_as<states>(simt::load_shared<words>(from));
        return bits_as<states>(simt::load_own<words>(from));
    }
    SINTER_DEVICE static void put(states* p, const states& s) {
        simt::store<words>(reinterpret_cast<uint64*>(p), bits_as<simt::vec<uint64, words>>(s));
    }
    /// Folds an element of this column.
    SINTER_DEVICE void step(int64 column, const ir::registers<C>& v, const ir::registers<C>& row) {
        states s;
        if (first) {
            s.clear();
        } else {
            s = get(mine + column);
        }
        s.template step<false>(v, row);
        if (k.totals.columns_in_shared) {
            simt::store_shared<words>(reinterpret_cast<uint64*>(mine + column),
                                      bits_as<simt::vec<uint64, words>>(s));
        } else {
            put(mine + column, s);
        }
    }

    /// Leaves the states of columns begin..end-1 of this block in device memory.
    SINTER_DEVICE void leave(int64 begin, int64 end) const {
        states* const to = of_group(simt::bid().x / k.g.team);
        const int64 rows_left = k.a.rows - static_cast<int64>(simt::bid().x / k.g.team) * k.g.rows;
        const unsigned rows = rows_left < k.g.rows ? static_cast<unsigned>(rows_left) : k.g.rows;
        Sync::template block<9>();
        if (to == slots && rows == 1) return;
        SINTER_ROLLED
        for (int64 c = begin + simt::tid().x; c < end; c += simt::bdim().x) {
            states s;
            s.clear();
            const states* from = slots + c;
            SINTER_ROLLED
            for (unsigned r = 0; r < rows; ++r, from += k.a.row_length) {
                states next = get(from);
                s.merge(next);
            }
            put(to + c, s);
        }
    }
    /// Waits for all blocks.
    SINTER_DEVICE void meet() const {
        unsigned* const counter = k.counters + k.totals.meeting;
        Sync::template block<10>();
        if (simt::tid().x == 0) {
            Sync::template fence<9>();
            simt::atomic_add(counter, 1U);
            Sync::template counter<1>(counter, simt::gdim().x);
            Sync::template fence<10>();
            leave_meeting(counter, simt::gdim().x);
        }
        Sync::template block<11>();
    }
    /// Merges what the blocks left of some columns, and writes what follows.
    template <class Place>
    SINTER_DEVICE void finish(const Place& place, unsigned char* shared) const {
        const int64 each = k.totals.columns_per_block, from = simt::bid().x * each,
                    left = k.a.row_length - from;
        const int64 end = from + (left < each ? left : each);
        const unsigned threads = simt::bdim().x, groups = simt::gdim().x / k.g.team;
        unsigned across = 1;  // threads side by side
        while (across < each && across < threads) across *= 2;
        const unsigned x = simt::tid().x % across, y = simt::tid().x / across,
                       deep = threads / across;
        const states* const left_here = of_group(y);
        const int64 apart = deep * group_length();
        auto* const table = reinterpret_cast<states*>(shared);
        ir::registers<C> v;
        take_scalars(v, k.a);
        ir::ends<C, true>::compute_numbers(v, k.a.functors);
        SINTER_ROLLED
        for (int64 begin = from; begin < end; begin += across) {
            const int64 c = begin + x;
            states s;
            s.clear();
            const states* at = left_here + c;
            SINTER_ROLLED
            for (unsigned g = y; c < end && g < groups; g += deep, at += apart) {
                auto next = bits_as<states>(
                    simt::load_coherent<words>(reinterpret_cast<const uint64*>(at)));
                s.merge(next);
            }
            // Only one such walk has threads that share a column, so nobody reads the table still.
            table[simt::tid().x] = s;
            Sync::template block<12>();
            if (y != 0 || c >= end) continue;
            SINTER_ROLLED
            for (unsigned i = 1; i < deep; ++i) {
                states next = table[i * across + x];
                s.merge(next);
            }
            s.finish(v);
            ir::ends<C, true>::compute(v, k.a.functors);
            offsets<C> o = no_offsets<C>();
            place.go_along(
                o, k.a.outer_rank, k.a.outer_rank + k.a.row_rank, static_cast<uint64>(c));
            each_store(o, v);
        }
    }

private:
    SINTER_DEVICE void each_store(const offsets<C>& o, const ir::registers<C>& v) const {
        each<C::stores>(write_late<C, true>{k.a, o, v});
    }
};

#endif

}  // namespace sinter::kernel
