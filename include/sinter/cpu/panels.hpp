// The operands of a matrix product, evaluated while they are packed for its kernel.
#pragma once

#include "sinter/cpu/runner.hpp"

namespace sinter::cpu {

/// Elements [begin, begin + count) of a space with one axis.
inline tile range(int64 begin, int64 count) {
    tile t;
    t.begin = t.position[0] = begin;
    t.count = count;
    return t;
}
inline loop_space one_axis(int axis, int64 extent) {
    loop_space s;
    s.push(axis, extent);
    return s;
}

/// Where the operands of a product begin: at one position of the axes that it does not walk itself,
/// the batch and all summed axes but the innermost.
class product_place {
public:
    explicit product_place(context& c) : c_(c) {}
    void move(int64 batch, int64 sums) {
        if (batch == batch_ && sums == sums_) return;
        batch_ = batch;
        sums_ = sums;
        const ir::bound_stage& b = c_.bound;
        int64 at[max_rank];
        locate(at, 0, b.rows_axis(), batch);
        locate(at, b.outer_rank, b.summed_axis(), sums);
        for_each_operand(c_, [&](operand& o) {
            o.offset = 0;
            for (int d = 0; d < b.rows_axis(); ++d) o.offset += at[d] * o.stride[d];
            for (int d = b.outer_rank; d < b.summed_axis(); ++d) o.offset += at[d] * o.stride[d];
        });
    }
    int64 batch() const { return batch_; }

private:
    void locate(int64* at, int first, int end, int64 index) const {
        for (int d = end - 1; d >= first; --d) {
            const int64 e = std::max<int64>(c_.bound.extent[d], 1);
            at[d] = index % e;
            index /= e;
        }
    }
    context& c_;
    int64 batch_ = 0, sums_ = 0;
};

/// One operand of the product in panels of `width` rows (or columns): panel by panel, all values of
/// one summed index side by side.
class panels {
public:
    panels(context& c, const loop& l, product_place& place, int rows_axis, int width, int bytes)
        : width_(width),
          bytes_(bytes),
          summed_(c.bound.summed_axis()),
          inner_(c.bound.extent[summed_]),
          place_(place),
          summed_is_inner_(dense(c, l, summed_) >= dense(c, l, rows_axis)),
          space_(space(c, rows_axis)),
          runner_(c, l, space_, rows_are::one) {}
    /// Elements that a buffer must hold.
    static constexpr int64 room = 4096;

    /// Bytes of n rows with `depth` summed indices.
    static int64 bytes(int64 n, int64 depth, int width, int bytes) {
        return (n + width - 1) / width * width * depth * bytes;
    }
    /// Packs rows [from, from + n) of summed indices [k, k + depth), counted through all summed
    /// axes.
    void pack(std::byte* to, int64 from, int64 n, int64 k, int64 depth) {
        const int64 panel = width_ * depth * bytes_;
        if (n % width_ != 0)
            std::memset(to + n / width_ * panel, 0, static_cast<std::size_t>(panel));
        for (int64 d = 0; d < depth;) {
            const int64 at = (k + d) % inner_, run = std::min(inner_ - at, depth - d);
            place_.move(place_.batch(), (k + d) / inner_);
            pack_run(to + d * width_ * bytes_, panel, from, n, at, run);
            d += run;
        }
    }

private:
    // Along the innermost summed axis alone.
    void pack_run(std::byte* to, int64 panel, int64 from, int64 n, int64 k, int64 depth) {
        // The inner axis of a block is its line; what is packed at once fits a buffer.
        const int64 rows_step = summed_is_inner_ ? std::max<int64>(line_rows / width_, 1) * width_
                                                 : std::max<int64>(long_line / width_, 1) * width_;
        const int64 depth_step = summed_is_inner_ ? long_line : line_rows;
        for (int64 i = 0; i < n; i += rows_step)
            for (int64 d = 0; d < depth; d += depth_step) {
                const tile rows = range(from + i, std::min(rows_step, n - i));
                const tile sums = range(k + d, std::min(depth_step, depth - d));
                if (summed_is_inner_)
                    runner_.evaluate(sums, rows);
                else
                    runner_.evaluate(rows, sums);
                block_value v = runner_.value(0);
                const int64 row_step = summed_is_inner_ ? v.line : bytes_;
                const int64 sum_step = summed_is_inner_ ? bytes_ : v.line;
                for (int64 r = 0; r < rows.count; r += width_)
                    copy_block(bytes_,
                               {to + (i + r) / width_ * panel + d * width_ * bytes_,
                                bytes_,
                                width_ * bytes_},
                               {const_cast<std::byte*>(v.at) + r * row_step, row_step, sum_step},
                               std::min(width_, rows.count - r),
                               sums.count);
            }
    }
    static constexpr int64 long_line = 128, line_rows = 32;
    static_assert(room == long_line * line_rows);
    /// How many arrays lie side by side along axis `a`.
    static int dense(context& c, const loop& l, int a) {
        int n = 0;
        for (const input& i : l.inputs) {
            const operand& o = c.load[i.load];
            n += o.stride[a] == o.bytes;
        }
        return n;
    }
    block_space space(const context& c, int rows_axis) const {
        const loop_space sums = one_axis(summed_, c.bound.extent[summed_]);
        const loop_space rows = one_axis(rows_axis, c.bound.extent[rows_axis]);
        return summed_is_inner_ ? block_space(sums, long_line, rows, line_rows)
                                : block_space(rows, long_line, sums, line_rows);
    }
    int64 width_;
    int bytes_, summed_;
    int64 inner_;  // the extent of the innermost summed axis
    product_place& place_;
    bool summed_is_inner_;
    block_space space_;
    runner runner_;
};

}  // namespace sinter::cpu
