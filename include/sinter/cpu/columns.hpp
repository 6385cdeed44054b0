// Reductions over an axis along which memory is not contiguous, beside one along which it is.
#pragma once

#include "sinter/cpu/rows.hpp"

namespace sinter::cpu {

/// The outer axis along which the arrays of the first pass lie side by side, if they do not along
/// the row; else -1.
inline int column_axis(context& c) {
    const int outer = c.bound.outer_rank, rank = outer + c.bound.row_rank;
    if (!c.code.columns || c.bound.row_length < 2) return -1;
    const loop_space row = space_of(c, nullptr, outer, rank);
    for (const row_value& v : c.code.row_stores)
        if (c.store[v.number].data != nullptr && !context::stands(c.store[v.number], row))
            return -1;
    const auto dense = [&c](int a) {
        int n = 0;
        for (const input& i : c.code.pass[0].inputs) {
            const operand& o = c.input_of(i);
            n += o.stride[a] == o.bytes;
        }
        return n;
    };
    int best = -1, most = dense(row.axis[row.rank - 1]);
    for (int a = 0; a < outer; ++a) {
        if (c.bound.extent[a] < 8 || dense(a) <= most) continue;
        best = a;
        most = dense(a);
    }
    return best;
}

/// Rows side by side at most. Memory is read in pieces of as many elements, one for each step along
/// the rows: short pieces would keep it from being read ahead.
inline constexpr int64 column_tile = 4 * tile_length;

/// The folds of many rows side by side. Short blocks are merged pairwise, so that the error of a
/// sum grows with the logarithm of the rows' length.
class column_tally {
public:
    static constexpr int64 block = 32;
    column_tally() = default;
    column_tally(context& c, const fold_ops& f) : context_(&c), fold_(&f) {}

    /// Begins n rows.
    void start(int64 n) {
        rows_ = n;
        steps_ = blocks_ = 0;
        open_ = filled(open_);
    }
    /// Element `at` of every row.
    void step(const void* x, int64 at) {
        fold_->step(open_, x, rows_, at);
        if (++steps_ % block == 0) close();
    }
    /// The states of all rows.
    const std::byte* finish() {
        for (int l = 0; blocks_ >> l != 0; ++l) {
            if ((blocks_ >> l & 1) == 0) continue;
            fold_->merge(level_[l], open_, rows_);
            std::swap(level_[l], open_);
        }
        return open_;
    }
    const fold_ops& fold() const { return *fold_; }

private:
    std::byte* filled(std::byte* states) {
        if (states == nullptr) states = context_->memory.bytes(context_->capacity * fold_->bytes);
        fold_->init(states, rows_);
        return states;
    }
    void close() {
        int l = 0;
        for (; (blocks_ >> l & 1) != 0; ++l) {
            fold_->merge(level_[l], open_, rows_);
            std::swap(level_[l], open_);
        }
        std::swap(level_[l], open_);
        open_ = filled(open_);
        ++blocks_;
    }
    context* context_ = nullptr;
    const fold_ops* fold_ = nullptr;
    int64 rows_ = 0, steps_ = 0, blocks_ = 0;
    std::byte* open_ = nullptr;
    std::byte* level_[56]{};
};

/// A reduction of columns: many rows side by side, one element of each at a time.
inline void run_columns(context& c, int column) {
    const int outer = c.bound.outer_rank, row_rank = c.bound.row_rank;
    const loop& first = c.code.pass[0];
    const loop& last = c.code.pass[1];
    loop_space s, nothing;
    s.push(column, c.bound.extent[column]);
    nothing.push(no_axis, 1);
    c.capacity = std::min(column_tile, s.length);
    int outer_axes[max_rank]{}, outer_count = 0, row_axes[max_rank]{};
    for (int d = 0; d < outer; ++d)
        if (d != column) outer_axes[outer_count++] = d;
    for (int d = 0; d < row_rank; ++d) row_axes[d] = outer + d;

    runner body(c, first, s);
    const int folds = body.fold_count();
    column_tally* tallies = c.memory.array<column_tally>(folds);
    for (int k = 0; k < folds; ++k) tallies[k] = column_tally(c, *first.outputs[k].fold);
    const std::byte** states = c.memory.array<const std::byte*>(folds);

    odometer outers(c, outer_axes, outer_count);
    do {
        tile t;
        for (bool more = t.start(s, c.capacity); more; more = t.next(s, c.capacity)) {
            for (int k = 0; k < folds; ++k) tallies[k].start(t.count);
            odometer row(c, row_axes, row_rank);
            int64 at = 0;
            do {
                body.evaluate(t);
                for (int k = 0; k < folds; ++k) tallies[k].step(body.value(k), at);
                ++at;
            } while (row.next());
            for (int k = 0; k < folds; ++k) states[k] = tallies[k].finish();
            for (int64 i = 0; i < t.count; ++i) {
                for (int k = 0; k < folds; ++k) {
                    const fold_ops& f = tallies[k].fold();
                    f.result(states[k] + i * f.bytes, c.row + first.outputs[k].reg);
                }
                c.enter_row(last, column, t.begin + i);
                c.leave_row(nothing, column, t.begin + i);
            }
        }
    } while (outers.next());
}

}  // namespace sinter::cpu
