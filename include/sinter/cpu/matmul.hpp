// Stages around a contraction: operands are evaluated while they are packed, the rest of the stage
// while a block of the product is still in the cache.
#pragma once

#include "sinter/cpu/product_folds.hpp"
#include "sinter/cpu/product_plan.hpp"
#include "sinter/cpu/team.hpp"

namespace sinter::cpu {

class product_engine {
public:
    product_engine(const product_plan& p,
                   const stage_loops& code,
                   const ir::bound_stage& b,
                   arena& m,
                   const product_folds* folds)
        : plan_(p),
          folds_(*folds),
          context_(code, b, m, group, panels::room),
          left_(context_,
                code.side[p.turned],
                p.axes,
                p.axes.side[p.turned],
                p.in_place != nullptr ? 1 : p.kernel.rows,
                p.kernel.bytes),
          right_(context_,
                 code.side[!p.turned],
                 p.axes,
                 p.axes.side[!p.turned],
                 p.kernel.columns,
                 p.kernel.bytes),
          result_(m.bytes(p.result_bytes())),
          packed_(m.bytes(p.packed_bytes())) {
        const auto each = [&](auto f) {
            for (const input& i : context_.chosen(code.pass[0]).inputs)
                if (i.load != code.loads && context_.load[i.load].data != nullptr)
                    f(context_.load[i.load]);
            for (const output& o : code.pass[0].outputs)
                if (o.to == goes_to::store && context_.store[o.store].data != nullptr)
                    f(context_.store[o.store]);
        };
        batch_ = joined_axes(b, p.axes.batch, each);
        rows_ = joined_axes(b, p.axes.side[p.turned], each);
        columns_ = joined_axes(b, p.axes.side[!p.turned], each);
        const int plain = detail::plain_result(code);
        if (plain >= 0 && rows_.rank == 1 && columns_.rank == 1) {
            plain_ = context_.store + plain;
            if (plain_->data == nullptr) plain_ = nullptr;
        }
        if (plain_ != nullptr) return;
        for (const loop& side : code.side)
            for (const input& i : side.inputs)
                for (const input& j : context_.chosen(code.pass[0]).inputs)
                    shares_buffers_ = shares_buffers_ || i.load == j.load;
        operand& core = context_.load[code.loads];
        core.bytes = p.kernel.bytes;
        if (!folds_.any() && has_short_rows()) {
            const bool turns = p.in_place == nullptr;
            short_rows_ = turns ? m.bytes(p.rows * p.columns * p.kernel.bytes) : result_;
            const loop_space &long_axis = turns ? columns_ : rows_, &row = turns ? rows_ : columns_;
            loop_space all = long_axis, nothing;
            all.push(row.axis[0], row.extent[0]);
            all.length = long_axis.length * row.length;
            nothing.push(no_axis, 1);
            space_ = block_space(all, 1024, nothing, 1);
            core.stride[long_axis.axis[0]] = row.length * p.kernel.bytes;
            core.stride[row.axis[0]] = p.kernel.bytes;
            epilogue_ =
                new (m.array<runner>(1)) runner(context_, code.pass[0], space_, rows_are::one);
            return;
        }
        const loop_space rows = last_axis(rows_), columns = last_axis(columns_);
        rows_are_inner_ = p.n < 64 && p.n <= p.m && folds_.rows_in_steps();
        space_ = rows_are_inner_ ? block_space(rows, 256, columns, 8)
                                 : block_space(columns, 256, rows, 8);
        if (rows.axis[0] != no_axis) core.stride[rows.axis[0]] = p.row_pitch();
        if (columns.axis[0] != no_axis) core.stride[columns.axis[0]] = p.column_pitch();
        epilogue_ = new (m.array<runner>(1)) runner(context_, code.pass[0], space_, rows_are::one);
        if (const loop& l = code.pass[0]; l.row != nullptr) l.row(context_.row, b.functors, group);
    }

    /// Turns to product `batch` of the batch.
    void take(int64 batch) { at_ = batch; }
    /// Packs columns [from, from + n) of the slab that begins at column `slab`; a slab that is
    /// packed depth by depth is packed by run().
    void pack_right(std::byte* to, int64 slab, int64 columns, int64 from, int64 n) {
        if (plan_.interleaved) return;
        for (int64 k = 0; k < plan_.k; k += plan_.depth) {
            const int64 depth = std::min(plan_.depth, plan_.k - k);
            right_.pack(right_at(to, columns, k, depth, from), at_, slab + from, n, k, depth);
        }
    }
    /// One block of the slab.
    void run(std::byte* right, int64 slab, int64 columns, int64 block) {
        const int64 i = block / plan_.column_blocks * plan_.rows;
        const int64 j = block % plan_.column_blocks * plan_.columns;
        const int64 rows = std::min(plan_.rows, plan_.m - i);
        const int64 width = std::min(plan_.columns, columns - j);
        if (rows <= 0 || width <= 0) return;
        const product_kernel& kernel = plan_.kernel;
        const int64 ld = plan_.row_pitch();
        if (plan_.k == 0 || plan_.few_columns)
            std::memset(result_, 0, static_cast<std::size_t>(plan_.result_bytes()));
        if (plan_.few_columns) {
            const int64 vector = plan_.k * kernel.bytes;
            left_.multiply(
                result_, plan_.column_pitch(), at_, i, rows, right, vector, plan_.columns);
            return plain_ == nullptr ? finish(i, rows, 0, width)
                                     : copy_result(target_at(i, 0), 0, rows, 0, width);
        }
        // Whole tiles of a plain result go where they belong.
        std::byte* const target = plain_ == nullptr ? nullptr : target_at(i, slab + j);
        const bool direct = plain_ != nullptr && column_step() == kernel.bytes && plan_.k > 0;
        const int64 last = rows % kernel.rows % kernel.step == 0 ? 0 : rows % kernel.rows;
        const int64 whole_rows = direct ? rows - last : 0,
                    whole_columns = direct ? width / kernel.columns * kernel.columns : 0;
        if (plan_.in_place != nullptr) {
            const int64 most = left_.rows_at_once();
            for (int64 x = 0; x < rows; x += kernel.rows) {
                if (x % most == 0)
                    left_.find_rows(packed_, at_, i + x, std::min(most, rows - x), kernel.rows);
                const bool whole = x < whole_rows && whole_columns > 0;
                std::byte* const to = whole ? target + x * row_step() : result_ + x * ld;
                // Only groups have more than one panel, and each has its own columns of the rows.
                for (int64 y = 0; y < width; y += kernel.columns)
                    left_.multiply_rows(*plan_.in_place,
                                        x % most,
                                        y * kernel.bytes,
                                        right_at(right, columns, 0, plan_.k, y),
                                        to + y * kernel.bytes,
                                        whole ? row_step() : ld);
            }
        }
        for (int64 k = 0; plan_.in_place == nullptr && k < plan_.k; k += plan_.depth) {
            const int64 depth = std::min(plan_.depth, plan_.k - k);
            pack_left(i, rows, k, depth);
            if (plan_.interleaved) right_.pack(right, at_, slab, columns, k, depth);
            const int64 left_panel = kernel.rows * depth * kernel.bytes;
            for (int64 y = 0; y < width; y += kernel.columns) {
                const std::byte* b =
                    right_at(right, columns, plan_.interleaved ? 0 : k, depth, j + y);
                for (int64 x = 0; x < rows; x += kernel.rows) {
                    const int64 taken = kernel.taken(rows - x);
                    const bool whole = x + taken <= whole_rows && y < whole_columns;
                    kernel.of(taken)(packed_ + x / kernel.rows * left_panel,
                                     b,
                                     whole ? target + x * row_step() + y * kernel.bytes
                                           : result_ + x * ld + y * kernel.bytes,
                                     whole ? row_step() : ld,
                                     depth,
                                     k > 0);
                }
            }
        }
        if (plain_ == nullptr) return finish(i, rows, slab + j, width);
        copy_result(target, 0, whole_rows, whole_columns, width);
        copy_result(target, whole_rows, rows, 0, width);
    }
    void leave() {
        if (folds_.any()) return folds_.finish(context_);
        store_uniform(context_, context_.bound.outer_rank);
    }
    int64 unit() const { return plan_.kernel.columns; }

private:
    /// Panel of column `from` (of the slab) and summed index k.
    std::byte* right_at(std::byte* first, int64 columns, int64 k, int64 depth, int64 from) const {
        const int64 unit = plan_.kernel.columns;
        const int64 padded = (columns + unit - 1) / unit * unit;
        return first + (padded * k + from * depth) * plan_.kernel.bytes;
    }
    void pack_left(int64 i, int64 rows, int64 k, int64 depth) {
        if (packed_batch_ == at_ && packed_row_ == i && packed_from_ == k) return;
        left_.pack(packed_, at_, i, rows, k, depth);
        packed_batch_ = at_;
        packed_row_ = i;
        packed_from_ = k;
    }
    int64 row_step() const { return plain_->stride[rows_.axis[0]]; }
    int64 column_step() const { return plain_->stride[columns_.axis[0]]; }
    std::byte* target_at(int64 i, int64 j) const {
        return plain_->data + offset_in(batch_, batch_.rank, at_, *plain_) + i * row_step() +
               j * column_step();
    }
    /// Copies rows [top, bottom) and columns [from, to) of the block to where it begins.
    void copy_result(std::byte* target, int64 top, int64 bottom, int64 from, int64 to) const {
        if (top == bottom || from == to) return;
        const int bytes = plan_.kernel.bytes;
        if (plan_.few_columns)
            return copy_block(bytes,
                              {target, row_step(), column_step()},
                              {result_, bytes, plan_.column_pitch()},
                              bottom,
                              to);
        copy_block(bytes,
                   {target + top * row_step() + from * column_step(), column_step(), row_step()},
                   {result_ + top * plan_.row_pitch() + from * bytes, bytes, plan_.row_pitch()},
                   to - from,
                   bottom - top);
    }
    /// True where results lie by short rows that the turned product has as columns: they are turned
    /// back before the epilogue, which then walks many of them as one line.
    bool has_short_rows() const {
        const bool in_place = plan_.in_place != nullptr;
        if (plan_.few_columns || rows_.rank != 1 || columns_.rank != 1 || plan_.m == 1 ||
            plan_.n == 1 || (in_place && plan_.n > 64) ||
            (!in_place && (!plan_.turned || plan_.row_blocks != 1 || plan_.m > 64)))
            return false;
        const int row = in_place ? columns_.axis[0] : rows_.axis[0];
        for (int k = 0; k < context_.code.stores; ++k) {
            const operand& o = context_.store[k];
            if (o.data != nullptr && o.stride[row] == o.bytes) return true;
        }
        return false;
    }
    void finish_short_rows(int64 j, int64 columns) {
        operand& core = context_.load[context_.code.loads];
        const int bytes = plan_.kernel.bytes;
        const int64 length = plan_.in_place == nullptr ? plan_.m : plan_.n, row = length * bytes;
        if (short_rows_ != result_)
            copy_block(bytes,
                       {short_rows_, row, bytes},
                       {result_, bytes, plan_.row_pitch()},
                       columns,
                       length);
        each_operand([&](operand& o) {
            o.offset = offset_in(batch_, batch_.rank, at_, o);
            if (shares_buffers_) o.staged = nullptr;
        });
        core.data = short_rows_;
        core.offset = -j * row;
        const int64 most = space_.width.step, parts = (columns + most - 1) / most;
        const int64 step = (columns + parts - 1) / parts;  // one width: what is staged stays
        for (int64 x = 0; x < columns; x += step) {
            tile t;
            t.position[0] = j + x;
            t.begin = (j + x) * length;
            t.count = std::min(step, columns - x) * length;
            core.staged = nullptr;
            epilogue_->evaluate(t, range(0, 1));
        }
    }
    void finish(int64 i, int64 rows, int64 j, int64 columns) {
        if (short_rows_ != nullptr)
            return plan_.in_place == nullptr ? finish_short_rows(j, columns)
                                             : finish_short_rows(i, rows);
        operand& core = context_.load[context_.code.loads];
        if (folds_.any())
            member_ =
                folds_.member(plan_,
                              i / plan_.rows,
                              j / plan_.slab * plan_.column_blocks + j % plan_.slab / plan_.columns,
                              at_);
        for_each_line(rows_, i, rows, [&](int64 row, int64 top, int64 height, int64 above) {
            for_each_line(
                columns_, j, columns, [&](int64 column, int64 left, int64 width, int64 before) {
                    each_operand([&](operand& o) {
                        o.offset = offset_in(batch_, batch_.rank, at_, o) +
                                   line_offset(rows_, row, o) + line_offset(columns_, column, o);
                        if (shares_buffers_) o.staged = nullptr;
                    });
                    core.data = result_;
                    core.offset =
                        (above - top) * plan_.row_pitch() + (before - left) * plan_.column_pitch();
                    row_line_ = row * rows_.extent[rows_.rank - 1];
                    column_line_ = column * columns_.extent[columns_.rank - 1];
                    evaluate(core, top, height, left, width);
                });
        });
    }
    void evaluate(operand& core, int64 top, int64 height, int64 left, int64 width) {
        const int64 inner = rows_are_inner_ ? height : width;
        const int64 outer = rows_are_inner_ ? width : height;
        const int64 inner_at = rows_are_inner_ ? top : left,
                    outer_at = rows_are_inner_ ? left : top;
        for (int64 l = 0; l < outer; l += space_.lines.step)
            for (int64 x = 0; x < inner; x += space_.width.step) {
                core.staged = nullptr;  // the block holds new values
                const tile across = range(inner_at + x, std::min(space_.width.step, inner - x)),
                           down = range(outer_at + l, std::min(space_.lines.step, outer - l));
                epilogue_->evaluate(across, down);
                for (int f = 0; f < epilogue_->folds(); ++f) fold(f, across, down);
            }
    }
    void fold(int f, const tile& across, const tile& down) {
        const tile &rows = rows_are_inner_ ? across : down,
                   &columns = rows_are_inner_ ? down : across;
        folds_.take(f,
                    member_,
                    epilogue_->value(f),
                    at_,
                    {row_line_ + rows.begin, rows.count},
                    {column_line_ + columns.begin, columns.count},
                    rows_are_inner_);
    }
    template <class F>
    void each_operand(F f) {
        for (const input& i : context_.chosen(context_.code.pass[0]).inputs)
            if (i.load != context_.code.loads) f(context_.load[i.load]);
        for (int k = 0; k < context_.code.stores; ++k) f(context_.store[k]);
    }
    const product_plan& plan_;
    const product_folds& folds_;
    context context_;
    panels left_, right_;
    std::byte *result_, *packed_;
    loop_space batch_, rows_, columns_;  // as the epilogue's arrays lie
    int64 at_ = 0;                       // of the batch
    int64 member_ = 0;                   // which part of its results the block gives
    int64 row_line_ = 0, column_line_ = 0;
    int64 packed_batch_ = -1, packed_row_ = -1, packed_from_ = -1;
    const operand* plain_ = nullptr;  // where a result without an epilogue goes
    bool rows_are_inner_ = false;
    bool shares_buffers_ = false;      // some array is in an operand and in the epilogue
    std::byte* short_rows_ = nullptr;  // a block of results turned back
    block_space space_;
    runner* epilogue_ = nullptr;
};

/// Products or slabs that threads take whole.
struct whole_product {
    worker<product_engine> w;
    const product_plan& plan;
    std::byte* right;
    bool right_moves;
    int64 packed = -1;
    void operator()(int64 i) {
        const int64 slabs = plan.slabs(), batch = i / slabs, slab = i - batch * slabs,
                    j = slab * plan.slab, columns = std::min(plan.slab, plan.n - j);
        w.engine.take(batch);
        if (right_moves || packed != slab) w.engine.pack_right(right, j, columns, 0, columns);
        packed = slab;
        for (int64 k = 0; k < plan.row_blocks * plan.column_blocks; ++k)
            w.engine.run(right, j, columns, k);
    }
};
/// Blocks of rows of a product with few columns, or whole such products.
struct few_columns_part {
    worker<product_engine> w;
    const product_plan& plan;
    std::byte* right;
    bool right_moves;
    int64 packed = -1;
    void operator()(int64 i) {
        const int64 batch = i / plan.row_blocks;
        w.engine.take(batch);
        if (packed < 0 || (right_moves && packed != batch))
            w.engine.pack_right(right, 0, plan.n, 0, plan.n);
        packed = batch;
        w.engine.run(right, 0, plan.n, i - batch * plan.row_blocks);
    }
};
/// A part of one product: of the packing of a slab of its right operand, or one block of it.
struct product_part {
    worker<product_engine> w;
    std::byte* right;
    int64 batch, slab, columns, parts;  // parts: 0 multiplies, else packs
    void operator()(int64 i) {
        w.engine.take(batch);
        if (parts == 0) return w.engine.run(right, slab, columns, i);
        const int64 unit = w.engine.unit(), all = (columns + unit - 1) / unit;
        const int64 begin = all * i / parts * unit, end = all * (i + 1) / parts * unit;
        w.engine.pack_right(right, slab, columns, begin, std::min(end, columns) - begin);
    }
};

/// True when the right operand of the products of a batch is not the same for all of them.
inline bool right_moves(const product_plan& p, const stage_loops& code, const ir::bound_stage& b) {
    for (const input& i : code.side[!p.turned].inputs)
        for (int d = 0; d < p.axes.batch.rank; ++d)
            if (b.load[i.load].stride[p.axes.batch.axis[d]] != 0) return true;
    return false;
}

template <class Team>
void run_product(const stage_loops& code, const ir::bound_stage& b) {
    if (run_blas(code, b)) return;
    product_plan p(code, b);
    const int64 work = b.rows * b.row_length / 2, each_work = work / std::max<int64>(p.batch, 1);
    const bool alone = folds_alone(code, b, p);
    const int all = alone ? 1 : Team::size(work);
    // Small products go to threads as they are, if there are enough to be shared evenly.
    const bool slabs = !p.by_rows() && p.shares_slabs(all);
    const bool whole =
        all == 1 || slabs || p.by_rows() || (p.batch >= 4 * all && each_work < 16 * thread_work);
    const int threads = whole || p.batch == 0 ? 1 : Team::size(each_work);
    if (!p.by_rows()) p.cut_for(slabs ? all : threads, slabs);
    const int workers = whole ? all : threads;
    const int64 each = p.bytes() + engine_bytes(code, panels::room, group);
    const team_memory memory(workers, each), right(whole ? workers : 1, p.slab_bytes());
    const fold_shape shape(code, b, p, !whole || workers == 1, alone);
    const team_memory states(1, std::max<int64>(shape.bytes(), 1));
    const product_folds folds(code, b, shape, states.part(0));
    folds.clear();
    if (p.by_rows()) {
        const bool moves = right_moves(p, code, b);
        Team::template run<few_columns_part>(workers, p.batch * p.row_blocks, [&](int thread) {
            return few_columns_part{{p, code, b, memory.part(thread), memory.size(), &folds},
                                    p,
                                    right.part(thread),
                                    moves};
        });
    } else if (whole) {
        const bool moves = right_moves(p, code, b);
        Team::template run<whole_product>(workers, p.batch * p.slabs(), [&](int thread) {
            return whole_product{{p, code, b, memory.part(thread), memory.size(), &folds},
                                 p,
                                 right.part(thread),
                                 moves};
        });
    }
    for (int64 i = 0; i < p.batch && !whole; ++i)
        for (int64 j = 0; j < p.n; j += p.slab) {
            const int64 columns = std::min(p.slab, p.n - j), parts = threads == 1 ? 1 : 4 * threads;
            const auto make = [&](int64 n) {
                return [&, n](int thread) {
                    return product_part{{p, code, b, memory.part(thread), memory.size(), &folds},
                                        right.part(0),
                                        i,
                                        j,
                                        columns,
                                        n};
                };
            };
            Team::template run<product_part>(threads, parts, make(parts));
            Team::template run<product_part>(threads, p.row_blocks * p.column_blocks, make(0));
        }
    if (code.row_stores.count > 0)
        worker<product_engine>(p, code, b, memory.part(0), memory.size(), &folds).engine.leave();
}

}  // namespace sinter::cpu
