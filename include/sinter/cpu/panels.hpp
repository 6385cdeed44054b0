// The operands of a matrix product, packed for its kernel.
#pragma once

#include "sinter/cpu/product_axes.hpp"

namespace sinter::cpu {

/// Copies elements of an array, S bytes each, into a panel.
template <int S>
struct packer {
    static constexpr int64 most_width = 128 / S;

    /// `depth` steps of S bytes along each of `width` rows, turned round.
    static void turn(std::byte* to,
                     int64 line,
                     const std::byte* from,
                     const int64* row,
                     int64 width,
                     int64 depth) {
        constexpr int64 side = square<S>::side;
        if (line == S) {
            std::memcpy(to, from + row[0], static_cast<std::size_t>(depth * S));
            return;
        }
        int64 d = 0;
        if (width >= side) {
            // All squares of a line of memory at once: rows may meet in few sets of the cache.
            constexpr int64 at_once = 64 / S;
            for (int64 n = 0; depth - d >= side; d += n, from += n * S, to += n * line) {
                n = std::min(depth - d, at_once) / side * side;
                for (int64 r = 0; r < width; r += side) {
                    // The last square is shifted back to end where the panel ends.
                    const int64 x = std::min(r, width - side);
                    for (int64 i = 0; i < n; i += side)
                        square<S>::turn(to + x * S + i * line, line, from + i * S, row + x);
                }
            }
        }
        for (; d < depth; ++d, from += S, to += line)
            for (int64 r = 0; r < width; ++r) std::memcpy(to + r * S, from + row[r], S);
    }
    /// The rows of a panel as runs of elements side by side: run i begins at row begin[i].
    struct runs {
        int64 begin[most_width + 1], count = 0;
        runs(const int64* row, int64 width) {
            for (int64 r = 0; r < width; ++r)
                if (r == 0 || row[r] != row[r - 1] + S) begin[count++] = r;
            begin[count] = width;
        }
    };
    /// `depth` steps of any size.
    static void copy(std::byte* to,
                     int64 line,
                     const std::byte* from,
                     int64 step,
                     const int64* row,
                     const runs& in,
                     int64 depth) {
        const int64 width = in.begin[in.count];
        if (in.count > width / 4 && in.count > 1) {
            for (int64 d = 0; d < depth; ++d, from += step, to += line)
                for (int64 r = 0; r < width; ++r) std::memcpy(to + r * S, from + row[r], S);
            return;
        }
        if (in.count == 1 && width * S == whole) {
            for (int64 d = 0; d < depth; ++d, from += step, to += line)
                std::memcpy(to, from + row[0], whole);
            return;
        }
        for (int64 d = 0; d < depth; ++d, from += step, to += line)
            for (int64 i = 0; i < in.count; ++i)
                copy_run(to + in.begin[i] * S,
                         from + row[in.begin[i]],
                         (in.begin[i + 1] - in.begin[i]) * S);
    }

private:
    static constexpr int64 whole = 128;  // bytes of the widest kernel's columns
    // A call of memcpy would cost more than what it copies.
    static SINTER_INLINE void copy_run(std::byte* to, const std::byte* from, int64 bytes) {
        int64 i = 0;
        for (; i + 16 <= bytes; i += 16) std::memcpy(to + i, from + i, 16);
        for (; i < bytes; i += S) std::memcpy(to + i, from + i, S);
    }
};

/// One operand of the product in panels of `width` rows (or columns): panel by panel, all values of
/// one summed index side by side. What lies in memory as the kernel takes it is copied, all else
/// evaluated on the way.
class panels {
public:
    panels(context& c,
           const loop& l,
           const product_axes& axes,
           const product_axes::group& rows,
           int width,
           int bytes)
        : context_(c), loop_(l), width_(width), bytes_(bytes) {
        const auto each = [&](auto f) {
            for (const input& i : l.inputs)
                if (c.load[i.load].data != nullptr) f(c.load[i.load]);
        };
        batch_ = joined_axes(c.bound, axes.batch, each);
        rows_ = joined_axes(c.bound, rows, each);
        sums_ = joined_axes(c.bound, axes.sums, each);
        const int plain = detail::plain_side(l);
        if (plain >= 0 && !c.load[plain].counted && c.load[plain].bytes == bytes) {
            plain_ = c.load + plain;
            return;
        }
        summed_is_inner_ = dense(sums_) >= dense(rows_);
        const loop_space sums = last_axis(sums_), of = last_axis(rows_);
        // The longer the lines of a block, the fewer calls; a block fits a buffer.
        const int64 length = summed_is_inner_ ? sums.length : of.length;
        line_ = std::max(4 * group, std::min(whole_groups(length), 32 * group));
        lines_ = room / line_;
        space_ = summed_is_inner_ ? block_space(sums, line_, of, lines_)
                                  : block_space(of, line_, sums, lines_);
        runner_ = new (c.memory.array<runner>(1)) runner(c, l, space_, rows_are::one);
    }
    /// Elements that a buffer must hold.
    static constexpr int64 room = 4096;
    /// Rows that multiply() takes at once: results must have room for as many.
    static constexpr int64 at_once = 4;

    /// Adds products of rows [from, from + n) with vectors of all summed indices, each side by side
    /// and `vector` bytes apart, to results that lie by columns, `column` bytes apart. What is
    /// multiplied lies in memory as the kernel takes it.
    void multiply(std::byte* to,
                  int64 column,
                  int64 batch,
                  int64 from,
                  int64 n,
                  const std::byte* x,
                  int64 vector,
                  int64 vectors) {
        const operand& o = *plain_;
        const std::byte* const first = o.data + offset_in(batch_, batch_.rank, batch, o);
        const int64 step = o.stride[sums_.axis[sums_.rank - 1]];
        const product_kernels& kernels = *context_.code.product;
        const bool along_rows = o.stride[rows_.axis[rows_.rank - 1]] == bytes_;
        if (step == bytes_ && (!along_rows || sums_.extent[sums_.rank - 1] >= 16 * at_once)) {
            for (int64 r = 0; r < n; r += at_once) {
                const int64 count = std::min(at_once, n - r);
                int64 row[at_once];
                offsets(row, from + r, count, at_once);
                for_each_line(sums_, 0, sums_.length, [&](int64 sum, int64, int64 run, int64 done) {
                    const std::byte* const line = first + line_offset(sums_, sum, o);
                    for (int64 v = 0; v < vectors; ++v)
                        kernels.rows(line,
                                     row,
                                     x + v * vector + done * bytes_,
                                     to + v * column + r * bytes_,
                                     run);
                });
            }
            return;
        }
        const int64 sums = sums_.length;
        for (int64 k = 0; k < sums; k += at_once) {
            int64 at[at_once];
            std::byte factors[at_once * 8];
            const int64 count = std::min(at_once, sums - k);
            for (int64 i = 0; i < at_once; ++i)
                at[i] = offset_in(sums_, sums_.rank, k + std::min(i, count - 1), o);
            for (int64 v = 0; v < vectors; ++v) {
                std::memset(factors, 0, sizeof factors);
                std::memcpy(
                    factors, x + v * vector + k * bytes_, static_cast<std::size_t>(count * bytes_));
                for_each_line(rows_, from, n, [&](int64 line, int64 begin, int64 run, int64 done) {
                    kernels.columns(first + line_offset(rows_, line, o) + begin * bytes_,
                                    at,
                                    factors,
                                    to + v * column + done * bytes_,
                                    run);
                });
            }
        }
    }

    /// Turns to rows [from, from + n), which are multiplied where they lie: in memory, or computed
    /// row by row in `computed` or where the loop leaves them.
    void find_rows(std::byte* computed, int64 batch, int64 from, int64 n, int64 unit) {
        const int64 all = (n + unit - 1) / unit * unit, line = sums_.length * bytes_;
        if (plain_ == nullptr) {
            if (row_at_ == nullptr) {
                row_at_ = context_.memory.array<int64>(most_in_place);
                runs_ = {new (context_.memory.array<int64>(1)) int64{0}, 1, line};
            }
            int64 pitch = line;
            first_row_ = computed;
            const int64 length = rows_.extent[rows_.rank - 1], first = from % length;
            if (by_whole_rows() && first + n <= length) {
                move_to(batch, 0, from / length);
                runner_->evaluate(range(0, sums_.length), range(first, n));
                first_row_ = runner_->value(0).at;
                pitch = runner_->value(0).line;
            } else {
                pack(computed, batch, from, n, 0, sums_.length);
            }
            for (int64 r = 0; r < all; ++r) row_at_[r] = std::min(r, n - 1) * pitch;
            return;
        }
        const operand& o = *plain_;
        if (row_at_ == nullptr) {
            row_at_ = context_.memory.array<int64>(most_in_place);
            const int64 length = sums_.extent[sums_.rank - 1], count = sums_.length / length;
            int64* at = context_.memory.array<int64>(count);
            for (int64 i = 0; i < count; ++i) at[i] = line_offset(sums_, i, o);
            runs_ = {at, count, length * bytes_};
        }
        offsets(row_at_, from, n, all);
        first_row_ = o.data + offset_in(batch_, batch_.rank, batch, o);
    }
    /// Rows that find_rows() takes best: as many as one block of the loop has.
    int64 rows_at_once() const { return by_whole_rows() ? lines_ / 8 * 8 : most_in_place; }
    /// Writes the products of a tile of these rows, from number x on and `shift` bytes into them,
    /// with a packed panel.
    void multiply_rows(const row_kernel& by,
                       int64 x,
                       int64 shift,
                       const std::byte* panel,
                       std::byte* to,
                       int64 ld) const {
        by.run(first_row_ + shift, row_at_ + x, runs_, panel, to, ld);
    }
    /// Rows that find_rows() takes at most, a multiple of every tile's.
    static constexpr int64 most_in_place = 128;

    /// Packs rows [from, from + n) of summed indices [k, k + depth), counted through all axes of
    /// each kind, in one product of the batch.
    void pack(std::byte* to, int64 batch, int64 from, int64 n, int64 k, int64 depth) {
        if (plain_ != nullptr)
            return bytes_ == 4 ? copy<4>(to, batch, from, n, k, depth)
                               : copy<8>(to, batch, from, n, k, depth);
        const int64 panel = width_ * depth * bytes_;
        if (n % width_ != 0)
            std::memset(to + n / width_ * panel, 0, static_cast<std::size_t>(panel));
        for_each_line(sums_, k, depth, [&](int64 sum, int64 at, int64 run, int64 before) {
            for_each_line(rows_, from, n, [&](int64 row, int64 first, int64 count, int64 done) {
                move_to(batch, sum, row);
                evaluate(to + before * width_ * bytes_, panel, done, first, count, at, run);
            });
        });
    }

private:
    /// True where a block of the loop has all summed elements of some rows.
    bool by_whole_rows() const {
        return plain_ == nullptr && summed_is_inner_ && sums_.rank == 1 && sums_.length <= line_;
    }
    /// To one line of sums and of rows.
    void move_to(int64 batch, int64 sum, int64 row) {
        for (const input& i : loop_.inputs) {
            operand& o = context_.load[i.load];
            o.offset = offset_in(batch_, batch_.rank, batch, o) + line_offset(sums_, sum, o) +
                       line_offset(rows_, row, o);
            o.staged = nullptr;
        }
    }
    template <int S>
    void copy(std::byte* to, int64 batch, int64 from, int64 n, int64 k, int64 depth) {
        using pack = packer<S>;
        const int64 panel = width_ * depth * S, line = width_ * S;
        const operand& o = *plain_;
        const std::byte* const first = o.data + offset_in(batch_, batch_.rank, batch, o);
        const int64 step = o.stride[sums_.axis[sums_.rank - 1]];
        const bool turns = step == S && o.stride[rows_.axis[rows_.rank - 1]] != S;
        // So much of every row at once that what several panels read of a line of memory is still
        // in the nearest cache.
        const int64 piece = turns ? 256 : 32;
        for (int64 d = 0; d < depth; d += piece)
            for (int64 p = 0; p < n; p += width_) {
                int64 row[pack::most_width];
                const int64 rows = std::min(width_, n - p), deep = std::min(piece, depth - d);
                offsets(row, from + p, rows, rows);
                std::byte* const at = to + p / width_ * panel + d * line;
                if (rows < width_) std::memset(at, 0, static_cast<std::size_t>(deep * line));
                const typename pack::runs runs(row, turns ? 0 : rows);
                for_each_line(
                    sums_, k + d, deep, [&](int64 sum, int64 begin, int64 count, int64 done) {
                        const std::byte* const x =
                            first + line_offset(sums_, sum, o) + begin * step;
                        if (turns)
                            pack::turn(at + done * line, line, x, row, rows, count);
                        else
                            pack::copy(at + done * line, line, x, step, row, runs, count);
                    });
            }
    }
    /// Where n rows begin; up to `all` of them the last one.
    void offsets(int64* row, int64 from, int64 n, int64 all) const {
        const operand& o = *plain_;
        const int64 step = o.stride[rows_.axis[rows_.rank - 1]];
        for_each_line(rows_, from, n, [&](int64 line, int64 first, int64 count, int64 done) {
            const int64 at = line_offset(rows_, line, o) + first * step;
            for (int64 r = 0; r < count; ++r) row[done + r] = at + r * step;
        });
        for (int64 r = n; r < all; ++r) row[r] = row[n - 1];
    }
    // `count` elements of one line of rows by `run` of one line of sums.
    void evaluate(
        std::byte* to, int64 panel, int64 done, int64 first, int64 count, int64 at, int64 run) {
        const int64 rows_step = summed_is_inner_ ? lines_ : line_;
        const int64 depth_step = summed_is_inner_ ? line_ : lines_;
        for (int64 i = 0; i < count; i += rows_step)
            for (int64 d = 0; d < run; d += depth_step) {
                const tile rows = range(first + i, std::min(rows_step, count - i));
                const tile sums = range(at + d, std::min(depth_step, run - d));
                if (summed_is_inner_)
                    runner_->evaluate(sums, rows);
                else
                    runner_->evaluate(rows, sums);
                block_value v = runner_->value(0);
                const int64 row_step = summed_is_inner_ ? v.line : bytes_;
                const int64 sum_step = summed_is_inner_ ? bytes_ : v.line;
                if (width_ == 1) {  // row by row
                    copy_block(bytes_,
                               {to + (done + i) * panel + d * bytes_, bytes_, panel},
                               {const_cast<std::byte*>(v.at), sum_step, row_step},
                               sums.count,
                               rows.count);
                    continue;
                }
                for (int64 r = 0, n = 0; r < rows.count; r += n) {
                    const int64 place = done + i + r, inside = place % width_;
                    n = std::min(width_ - inside, rows.count - r);
                    copy_block(bytes_,
                               {to + place / width_ * panel + (d * width_ + inside) * bytes_,
                                bytes_,
                                width_ * bytes_},
                               {const_cast<std::byte*>(v.at) + r * row_step, row_step, sum_step},
                               n,
                               sums.count);
                }
            }
    }
    /// How many arrays lie side by side along the last axis of a space.
    int dense(const loop_space& s) const {
        int n = 0;
        for (const input& i : loop_.inputs) {
            const operand& o = context_.load[i.load];
            n += o.stride[s.axis[s.rank - 1]] == o.bytes;
        }
        return n;
    }
    context& context_;
    const loop& loop_;
    int64 width_;
    int bytes_;
    loop_space batch_, rows_, sums_;
    const operand* plain_ = nullptr;  // what is copied
    // Of rows that are read where they lie.
    sum_runs runs_{};
    int64* row_at_ = nullptr;
    const std::byte* first_row_ = nullptr;
    bool summed_is_inner_ = false;
    int64 line_ = 0, lines_ = 0;  // of what is evaluated at once
    block_space space_;
    runner* runner_ = nullptr;
};

}  // namespace sinter::cpu
