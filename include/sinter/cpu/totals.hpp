// Reductions over the rows of a stage, while its rows come in. Rows are cut into parts whose number
// depends on the extents alone; each leaves its states, which are merged in order: so the results
// do not depend on the threads.
#pragma once

#include "sinter/cpu/row_plan.hpp"
#include "sinter/cpu/row_values.hpp"
#include "sinter/cpu/tally.hpp"

namespace sinter::cpu {

/// The totals of the rows that one engine walks.
class row_totals {
public:
    row_totals(const row_plan& p, const stage_loops& code, arena& m)
        : plan_(p), code_(code), first_(m.array<int64>(code.totals.count + 1)) {
        int64 n = 0;
        for (int k = 0; k < code.totals.count; ++k) {
            first_[k] = n;
            n += code.totals[k].columns ? p.row_tiling().count : 1;
        }
        first_[code.totals.count] = n;
        tally_ = m.array<tally>(n);
        for (int k = 0; k < code.totals.count; ++k)
            for (int64 i = first_[k]; i < first_[k + 1]; ++i)
                new (tally_ + i) tally(*code.totals[k].fold, m, columns_of_tile(k));
    }
    /// Bytes that the states of a part take.
    static int64 bytes(const row_plan& p, const stage_loops& code) {
        int64 n = 0;
        for (const total_value& t : code.totals) n += room(p, t);
        return n;
    }
    /// The part of these that total `t` has: the next one is aligned as well.
    static int64 room(const row_plan& p, const total_value& t) {
        return (count(p, t) * t.fold->bytes + 15) / 16 * 16;
    }
    /// How many values total `t` has.
    static int64 count(const row_plan& p, const total_value& t) {
        return t.columns ? p.row().length : 1;
    }

    /// Where there is only one part, states of columns lie from the beginning where leave() would
    /// copy them to.
    void start(std::byte* place) {
        for (int k = 0; k < code_.totals.count; ++k) {
            std::byte* at = place;
            for (int64 i = first_[k]; i < first_[k + 1]; ++i) {
                const int64 n = size_of_tally(k, i);
                tally_[i].start(n, at);
                if (at != nullptr) at += n * code_.totals[k].fold->bytes;
            }
            if (place != nullptr) place += room(plan_, code_.totals[k]);
        }
    }
    /// After start(): threads may take different tiles of the row at a time, of fewer than 16 rows.
    void share() {
        for (int64 i = 0; i < first_[code_.totals.count]; ++i) tally_[i].reserve();
    }
    /// Takes the values of tile `i` of the row, `across` of them, for `rows` rows; output f of the
    /// pass is the f-th total of elements.
    void take(const runner& r, int64 i, int64 across, int64 rows) {
        int f = 0;
        for (int k = 0; k < code_.totals.count; ++k) {
            const total_value& t = code_.totals[k];
            if (t.reg >= 0) continue;
            const block_value x = r.value(f);
            const int bytes = r.value_bytes(f++);
            tally& to = tally_[first_[k] + (t.columns ? i : 0)];
            if (!t.columns) {
                const int64 lines = plan_.lanes ? across : rows, n = plan_.lanes ? rows : across;
                for (int64 l = 0; l < lines; ++l) to.along({x.at + l * x.line, 0}, n, 0);
            } else if (plan_.lanes) {
                to.along(x, rows, 0);
            } else {
                to.across(x, rows, 0, bytes);
            }
        }
    }
    /// Takes the values of `rows` rows.
    void take_rows(const context& c, int64 rows) {
        for (int k = 0; k < code_.totals.count; ++k)
            if (code_.totals[k].reg >= 0)
                tally_[first_[k]].along({c.lanes(code_.totals[k].reg), 0}, rows, 0);
    }
    /// Copies the states: those of one total after those of the other.
    void leave(std::byte* to) {
        for (int k = 0; k < code_.totals.count; ++k) {
            std::byte* at = to;
            for (int64 i = first_[k]; i < first_[k + 1]; ++i) {
                const int64 bytes = size_of_tally(k, i) * code_.totals[k].fold->bytes;
                const std::byte* const from = tally_[i].finish();
                if (from != at) std::memcpy(at, from, static_cast<std::size_t>(bytes));
                at += bytes;
            }
            to += room(plan_, code_.totals[k]);
        }
    }

private:
    /// How many states tally `i`, one of total `k`, has.
    int64 size_of_tally(int k, int64 i) const {
        return code_.totals[k].columns ? plan_.row_tiling().at(plan_.row(), i - first_[k]).count
                                       : 1;
    }
    int64 columns_of_tile(int k) const {
        const tiling& t = plan_.row_tiling();
        return code_.totals[k].columns ? std::min(t.step * t.inside, plan_.row().length) : 1;
    }
    const row_plan& plan_;
    const stage_loops& code_;
    int64* first_;  // of each total: its first tally
    tally* tally_;
};

/// Folds the columns of row tiles first..end-1 over all rows, from what the stage stored.
inline void fold_stored(const row_plan& p,
                        const stage_loops& code,
                        const ir::bound_stage& b,
                        int64 first,
                        int64 end,
                        std::byte* states) {
    alignas(arena::line) std::byte small[1024];
    for (const total_value& t : code.totals) {
        const operand o = bytes_of(b.store[t.store], code.store_bytes[t.store], b);
        stream down, along;
        down.follow(o, p.outer());
        along.follow(o, p.row());
        arena memory(small, sizeof small);
        tally columns(*t.fold, memory, p.row_tiling().step * p.row_tiling().inside);
        for (int64 i = first; i < end; ++i) {
            const tile at = p.row_tiling().at(p.row(), i);
            const std::byte* from = o.data + along.offset(o, p.row(), p.row_tiling(), at);
            columns.start(at.count);
            columns.across({const_cast<std::byte*>(from), down.step}, p.outer().length, 0, o.bytes);
            std::memcpy(states + at.begin * t.fold->bytes,
                        columns.finish(),
                        static_cast<std::size_t>(at.count * t.fold->bytes));
        }
        states += row_totals::room(p, t);
    }
}

/// Writes tile `t` of a value that follows from totals; `narrow` has room for it.
inline void store_late(const late_store& s,
                       const ir::bound_stage& b,
                       const std::byte* values,
                       std::byte* narrow,
                       const loop_space& space,
                       const tiling& by,
                       const tile& t) {
    const int bytes = size_of(s.type);
    operand o = bytes_of(b.store[s.store], bytes, b);
    if (o.data == nullptr) return;
    if (is_narrowed(s.type)) {
        narrow_lanes(s.type, narrow, values, t.count);
        values = narrow;
    }
    loop_space one;
    one.push(no_axis, 1);
    store_lanes(o, values, bytes, space, by, t, one);
}

/// Merges what `parts` parts left, computes what follows from the totals and writes it, for so many
/// columns at a time that all of it stays in the nearest cache. Without parts there were no rows.
inline void finish_totals(const row_plan& p,
                          const stage_loops& code,
                          const ir::bound_stage& b,
                          std::byte* states,
                          int64 parts) {
    const int64 each = row_totals::bytes(p, code);
    bool columns = false;
    for (const total_value& t : code.totals) columns = columns || t.columns;
    loop_space one;
    one.push(no_axis, 1);
    const loop_space& wide = columns ? p.row() : one;
    const tiling blocks(wide, block_elements);
    const int64 stride = std::max(blocks.step * blocks.inside, int64{1}) * 8;
    const borrowed late((code.lates + 1) * stride);
    // Totals of everything are finished with the first block.
    for (int64 k = 0; k < std::max<int64>(blocks.count, 1); ++k) {
        const tile block = k < blocks.count ? blocks.at(wide, k) : tile{};
        std::byte* from = states;
        for (const total_value& t : code.totals) {
            const int64 n = t.columns ? block.count : k == 0;
            std::byte* const at = from + (t.columns ? block.begin * t.fold->bytes : 0);
            if (parts == 0) t.fold->init(at, n);
            for (int64 i = 1; i < parts; ++i) t.fold->merge(at, at + i * each, n);
            t.fold->result(at, late.data() + t.late * stride, n);
            from += row_totals::room(p, t);
        }
        if (code.after != nullptr)
            code.after(late.data(), stride, b.scalar, b.functors, block.count);
        for (const late_store& s : code.late_stores) {
            const std::byte* const values = late.data() + s.late * stride;
            std::byte* const narrow = late.data() + code.lates * stride;
            if (s.columns && block.count > 0)
                store_late(s, b, values, narrow, p.row(), blocks, block);
            else if (!s.columns && k == 0)
                store_late(s, b, values, narrow, one, tiling(one, 1), tiling(one, 1).at(one, 0));
        }
    }
}

}  // namespace sinter::cpu
