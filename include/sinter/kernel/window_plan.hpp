// Which reductions over windows take the window kernel, and how their threads lie. Host code,
// compiled once for all stages.
#pragma once

#include "sinter/kernel/plan.hpp"
#include "sinter/kernel/row_facts.hpp"
#include "sinter/kernel/window.hpp"

namespace sinter::kernel {

/// What the plan has to know of a stage.
struct window_facts {
    row_facts strips;
    int items = 1;
    bool same[row_facts::most]{};  // load j does not move with the windows
};
/// True when so many windows of so many elements are for the window kernel: short ones, and enough
/// threads of `width` each, because a row of several blocks keeps more threads busy.
inline bool windows_are_short(int64 rows, int64 row_length, int width, const device_limits& d) {
    return row_length >= 2 && row_length <= tuning::window_longest &&
           rows / width >= int64{d.sm_count} * tuning::window_threads_per_sm;
}
/// The parts of the kernel that the plan fills in.
struct window_parts {
    window_layout& g;
    ir::bound_operand *load, *store;
    int64* extent;
};

namespace detail {

class window_chooser {
public:
    window_chooser(const window_facts& f,
                   const ir::bound_stage& b,
                   const device_limits& d,
                   const window_parts& k)
        : f_(f), b_(b), d_(d), k_(k) {}

    /// Fills in the kernel; false where the stage is not one for it.
    bool choose(launch_shape& shape) {
        if (!fits()) return false;
        choose_axes();
        if (!place_axes()) return false;
        choose_strips();
        return choose_grid(shape);
    }

private:
    int width() const { return f_.strips.width; }
    int loads() const { return f_.strips.loads; }
    // Operands are numbered: the loads, then the stores.
    int operands() const { return loads() + f_.strips.stores; }
    const ir::bound_operand& operand(int i) const {
        return i < loads() ? b_.load[i] : b_.store[i - loads()];
    }
    int bytes_of(int i) const {
        return size_of(i < loads() ? f_.strips.load_type[i] : f_.strips.store_type[i - loads()]);
    }
    bool in_windows(int i) const { return f_.strips.read_in[i] != 0 && !f_.same[i]; }

    bool fits() const {
        if (!windows_are_short(b_.rows, b_.row_length, width(), d_) || b_.row_rank > window_steps ||
            b_.outer_rank < 1 || b_.outer_rank > max_rank - window_steps)
            return false;
        const int rank = b_.outer_rank + b_.row_rank;
        for (int d = 0; d < rank; ++d)
            if (b_.extent[d] >= int64{1} << 30) return false;
        for (int j = 0; j < f_.strips.stores; ++j)
            for (int d = b_.outer_rank; d < rank; ++d)
                if (b_.store[j].data && b_.extent[d] != 1 && b_.store[j].stride[d] != 0)
                    return false;
        return true;
    }
    // The load that says along which axes windows slide.
    int windowed() const {
        for (int i = 0; i < loads(); ++i)
            if (in_windows(i)) return i;
        return -1;
    }
    // True when what is the same for all windows is it along axis d.
    bool fit_for_items(int d) const {
        for (int i = 0; i < loads(); ++i)
            if (f_.same[i] && b_.load[i].stride[d] != 0) return false;
        return b_.extent[d] > 1;
    }
    // The axis of the row whose steps are those of outer axis d in load i; -1: none.
    int step_like(int i, int d) const {
        for (int r = b_.outer_rank; r < b_.outer_rank + b_.row_rank; ++r)
            if (b_.extent[r] > 1 && b_.load[i].stride[r] != 0 &&
                b_.load[i].stride[r] == b_.load[i].stride[d])
                return r;
        return -1;
    }
    void choose_axes() {
        strip_ = b_.outer_rank - 1;
        int best = 0;
        for (int d = b_.outer_rank - 1; d >= 0; --d) {
            int bytes = 0;
            for (int i = 0; i < operands(); ++i)
                if (b_.extent[d] > 1 && magnitude(operand(i).stride[d]) == 1) bytes += bytes_of(i);
            if (bytes > best) {
                best = bytes;
                strip_ = d;
            }
        }
        // Items and lines: the closest axes, for items one along which windows share what they
        // read.
        const int lead = windowed();
        for (int d = 0; lead >= 0 && d < b_.outer_rank; ++d) {
            if (d == strip_ || !fit_for_items(d) || b_.load[lead].stride[d] == 0) continue;
            const int like = step_like(lead, d);
            if (item_ < 0 || (like >= 0) > (inner_ >= 0) ||
                ((like >= 0) == (inner_ >= 0) && closer(lead, d, item_))) {
                item_ = d;
                inner_ = like;
            }
        }
        for (int d = 0; lead >= 0 && d < b_.outer_rank; ++d)
            if (d != strip_ && d != item_ && b_.extent[d] > 1 && b_.load[lead].stride[d] != 0 &&
                (line_ < 0 || closer(lead, d, line_)))
                line_ = d;
        for (int d = 0; line_ < 0 && d < b_.outer_rank; ++d)
            if (d != strip_ && d != item_ && b_.extent[d] > 1) line_ = d;
    }
    bool closer(int i, int d, int than) const {
        return magnitude(b_.load[i].stride[d]) < magnitude(b_.load[i].stride[than]);
    }

    // Axis `from` of the stage, or -1, becomes axis `to` of the kernel.
    void place(int from, int to) {
        k_.extent[to] = from < 0 ? 1 : b_.extent[from];
        for (int i = 0; i < operands(); ++i) {
            ir::bound_operand& x = i < loads() ? k_.load[i] : k_.store[i - loads()];
            x.stride[to] = from < 0 ? 0 : operand(i).stride[from];
        }
    }
    bool place_axes() {
        place(strip_, of_strip);
        place(item_, of_item);
        place(line_, of_line);
        int to = of_rest;
        for (int d = 0; d < b_.outer_rank; ++d) {
            if (d == strip_ || d == item_ || d == line_ || b_.extent[d] == 1) continue;
            if (to == max_rank) return false;
            place(d, to++);
        }
        while (to < max_rank) place(-1, to++);
        // The steps in their order, but those that are items innermost.
        const int end = b_.outer_rank + b_.row_rank;
        to = window_steps - b_.row_rank;
        for (int k = 0; k < to; ++k) place(-1, k);
        for (int d = b_.outer_rank; d < end; ++d)
            if (d != inner_) place_step(d, to++);
        if (inner_ >= 0) place_step(inner_, to);
        for (int k = 0; k < loads(); ++k)
            if (inner_ >= 0 && k_.load[k].stride[last_step] == k_.load[k].stride[of_item])
                k_.g.slides |= uint64{1} << k;
        for (int k = 0; k < last_step; ++k)
            for (int i = 0; i < loads(); ++i)
                k_.load[i].stride[k] -= k_.extent[k + 1] * stride_of_step_[i][k + 1];
        return true;
    }
    void place_step(int from, int to) {
        place(from, to);
        uint32 position = 1;
        for (int d = from + 1; d < b_.outer_rank + b_.row_rank; ++d)
            position *= static_cast<uint32>(b_.extent[d]);
        k_.g.position[to] = position;
        for (int i = 0; i < loads(); ++i) stride_of_step_[i][to] = b_.load[i].stride[from];
    }

    // True when strips of operand i are neighbours and aligned wherever they begin.
    bool moves_wide(int i) const {
        const ir::bound_operand& x = operand(i);
        if (!x.data || width() == 1 || b_.extent[strip_] < width() || x.stride[strip_] != 1 ||
            !aligned(x.data, int64{bytes_of(i)} * width()))
            return false;
        for (int d = 0; d < b_.outer_rank + b_.row_rank; ++d)
            if (d != strip_ && b_.extent[d] != 1 && x.stride[d] % width() != 0) return false;
        return true;
    }
    void choose_strips() {
        int wide = 0, all = 0;
        for (int i = 0; i < operands(); ++i) {
            const uint64 bit = uint64{1} << (i < loads() ? i : i - loads());
            if (i < loads() && operand(i).stride[strip_] == 0) k_.g.same |= bit;
            if (!operand(i).data || operand(i).stride[strip_] == 0) continue;
            all += bytes_of(i);
            if (!moves_wide(i)) continue;
            wide += bytes_of(i);
            (i < loads() ? k_.g.wide.load : k_.g.wide.store) |= bit;
        }
        // Operands that do not lie alike are slower in strips than neighbour by neighbour.
        vectors_ = wide > 0 && 2 * wide >= all;
        if (!vectors_) k_.g.wide = {};
    }

    static unsigned char log_of(int64 power) {
        unsigned char n = 0;
        while (int64{1} << n < power) ++n;
        return n;
    }
    bool choose_grid(launch_shape& shape) {
        window_layout& g = k_.g;
        const int64 wanted = int64{d_.sm_count} * tuning::window_threads_wanted;
        int64 items = f_.items;
        while (items > 1 &&
               (b_.rows / (width() * items) < wanted || items >= 2 * k_.extent[of_item]))
            items /= 2;
        g.items = static_cast<uint32>(items);
        g.rests = 1;
        int64 rests = 1;
        for (int k = 0; k < window_rests; ++k) rests *= k_.extent[of_rest + k];
        const int64 needed[] = {divide_up(k_.extent[of_strip], width()),
                                divide_up(k_.extent[of_item], items),
                                k_.extent[of_line],
                                rests};
        // Lanes, then lines, then items up to what makes a tile, then whatever is left.
        int64 room = tuning::window_threads, threads[4];
        const int64 lanes = vectors_ ? tuning::window_lanes : tuning::window_single_lanes;
        threads[0] = power_of_two_from(needed[0], lanes);
        room /= threads[0];
        threads[2] = power_of_two_from(needed[2], smaller(room, tuning::window_lines));
        room /= threads[2];
        threads[1] = power_of_two_from(needed[1], room);
        room /= threads[1];
        const int more[] = {2, 0};
        for (const int k : more) {
            const int64 n = power_of_two_from(needed[k], threads[k] * room);
            room /= n / threads[k];
            threads[k] = n;
        }
        threads[3] = power_of_two_from(needed[3], room);
        room /= threads[3];
        g.lanes_log = log_of(threads[0]);
        g.across_log = log_of(threads[1]);
        g.down_log = log_of(threads[2]);
        g.beyond_log = log_of(threads[3]);
        // Without vectors the elements of a strip lie as far apart as there are lanes.
        g.apart = vectors_ ? 1 : static_cast<uint32>(threads[0]);
        int64 blocks = 1;
        for (int k = 0; k < 4; ++k) blocks *= divide_up(needed[k], threads[k]);
        if (blocks >= int64{1} << 31 || rests >= int64{1} << 31) return false;
        g.strips = divisor::of(divide_up(needed[0], threads[0]));
        g.columns = divisor::of(divide_up(needed[1], threads[1]));
        g.lines = divisor::of(divide_up(needed[2], threads[2]));
        g.rest = divisor::of(k_.extent[of_rest + 1]);
        g.rests = static_cast<uint32>(rests);
        shape.grid.x = static_cast<unsigned>(blocks);
        const int64 all = tuning::window_threads / room;
        shape.block.x = static_cast<unsigned>(larger(all, simt::warp_size));
        return true;
    }

    const window_facts& f_;
    const ir::bound_stage& b_;
    const device_limits& d_;
    const window_parts k_;
    int strip_ = 0, item_ = -1, line_ = -1;  // axes of the stage
    int inner_ = -1;                         // of the row, whose steps are items
    bool vectors_ = false;
    int64 stride_of_step_[row_facts::most][window_steps]{};
};

}  // namespace detail

/// The facts of stage C for the window kernel.
template <class C>
constexpr window_facts window_facts_for() {
    window_facts f;
    f.strips =
        row_facts_of(code_of<C>().at, C::size, stored_of<C>().at, C::stores, C::head().passes);
    f.strips.width = window_width<C>();
    f.items = window_items<C>();
    const auto loads = ir::loads_of<C>();
    for (int k = 0; k < loads.count; ++k) f.same[k] = C::at(loads.at[k]).same_for_windows;
    return f;
}

/// A launch of the window kernel.
template <class C>
struct window_launch : launch_shape {
    window<C> kernel{};
};
/// The launch of stage C on arrays `b` by the window kernel; `nothing` where that is not for it.
template <class C>
window_launch<C> plan_windows(const ir::bound_stage& b, const device_limits& d) {
    static constexpr window_facts facts = window_facts_for<C>();
    window_launch<C> p;
    p.kernel.a = args<C>::from(b);
    const window_parts parts{p.kernel.g, p.kernel.a.load, p.kernel.a.store, p.kernel.a.extent};
    p.nothing = !detail::window_chooser(facts, b, d, parts).choose(p);
    return p;
}

}  // namespace sinter::kernel
