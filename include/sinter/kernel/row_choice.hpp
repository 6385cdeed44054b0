// How a stage's rows are laid over the device: threads, blocks or teams of blocks per row, and what
// is kept in shared memory. Host code, compiled once: it knows a stage by plain data.
#pragma once

#include "sinter/kernel/row_facts.hpp"
#include "sinter/kernel/row_place.hpp"

namespace sinter::kernel {

/// A launch of the row kernel but for its arguments.
struct row_choice {
    row_layout g;
    int kept_at[row_facts::most];
    short kept_load[row_facts::most];
    unsigned char kept_size[row_facts::most];
    short same[row_facts::most];  // of load j: the first load of the same view
    int reads[row_facts::most];   // how often its memory is read
    int64 row_bytes = 0;          // what keeping a row takes
    bool columns_in_shared = false;
    unsigned columns_at = 0;
    bool all_kept = true;  // everything that is read more than once
    unsigned block = 0;
    int64 grid = 0, shared_bytes = 0;
};

namespace detail {

class row_chooser : strip_chooser {
public:
    row_chooser(const row_facts& f, const ir::bound_stage& b, const device_limits& d)
        : strip_chooser(f, b), d_(d) {}

    row_choice choose() {
        c_.g.linear = b_.row_rank <= 1;
        find_views();
        find_vectors(c_.g);
        const bool columns = f_.column_bytes > 0;
        if (columns && c_.g.vectors && !whole_steps(c_.g.lead, 0, b_.outer_rank, -1)) {
            c_.g.vectors = false;  // a thread's columns would not be the same in every row
            c_.g.wide = {};
        }
        if (!(!columns && lies_across() && choose_across()) && !choose_team()) choose_blocks();
        if (columns) place_columns();
        finish();
        return c_;
    }

private:
    struct view {
        int load, bytes;
        unsigned read_in;
        bool kept;
        int reads() const { return __builtin_popcount(read_in); }
    };

    // ---- Which arrays are read more than once

    bool same_view(int i, int j) const {
        if (b_.load[i].data != b_.load[j].data || f_.load_type[i] != f_.load_type[j]) return false;
        for (int k = 0; k < b_.outer_rank + b_.row_rank; ++k)
            if (b_.load[i].stride[k] != b_.load[j].stride[k]) return false;
        return true;
    }
    void find_views() {
        for (int j = 0; j < f_.loads; ++j) {
            c_.kept_at[j] = -1;
            c_.reads[j] = view_of_[j] = 0;
            c_.same[j] = static_cast<short>(j);
            if (f_.read_in[j] == 0) continue;
            int v = 0;
            while (v < views_ && !same_view(view_[v].load, j)) ++v;
            if (v == views_) view_[views_++] = {j, size_of(f_.load_type[j]), 0, false};
            view_[v].read_in |= f_.read_in[j];
            view_of_[j] = v;
            c_.same[j] = static_cast<short>(view_[v].load);
        }
        for (int v = 0; v < views_; ++v) view_[v].kept = view_[v].reads() > 1;
    }
    // Bytes of the kept views for `elements` of each row of `rows`, each view a multiple of 16.
    int64 kept_bytes(int64 elements, int64 rows) const {
        int64 n = 0;
        for (int v = 0; v < views_; ++v)
            if (view_[v].kept) n += round_up(elements * rows * view_[v].bytes, 16);
        return n;
    }
    // Gives up the view that saves the fewest reads; false when there is none.
    bool drop_view() {
        int worst = -1;
        for (int v = 0; v < views_; ++v)
            if (view_[v].kept && (worst < 0 || view_[v].reads() <= view_[worst].reads())) worst = v;
        if (worst < 0) return false;
        view_[worst].kept = false;
        c_.all_kept = false;
        return true;
    }

    // ---- Threads and blocks

    int64 states(int64 warps, int64 slots) const {
        return round_up(2 * warps * slots * f_.state_bytes, 16);
    }
    // Shared memory of a block when `blocks` of them are on a processor; 1 KiB of each is CUDA's.
    int64 room(int64 blocks) const {
        return smaller(d_.shared_per_block, d_.shared_per_sm / blocks - 1024);
    }
    // Elements of a row that has to be walked in whole strips.
    int64 padded(int64 n) const { return round_up(n + f_.width - 1, 16); }

    bool lies_across() const {
        if (b_.rows < tuning::row_least_across || b_.row_length < 2 || !c_.g.linear) return false;
        int votes = 0;
        for (int i = 0; i < f_.loads + f_.stores; ++i) {
            if (i < f_.loads ? f_.read_in[i] == 0
                             : !operand(i).data || f_.store_per_row[i - f_.loads] ||
                                   f_.store_late[i - f_.loads])
                continue;
            const int64 outer = magnitude(operand(i).stride[b_.outer_rank - 1]);
            const int64 inner = magnitude(operand(i).stride[axis_]);
            if (inner != outer) votes += outer != 0 && (inner == 0 || outer < inner) ? 1 : -1;
        }
        return votes > 0;
    }
    bool choose_across() {
        int64 rows = smaller(power_of_two_from(b_.rows, 1 << 20), tuning::row_most_across);
        const auto bytes = [&] {
            return kept_bytes(b_.row_length, rows) +
                   states(tuning::row_threads_across / simt::warp_size, rows);
        };
        while (rows > tuning::row_least_across && bytes() > room(tuning::row_blocks_resident))
            rows /= 2;
        if (bytes() > room(1)) return false;
        int64 lanes = power_of_two_from(divide_up(b_.row_length, tuning::row_elements_across),
                                        tuning::row_threads_across / rows);
        while (lanes * rows < simt::warp_size) lanes *= 2;
        c_.g.across = true;
        c_.g.vectors = false;
        c_.g.wide = {};
        set(lanes, rows, 1);
        return true;
    }
    // True when rows are shared by teams of blocks: they do not fit into one block, or are few.
    bool choose_team() {
        if (b_.rows == 0) return false;
        const int64 resident = static_cast<int64>(d_.sm_count) * tuning::team_blocks_per_sm;
        const int64 of_states = states(tuning::team_threads / simt::warp_size, 1);
        const int64 each = room(tuning::team_blocks_per_sm) - of_states;
        const int64 n = padded(b_.row_length);
        // A member's part is rounded up to 64 elements of each view.
        const auto needed = [&] {
            int64 bytes = 0;
            for (int v = 0; v < views_; ++v)
                if (view_[v].kept) bytes += view_[v].bytes;
            if (bytes == 0) return int64{1};
            const int64 part = each / bytes / 64 * 64;
            return part > 0 ? divide_up(n, part) : resident + 1;
        };
        const int64 most_threads = states(tuning::row_threads / simt::warp_size, 1);
        const auto fits_block = [&] { return kept_bytes(n, 1) + most_threads <= room(1); };
        while (!fits_block() && needed() > resident && drop_view()) {}
        int64 team = fits_block() ? 1 : needed();
        if (2 * b_.rows <= resident)
            team = larger(team,
                          smaller(resident / b_.rows, b_.row_length / tuning::team_least_elements));
        if (team <= 1) return false;
        team = larger(team, needed());
        const int64 part = round_up(divide_up(n, team), 64);
        team = divide_up(n, part);
        if (team <= 1) return false;
        c_.g.team = static_cast<unsigned>(team);
        c_.g.part = part;
        set(tuning::team_threads, 1, smaller(b_.rows, resident / team) * team);
        return true;
    }
    void choose_blocks() {
        const int64 n = b_.row_length;
        int k = 0;
        while (k < tuning::row_lengths && n > tuning::row_length_upto[k]) ++k;
        int64 lanes = tuning::row_lanes[k];
        const int64 least = larger(tuning::row_least_elements, f_.width);
        while (b_.rows * lanes < static_cast<int64>(d_.sm_count) * tuning::row_threads_per_sm &&
               lanes < tuning::row_threads && 2 * lanes * least <= n)
            lanes *= 2;
        const auto rows = [&] { return larger(tuning::row_block / lanes, 1); };
        const auto bytes = [&] {
            const int64 warps = larger(lanes, tuning::row_block) / simt::warp_size;
            return kept_bytes(padded(n), rows()) + states(warps, 1);
        };
        while (rows() > 1 && bytes() > room(tuning::row_blocks_resident)) lanes *= 2;
        while (bytes() > room(1) && drop_view()) {}
        set(lanes, rows(), 0);
    }
    // The states of columns lie beside the kept rows where a processor then has as many blocks as
    // it would have without them. All blocks have to run at the same time.
    void place_columns() {
        const int64 warps = c_.block / simt::warp_size;
        const int64 n = c_.g.team > 1 ? c_.g.part : padded(b_.row_length);
        const int64 others = kept_bytes(n, c_.g.rows) + states(warps, 1);
        const int64 bytes = round_up(b_.row_length * c_.g.rows * f_.column_bytes, 16);
        if (c_.g.team > 1) return;
        c_.columns_in_shared = others + bytes <= room(tuning::row_blocks_resident);
        const int64 each = others + (c_.columns_in_shared ? bytes : 0) + 1024;
        const int64 resident = larger(
            smaller(tuning::row_threads / static_cast<int64>(c_.block), d_.shared_per_sm / each),
            1);
        c_.grid = smaller(c_.grid, resident * d_.sm_count);
    }
    // `grid` is the number of blocks of teams, else that follows from the rows.
    void set(int64 lanes, int64 rows, int64 grid) {
        c_.g.lanes = static_cast<unsigned>(lanes);
        c_.g.rows = static_cast<unsigned>(rows);
        c_.block = static_cast<unsigned>(lanes * rows);
        c_.grid = c_.g.team > 1
                      ? grid
                      : smaller(divide_up(b_.rows, rows),
                                static_cast<int64>(d_.sm_count) * tuning::row_blocks_per_sm);
    }

    void finish() {
        row_layout& g = c_.g;
        c_.grid = larger(c_.grid, 1);
        lay_strips(g, g.lanes);
        const int64 warps = c_.block / simt::warp_size;
        g.state_bytes = static_cast<unsigned>(states(warps, g.across ? g.rows : 1));
        g.partial_bytes = static_cast<unsigned>(g.team * static_cast<unsigned>(f_.state_bytes));
        const int64 elements = g.team > 1 ? g.part
                               : g.across ? b_.row_length
                                          : padded(b_.row_length);
        g.pitch = static_cast<unsigned>(elements);
        int64 at = 0;
        for (int v = 0; v < views_; ++v) {
            if (!view_[v].kept) continue;
            for (int j = 0; j < f_.loads; ++j)
                if (f_.read_in[j] != 0 && view_of_[j] == v) c_.kept_at[j] = static_cast<int>(at);
            c_.kept_load[g.kept] = static_cast<short>(view_[v].load);
            c_.kept_size[g.kept++] = static_cast<unsigned char>(view_[v].bytes);
            at += round_up(elements * g.rows * view_[v].bytes, 16);
        }
        for (int j = 0; j < f_.loads; ++j)
            if (f_.read_in[j] != 0)
                c_.reads[j] = view_[view_of_[j]].kept ? 1 : view_[view_of_[j]].reads();
        c_.row_bytes = kept_bytes(padded(b_.row_length), 1);
        c_.columns_at = static_cast<unsigned>(at);
        if (c_.columns_in_shared) at += round_up(b_.row_length * g.rows * f_.column_bytes, 16);
        g.kept_bytes = static_cast<unsigned>(at);
        c_.shared_bytes = g.state_bytes + at;
    }

    const device_limits& d_;
    row_choice c_;
    view view_[row_facts::most];
    int view_of_[row_facts::most];
    int views_ = 0;
};

}  // namespace detail

inline row_choice choose_row(const row_facts& f, const ir::bound_stage& b, const device_limits& d) {
    return detail::row_chooser(f, b, d).choose();
}

}  // namespace sinter::kernel
