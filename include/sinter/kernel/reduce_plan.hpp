// Grid, block, splits and workspace of the reduce kernel. Host code.
#pragma once

#include "sinter/kernel/plan.hpp"
#include "sinter/kernel/row_facts.hpp"

namespace sinter::kernel {

/// A launch of the reduce kernel but for its arguments.
struct reduce_choice {
    reduce_layout g;
    int64 block = 0, grid = 0, splits = 1, shared_bytes = 0, zeroed_bytes = 0, workspace_bytes = 0;
};

namespace detail {

class reduce_chooser : strip_chooser {
public:
    reduce_chooser(const row_facts& f,
                   const ir::bound_stage& b,
                   const device_limits& d,
                   bool uses_row,
                   bool spread)
        : strip_chooser(f, b), d_(d), outputs_may_be_wide_(!uses_row && !spread) {}

    reduce_choice choose() {
        reduce_layout& g = c_.g;
        g.linear = b_.row_rank <= 1;
        g.along_row = row_is_closer();
        if (g.along_row) {
            find_vectors(g);
            choose_along();
        } else if (!choose_wide()) {
            choose_across();
        }
        c_.block = static_cast<int64>(g.columns) * g.depth;
        if (g.wide_outputs) {
            lay_strips(g, g.depth);
            g.per_thread = 1;
            g.stride = g.depth;
        } else {
            lay_strips(g, g.depth);
            g.state_bytes = static_cast<unsigned>(states(c_.block / simt::warp_size));
            g.outputs = g.columns;
        }
        g.tiles = divide_up(b_.rows + g.skipped, g.outputs);
        split();
        return c_;
    }

private:
    // True when neighbours along the row lie closer together than neighbours along the outputs.
    bool row_is_closer() const {
        if (b_.rows == 1) return true;
        if (b_.row_length <= 1 || b_.row_rank == 0) return false;
        int votes = 0;
        for (int k = 0; k < f_.loads; ++k) {
            if (f_.read_in[k] == 0) continue;
            const int64 outer = magnitude(b_.load[k].stride[b_.outer_rank - 1]);
            const int64 inner = magnitude(b_.load[k].stride[axis_]);
            if (inner != outer) votes += inner != 0 && (outer == 0 || inner < outer) ? 1 : -1;
        }
        return votes > 0;
    }
    int64 states(int64 warps) const {
        return 2 * warps * (c_.g.along_row ? 1 : c_.g.columns) * f_.state_bytes;
    }
    void choose_along() {
        const int64 n = b_.row_length;
        int k = 0;
        while (k < tuning::row_lengths && n > tuning::row_length_upto[k]) ++k;
        int64 depth = tuning::row_lanes[k];
        while (b_.rows * depth < static_cast<int64>(d_.sm_count) * tuning::row_threads_per_sm &&
               depth < tuning::reduce_threads && 2 * depth * f_.width <= n)
            depth *= 2;
        int64 columns = power_of_two_from(b_.rows, tuning::reduce_threads / depth);
        // Whole warps: idle threads at the depth end have nothing to fold.
        while (columns * depth < simt::warp_size) depth *= 2;
        c_.g.columns = static_cast<unsigned>(columns);
        c_.g.depth = static_cast<unsigned>(depth);
    }
    // A strip of neighbouring outputs per thread, where a warp full of them is there.
    bool choose_wide() {
        reduce_layout& g = c_.g;
        const int64 outputs = static_cast<int64>(tuning::reduce_columns) * f_.width;
        if (!outputs_may_be_wide_ || f_.width == 1 || b_.outer_rank == 0 || b_.rows < outputs)
            return false;
        const auto fits = [&](int lead, int i) { return beside_outputs(lead, i); };
        if (!choose_lead(g, b_.outer_rank - 1, fits)) {
            g.wide = {};
            return false;
        }
        g.wide_outputs = true;
        g.skipped = static_cast<unsigned>(phase(g.lead));
        g.columns = tuning::reduce_columns;
        g.depth = static_cast<unsigned>(
            power_of_two_from(b_.row_length, tuning::reduce_threads / tuning::reduce_columns));
        // One thread delivers one output.
        while (g.columns * g.depth < outputs) g.depth *= 2;
        g.outputs = static_cast<unsigned>(outputs);
        g.state_bytes = static_cast<unsigned>(g.depth * outputs * f_.state_bytes);
        return true;
    }
    void choose_across() {
        reduce_layout& g = c_.g;
        g.columns = static_cast<unsigned>(power_of_two_from(b_.rows, tuning::reduce_columns));
        g.depth = static_cast<unsigned>(power_of_two_from(divide_up(b_.row_length, f_.width),
                                                          tuning::reduce_threads / g.columns));
        while (g.columns * g.depth < simt::warp_size) g.depth *= 2;
        while (g.columns * g.depth > simt::warp_size &&
               states(g.columns * g.depth / simt::warp_size) > tuning::reduce_shared_bytes)
            g.depth /= 2;
    }
    // Cuts rows over grid.y, and gives back what that needs of workspace.
    void split() {
        reduce_layout& g = c_.g;
        const int64 n = b_.row_length, numbers = n + (g.vectors ? f_.width - 1 : 0);
        const int64 wave = static_cast<int64>(d_.sm_count) * tuning::reduce_blocks_per_sm;
        int64 splits = 1;
        if (2 * g.tiles <= wave && g.tiles <= tuning::reduce_tiles_split) {
            splits = smaller(wave / g.tiles, tuning::reduce_splits);
            splits = smaller(splits, n / (g.depth * tuning::reduce_elements_per_thread));
            splits = larger(splits, 1);
        }
        const int64 step = static_cast<int64>(g.depth) * f_.width;
        g.chunk = larger(round_up(divide_up(numbers, splits), step), step);
        c_.splits = larger(divide_up(numbers, g.chunk), 1);
        c_.grid =
            c_.splits > 1
                ? g.tiles
                : smaller(g.tiles,
                          static_cast<int64>(d_.sm_count) * tuning::reduce_most_blocks_per_sm);
        c_.shared_bytes = g.state_bytes;
        if (c_.splits == 1) return;
        c_.zeroed_bytes = round_up(g.tiles * static_cast<int64>(sizeof(unsigned)), 16);
        c_.workspace_bytes = c_.zeroed_bytes + c_.splits * b_.rows * f_.state_bytes;
    }

    const device_limits& d_;
    bool outputs_may_be_wide_;
    reduce_choice c_;
};

}  // namespace detail

/// The facts of stage C for the reduce kernel.
template <class C>
constexpr row_facts reduce_facts_for() {
    row_facts f =
        row_facts_of(code_of<C>().at, C::size, stored_of<C>().at, C::stores, C::head().passes);
    f.width = reduce_width<C>();
    f.state_bytes = sizeof(fold_states<C, 0>);
    f.per_row_apart = true;
    return f;
}

template <class C, class Sync>
void plan_reduce(launch_plan<C, Sync>& p, const ir::bound_stage& b, const device_limits& d) {
    static constexpr row_facts facts = reduce_facts_for<C>();
    auto& k = p.kernel;
    k.once = detail::stored_once<C>(b);
    k.spread = false;
    for (int j = 0; j < C::stores; ++j)
        k.spread |= b.store[j].data && store_is_per_row<C>(j) && !(k.once >> j & 1);
    const reduce_choice c =
        detail::reduce_chooser(facts, b, d, walk_uses_row<C>(), k.spread).choose();
    k.g = c.g;
    p.block.x = static_cast<unsigned>(c.block);
    p.grid.x = static_cast<unsigned>(c.grid);
    p.grid.y = static_cast<unsigned>(c.splits);
    p.shared_bytes = static_cast<unsigned>(c.shared_bytes);
    p.zeroed_bytes = c.zeroed_bytes;
    p.workspace_bytes = c.workspace_bytes;
}

}  // namespace sinter::kernel
