// The index space of a stage at run time: extents, strides of every array in it, axes collapsed.
#pragma once

#include <algorithm>
#include <vector>

#include "sinter/exec/binding.hpp"
#include "sinter/ir/bound.hpp"
#include "sinter/ir/frames.hpp"

namespace sinter::exec {

/// A stage's space and its arrays in it, owning what an ir::bound_stage points to.
struct bound_space {
    ir::bound_stage stage;
    std::vector<ir::bound_operand> load, store;
    std::vector<ir::scalar_bits> scalar;
    std::vector<short> buffer;
    std::vector<unsigned char> fills;
    std::vector<int> unread;  // loads without elements that kernels may touch, for muted results
    int64 bytes_in = 0, bytes_out = 0;

    void point() {
        stage.load = load.data();
        stage.store = store.data();
        stage.scalar = scalar.data();
    }
};

inline int64 bytes_of(const ir::array_ref& a) { return ir::elements_of(a) * size_of(a.type); }

/// The axes of a stage in the order in which it walks them.
class space_builder {
public:
    space_builder(const binding& b, const stage_table& s, const ir::stage_launch& f)
        : b_(b), s_(s), f_(f) {}

    /// Fills `out`. The stores that the launch does not write are muted.
    void build(const ir::array_ref* store_arrays, bound_space& out) {
        const auto count = [](int n) { return static_cast<std::size_t>(n); };
        out.load.assign(count(s_.load_count), {});
        out.store.assign(count(s_.stores), {});
        out.scalar.assign(count(s_.scalar_count), {});
        loads_.assign(count(s_.load_count), {});
        stores_.assign(count(s_.stores), {});
        for (int j = 0; j < s_.load_count; ++j) {
            const ir::array_ref& a = b_.at(s_.node_of[s_.loads[j]]);
            loads_[count(j)] = a;
            if (f_.needed[s_.loads[j]]) {
                out.bytes_in += bytes_of(a);
                continue;
            }
            // Only muted results need it: any one element will do.
            for (int64& stride : loads_[count(j)].stride) stride = 0;
            if (ir::elements_of(a) == 0) out.unread.push_back(j);
        }
        for (int j = 0; j < s_.stores; ++j) {
            stores_[count(j)] = store_arrays[j];
            if (!(f_.stores >> j & 1))
                stores_[count(j)].data = nullptr;
            else
                out.bytes_out += bytes_of(store_arrays[j]);
        }
        if (s_.head.core >= 0)
            core_axes();
        else
            row_axes();
        emit(out);
        for (int j = 0; j < s_.scalar_count; ++j)
            out.scalar[count(j)] = scalar_value(s_.node_of[s_.scalars[j]]);
        out.stage.functors = b_.functors.get();
        out.point();
    }

private:
    struct walked {
        int64 extent;
        int axis;
    };

    bool in_row(int axis) const { return s_.row_axes >> axis & 1; }
    ir::scalar_bits scalar_value(int node) const {
        const ir::node& x = b_.table->graph.n[node];
        if (x.k == ir::kind::scalar) return b_.scalar[static_cast<std::size_t>(x.slot)];
        int64 n = 1;  // an extent
        for (int j = 0; j < max_rank; ++j)
            if (x.axes >> j & 1) n *= b_.at(x.in[0]).extent[j];
        return is_floating(x.type) ? ir::scalar_bits{bits_as<uint64>(static_cast<double>(n))}
                                   : ir::scalar_bits{bits_as<uint64>(n)};
    }

    // Outer axes (m, n) and the row axis k of a contraction.
    void core_axes() {
        const ir::node& x = b_.table->graph.n[s_.node_of[s_.head.core]];
        const ir::array_ref& left = b_.at(x.in[0]);
        const unsigned char left_ones = b_.table->graph.n[x.in[0]].ones,
                            right_ones = b_.table->graph.n[x.in[1]].ones;
        walked m{1, -1}, n{1, -1}, k{1, -1};
        for (int j = 0; j < max_rank; ++j) {
            if (x.axes >> j & 1)
                k = {left.extent[j], j};
            else if (!(left_ones >> j & 1) && (right_ones >> j & 1))
                m = {f_.extent[j], j};  // more than the operand has where it is broadcast
            else if (!(right_ones >> j & 1))
                n = {f_.extent[j], j};
        }
        axes_ = {m, n, k};
        outer_ = 2;
    }
    // Outer axes, the one that the results step through fastest last, then the row axes in
    // row-major order.
    void row_axes() {
        for (int j = max_rank - 1; j >= 0; --j)
            if (!in_row(j) && f_.extent[j] != 1) axes_.push_back({f_.extent[j], j});
        const ir::array_ref* lead = nullptr;
        for (const auto& a : stores_)
            if (a.data && !lead) lead = &a;
        if (lead)
            std::stable_sort(axes_.begin(), axes_.end(), [&](const walked& p, const walked& q) {
                return std::abs(lead->stride[p.axis]) > std::abs(lead->stride[q.axis]);
            });
        outer_ = static_cast<int>(axes_.size());
        for (int j = max_rank - 1; j >= 0; --j)
            if (in_row(j) && f_.extent[j] != 1) axes_.push_back({f_.extent[j], j});
    }

    static int64 stride_along(const ir::array_ref& a, int axis) {
        return axis < 0 || a.extent[axis] == 1 ? 0 : a.stride[axis];
    }
    // Two neighbouring axes are one when every array walks them as one.
    bool mergeable(const walked& p, const walked& q) const {
        for (const auto* list : {&loads_, &stores_})
            for (const auto& a : *list)
                if (stride_along(a, p.axis) != stride_along(a, q.axis) * q.extent) return false;
        return true;
    }

    void emit(bound_space& out) {
        ir::bound_stage& st = out.stage;
        std::vector<walked> kept;
        int outer = 0;
        for (int d = 0; d < static_cast<int>(axes_.size()); ++d) {
            const walked w = axes_[static_cast<std::size_t>(d)];
            const bool starts = d == 0 || d == outer_ || s_.head.core >= 0;
            if (!starts && mergeable(kept.back(), w)) {
                kept.back() = {kept.back().extent * w.extent, w.axis};
            } else {
                kept.push_back(w);
                outer += d < outer_;
            }
        }
        st.outer_rank = outer;
        st.row_rank = static_cast<int>(kept.size()) - outer;
        for (int d = 0; d < static_cast<int>(kept.size()); ++d) {
            const walked& w = kept[static_cast<std::size_t>(d)];
            st.extent[d] = w.extent;
            (d < outer ? st.rows : st.row_length) *= w.extent;
            for (std::size_t j = 0; j < loads_.size(); ++j)
                out.load[j].stride[d] = stride_along(loads_[j], w.axis);
            for (std::size_t j = 0; j < stores_.size(); ++j)
                out.store[j].stride[d] = stride_along(stores_[j], w.axis);
        }
        for (std::size_t j = 0; j < loads_.size(); ++j) out.load[j].data = loads_[j].data;
        for (std::size_t j = 0; j < stores_.size(); ++j) out.store[j].data = stores_[j].data;
    }

    const binding& b_;
    const stage_table& s_;
    const ir::stage_launch& f_;
    std::vector<ir::array_ref> loads_, stores_;
    std::vector<walked> axes_;
    int outer_ = 0;
};

}  // namespace sinter::exec
