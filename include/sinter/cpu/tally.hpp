// The states of a reduction over many rows while their elements come in.
#pragma once

#include "sinter/cpu/runner.hpp"

namespace sinter::cpu {

/// Folds of n rows that advance together. Blocks are merged pairwise, so that the error of a sum
/// grows with the logarithm of the rows' length.
class tally {
public:
    tally(const fold_ops& f, arena& memory, int64 most_rows)
        : fold_(&f),
          memory_(&memory),
          room_(std::max(whole_groups(most_rows), most_rows <= narrow ? narrow : 0) * f.bytes) {}

    /// Begins n rows, whose states may come to lie at `place` if it is not null.
    void start(int64 n, std::byte* place = nullptr) {
        rows_ = n;
        blocks_ = 0;
        taken_ = 0;
        if (open_ == nullptr && n > narrow) open_ = place;  // fewer take more room than that
    }
    /// Takes from the arena what up to 15 blocks need, for another thread to go on with.
    void reserve() {
        if (rows_ > narrow || spares_ > 0) return;  // the others have their place
        spares_ = 5;                                // four levels, and what is open
        spare_ = memory_->bytes(spares_ * room_);
    }
    /// A line of n elements for every row, the first of which is element `at`.
    void along(const block_value& x, int64 n, int64 at) {
        fold_->along(open(), x.at, x.line, rows_, n, at);
        close();
    }
    /// Lines of one element for every row.
    void across(const block_value& x, int64 lines, int64 at, int bytes) {
        // Few rows whose lines follow each other in memory: several lines are as good as one.
        const int64 joined =
            x.line == rows_ * bytes && rows_ <= narrow / 2 && fold_->any_order ? narrow / rows_ : 1;
        if (joined > 1) return across_joined(x, lines, at, joined);
        for (int64 done = 0, n = 0; done < lines; done += n) {
            if (taken_ == 0) fold_->init(open(), rows_);
            n = std::min(serial - taken_, lines - done);
            fold_->across(open_, x.at + done * x.line, x.line, n, rows_, at + done);
            taken_ += n;
            if (taken_ == serial) close_taken();
        }
    }
    /// States of all rows, folded elsewhere.
    void add(const std::byte* states) {
        std::memcpy(open(), states, static_cast<std::size_t>(rows_ * fold_->bytes));
        close();
    }
    /// The states of all rows.
    const std::byte* finish() {
        if (taken_ > 0) close_taken();
        std::byte* all = nullptr;
        for (int l = 0; blocks_ >> l != 0; ++l) {
            if ((blocks_ >> l & 1) == 0) continue;
            if (all != nullptr) fold_->merge(level_[l], all, rows_);
            all = level_[l];
        }
        if (all == nullptr) fold_->init(all = open(), rows_);
        return all;
    }
    const fold_ops& fold() const { return *fold_; }

private:
    static constexpr int64 serial = 32;  // additions one after the other
    static constexpr int64 narrow = 128;
    void close_taken() {
        taken_ = 0;
        close();
    }
    void across_joined(const block_value& x, int64 lines, int64 at, int64 joined) {
        if (taken_ > 0) close_taken();
        const int64 piece = serial * joined;
        for (int64 done = 0; done < lines; done += piece) {
            const int64 n = std::min(piece, lines - done), steps = n / joined;
            const std::byte* from = x.at + done * x.line;
            fold_->init(open(), rows_ * joined);
            fold_->across(open_, from, x.line * joined, steps, rows_ * joined, at + done);
            for (int64 j = 1; j < joined; ++j)
                fold_->merge(open_, open_ + j * rows_ * fold_->bytes, rows_);
            const int64 rest = n - steps * joined;
            if (rest > 0)
                fold_->across(open_,
                              from + steps * joined * x.line,
                              x.line,
                              rest,
                              rows_,
                              at + done + n - rest);
            close();
        }
    }
    std::byte* open() {
        if (open_ == nullptr && spares_ > 0) open_ = spare_ + --spares_ * room_;
        if (open_ == nullptr) open_ = memory_->bytes(room_);
        return open_;
    }
    void close() {
        int l = 0;
        for (; (blocks_ >> l & 1) != 0; ++l) {
            fold_->merge(level_[l], open_, rows_);
            std::swap(level_[l], open_);
        }
        if (levels_ == l) level_[levels_++] = nullptr;
        std::swap(level_[l], open_);
        ++blocks_;
    }
    const fold_ops* fold_;
    arena* memory_;
    int64 room_, rows_ = 0, blocks_ = 0;
    int64 taken_ = 0;  // lines that the open states have
    int levels_ = 0;
    std::byte *open_ = nullptr, *spare_ = nullptr;
    int64 spares_ = 0;
    std::byte* level_[40];  // the first levels_ of them have a value
};

}  // namespace sinter::cpu
