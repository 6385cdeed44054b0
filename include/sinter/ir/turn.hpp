// The parts of gradients that products and windows have: adds their nodes to a graph.
#pragma once

#include "sinter/ir/window_view.hpp"

namespace sinter::ir {

template <int Cap>
class turner {
protected:
    constexpr explicit turner(graph<Cap>& g) : g_(g) {}

    static constexpr int sum_ = reduction_id<red::sum>;
    constexpr unsigned char shown(short i) const {
        return static_cast<unsigned char>(~g_.n[i].ones);
    }
    // The sum over `summed` of the product of two values in one index space; the axes that `m`
    // names are those of the result. The second one may have groups along some axes.
    constexpr short product_of(
        short a, short b, axis_map m, unsigned char summed, unsigned char groups = 0) {
        const int rank = m.rank;
        for (int j = 0; j < max_rank; ++j)
            if (summed >> j & 1) m.at[m.rank++] = static_cast<signed char>(j);
        short left = g_.operand(a, m), right = g_.operand(b, m);
        int side = 1;
        for (int j = rank - 1; j >= 0; --j) {
            const bool l = !(g_.n[left].ones >> j & 1), r = !(g_.n[right].ones >> j & 1);
            if (l == r) continue;
            if (r) {
                std_swap(left, right);
                side = 0;
            }
            break;
        }
        unsigned char moved = 0;
        for (int j = 0; j < rank; ++j)
            if (groups >> m.at[j] & 1) moved = static_cast<unsigned char>(moved | 1 << j);
        const auto axes = static_cast<unsigned char>(((1 << m.rank) - 1) & ~((1 << rank) - 1));
        return g_.contract(axes, rank, left, right, sums_broadcast | with_groups(side, moved));
    }
    // The entry for the members of the groups of `a`: they take an axis that nobody has.
    constexpr void give_members_an_axis(
        turned_windows& t, unsigned char groups, short a, short dy, short b) const {
        if (!groups) return;
        t.groups = static_cast<signed char>(__builtin_ctz(groups));
        for (signed char j = 0; j < max_rank && t.members < 0; ++j)
            if (!((shown(a) | shown(dy) | shown(b)) >> j & 1)) t.members = j;
        if (t.members < 0)
            throw "Sinter: the gradient of a product with groups needs more than 8 axes.";
    }
    static constexpr axis_map identity(int rank) {
        axis_map m;
        m.rank = static_cast<signed char>(rank);
        for (signed char j = 0; j < m.rank; ++j) m.at[j] = j;
        return m;
    }
    // `v` where axis t.groups is two: the groups and, along t.members, their members.
    constexpr short members_of(short v, const turned_windows& t, axis_map m, int cut, short slot) {
        if (t.groups < 0) return g_.slice_in(v, static_cast<unsigned char>(cut), slot);
        if (t.members >= m.rank) m.rank = static_cast<signed char>(t.members + 1);
        m.at[t.members] = t.groups;
        return g_.slice_in(g_.permute(v, m),
                           static_cast<unsigned char>(cut | 1 << t.groups | 1 << t.members),
                           slot,
                           static_cast<unsigned char>(1 << t.members));
    }
    // Sees `dy` and `b` in the groups of `a` and their members.
    constexpr void split(short a, unsigned char groups, short& dy, short& b) {
        turned_windows t;
        give_members_an_axis(t, groups, a, dy, b);
        if (g_.turned_count == max_turned)
            throw "Sinter: a gradient has too many products with groups: assign a part of the expression to a tensor.";
        t.windows = a, t.of = b;
        t.slide = static_cast<short>(g_.slices++);
        t.before = static_cast<short>(g_.size);
        dy = members_of(dy, t, identity(g_.n[dy].rank), 0, t.slide);
        b = members_of(b, t, identity(g_.n[b].rank), 0, t.slide);
        g_.turned[g_.turned_count++] = t;
    }

    // The gradient of windows of an array is a contraction, or a sum, of windows again: of dy,
    // spread and among zeros, with the other factor backwards (-1: there is none). -1 where `a` is
    // no such thing.
    constexpr short turned(short a, short dy, short b, unsigned char groups, bool contracts) {
        const window_view w = windows_of(g_, a, dy);
        if (w.count == 0 || g_.turned_count == max_turned) return -1;
        turned_windows t;
        give_members_an_axis(t, groups, a, dy, b);
        t.windows = a, t.of = dy, t.other = b;
        t.shape = static_cast<short>(g_.shapes++);
        t.pad = static_cast<short>(g_.slices++);
        t.slide = static_cast<short>(g_.slices++);
        t.flip = static_cast<short>(g_.slices++);
        t.count = static_cast<signed char>(w.count);
        int kept_pairs = 0, summed_pairs = 0;
        const int of_dy = g_.n[dy].rank, of_a = g_.n[a].rank;
        axis_map in_windows = identity(of_dy);
        if (of_a > of_dy) in_windows.rank = static_cast<signed char>(of_a);
        for (int k = 0; k < w.count; ++k) {
            t.kept[k] = w.kept[k], t.summed[k] = w.summed[k];
            kept_pairs |= 1 << w.kept[k];
            summed_pairs |= 1 << w.summed[k];
            in_windows.at[w.summed[k]] = w.kept[k];
        }
        const auto kept = static_cast<unsigned char>(shown(a) & ~summed_pairs);
        if (kept & w.inner) t.flat = static_cast<short>(g_.shapes++);
        const short spread = g_.pad_in(dy, static_cast<unsigned char>(kept_pairs), t.shape, t.pad);
        t.before = g_.n[spread].in[0];
        g_.turned[g_.turned_count++] = t;
        const int both = kept_pairs | summed_pairs;
        const short slid = t.groups < 0 ? g_.slice_in(g_.permute(spread, in_windows),
                                                      static_cast<unsigned char>(both),
                                                      t.slide)
                                        : members_of(spread, t, in_windows, both, t.slide);
        const short flipped =
            b < 0 ? b : members_of(b, t, identity(g_.n[b].rank), summed_pairs, t.flip);
        int summed = shown(slid);
        if (b >= 0) summed |= shown(flipped);
        // The result lies as the array, whose split axes are put together in the end.
        axis_map m, back;
        for (int q = 0; q < max_rank; ++q)
            for (int part = 1; part >= 0; --part)
                for (int j = 0; j < max_rank; ++j)
                    if ((kept >> j & 1) && w.source.at[j] == q && (w.inner >> j & 1) == part) {
                        back.at[q] = m.rank;
                        back.rank = static_cast<signed char>(q + 1);
                        m.at[m.rank++] = static_cast<signed char>(j);
                    }
        const auto axes = static_cast<unsigned char>(summed & ~kept);
        short whole;
        if (contracts) {
            whole = product_of(slid, flipped, m, axes);
        } else {
            whole = b < 0 ? slid : g_.apply(op_id<op::mul>, slid, flipped);
            whole = rearranged(g_.reduce(sum_, axes, whole), m);
        }
        whole = t.flat < 0 ? rearranged(whole, back) : g_.reshape_in(whole, back.rank, t.flat);
        if (w.zeros < 0) return whole;
        const view_step& zeros = g_.views[w.zeros];
        return g_.slice_in(whole, zeros.axes, zeros.slot);
    }
    constexpr short rearranged(short i, const axis_map& m) {
        return g_.n[i].ones == 0xff ? i : g_.permute(i, m);  // a number has no axes
    }
    static constexpr void std_swap(short& a, short& b) {
        const short c = a;
        a = b;
        b = c;
    }

    graph<Cap>& g_;
};

}  // namespace sinter::ir
