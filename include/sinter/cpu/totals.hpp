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
        for (const total_value& t : code.totals) n += t.fold->bytes * count(p, t);
        return n;
    }
    /// How many values total `t` has.
    static int64 count(const row_plan& p, const total_value& t) {
        return t.columns ? p.row().length : 1;
    }

    void start() {
        for (int k = 0; k < code_.totals.count; ++k)
            for (int64 i = first_[k]; i < first_[k + 1]; ++i)
                tally_[i].start(code_.totals[k].columns
                                    ? plan_.row_tiling().at(plan_.row(), i - first_[k]).count
                                    : 1);
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
        for (int k = 0; k < code_.totals.count; ++k)
            for (int64 i = first_[k]; i < first_[k + 1]; ++i) {
                const int64 n = code_.totals[k].columns
                                    ? plan_.row_tiling().at(plan_.row(), i - first_[k]).count
                                    : 1;
                std::memcpy(to,
                            tally_[i].finish(),
                            static_cast<std::size_t>(n * code_.totals[k].fold->bytes));
                to += n * code_.totals[k].fold->bytes;
            }
    }

private:
    int64 columns_of_tile(int k) const {
        const tiling& t = plan_.row_tiling();
        return code_.totals[k].columns ? std::min(t.step * t.inside, plan_.row().length) : 1;
    }
    const row_plan& plan_;
    const stage_loops& code_;
    int64* first_;  // of each total: its first tally
    tally* tally_;
};

/// Merges what `parts` parts left, computes what follows from the totals and writes it. Without
/// parts there were no rows.
inline void finish_totals(const row_plan& p,
                          const stage_loops& code,
                          const ir::bound_stage& b,
                          std::byte* states,
                          int64 parts) {
    const int64 each = row_totals::bytes(p, code);
    int64 columns = 1;
    for (const total_value& t : code.totals) columns = std::max(columns, row_totals::count(p, t));
    const int64 stride = columns * 8;
    const borrowed late(code.lates * stride + stride);
    std::byte* from = states;
    for (const total_value& t : code.totals) {
        const int64 n = row_totals::count(p, t);
        if (parts == 0) t.fold->init(from, n);
        for (int64 i = 1; i < parts; ++i) t.fold->merge(from, from + i * each, n);
        t.fold->result(from, late.data() + t.late * stride, n);
        from += n * t.fold->bytes;
    }
    if (code.after != nullptr)
        code.after(late.data(), stride, b.scalar, b.functors, p.row().length);
    std::byte* const narrow = late.data() + code.lates * stride;
    loop_space one;
    one.push(no_axis, 1);
    for (const late_store& s : code.late_stores) {
        if (b.store[s.store].data == nullptr) continue;
        const int bytes = size_of(s.type);
        operand o{};
        o.data = static_cast<std::byte*>(b.store[s.store].data);
        o.bytes = bytes;
        for (int d = 0; d < b.outer_rank + b.row_rank; ++d)
            o.stride[d] = b.store[s.store].stride[d] * bytes;
        const loop_space& space = s.columns ? p.row() : one;
        const std::byte* values = late.data() + s.late * stride;
        if (is_narrowed(s.type)) {
            narrow_lanes(s.type, narrow, values, space.length);
            values = narrow;
        }
        const tiling lines(space, space.length, true);
        for (int64 i = 0; i < lines.count; ++i) {
            const tile t = lines.at(space, i);
            store_lanes(o, values + t.begin * bytes, bytes, space, lines, t, one);
        }
    }
}

}  // namespace sinter::cpu
