// Rows that are sums of a few products, tile by tile, into their registers.
#pragma once

#include "sinter/cpu/context.hpp"
#include "sinter/cpu/row_plan.hpp"

namespace sinter::cpu {

class walked_terms {
public:
    walked_terms(const row_plan& p, context& c)
        : plan_(p), to_(c.lanes(c.code.pass[0].outputs[0].reg)), run_(c.code.pass[0].terms) {
        const loop& l = c.code.pass[0];
        x_ = c.load + l.inputs[0].load;
        y_ = c.load + l.inputs[1].load;
        const loop_space &s = p.outer(), &row = p.row();
        last_ = s.rank - 1;
        // y is what stands still: everywhere, or from one position to the next.
        if (x_->stands(s) || (last_ > 0 && !y_->stands(s) && step_of(*x_) == 0)) std::swap(x_, y_);
        const bool together = last_ > 0 && step_of(*y_) == 0;
        most_ = together ? s.extent[last_ - 1] : 1;
        sum_term* terms = c.memory.array<sum_term>(row.length);
        const auto place = [&row](int64 i, const operand& o) {
            int64 at = 0;
            for (int d = row.rank - 1; d >= 0; --d) {
                at += i % row.extent[d] * o.stride[row.axis[d]];
                i /= row.extent[d];
            }
            return at;
        };
        for (int64 i = 0; i < row.length; ++i) terms[i] = {place(i, *x_), place(i, *y_)};
        all_ = {terms,
                row.length,
                together ? step_of(*x_) : 0,
                s.extent[last_],
                y_->stride[s.axis[last_]] == 0};
        if (!all_.spread) return;
        // One vector of each value of y, so that lanes need not tell it from one that moves.
        spread_ = c.memory.bytes(row.length * vector);
        for (int64 i = 0; i < row.length; ++i) {
            for (int64 k = 0; k < vector; k += y_->bytes)
                std::memcpy(spread_ + i * vector + k,
                            y_->data + terms[i].y,
                            static_cast<std::size_t>(y_->bytes));
            terms[i].y = i * vector;
        }
    }
    /// The sums of the rows of a tile.
    void run(const tile& t) {
        const loop_space& s = plan_.outer();
        const tiling& by = plan_.outer_tiling();
        int64 at[max_rank]{};
        for (int d = 0; d <= by.axis; ++d) at[d] = t.position[d];
        const bool part_of_line = by.axis == last_;
        const int64 n = part_of_line ? t.count : s.extent[last_];
        const int64 bytes = x_->bytes;
        for (int64 done = 0; done < t.count;) {
            const int64 left = (t.count - done) / n;
            const int64 positions = most_ == 1 || part_of_line ? 1 : std::min(left, most_);
            int64 of_x = 0, of_y = 0;
            for (int d = 0; d <= last_; ++d) {
                of_x += at[d] * x_->stride[s.axis[d]];
                of_y += at[d] * y_->stride[s.axis[d]];
            }
            run_(all_,
                 x_->data + of_x,
                 all_.spread ? spread_ : y_->data + of_y,
                 to_ + done * bytes,
                 positions,
                 n);
            done += positions * n;
            int d = last_ - 1;
            if (d >= 0 && !part_of_line) at[d] += positions;
            for (; d > by.axis && at[d] == s.extent[d]; --d) {
                at[d] = 0;
                ++at[d - 1];
            }
        }
    }

private:
    static constexpr int64 vector = 64;
    int64 step_of(const operand& o) const {
        return last_ > 0 ? o.stride[plan_.outer().axis[last_ - 1]] : 0;
    }
    const row_plan& plan_;
    std::byte* to_;
    add_terms run_;
    const operand *x_, *y_;
    int last_ = 0;
    int64 most_ = 1;  // positions that share y
    sum_terms all_{};
    std::byte* spread_ = nullptr;
};

}  // namespace sinter::cpu
