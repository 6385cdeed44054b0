// Proves, as far as that is possible before run time, that all rows of a stage have one length.
#pragma once

#include "sinter/ir/node_set.hpp"
#include "sinter/ir/plan.hpp"

namespace sinter::ir {

/// What decides how long the rows of one stage are: the arrays and broadcasts that have row axes.
/// Or how many there are, when asked for the others.
template <int Cap>
struct row_lengths {
    const graph<Cap>& g;
    const plan<Cap>& p;
    int stage;
    unsigned char row;  // the axes in question
    node_set<Cap> by{}, reductions{};
    node_set<Cap> totalled{};  // elements that are reduced over rows

    constexpr bool loaded(short i) const {
        return is_source(g.n[i].k) || (p.stored[i] && p.stage_of[i] != stage);
    }
    /// Collects from `top`, which the stage evaluates. Below a reduction only if `deep`: its result
    /// has one value per row.
    constexpr void collect(short top, bool deep) {
        bool need[Cap]{};
        need[top] = true;
        for (short i = top; i >= 0; --i) {
            if (!need[i]) continue;
            const node& x = g.n[i];
            // As long as what it counts.
            if (x.k == kind::coordinate && x.in[0] >= 0 && x.view < 0) {
                if ((x.ones & row) != row) need[x.in[0]] = true;
                continue;
            }
            const bool array = loaded(i), expands = x.k == kind::pointwise && x.op == op_expand;
            const short like = like_of(x);
            if ((array || expands) && (x.ones & row) != row) {
                if (expands && like >= 0) {
                    need[like] = true;
                } else {
                    by.add(i);
                }
            }
            if (array) continue;
            if (x.k == kind::reduction && folds_rows(x, g.n[x.in[0]], row)) {
                if ((g.n[x.in[0]].ones & row) != row) totalled.add(x.in[0]);
            } else if (x.k == kind::reduction) {
                reductions.add(i);
                if (!deep && i != top) continue;  // `top` itself: what it folds
            }
            for (const short c : x.in)
                if (c >= 0) need[c] = true;
        }
    }
};

/// True when in stage `s` every reduction folds, and every result of whole rows is, a broadcast of
/// the same arrays: then their rows are equally long whatever the extents are.
template <int Cap>
constexpr bool rows_proven(const graph<Cap>& g, const plan<Cap>& p, int s) {
    const unsigned char row = p.stage[s].row_axes;
    for (short v = 0; v < g.size; ++v) {
        if (!p.stored[v] || p.stage_of[v] != s) continue;
        row_lengths<Cap> all{g, p, s, row};
        all.collect(v, true);
        node_set<Cap> full = all.reductions;
        full.add(all.totalled);
        if ((g.n[v].ones & row) != row) full.add(v);
        for (int r = full.next(0); r >= 0; r = full.next(r + 1)) {
            row_lengths<Cap> one{g, p, s, row};
            one.collect(static_cast<short>(r), false);
            if (!(one.by == all.by)) return false;
        }
    }
    return true;
}

}  // namespace sinter::ir
