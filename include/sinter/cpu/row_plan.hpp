// How a stage with reductions is walked: which axes become lines and how large the blocks are.
#pragma once

#include "sinter/cpu/space.hpp"

namespace sinter::cpu {

/// Elements of a block that is copied or computed: a few such blocks fit the nearest cache.
inline constexpr int64 block_elements = 2048;
/// Rows shorter than this advance together: a call for each of them would cost more than turning
/// them round.
inline constexpr int64 short_row = 48;
/// What threads share is cut into parts of about as many elements, whatever the number of threads.
inline constexpr int64 part_elements = int64{1} << 16;

struct row_plan {
    block_space block;
    bool lanes = false;  // rows are the elements of a line, else lines
    bool terms = false;  // lanes whose sums of products need no block of products
    int64 chunk = 1;     // row tiles that are folded as one, whoever does it
    // Totals of columns are folded when all rows are stored, from what is stored.
    bool columns_again = false;

    const loop_space& outer() const { return lanes ? block.across : block.down; }
    const loop_space& row() const { return lanes ? block.down : block.across; }
    const tiling& outer_tiling() const { return lanes ? block.width : block.lines; }
    const tiling& row_tiling() const { return lanes ? block.lines : block.width; }
    /// Rows of an outer tile at most.
    int64 rows() const {
        return std::min(outer_tiling().step * outer_tiling().inside, outer().length);
    }
    /// Elements of a value that is kept for the rows of an outer tile.
    int64 kept() const { return row_tiling().count * block.room(); }
    int64 chunks() const { return (row_tiling().count + chunk - 1) / chunk; }

    row_plan(const stage_loops& code, const ir::bound_stage& b) {
        const loops_view v(code, b);
        const loop_space& o = v.outer;
        const int64 n = v.row.length;
        const bool short_rows =
            n < (v.pure && v.direct ? short_row / 2 : short_row) && o.length > 3;
        const bool columns = v.along_outer > v.along_row && o.extent[o.rank - 1] >= group / 2;
        lanes = o.length > 1 && (short_rows || columns);
        if (has_terms(code, b, o, n)) {
            lanes = terms = true;
            // Few enough for what follows to find the sums in the nearest cache.
            const int64 width = 8 * o.extent[o.rank - 1];
            block = block_space(
                o, std::max(block_elements / 4, std::min(width, block_elements)), v.row, 1);
            chunk = std::max<int64>(row_tiling().count, 1);
            return;
        }
        // Where some array has to be turned round, blocks are as square as they can be.
        const bool turned = lanes ? v.along_row > 0 : v.along_outer > 0;
        if (lanes) {
            int64 width = block_elements;
            if (turned || n <= block_elements / group)
                width = block_elements / std::max<int64>(n, 1);
            else if (v.keeps)
                width = std::max(second_cache / n, std::min(narrowest, most_kept / n));
            else if (!v.pure && second_cache / n >= narrowest)
                width = second_cache / n;  // all passes find the rows there
            width = std::max(2 * group, std::min(width / group * group, block_elements));
            width = std::min(width, whole_groups(o.length));
            const int64 lines = std::max<int64>(block_elements / width, v.direct ? 2 * group : 1);
            block = block_space(o, width, v.row, lines);
        } else {
            const bool free = v.pure && v.direct && !turned;
            const int64 line = turned ? 8 * group : free ? 2 * block_elements : 64 * group;
            int64 rows =
                (free ? 8 : 1) * block_elements / std::max<int64>(1, std::min<int64>(n, line));
            // A few long rows at a time, where these stay in the second cache: there is less to
            // begin, and the states of columns are touched less often.
            if (n > line && !v.pure && !turned)
                rows = std::min<int64>(std::max<int64>(second_cache / n, 1), 4);
            block = block_space(v.row, line, o, std::max<int64>(rows, 1));
        }
        const int64 elements = row_tiling().step * row_tiling().inside * rows();
        chunk = std::max<int64>(part_elements / std::max<int64>(elements, 1), 1);
        columns_again = code.totals.count > 0 && !lanes;
        for (const total_value& t : code.totals)
            columns_again = columns_again && is_again(t, code, b);
    }

private:
    // Rows of so many bytes leave the nearest caches before the next one comes. The states of their
    // columns would travel to and fro as well; to read again what is stored costs less, because
    // then a few rows at a time are added to a state in registers.
    static constexpr int64 long_row = int64{1} << 16;
    bool is_again(const total_value& t, const stage_loops& code, const ir::bound_stage& b) const {
        if (!t.columns || t.store < 0) return false;
        const operand o = bytes_of(b.store[t.store], code.store_bytes[t.store], b);
        stream down, along;
        down.follow(o, outer());
        along.follow(o, row());
        return o.data != nullptr && row().length * o.bytes >= long_row && down.even() &&
               along.steady(row_tiling()) && along.step == o.bytes;
    }
    // In elements: what all passes find in the second cache; what they may leave one another.
    static constexpr int64 second_cache = int64{1} << 16, most_kept = int64{1} << 22;
    // Columns that are walked together: fewer would be read in pieces of lines of memory that are
    // far apart.
    static constexpr int64 narrowest = 256;

    /// True where the stage is one sum of few products, and the factors of neighbouring rows lie
    /// side by side, or one of them is the same for all rows.
    static bool has_terms(const stage_loops& code,
                          const ir::bound_stage& b,
                          const loop_space& outer,
                          int64 terms) {
        const loop& l = code.pass[0];
        if (l.terms == nullptr || terms == 0 || terms > most_terms || code.totals.count > 0)
            return false;
        for (int k = 1; k < code.passes; ++k)
            if (code.pass[k].outputs.count > 0) return false;
        const ir::bound_operand &x = b.load[l.inputs[0].load], &y = b.load[l.inputs[1].load];
        const int last = outer.axis[outer.rank - 1];
        const auto stands = [&](const ir::bound_operand& o) {
            for (int d = 0; d < outer.rank; ++d)
                if (stride_of(o, outer.axis[d]) != 0) return false;
            return true;
        };
        const int64 along_x = stride_of(x, last), along_y = stride_of(y, last);
        return (along_x == 1 && along_y == 1) || (along_x == 1 && stands(y)) ||
               (along_y == 1 && stands(x));
    }
    static constexpr int64 most_terms = 512;

    /// What the plan depends on.
    struct loops_view {
        loop_space outer, row;
        int along_row = 0, along_outer = 0;  // arrays of elements that lie along the axis
        bool pure = true;                    // only values per row are written
        bool direct = true;  // what is folded lies side by side in memory: no buffers
        bool keeps = false;  // values of elements for later passes

        loops_view(const stage_loops& code, const ir::bound_stage& b) {
            const int outer_rank = b.outer_rank, rank = outer_rank + b.row_rank;
            direct = code.counted == 0;
            for (const made_value& x : code.made) keeps = keeps || x.kept;
            for (int k = 0; k < code.passes; ++k)
                for (const output& x : code.pass[k].outputs) {
                    pure = pure && x.to == goes_to::fold;
                    direct = direct && x.from >= 0;
                }
            int order[max_rank];
            for (int d = 0; d < rank; ++d) order[d] = d;
            const ir::bound_operand* lead = nullptr;
            // The first one that has an element for each, else for each of the row.
            for (int k = 0; k < code.loads; ++k) {
                const ir::bound_operand& x = b.load[k];
                if ((code.counted >> k & 1) == 0 && moves(b, x, outer_rank, rank) &&
                    (lead == nullptr ||
                     (!moves(b, *lead, 0, outer_rank) && moves(b, x, 0, outer_rank))))
                    lead = &x;
            }
            if (lead != nullptr) {
                if (pure) sort_axes(order, order + outer_rank, *lead);
                if (!code.ordered) sort_axes(order + outer_rank, order + rank, *lead);
            }
            outer = space_of(code, b, order, 0, outer_rank);
            row = space_of(code, b, order, outer_rank, rank);
            const int last = row.axis[row.rank - 1], beside = outer.axis[outer.rank - 1];
            for_each_bound(code, b, [&](const ir::bound_operand& x) {
                if (!moves(b, x, outer_rank, rank)) return;
                const bool in_row = stride_of(x, last) == 1;
                direct = direct && in_row;
                if (!moves(b, x, 0, outer_rank)) return;
                along_row += in_row;
                along_outer += !in_row && stride_of(x, beside) == 1;
            });
        }
    };
};

}  // namespace sinter::cpu
