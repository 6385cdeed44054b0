// Stages around a contraction: operands are evaluated while they are packed, the rest of the stage
// while a block of the product is still in the cache.
#pragma once

#include "sinter/cpu/runner.hpp"

namespace sinter::cpu {

/// One operand of the product, packed in panels of `width` rows (or columns): panel by panel, all
/// values of one summed index side by side.
class panels {
public:
    panels(context& c, const loop& l, int across, int width, int64 most, int64 depth)
        : context_(c),
          across_(across),
          width_(width),
          bytes_(c.code.product->bytes),
          along_is_inner_(dense(l, summed) >= dense(l, across)),
          loop_(l),
          runner_(c, l, space_at_start()) {
        memory_ = c.memory.bytes((most + width - 1) / width * width * depth * bytes_);
    }
    /// Packs rows [from, from + n) of summed indices [k, k + depth).
    void pack(int64 from, int64 n, int64 k, int64 depth) {
        depth_ = depth;
        if (n % width_ != 0) {
            const int64 panel = width_ * depth * bytes_;
            std::memset(memory_ + n / width_ * panel, 0, static_cast<std::size_t>(panel));
        }
        const int64 lines = along_is_inner_ ? n : depth;
        space_.extent[0] = space_.length = along_is_inner_ ? depth : n;
        for (int64 i = 0; i < lines; ++i) {
            for (const input& x : loop_.inputs) {
                operand& o = context_.input_of(x);
                o.offset = along_is_inner_ ? (from + i) * o.stride[across_] + k * o.stride[summed]
                                           : from * o.stride[across_] + (k + i) * o.stride[summed];
            }
            tile t;
            for (bool more = t.start(space_, tile_length); more;
                 more = t.next(space_, tile_length)) {
                runner_.evaluate(t);
                const std::byte* x = static_cast<const std::byte*>(runner_.value(0));
                if (along_is_inner_) {
                    copy_elements(bytes_, at(i, t.begin), width_ * bytes_, x, bytes_, t.count);
                } else {
                    for (int64 done = 0; done < t.count;) {
                        const int64 first = t.begin + done;
                        const int64 run = std::min(width_ - first % width_, t.count - done);
                        copy_elements(bytes_, at(first, i), bytes_, x + done * bytes_, bytes_, run);
                        done += run;
                    }
                }
            }
        }
    }
    const std::byte* panel(int64 index) const { return memory_ + index * width_ * depth_ * bytes_; }

private:
    static constexpr int summed = 2;
    /// How many arrays lie side by side along axis `a`.
    int dense(const loop& l, int a) const {
        int n = 0;
        for (const input& i : l.inputs) {
            const operand& o = context_.input_of(i);
            n += o.stride[a] == o.bytes;
        }
        return n;
    }
    const loop_space& space_at_start() {
        space_.push(along_is_inner_ ? summed : across_, 1);
        return space_;
    }
    std::byte* at(int64 row, int64 k) const {
        return memory_ + ((row / width_ * depth_ + k) * width_ + row % width_) * bytes_;
    }

    context& context_;
    int across_;
    int64 width_;
    int bytes_;
    int64 depth_ = 0;
    bool along_is_inner_;
    const loop& loop_;
    loop_space space_;
    runner runner_;
    std::byte* memory_ = nullptr;
};

/// The stage's product, block by block.
class product_run {
public:
    explicit product_run(context& c)
        : context_(c),
          kernel_(*c.code.product),
          m_(c.bound.extent[0]),
          n_(c.bound.extent[1]),
          k_(c.bound.extent[2]),
          block_m_(block_of(m_, kernel_.rows)),
          block_n_(block_of(n_, kernel_.columns)),
          depth_(std::min<int64>(k_, 256)),
          ld_(block_n_ * kernel_.bytes),
          left_(c, c.code.side[0], 0, kernel_.rows, block_m_, depth_),
          right_(c, c.code.side[1], 1, kernel_.columns, block_n_, depth_),
          result_(c.memory.bytes(block_m_ * ld_)),
          rows_are_inner_(n_ < 64 && n_ < m_),
          epilogue_(c, c.code.pass[0], space_at_start()) {}

    void run() {
        for (int64 i = 0; i < m_; i += block_m_)
            for (int64 j = 0; j < n_; j += block_n_) {
                const int64 rows = std::min(block_m_, m_ - i), columns = std::min(block_n_, n_ - j);
                multiply(i, rows, j, columns);
                finish(i, rows, j, columns);
            }
        loop_space all;
        all.push(0, m_);
        all.push(1, n_);
        for (int k = 0; k < context_.code.stores; ++k) context_.store[k].offset = 0;
        context_.leave_row(all, no_axis, 0);
    }

private:
    /// About 512, a multiple of `unit`, and no more than needed.
    static int64 block_of(int64 extent, int64 unit) {
        return std::min(512 / unit, (extent + unit - 1) / unit) * unit;
    }
    void multiply(int64 i, int64 rows, int64 j, int64 columns) {
        if (k_ == 0) std::memset(result_, 0, static_cast<std::size_t>(block_m_ * ld_));
        for (int64 k = 0; k < k_; k += depth_) {
            const int64 depth = std::min(depth_, k_ - k);
            if (j == 0 || k_ > depth_) left_.pack(i, rows, k, depth);
            if (i == 0 || n_ > block_n_ || k_ > depth_) right_.pack(j, columns, k, depth);
            for (int64 y = 0; y * kernel_.columns < columns; ++y)
                for (int64 x = 0; x * kernel_.rows < rows; ++x)
                    kernel_.run(
                        left_.panel(x),
                        right_.panel(y),
                        result_ + x * kernel_.rows * ld_ + y * kernel_.columns * kernel_.bytes,
                        ld_,
                        depth,
                        k > 0);
        }
    }
    void finish(int64 i, int64 rows, int64 j, int64 columns) {
        const auto move_to = [&](operand& o, int64 y, int64 x) {
            o.offset = y * o.stride[0] + x * o.stride[1];
        };
        const int64 lines = rows_are_inner_ ? columns : rows;
        space_.extent[0] = space_.length = rows_are_inner_ ? rows : columns;
        for (int64 l = 0; l < lines; ++l) {
            const int64 y = rows_are_inner_ ? 0 : l, x = rows_are_inner_ ? l : 0;
            for (int k = 0; k < context_.code.loads; ++k) move_to(context_.load[k], i + y, j + x);
            for (int k = 0; k < context_.code.stores; ++k) move_to(context_.store[k], i + y, j + x);
            operand& core = context_.load[context_.code.loads];
            move_to(core, y, x);
            core.staged = nullptr;  // the block holds new values
            epilogue_.run();
        }
    }
    const loop_space& space_at_start() {
        operand& core = context_.load[context_.code.loads];
        core.data = result_;
        core.bytes = kernel_.bytes;
        core.stride[0] = ld_;
        core.stride[1] = kernel_.bytes;
        space_.push(rows_are_inner_ ? 0 : 1, 1);
        return space_;
    }

    context& context_;
    const product_kernel& kernel_;
    int64 m_, n_, k_, block_m_, block_n_, depth_, ld_;
    panels left_, right_;
    std::byte* result_;
    bool rows_are_inner_;
    loop_space space_;
    runner epilogue_;
};

}  // namespace sinter::cpu
