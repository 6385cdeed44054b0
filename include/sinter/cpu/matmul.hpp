// Stages around a contraction: operands are evaluated while they are packed, the rest of the stage
// while a block of the product is still in the cache.
#pragma once

#include "sinter/cpu/blas.hpp"
#include "sinter/cpu/map.hpp"
#include "sinter/cpu/panels.hpp"
#include "sinter/cpu/product.hpp"
#include "sinter/cpu/team.hpp"

namespace sinter::cpu {

/// How a product is cut. The right operand is packed once, a slab of columns at a time; blocks of
/// rows and columns of the slab are what threads share. Cuts change no result: every element is the
/// sum of the same terms in the same order.
struct product_plan {
    int64 m, n, k;
    const product_kernel& kernel;
    int64 depth, slab;                        // summed indices and columns packed at once
    int64 rows, columns;                      // of a block
    int64 row_blocks = 1, column_blocks = 1;  // column blocks of a slab

    product_plan(const stage_loops& code, const ir::bound_stage& b, int threads)
        : m(b.extent[b.rows_axis()]),
          n(b.extent[b.columns_axis()]),
          k(b.row_length),
          kernel(code.product->by_width[widest_product()]),
          depth(std::min<int64>(k, 4096 / kernel.bytes)) {
        // A block of the left operand, at most 120 rows by 4 KiB, and the block of results stay in
        // the second cache while the panels of a slab pass by; the slab in the third.
        const int64 fit = (int64{1} << 24) / std::max<int64>(k * kernel.bytes, 1);
        slab = std::min(
            round(n, kernel.columns),
            std::max<int64>(std::min<int64>(fit, 512) / kernel.columns, 1) * kernel.columns);
        row_blocks = cut(m, 120, threads);
        rows = round((m + row_blocks - 1) / row_blocks, kernel.rows);
        row_blocks = (m + rows - 1) / rows;
        if (row_blocks < threads) column_blocks = (threads + row_blocks - 1) / row_blocks;
        columns = round((slab + column_blocks - 1) / column_blocks, kernel.columns);
        column_blocks = (slab + columns - 1) / columns;
    }
    /// Bytes from one row of results to the next: not a power of two, by which the rows of a tile
    /// would meet in a few sets of the first cache.
    int64 pitch() const { return (columns + kernel.columns) * kernel.bytes; }
    int64 slab_bytes() const { return slab * k * kernel.bytes; }
    int64 bytes() const { return rows * (depth * kernel.bytes + pitch()); }

private:
    static int64 round(int64 x, int64 unit) { return (x + unit - 1) / unit * unit; }
    /// Pieces of about `size`, as many for every thread.
    static int64 cut(int64 extent, int64 size, int threads) {
        const int64 pieces = (extent + size - 1) / size;
        return pieces < threads ? std::max<int64>(extent / 30, 1) : round(pieces, threads);
    }
};

class product_engine {
public:
    product_engine(const product_plan& p,
                   const stage_loops& code,
                   const ir::bound_stage& b,
                   arena& m)
        : plan_(p),
          context_(code, b, m, group, panels::room),
          place_(context_),
          left_(context_, code.side[0], place_, b.rows_axis(), p.kernel.rows, p.kernel.bytes),
          right_(
              context_, code.side[1], place_, b.columns_axis(), p.kernel.columns, p.kernel.bytes),
          result_(m.bytes(p.rows * p.pitch())),
          packed_(m.bytes(p.rows * p.depth * p.kernel.bytes)),
          rows_are_inner_(p.n < 64 && p.n < p.m),
          space_(epilogue_space()),
          epilogue_(context_, code.pass[0], space_, rows_are::one) {}

    /// Turns to product `batch` of the batch.
    void take(int64 batch) { place_.move(batch, 0); }
    /// Packs columns [from, from + n) of the slab that begins at column `slab`.
    void pack_right(std::byte* to, int64 slab, int64 columns, int64 from, int64 n) {
        for (int64 k = 0; k < plan_.k; k += plan_.depth) {
            const int64 depth = std::min(plan_.depth, plan_.k - k);
            right_.pack(right_at(to, columns, k, depth, from), slab + from, n, k, depth);
        }
    }
    /// One block of the slab.
    void run(const std::byte* right, int64 slab, int64 columns, int64 block) {
        const int64 i = block / plan_.column_blocks * plan_.rows;
        const int64 j = block % plan_.column_blocks * plan_.columns;
        const int64 rows = std::min(plan_.rows, plan_.m - i);
        const int64 width = std::min(plan_.columns, columns - j);
        if (width <= 0) return;
        const product_kernel& kernel = plan_.kernel;
        const int64 ld = plan_.pitch();
        if (plan_.k == 0) std::memset(result_, 0, static_cast<std::size_t>(plan_.rows * ld));
        for (int64 k = 0; k < plan_.k; k += plan_.depth) {
            const int64 depth = std::min(plan_.depth, plan_.k - k);
            left_.pack(packed_, i, rows, k, depth);
            const int64 left_panel = kernel.rows * depth * kernel.bytes;
            for (int64 y = 0; y < width; y += kernel.columns) {
                const std::byte* b =
                    right_at(const_cast<std::byte*>(right), columns, k, depth, j + y);
                for (int64 x = 0; x < rows; x += kernel.rows)
                    kernel.run(packed_ + x / kernel.rows * left_panel,
                               b,
                               result_ + x * ld + y * kernel.bytes,
                               ld,
                               depth,
                               k > 0);
            }
        }
        finish(i, rows, slab + j, width, ld);
    }
    void leave() { store_uniform(context_, context_.bound.outer_rank); }
    int64 unit() const { return plan_.kernel.columns; }

private:
    /// Panel of column `from` (of the slab) and summed index k.
    std::byte* right_at(std::byte* first, int64 columns, int64 k, int64 depth, int64 from) const {
        const int64 unit = plan_.kernel.columns;
        const int64 padded = (columns + unit - 1) / unit * unit;
        return first + (padded * k + from * depth) * plan_.kernel.bytes;
    }
    void finish(int64 i, int64 rows, int64 j, int64 columns, int64 ld) {
        place_.move(place_.batch(), 0);
        operand& core = context_.load[context_.code.loads];
        core.data = result_;
        core.offset = -(i * ld + j * plan_.kernel.bytes);
        const int64 inner = rows_are_inner_ ? rows : columns;
        const int64 outer = rows_are_inner_ ? columns : rows;
        const int64 inner_at = rows_are_inner_ ? i : j, outer_at = rows_are_inner_ ? j : i;
        for (int64 l = 0; l < outer; l += space_.lines.step)
            for (int64 x = 0; x < inner; x += space_.width.step) {
                core.staged = nullptr;  // the block holds new values
                epilogue_.evaluate(range(inner_at + x, std::min(space_.width.step, inner - x)),
                                   range(outer_at + l, std::min(space_.lines.step, outer - l)));
            }
    }
    block_space epilogue_space() {
        operand& core = context_.load[context_.code.loads];
        core.bytes = plan_.kernel.bytes;
        const int rows_axis = context_.bound.rows_axis(), columns_axis = rows_axis + 1;
        core.stride[rows_axis] = plan_.pitch();
        core.stride[columns_axis] = plan_.kernel.bytes;
        const loop_space rows = one_axis(rows_axis, plan_.m),
                         columns = one_axis(columns_axis, plan_.n);
        return rows_are_inner_ ? block_space(rows, 256, columns, 8)
                               : block_space(columns, 256, rows, 8);
    }
    const product_plan& plan_;
    context context_;
    product_place place_;
    panels left_, right_;
    std::byte *result_, *packed_;
    bool rows_are_inner_;
    block_space space_;
    runner epilogue_;
};

/// Products that are too small to be shared by threads: each takes whole ones.
struct whole_product {
    worker<product_engine> w;
    const product_plan& plan;
    std::byte* right;
    bool right_moves, packed = false;
    void operator()(int64 batch) {
        w.engine.take(batch);
        for (int64 j = 0; j < plan.n; j += plan.slab) {
            const int64 columns = std::min(plan.slab, plan.n - j);
            if (right_moves || !packed) w.engine.pack_right(right, j, columns, 0, columns);
            packed = columns == plan.n;
            for (int64 i = 0; i < plan.row_blocks * plan.column_blocks; ++i)
                w.engine.run(right, j, columns, i);
        }
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
inline bool right_moves(const stage_loops& code, const ir::bound_stage& b) {
    for (const input& i : code.side[1].inputs)
        for (int d = 0; d < b.rows_axis(); ++d)
            if (b.extent[d] != 1 && b.load[i.load].stride[d] != 0) return true;
    return false;
}

template <class Team>
void run_product(const stage_loops& code, const ir::bound_stage& b) {
    if (run_blas(code, b)) return;
    const int64 batch = b.batch(), work = b.rows * b.row_length / 2;
    const int all = Team::size(work);
    // Small products go to threads as they are, if there are enough to be shared evenly.
    const bool whole = all == 1 || (batch >= 4 * all && work / batch < 16 * thread_work);
    const int threads = whole || batch == 0 ? 1 : Team::size(work / batch);
    const product_plan p(code, b, threads);
    const int workers = whole ? all : threads;
    const int64 each = p.bytes() + engine_bytes(code, panels::room, group);
    const team_memory memory(workers, each), right(whole ? workers : 1, p.slab_bytes());
    if (whole) {
        const bool moves = right_moves(code, b);
        Team::template run<whole_product>(workers, batch, [&](int thread) {
            return whole_product{
                {p, code, b, memory.part(thread), memory.size()}, p, right.part(thread), moves};
        });
    }
    for (int64 i = 0; i < batch && !whole; ++i)
        for (int64 j = 0; j < p.n; j += p.slab) {
            const int64 columns = std::min(p.slab, p.n - j), parts = threads == 1 ? 1 : 4 * threads;
            const auto make = [&](int64 n) {
                return [&, n](int thread) {
                    return product_part{{p, code, b, memory.part(thread), memory.size()},
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
    worker<product_engine>(p, code, b, memory.part(0), memory.size()).engine.leave();
}

}  // namespace sinter::cpu
