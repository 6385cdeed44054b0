// Runs one loop of a stage on blocks. A block has `width` elements of one space side by side, on
// `lines` positions of another one.
#pragma once

#include "sinter/cpu/context.hpp"
#include "sinter/cpu/line.hpp"

namespace sinter::cpu {

/// The two spaces of a block and how they are cut.
struct block_space {
    loop_space across, down;  // along a line, from line to line
    tiling width, lines;
    block_space() = default;
    block_space(const loop_space& a, int64 width_limit, const loop_space& d, int64 line_limit)
        : across(a), down(d), width(a, width_limit), lines(d, line_limit, true) {}
    /// Elements of the largest block, as it lies in a buffer.
    int64 room() const {
        return whole_groups(std::min(width.step * width.inside, across.length)) * lines.step;
    }
};

/// Values of a block: lines of elements side by side.
struct block_value {
    const std::byte* at;
    int64 line;
};

class runner {
public:
    runner(context& c, const loop& pass, const block_space& s, rows_are r)
        : context_(c),
          loop_(c.chosen(pass)),
          space_(s),
          rows_(pass.row_reads.count > 0 ? r : rows_are::elements) {
        const loop& l = loop_;
        side* in = c.memory.array<side>(l.inputs.count);
        side* out = c.memory.array<side>(l.outputs.count);
        for (int k = 0; k < l.inputs.count; ++k) {
            side& i = *new (in + k) side;
            i.bytes = l.inputs[k].bytes;
            i.made = c.made_by_loop(l.inputs[k]);
            if (i.made < 0) i.follow(shared(k), s);
        }
        bool stores = false;
        for (int k = 0; k < l.outputs.count; ++k) {
            const output& o = l.outputs[k];
            new (out + k) side;
            out[k].bytes = o.bytes;
            out[k].made = o.keep;
            if (o.to == goes_to::store && c.store[o.store].data != nullptr) {
                out[k].follow(c.store[o.store], s);
                stores = true;
            }
            wanted_ = wanted_ || o.to != goes_to::store;
            folds_ += o.to == goes_to::fold;
        }
        in_ = in;
        out_ = out;
        wanted_ = wanted_ || stores;
        // Where nothing is written, a value that lies in memory is taken from there.
        for (int k = 0; k < l.outputs.count; ++k)
            needs_run_ = needs_run_ || stores || l.outputs[k].from < 0;
        before_ = c.memory.array<runner>(l.before.count);
        for (const loop& m : l.before)
            if (c.runs_before(m, l)) new (before_ + befores_++) runner(c, m, s, r);
        packed_ = needs_run_ && rows_ != rows_are::lines && s.lines.step > 3 &&
                  std::min(s.width.step * s.width.inside, s.across.length) < 4 * group;
        from_ = c.memory.array<const void*>(l.inputs.count);
        to_ = c.memory.array<void*>(l.outputs.count);
        if (rows_ == rows_are::lines) {
            one_row_ = {c.memory.bytes(c.code.registers * group * 8), group * 8, 0};
            for (const row_value& v : c.code.scalars)
                std::memcpy(one_row_.first + v.reg * one_row_.stride, c.lanes(v.reg), 8);
        }
    }

    bool wanted() const { return wanted_; }
    /// How many of the outputs are reductions; these come first.
    int folds() const { return folds_; }
    const fold_ops& fold(int k) const { return *loop_.outputs[k].fold; }

    /// One block, by its number: stores are written, the other values can be had from value().
    void evaluate(const tile& across, const tile& down, int64 block = 0) {
        run(across, down, block, gapless(across, down));
    }
    int value_bytes(int k) const { return loop_.outputs[k].bytes; }
    /// Output k of the last block.
    block_value value(int k) const {
        const side& s = needs_run_ ? out_[k] : in_[loop_.outputs[k].from];
        return {s.at, s.line};
    }

private:
    /// An operand as the blocks of this loop see it.
    struct side {
        operand* of = nullptr;
        int bytes = 0, made = -1;  // made: number of the value that lies in the context's memory
        bool in_memory = false;
        stream across, down;
        std::byte* at = nullptr;      // of the current block
        std::byte* buffer = nullptr;  // of an output
        int64 line = 0;

        void follow(operand& o, const block_space& s) {
            of = &o;
            across.follow(o, s.across);
            down.follow(o, s.down);
        }
        /// True when the elements of every line lie side by side in memory.
        bool direct(const block_space& s) const {
            return across.step == bytes && across.steady(s.width) && !of->counted;
        }
        std::byte* first(const block_space& s, const tile& a, const tile& d) const {
            return of->data + (of->offset + across.offset(*of, s.across, s.width, a) +
                               down.offset(*of, s.down, s.lines, d));
        }
    };

    /// The operand that input k reads; of inputs that are one view of one array the first, so that
    /// what is gathered is gathered once.
    operand& shared(int k) const {
        operand& o = context_.load[loop_.inputs[k].load];
        const int rank = context_.bound.outer_rank + context_.bound.row_rank;
        for (int j = 0; j < k; ++j) {
            operand& p = context_.load[loop_.inputs[j].load];
            if (p.data == o.data && p.bytes == o.bytes && p.counted == o.counted &&
                std::equal(p.stride, p.stride + rank, o.stride))
                return p;
        }
        return o;
    }
    /// True when the lines of a block follow each other in memory, and so may what is computed:
    /// then buffers are filled without gaps, and a block is one line.
    bool gapless(const tile& across, const tile& down) const {
        if (down.count == 1 || loop_.row_reads.count > 0) return false;
        const auto fits = [&](const side& s) {
            return s.of == nullptr ? s.made < 0 || !context_.code.made[s.made].kept
                                   : s.direct(space_) && s.down.step == across.count * s.bytes;
        };
        for (int k = 0; k < loop_.inputs.count; ++k)
            if (!fits(in_[k])) return false;
        for (int k = 0; k < loop_.outputs.count; ++k)
            if (!fits(out_[k])) return false;
        for (int k = 0; k < befores_; ++k)
            if (!before_[k].gapless(across, down)) return false;
        return true;
    }
    void run(const tile& across, const tile& down, int64 block, bool gapless) {
        for (int k = 0; k < befores_; ++k) before_[k].run(across, down, block, gapless);
        width_ = across.count;
        lines_ = down.count;
        block_ = block;
        padded_ = gapless ? width_ : whole_groups(width_);
        const bool packed = packed_ && !gapless;
        for (int k = 0; k < loop_.inputs.count; ++k) stage(in_[k], across, down, packed);
        if (!needs_run_) return;
        bool dense = true;
        memory_ = false;
        for (int k = 0; k < loop_.inputs.count; ++k) {
            dense = dense && flat(in_[k]);
            memory_ = memory_ || in_[k].in_memory;
        }
        for (int k = 0; k < loop_.outputs.count; ++k) {
            side& o = out_[k];
            const bool direct = o.of != nullptr && o.direct(space_) && !packed;
            o.at = direct ? o.first(space_, across, down) : buffer(o);
            o.line = direct ? o.down.step : padded_ * o.bytes;
            o.in_memory = direct;
            memory_ = memory_ || direct;
            dense = dense && flat(o);
        }
        if (gapless)
            call(0, width_ * lines_, 1);
        else if (dense && rows_ != rows_are::lines)
            call(0, lines_ == 1 ? width_ : padded_, lines_);
        else
            for (int64 l = 0; l < lines_; ++l) call(l, width_, 1);
        for (int k = 0; k < loop_.outputs.count; ++k)
            if (out_[k].of != nullptr && !out_[k].in_memory) copy_back(out_[k], across, down);
    }
    /// True when one call can take all lines.
    bool flat(const side& s) const {
        return lines_ == 1 ||
               (s.line == padded_ * s.bytes && (width_ % group == 0 || !s.in_memory));
    }
    std::byte* buffer(side& s) {
        if (s.made >= 0) {
            const bool kept = context_.code.made[s.made].kept;
            std::byte*& first = context_.made[s.made];
            if (first == nullptr) first = context_.memory.bytes(context_.capacity * s.bytes);
            return first + (kept ? block_ * context_.capacity * s.bytes : 0);
        }
        if (s.buffer == nullptr) s.buffer = context_.memory.bytes(context_.capacity * s.bytes);
        return s.buffer;
    }
    /// Makes the elements of a block lie side by side: in memory, else in the operand's buffer.
    void stage(side& s, const tile& across, const tile& down, bool packed) {
        if (s.made >= 0) {
            s.at = buffer(s);
            s.line = padded_ * s.bytes;
            return;
        }
        operand& o = *s.of;
        std::byte* at = s.first(space_, across, down);
        s.in_memory = s.direct(space_) && !packed;
        if (s.in_memory) {
            s.at = at;
            s.line = s.down.step;
            return;
        }
        if (o.buffer == nullptr)
            o.buffer = context_.memory.bytes(context_.capacity * o.bytes + arena::line);
        s.at = o.buffer;
        s.line = padded_ * s.bytes;
        // What is broadcast is spread once, and what fits a buffer is gathered in one pass alone.
        if (o.staged == at && o.staged_width == width_ && o.staged_lines >= lines_) return;
        s.across.for_each_run(
            o, space_.across, space_.width, across, [&](int64 from, int64 begin, int64 n) {
                if (o.counted) {
                    for (int64 l = 0; l < lines_; ++l)
                        count_elements(s.bytes,
                                       o.buffer + begin * s.bytes + l * s.line,
                                       at + from + l * s.down.step,
                                       s.across.step,
                                       n);
                    return;
                }
                std::byte* const to = o.buffer + begin * s.bytes;
                // What is written too far is written again, in order.
                if (s.across.step == 0 && (lines_ == 1 || n == width_))
                    for (int64 l = 0; l < lines_; ++l)
                        fill_line(s.bytes, to + l * s.line, at + (from + l * s.down.step), n);
                else
                    copy_block(s.bytes,
                               {to, s.bytes, s.line},
                               {at + from, s.across.step, s.down.step},
                               n,
                               lines_);
            });
        // Elements that fill up a group are computed too: let them be some that exist.
        const int64 last = width_ - 1, spare = padded_ - width_;
        for (int64 l = 0; spare > 0 && l < lines_; ++l) {
            std::byte* line = o.buffer + l * s.line;
            copy_elements(
                s.bytes, line + width_ * s.bytes, s.bytes, line + last * s.bytes, 0, spare);
        }
        o.staged = at;
        o.staged_width = width_;
        o.staged_lines = lines_;
    }
    void copy_back(const side& s, const tile& across, const tile& down) {
        std::byte* at = s.first(space_, across, down);
        s.across.for_each_run(
            *s.of, space_.across, space_.width, across, [&](int64 to, int64 begin, int64 n) {
                copy_block(s.bytes,
                           {at + to, s.across.step, s.down.step},
                           {s.at + begin * s.bytes, s.bytes, s.line},
                           n,
                           lines_);
            });
    }
    /// The registers for line `l`.
    row_lanes rows(int64 l) {
        if (rows_ != rows_are::lines) return context_.row;
        for (const row_value& v : loop_.row_reads) {
            const int size = size_of(compute_dtype(v.type));
            copy_elements(size,
                          one_row_.first + v.reg * one_row_.stride,
                          size,
                          context_.lanes(v.reg) + l * size,
                          0,
                          group);
        }
        return one_row_;
    }
    /// `n` elements of each of `lines` lines from line `l` on; several lines are whole groups.
    void call(int64 l, int64 n, int64 lines) {
        for (int k = 0; k < loop_.inputs.count; ++k) from_[k] = in_[k].at + l * in_[k].line;
        for (int k = 0; k < loop_.outputs.count; ++k) to_[k] = out_[k].at + l * out_[k].line;
        line_call c{loop_, from_, to_, rows(l), rows_, context_.bound.functors};
        if (n % group == 0 || !memory_) return c.run(whole_groups(n), lines);
        if (spare_ == nullptr) spare_ = context_.memory.bytes(c.spare());
        c.run_odd(
            n, spare_, [this](bool input, int k) { return (input ? in_ : out_)[k].in_memory; });
    }

    context& context_;
    const loop& loop_;
    const block_space& space_;
    rows_are rows_;
    side *in_ = nullptr, *out_ = nullptr;
    const void** from_ = nullptr;
    void** to_ = nullptr;
    std::byte* spare_ = nullptr;  // a group of every operand
    runner* before_ = nullptr;    // the loops that make values for this one
    int befores_ = 0;
    int64 width_ = 0, lines_ = 0, block_ = 0;
    int64 padded_ = 0;  // elements from line to line of a buffer
    int folds_ = 0;
    row_lanes one_row_{};
    bool wanted_ = false, needs_run_ = false, packed_ = false;
    bool memory_ = false;  // some operand of the block is used where it lies
};

}  // namespace sinter::cpu
