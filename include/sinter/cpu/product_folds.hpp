// Reductions of what a product's epilogue gives, while its blocks are in the cache: every block
// leaves a state for each result that it has a part in, and these are merged when all blocks are
// done.
#pragma once

#include "sinter/cpu/map.hpp"
#include "sinter/cpu/product_plan.hpp"

namespace sinter::cpu {

/// How much of a group of axes the reductions fold: nothing, all of it, whole windows that lie
/// innermost, or something else.
enum class folded_part : unsigned char { none, all, inside, mixed };
/// `length`: of the folded axes that lie innermost.
inline folded_part folded_of(const ir::bound_stage& b,
                             const product_axes::group& g,
                             int64& length) {
    int folded = 0, inner = 0;
    bool innermost = true;
    length = 1;
    for (int k = g.rank - 1; k >= 0; --k) {
        const bool folds = (b.folded >> g.axis[k] & 1) != 0;
        folded += folds;
        innermost = innermost && folds;
        if (!innermost) continue;
        ++inner;
        length *= b.extent[g.axis[k]];
    }
    return folded == 0        ? folded_part::none
           : folded == g.rank ? folded_part::all
           : folded == inner  ? folded_part::inside
                              : folded_part::mixed;
}
/// True when the blocks of a product meet in the same results in such a way that one thread has to
/// take them all.
inline bool folds_alone(const stage_loops& code, const ir::bound_stage& b, const product_plan& p) {
    if (code.passes < 2) return false;
    int64 rows, columns;
    const folded_part of_rows = folded_of(b, p.axes.side[p.turned], rows),
                      of_columns = folded_of(b, p.axes.side[!p.turned], columns);
    // Of three blocks in a row the first and the last must not meet.
    const int64 least = p.few_columns ? p.rows : p.kernel.rows;
    return of_rows == folded_part::mixed || of_columns == folded_part::mixed ||
           of_columns == folded_part::inside || (of_rows == folded_part::inside && rows > least);
}

/// The results of a contraction's reductions: which axes number them, and how many parts of the
/// product, whose states are kept apart, each result has.
struct fold_shape {
    operand numbers{};  // its strides number the results: 0 along folded axes
    int64 results = 1, members = 1;
    int64 state = 0;  // bytes of the states of all reductions, for one result
    bool in_turn;     // the products of a batch add to the same states
    folded_part rows = folded_part::none, columns = folded_part::none;
    loop_space batch_axes, row_axes, column_axes;  // joined where results lie in equal steps

    fold_shape(const stage_loops& code,
               const ir::bound_stage& b,
               const product_plan& p,
               bool products_in_turn,
               bool alone)
        : in_turn(products_in_turn) {
        if (code.passes < 2) return;
        for (const output& o : code.pass[0].outputs)
            if (o.to == goes_to::fold) state += o.fold->bytes;
        for (int d = b.outer_rank - 1; d >= 0; --d) {
            if (b.extent[d] == 1 || (b.folded >> d & 1)) continue;
            numbers.stride[d] = results;
            results *= b.extent[d];
        }
        const auto each = [&](auto f) { f(numbers); };
        batch_axes = joined_axes(b, p.axes.batch, each);
        row_axes = joined_axes(b, p.axes.side[p.turned], each);
        column_axes = joined_axes(b, p.axes.side[!p.turned], each);
        int64 length = 1;
        if (!alone) {
            rows = folded_of(b, p.axes.side[p.turned], length);
            columns = folded_of(b, p.axes.side[!p.turned], length);
        }
        if (columns == folded_part::all) members *= p.slabs() * p.column_blocks;
        // Neighbours meet in a window that lies in both.
        if (rows == folded_part::all) members *= p.row_blocks;
        if (rows == folded_part::inside) members *= 2;
        for (int k = 0; k < p.axes.batch.rank && !in_turn; ++k)
            if (b.folded >> p.axes.batch.axis[k] & 1) members *= b.extent[p.axes.batch.axis[k]];
        members = std::max<int64>(members, 1);
    }
    int64 bytes() const { return state * results * members; }
};

/// The states of all results, reduction by reduction, block by block.
class product_folds {
public:
    product_folds(const stage_loops& code,
                  const ir::bound_stage& b,
                  const fold_shape& s,
                  std::byte* memory)
        : code_(code), bound_(b), shape_(s), memory_(memory) {}

    bool any() const { return shape_.state > 0; }
    /// Which part of its results this block of rows and of columns of a product gives.
    int64 member(const product_plan& p, int64 row_block, int64 column_block, int64 batch) const {
        int64 member = 0, blocks = 1;
        if (shape_.columns == folded_part::all) {
            member = column_block;
            blocks = p.slabs() * p.column_blocks;
        }
        if (shape_.rows == folded_part::all) {
            member += row_block * blocks;
            blocks *= p.row_blocks;
        } else if (shape_.rows == folded_part::inside) {
            member += row_block % 2 * blocks;
            blocks *= 2;
        }
        for (int k = p.axes.batch.rank - 1; k >= 0 && !shape_.in_turn; --k) {
            const int d = p.axes.batch.axis[k];
            const int64 extent = bound_.extent[d], at = batch % extent;
            batch /= extent;
            if ((bound_.folded >> d & 1) == 0) continue;
            member += at * blocks;
            blocks *= extent;
        }
        return member;
    }
    /// The states of reduction f (the loop's output f) in block `member`.
    std::byte* of(int f, int64 member) const {
        int64 before = 0;
        for (int k = 0; k < f; ++k) before += fold(k).bytes;
        return memory_ + shape_.results * (before * shape_.members + member * fold(f).bytes);
    }
    const fold_ops& fold(int f) const { return *code_.pass[0].outputs[f].fold; }
    int count() const {
        int n = 0;
        for (const output& o : code_.pass[0].outputs) n += o.to == goes_to::fold;
        return any() ? n : 0;
    }
    void clear() const {
        for (int f = 0; f < count(); ++f) fold(f).init(of(f, 0), shape_.results * shape_.members);
    }
    /// True when neighbouring rows of a product have results in equal steps, or all the same.
    bool rows_in_steps() const { return !any() || shape_.row_axes.rank == 1; }
    struct span {
        int64 first, count;
    };
    /// Takes the values of a block of the elements of one product: its columns side by side, or its
    /// rows.
    void take(int f,
              int64 member,
              const block_value& v,
              int64 batch,
              const span& rows,
              const span& columns,
              bool rows_are_inner) const {
        const loop_space &r = shape_.row_axes, &c = shape_.column_axes;
        const operand& n = shape_.numbers;
        const int64 base = offset_in(shape_.batch_axes, shape_.batch_axes.rank, batch, n);
        const int64 row_step = n.stride[r.axis[r.rank - 1]],
                    column_step = n.stride[c.axis[c.rank - 1]];
        const int bytes = code_.pass[0].outputs[f].bytes;
        const int64 to_row = rows_are_inner ? bytes : v.line,
                    to_column = rows_are_inner ? v.line : bytes;
        // Line by line of what has its results in equal steps.
        for_each_line(
            r, rows.first, rows.count, [&](int64 row, int64 top, int64 height, int64 above) {
                for_each_line(
                    c,
                    columns.first,
                    columns.count,
                    [&](int64 column, int64 left, int64 width, int64 before) {
                        const int64 first = base + line_offset(r, row, n) +
                                            line_offset(c, column, n) + top * row_step +
                                            left * column_step;
                        const block_value part{v.at + above * to_row + before * to_column, v.line};
                        if (rows_are_inner)
                            take(f, member, part, first, height, row_step, width, column_step);
                        else
                            take(f, member, part, first, width, column_step, height, row_step);
                    });
            });
    }
    /// Merges all blocks, pair by pair, and writes the results.
    void finish(context& c) const {
        for (int f = 0; f < count(); ++f)
            for (int64 step = 1; step < shape_.members; step *= 2)
                for (int64 i = 0; i + step < shape_.members; i += 2 * step)
                    fold(f).merge(of(f, i), of(f, i + step), shape_.results);
        const ir::bound_stage& b = c.bound;
        loop_space results, nothing;
        for (int d = 0; d < b.outer_rank; ++d)
            if ((b.folded >> d & 1) == 0 && b.extent[d] != 1) results.push(d, b.extent[d]);
        if (results.rank == 0) results.push(no_axis, 1);
        nothing.push(no_axis, 1);
        const tiling by(results, group, true);
        for (operand* o = c.store; o != c.store + c.code.stores; ++o) o->offset = 0;
        alignas(arena::line) std::byte narrow[group * 8];
        for (int64 i = 0; i < by.count; ++i) {
            const tile t = by.at(results, i);
            for (int f = 0; f < count(); ++f)
                fold(f).result(of(f, 0) + t.begin * fold(f).bytes,
                               c.lanes(code_.pass[0].outputs[f].reg),
                               t.count);
            if (code_.pass[1].row != nullptr) code_.pass[1].row(c.row, b.functors, group);
            for (const row_value& v : code_.row_stores) {
                operand& o = c.store[v.number];
                if (o.data == nullptr) continue;
                const std::byte* values = c.lanes(v.reg);
                if (is_narrowed(v.type)) {
                    narrow_lanes(v.type, narrow, values, t.count);
                    values = narrow;
                }
                store_lanes(o, values, o.bytes, results, by, t, nothing);
            }
        }
    }

private:
    // `nx` values side by side on `nl` lines; result `first` is that of the first one, `step_x` and
    // `step_l` lead to the next.
    void take(int f,
              int64 member,
              const block_value& v,
              int64 first,
              int64 nx,
              int64 step_x,
              int64 nl,
              int64 step_l) const {
        const fold_ops& o = fold(f);
        std::byte* const to = of(f, member) + first * o.bytes;
        if (step_x == 0) {
            alignas(arena::line) std::byte lines[most_lines * state_bytes];
            for (int64 l = 0; l < nl; l += most_lines) {
                const int64 n = std::min(most_lines, nl - l);
                o.init(lines, n);
                o.along(lines, v.at + l * v.line, v.line, n, nx, 0);
                for (int64 i = 0; i < n; ++i)
                    o.merge(to + (l + i) * step_l * o.bytes, lines + i * o.bytes, 1);
            }
        } else if (step_l == 0 && step_x == 1) {
            o.across(to, v.at, v.line, nl, nx, 0);
        } else if (step_x == 1) {
            for (int64 l = 0; l < nl; ++l)
                o.across(to + l * step_l * o.bytes, v.at + l * v.line, 0, 1, nx, 0);
        } else {
            const int bytes = code_.pass[0].outputs[f].bytes;
            for (int64 l = 0; l < nl; ++l)
                for (int64 x = 0; x < nx; ++x)
                    o.across(to + (l * step_l + x * step_x) * o.bytes,
                             v.at + l * v.line + x * bytes,
                             0,
                             1,
                             1,
                             0);
        }
    }
    static constexpr int64 most_lines = 32;
    const stage_loops& code_;
    const ir::bound_stage& bound_;
    fold_shape shape_;
    std::byte* memory_;
};

}  // namespace sinter::cpu
