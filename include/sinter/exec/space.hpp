// The index space of a stage at run time: extents, strides of every array in it, axes collapsed.
#pragma once

#include "sinter/exec/binding.hpp"
#include "sinter/ir/bound.hpp"
#include "sinter/ir/frames.hpp"

namespace sinter::exec {

/// A stage's space and its arrays in it; `stage` points into the scratch that it was built in.
struct bound_space {
    ir::bound_stage stage;
    ir::bound_operand* load = nullptr;
    const short* unread = nullptr;  // loads without elements that kernels may touch, for muted
    int unread_count = 0;           // results
    int64 bytes_in = 0, bytes_out = 0;
};

[[gnu::noinline]] inline int64 bytes_of(const ir::array_ref& a) {
    return ir::elements_of(a) * size_of(a.type);
}

/// The axes of a stage in the order in which it walks them.
class space_builder {
public:
    space_builder(binding& b, const stage_table& s, const ir::stage_launch& f)
        : b_(b), s_(s), f_(f) {}

    /// Fills `out`. The stores that the launch does not write are muted.
    void build(const ir::array_ref* const* store_arrays, bound_space& out) {
        const int loads = s_.load_count, stores = s_.stores;
        count_ = loads + stores;
        operand_ = b_.room.take<ir::bound_operand>(count_);
        array_ = b_.room.take<const ir::array_ref*>(count_);
        short* const unread = b_.room.take<short>(loads);
        for (int j = 0; j < loads; ++j) {
            const ir::array_ref& a = b_.at(s_.node_of[s_.loads[j]]);
            operand_[j].data = a.data;
            array_[j] = nullptr;
            if (f_.needed[s_.loads[j]]) {
                const bool made = s_.code[s_.loads[j]].is_coordinate();
                out.bytes_in += made || seen(a, j) ? 0 : bytes_of(a);
                array_[j] = &a;
            } else if (ir::elements_of(a) == 0) {
                // Only muted results need it: any one element will do.
                unread[out.unread_count++] = static_cast<short>(j);
            }
        }
        find_guards();
        for (int j = 0; j < stores; ++j) {
            const bool wanted = (f_.stores >> j & 1) != 0;
            operand_[loads + j].data = wanted ? store_arrays[j]->data : nullptr;
            array_[loads + j] = store_arrays[j];
            if (!wanted) continue;
            out.bytes_out += bytes_of(*store_arrays[j]);
            if (!lead_) lead_ = store_arrays[j];
        }
        if (s_.head.core >= 0)
            core_axes();
        else
            row_axes();
        emit(out.stage);
        auto* const scalar = b_.room.take<ir::scalar_bits>(s_.scalar_count);
        for (int j = 0; j < s_.scalar_count; ++j) {
            scalar[j] = scalar_value(s_.node_of[s_.scalars[j]]);
            if (b_.table->graph.n[s_.node_of[s_.scalars[j]]].k == ir::kind::address)
                out.bytes_in += bytes_taken(s_.scalars[j]);
        }
        out.load = operand_;
        out.unread = unread;
        out.stage.load = operand_;
        out.stage.store = operand_ + loads;
        out.stage.scalar = scalar;
        out.stage.functors = b_.packed_functors;
    }

private:
    void find_guards() {
        if (s_.head.core < 0 || b_.where.is_host()) return;  // a host stores them
        int n = 0;
        for (int j = 0; j < s_.load_count; ++j) n += s_.code[s_.loads[j]].guards();
        if (n == 0) return;
        guard_ = b_.room.take<ir::bound_guard>(n, {});
        step_ = b_.room.take<ir::guard>(n, {});
        for (int j = 0; j < s_.load_count; ++j) {
            if (s_.code[s_.loads[j]].guards() == 0) continue;
            const short view = b_.table->graph.n[s_.node_of[s_.loads[j]]].view;
            const int found = ir::find_guards(b_.table->graph, view, b_.slice, step_ + guards_);
            for (int k = 0; k < found; ++k, ++guards_) {
                guard_[guards_].start = step_[guards_].start;
                guard_[guards_].extent = step_[guards_].extent;
                guard_[guards_].load = j;
            }
        }
    }
    // True when one of the loads before j reads this very view: a second mention of a tensor.
    bool seen(const ir::array_ref& a, int j) const {
        for (int i = 0; i < j; ++i)
            if (array_[i] && array_[i]->data == a.data && same_view(*array_[i], a)) return true;
        return false;
    }

    // An axis of the index space, or one of the two parts of one that has groups: the groups, of
    // `members` elements each, or the members.
    enum class part : unsigned char { whole, groups, members };
    struct walked {
        int64 extent;
        int axis;
        part which;
        int64 members;
        // Two summed axes that arrays walk as one, though zeros lie along the outer one alone: that
        // one, and the extent of the inner one.
        int beyond;
        int64 inner;
        int64 step = 1;  // of windows, or in one: elements of what they show
        bool folded = false;
    };
    static walked axis_of(int64 extent, int j, part which = part::whole, int64 members = 1) {
        return {extent, j, which, members, -1, 1};
    }
    walked whole_axis(int j) const { return axis_of(f_.extent[j], j); }

    bool in_row(int axis) const { return s_.row_axes >> axis & 1; }
    ir::scalar_bits scalar_value(int node) const {
        const ir::node& x = b_.table->graph.n[node];
        if (x.k == ir::kind::scalar) return b_.scalar[x.slot];
        if (x.k == ir::kind::address)
            return ir::scalar_bits{reinterpret_cast<uint64>(b_.at(x.in[0]).data)};
        int64 n = 1;  // an extent
        for (int j = 0; j < max_rank; ++j)
            if (x.axes >> j & 1) n *= b_.at(x.in[0]).extent[j];
        return is_floating(x.type) ? ir::scalar_bits{bits_as<uint64>(static_cast<double>(n))}
                                   : ir::scalar_bits{bits_as<uint64>(n)};
    }

    // What is taken from the array whose address is scalar j.
    int64 bytes_taken(int j) const {
        int64 n = 0;
        for (int i = 0; i < s_.size; ++i)
            if (s_.code[i].op == ir::op_take && s_.code[i].in[1] == j && f_.needed[i])
                n += bytes_of(b_.at(s_.node_of[i]));
        return n;
    }

    void add_axis(const walked& w) { axes_[axis_count_++] = w; }

    /// Axes of one kind, outermost first.
    struct axis_group {
        walked at[max_rank];
        int count = 0;
        /// Takes the longest one out; an axis of extent 1 where there is none.
        [[gnu::noinline]] walked take_longest() {
            if (count == 0) return axis_of(1, -1);
            int longest = 0;
            for (int d = 1; d < count; ++d)
                if (at[d].extent > at[longest].extent) longest = d;
            const walked w = at[longest];
            --count;
            for (int d = longest; d < count; ++d) at[d] = at[d + 1];
            return w;
        }
    };
    static walked longer(walked w, int64 times) {
        w.extent *= times;
        return w;
    }
    // Adds an axis, or lengthens the last one where every array walks both as one.
    [[gnu::noinline]] void join(axis_group& g, const walked& w) const {
        if (g.count > 0 && g.at[g.count - 1].folded == w.folded &&
            mergeable(g.at[g.count - 1], w)) {
            g.at[g.count - 1] = longer(w, g.at[g.count - 1].extent);
        } else
            g.at[g.count++] = w;
    }
    [[noreturn, gnu::cold]] static void refuse_axes() {
        throw error("matmul: the product walks more than 8 axes: assign its operands to tensors.");
    }
    // Of a contraction: the batch, one axis of rows, one of columns, then the summed axes. An axis
    // that only one operand has makes more rows or columns, and so does one along which the other
    // operand is broadcast; those that do not form one axis with the longest are walked with the
    // batch.
    [[gnu::cold]] void core_axes() {
        const ir::graph_view& g = b_.table->graph;
        const ir::node& x = g.n[s_.node_of[s_.head.core]];
        axis_group batch, rows, columns, sums, windows;
        const ir::pooling pool = s_.pool < 0 ? ir::pooling{} : ir::detail::pooling_in(g, s_.pool);
        for (int j = g.axes - 1; j >= 0; --j) {
            walked w = whole_axis(j);
            if (w.extent == 1) continue;
            w.folded = in_row(j);
            for (int k = 0; k < pool.count; ++k)
                if (pool.at[k].axis == j) split_into_windows(pool, pool.at[k], w, windows);
            const int64 of_left = b_.at(x.in[0]).extent[j], of_right = b_.at(x.in[1]).extent[j];
            const bool left = of_left != 1, right = of_right != 1;
            if (x.axes >> j & 1)
                join(sums, w);
            else if (left && right && of_left != of_right && w.extent > 0) {
                const int64 groups = of_left < of_right ? of_left : of_right,
                            members = w.extent / groups;
                walked outside = axis_of(groups, j, part::groups, members),
                       inside = axis_of(members, j, part::members, members);
                outside.folded = inside.folded = w.folded;
                join(batch, outside);
                join(of_left < of_right ? columns : rows, inside);
            } else if (left && right)
                join(batch, w);
            else if (left || (!right && !(g.n[x.in[0]].ones >> j & 1)))
                join(rows, w);  // also where only the epilogue is longer than 1
            else
                join(columns, w);
        }
        const walked m = rows.take_longest(), n = columns.take_longest();
        if (sums.count > 1 &&
            mergeable_beside_zeros(sums.at[sums.count - 2], sums.at[sums.count - 1])) {
            const walked p = sums.at[sums.count - 2], q = sums.at[--sums.count];
            sums.at[sums.count - 1] = {
                p.extent * q.extent, q.axis, q.which, q.members, p.axis, q.extent};
        }
        if (sums.count == 0) sums.at[sums.count++] = axis_of(1, -1);
        if (batch.count + rows.count + columns.count + windows.count + 2 + sums.count > max_rank)
            refuse_axes();
        for (const axis_group* outer : {&batch, &rows, &columns, &windows})
            for (int d = 0; d < outer->count; ++d) add_axis(outer->at[d]);
        add_axis(m);
        add_axis(n);
        outer_ = axis_count_;
        for (int d = 0; d < sums.count; ++d) add_axis(sums.at[d]);
    }
    // Axis w of the contraction's values becomes one that counts windows; what walks a window goes
    // to `inside`.
    void split_into_windows(const ir::pooling& pool,
                            const ir::pooled_axis& a,
                            walked& w,
                            axis_group& inside) const {
        const ir::slice_bounds* const bounds = b_.slice[pool.slot].axis;
        const ir::array_ref& windows = b_.at(s_.pool);
        walked one = w;
        one.extent = windows.extent[a.inside];
        one.step = bounds[a.inside_bounds].step;
        one.folded = true;
        if (one.extent > 1) join(inside, one);
        w.extent = windows.extent[a.axis];
        w.step = bounds[a.windows_bounds].step;
    }
    // Outer axes, the one that the results step through fastest last, then the row axes in
    // row-major order.
    void row_axes() {
        for (int j = b_.table->graph.axes - 1; j >= 0; --j)
            if (!in_row(j) && f_.extent[j] != 1) add_axis(whole_axis(j));
        outer_ = axis_count_;
        // By insertion: there are few, and most are in order.
        for (int i = 1; lead_ && i < outer_; ++i) {
            const walked w = axes_[i];
            int at = i;
            for (; at > 0 && step_of_result(axes_[at - 1]) < step_of_result(w); --at)
                axes_[at] = axes_[at - 1];
            axes_[at] = w;
        }
        for (int j = b_.table->graph.axes - 1; j >= 0; --j)
            if (in_row(j) && f_.extent[j] != 1) add_axis(whole_axis(j));
    }
    int64 step_of_result(const walked& w) const {
        const int64 s = lead_->stride[w.axis];
        return s < 0 ? -s : s;
    }

    int64 stride_along(int array, const walked& w) const {
        const ir::array_ref* const a = array_[array];
        if (!a) return 0;
        if (s_.pool < 0 || array < s_.load_count) return along(a, a->stride, w) * w.step;
        // Results have an element for each window.
        return w.folded ? 0 : along(a, a->stride, w);
    }
    // The step of a guard, which is given by axis as strides are.
    int64 step_along(int k, const walked& w) const {
        const ir::array_ref* const a = array_[guard_[k].load];
        if (!a) return 0;
        return along(a, step_[k].step, w.beyond < 0 ? w : axis_of(w.extent, w.beyond)) * w.step;
    }
    int64 along(const ir::array_ref* a, const int64* by_axis, const walked& w) const {
        if (w.axis < 0 || a->extent[w.axis] == 1) return 0;
        const int64 stride = by_axis[w.axis];
        if (w.which == part::whole) return stride;
        const bool grouped = a->extent[w.axis] != f_.extent[w.axis];
        if (w.which == part::groups) return grouped ? stride : stride * w.members;
        return grouped ? 0 : stride;
    }
    // Two neighbouring axes are one when every array walks them as one.
    [[gnu::noinline]] bool mergeable(const walked& p, const walked& q) const {
        if (p.beyond >= 0 || q.beyond >= 0) return false;
        for (int k = 0; k < guards_; ++k)
            if (step_along(k, p) != step_along(k, q) * q.extent) return false;
        return arrays_merge(p, q);
    }
    // The same where zeros lie along p alone: few channels of several places in a window make one
    // step of a product. Positions are divided by a multiplication, which has to be exact.
    bool mergeable_beside_zeros(const walked& p, const walked& q) const {
        if (guards_ == 0 || p.beyond >= 0 || q.beyond >= 0 || q.extent % 32 == 0 ||
            p.extent * q.extent * q.extent >> 32 != 0)
            return false;
        for (int k = 0; k < guards_; ++k)
            if (step_along(k, q) != 0) return false;
        return arrays_merge(p, q);
    }
    bool arrays_merge(const walked& p, const walked& q) const {
        for (int j = 0; j < count_; ++j)
            if (stride_along(j, p) != stride_along(j, q) * q.extent) return false;
        return true;
    }

    void emit(ir::bound_stage& st) {
        walked kept[max_rank];
        int n = 0, outer = 0;
        for (int d = 0; d < axis_count_; ++d) {
            const walked w = axes_[d];
            const bool starts = d == 0 || d == outer_ || s_.head.core >= 0;
            if (!starts && mergeable(kept[n - 1], w)) {
                kept[n - 1] = longer(w, kept[n - 1].extent);
            } else {
                kept[n++] = w;
                outer += d < outer_;
            }
        }
        st.outer_rank = outer;
        st.row_rank = n - outer;
        for (int d = 0; d < n; ++d) {
            st.extent[d] = kept[d].extent;
            (d < outer ? st.rows : st.row_length) *= kept[d].extent;
            if (d < outer && kept[d].folded) st.folded |= 1U << d;
            for (int j = 0; j < count_; ++j) operand_[j].stride[d] = stride_along(j, kept[d]);
            for (int k = 0; k < guards_; ++k) {
                guard_[k].stride[d] = step_along(k, kept[d]);
                if (kept[d].beyond < 0) continue;
                guard_[k].inner = (uint64{1} << 32) / static_cast<uint64>(kept[d].inner) + 1;
                guard_[k].inner_extent = kept[d].inner;
            }
        }
        st.guard = guard_;
        st.guards = guards_;
        for (int d = n; d < max_rank; ++d)
            for (int j = 0; j < count_; ++j) operand_[j].stride[d] = 0;
    }

    binding& b_;
    const stage_table& s_;
    const ir::stage_launch& f_;
    ir::bound_operand* operand_ = nullptr;  // loads, then stores
    ir::bound_guard* guard_ = nullptr;      // by load
    ir::guard* step_ = nullptr;             // the same by axis
    int guards_ = 0;
    const ir::array_ref** array_ = nullptr;  // the same as operand_; null: does not move
    int count_ = 0;
    const ir::array_ref* lead_ = nullptr;  // the first result that is written
    walked axes_[max_rank + 1];
    int axis_count_ = 0, outer_ = 0;
};

}  // namespace sinter::exec
