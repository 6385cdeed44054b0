// How the host cuts a matrix product.
#pragma once

#include "sinter/cpu/panels.hpp"
#include "sinter/cpu/product.hpp"

namespace sinter::cpu {

/// How a product is cut. The right operand is packed once, a slab of columns at a time; blocks of
/// rows and columns of the slab are what threads share, or slabs where the left operand has few
/// rows. Cuts change no result: every element is the sum of the same terms in the same order.
struct product_plan {
    product_axes axes;
    product_kernel kernel;
    bool turned;  // the operands change places
    int64 batch, m, n, k;
    int64 depth, slab;                        // summed indices and columns packed at once
    int64 rows, columns;                      // of a block
    int64 row_blocks = 1, column_blocks = 1;  // column blocks of a slab
    bool interleaved = false;                 // the slab is packed depth by depth
    bool few_columns = false;                 // the left operand is read where it lies
    const row_kernel* in_place = nullptr;     // for a few more: rows lie in memory, or
    bool computed_rows = false;               // are computed as they would
    bool left_is_plain;                       // an array as it is

    product_plan(const stage_loops& code, const ir::bound_stage& b)
        : axes(code, b),
          kernel(code.product->by_width[widest_product()]),
          turned(has_few_columns(code, b) ? axes.side[0].length < axes.side[1].length
                                          : wasted(1, 0) * 7 < wasted(0, 1) * 6),
          batch(axes.batch.length),
          m(axes.side[turned].length),
          n(axes.side[!turned].length),
          k(b.row_length),
          depth(std::min<int64>(k, 4096 / kernel.bytes)),
          few_columns(has_few_columns(code, b)),
          left_is_plain(detail::plain_side(code.side[turned]) >= 0) {
        if (!few_columns) {
            if (!join_groups(code, b)) read_in_place(code, b);
            return;
        }
        kernel.rows = kernel.step = 1;
        kernel.columns = 1;
        depth = k;
        slab = columns = std::max<int64>(n, 1);
        rows = std::max<int64>(1, std::min<int64>(m, 512));
        row_blocks = (m + rows - 1) / rows;
    }
    /// Threads take blocks of rows, each with its own copy of the whole right operand.
    bool by_rows() const { return few_columns || in_place != nullptr; }

    /// True when slabs are shared rather than blocks: the left operand has one block, which is
    /// packed for each of them, and the right one is long or not read again.
    bool shares_slabs(int threads) const {
        return m <= few_rows && (n > 4 * threads * least_slab ||
                                 ((threads == 1 || n >= 2 * threads * kernel.columns) &&
                                  k * round(n, kernel.columns) > second_cache));
    }

    void cut_for(int threads, bool by_slabs) {
        // A block of the left operand, so many rows by 4 KiB, and the block of results stay in the
        // second cache while the panels of a slab pass by; the slab in the third, or where every
        // thread has its own, in the second. Machines with vectors of 64 bytes have a second cache
        // of 1 MiB and more: the taller a block, the less often the slab passes by, and the wider a
        // slab, the less often the left operand is packed.
        const bool large = kernel.rows == 12;
        const int64 most_rows = large ? 240 : 120;
        interleaved = by_slabs;
        const int64 fit = by_slabs ? std::max(second_cache / std::max<int64>(depth, 1), least_slab)
                                   : (int64{1} << 24) / std::max<int64>(k * kernel.bytes, 1);
        // Where the left operand is computed, it is not computed again for every few columns.
        int64 most = std::min<int64>(fit, !left_is_plain ? 2048 : large ? 1024 : 512);
        // Rounded up, so that as many slabs come to every thread.
        if (by_slabs && threads > 1)
            most = std::min(most, round((n + 4 * threads - 1) / (4 * threads), kernel.columns));
        slab = std::min(round(std::max<int64>(n, 1), kernel.columns),
                        std::max<int64>(most / kernel.columns, 1) * kernel.columns);
        if (by_slabs) threads = 1;
        row_blocks = cut(m, most_rows, threads);
        rows = round(std::max<int64>((m + row_blocks - 1) / row_blocks, 1), kernel.rows);
        row_blocks = std::max<int64>((m + rows - 1) / rows, 1);
        if (row_blocks < threads) column_blocks = (threads + row_blocks - 1) / row_blocks;
        columns = round((slab + column_blocks - 1) / column_blocks, kernel.columns);
        column_blocks = (slab + columns - 1) / columns;
    }
    int64 slabs() const { return (n + slab - 1) / slab; }
    /// Bytes from one row of results to the next, and from column to column: the former not a power
    /// of two, by which the rows of a tile would meet in a few sets of the first cache.
    int64 row_pitch() const {
        // Vectors end in the next row, which is written later.
        return few_columns           ? kernel.bytes
               : in_place != nullptr ? n * kernel.bytes
                                     : (columns + kernel.columns) * kernel.bytes;
    }
    int64 column_pitch() const {
        return few_columns ? (rows + panels::at_once) * kernel.bytes : kernel.bytes;
    }
    int64 result_bytes() const {
        return few_columns
                   ? columns * column_pitch()
                   : rows * row_pitch() + (in_place != nullptr ? kernel.columns * kernel.bytes : 0);
    }
    int64 slab_bytes() const { return slab * (interleaved ? depth : k) * kernel.bytes; }
    int64 bytes() const { return packed_bytes() + 2 * result_bytes(); }
    int64 packed_bytes() const {
        return by_rows() && !computed_rows ? 0 : rows * depth * kernel.bytes;
    }

private:
    static constexpr int64 most_columns = 4, least_run = 16;
    static constexpr int64 few_rows = 120, least_slab = 128;
    static constexpr int64 second_cache = int64{1} << 18;  // in elements

    /// True for up to four columns (or rows) and an operand that lies in memory along the sums or
    /// along its rows, where that is long enough for a loop of its own.
    bool has_few_columns(const stage_loops& code, const ir::bound_stage& b) const {
        const bool turn = axes.side[0].length < axes.side[1].length;
        const product_axes::group& rows_of = axes.side[turn];
        const int load = detail::plain_side(code.side[turn]);
        if (axes.side[!turn].length > most_columns || load < 0 || load >= code.loads ||
            (code.counted >> load & 1) != 0 || code.load_bytes[load] != kernel.bytes ||
            axes.sums.rank == 0)
            return false;
        const auto runs = [&](const product_axes::group& g, int64 least) {
            const int a = g.rank > 0 ? g.axis[g.rank - 1] : -1;
            return a >= 0 && b.load[load].stride[a] == 1 && b.extent[a] >= least;
        };
        return runs(axes.sums, least_run * axes.side[!turn].length) || runs(rows_of, least_run);
    }
    /// Takes the products of a batch for one where each has so few columns, and so few elements of
    /// its rows side by side, that several fill a vector: groups of a convolution. True if so.
    bool join_groups(const stage_loops& code, const ir::bound_stage& b) {
        const product_axes::group &sums = axes.sums, &all = axes.batch;
        for (const int side : {0, 1}) {
            product_axes::group& of = axes.side[!side];
            const int load = detail::plain_side(code.side[side]);
            if (all.rank == 0 || of.rank != 1 || sums.rank == 0 ||
                axes.side[side].length < least_rows || !is_plain(code, load))
                continue;
            const int groups = all.axis[all.rank - 1], summed = sums.axis[sums.rank - 1];
            const ir::bound_operand& rows_of = b.load[load];
            const int64 size = of.length, columns_of_all = size * b.extent[groups];
            if (b.extent[summed] != size || (size & (size - 1)) != 0 ||
                rows_of.stride[summed] != 1 || rows_of.stride[groups] != size)
                continue;
            for (int width = widest_product(); width > 0; --width) {
                // One group that fills a vector is a product of its own.
                const row_kernel& one = code.product->in_place[width][0];
                const row_kernel& by = size == one.columns ? one : code.product->groups[width];
                if (by.rows == 0 || size > by.columns || columns_of_all % by.columns != 0) continue;
                of.axis[1] = of.axis[0];
                of.axis[0] = groups;
                of.rank = 2;
                of.length = columns_of_all;
                --axes.batch.rank;
                axes.batch.length /= b.extent[groups];
                batch = axes.batch.length;
                take_in_place(by, side);
                rows =
                    std::max<int64>(8, std::min(most_computed / n / 8 * 8, panels::most_in_place));
                slab = columns = n;
                row_blocks = (m + rows - 1) / rows;
                return true;
            }
        }
        return false;
    }
    bool is_plain(const stage_loops& code, int load) const {
        return load >= 0 && load < code.loads && (code.counted >> load & 1) == 0 &&
               code.load_bytes[load] == kernel.bytes;
    }
    void take_in_place(const row_kernel& by, int side) {
        in_place = &by;
        turned = side != 0;
        m = axes.side[side].length;
        n = axes.side[!side].length;
        kernel.rows = kernel.step = by.rows;
        kernel.columns = by.columns;
        depth = k;
        slab = columns = by.columns;
    }
    /// Finds the operand that is better read where it lies, if there is one.
    void read_in_place(const stage_loops& code, const ir::bound_stage& b) {
        const row_kernel* const of_width = code.product->in_place[widest_product()];
        for (const int side : {0, 1}) {
            const int load = detail::plain_side(code.side[side]);
            const product_axes::group &of = axes.side[side], &other = axes.side[!side];
            if (of.length < least_rows || other.length > of_width[1].columns || k == 0) continue;
            const bool plain = is_plain(code, load);
            if (plain ? !along_sums(b, load, 1) : k > most_computed || !lies_in_rows(code, b, side))
                continue;
            take_in_place(of_width[other.length > of_width[0].columns], side);
            // What is computed stays in the nearest caches.
            computed_rows = !plain;
            rows = plain ? panels::most_in_place
                         : std::max<int64>(
                               8, std::min(most_computed / k / 8 * 8, panels::most_in_place));
            row_blocks = (m + rows - 1) / rows;
            return;
        }
    }
    /// True when every array that a side is computed from lies along the sums, or is the same for
    /// all of them; what lies across is turned round as it is packed, in larger pieces.
    bool lies_in_rows(const stage_loops& code, const ir::bound_stage& b, int side) const {
        for (const input& i : code.side[side].inputs)
            if (!along_sums(b, i.load, 0) && !along_sums(b, i.load, 1)) return false;
        return true;
    }
    bool along_sums(const ir::bound_stage& b, int load, int64 stride) const {
        return axes.sums.rank == 0
                   ? stride == 0
                   : b.load[load].stride[axes.sums.axis[axes.sums.rank - 1]] == stride;
    }
    static constexpr int64 least_rows = 32, most_computed = int64{1} << 15;
    static int64 round(int64 x, int64 unit) { return (x + unit - 1) / unit * unit; }
    /// Elements of tiles with these axes as rows and columns: what the kernel computes.
    int64 wasted(int rows_side, int columns_side) const {
        return round(axes.side[rows_side].length, kernel.step) *
               round(axes.side[columns_side].length, kernel.columns);
    }
    /// Pieces of about `size`, as many for every thread.
    static int64 cut(int64 extent, int64 size, int threads) {
        const int64 pieces = (extent + size - 1) / size;
        return pieces < threads ? std::max<int64>(extent / 30, 1) : round(pieces, threads);
    }
};

}  // namespace sinter::cpu
