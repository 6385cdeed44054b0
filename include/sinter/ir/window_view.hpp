// How a value sees an array in windows, axis by axis: what its gradient needs.
#pragma once

#include "sinter/ir/graph.hpp"

namespace sinter::ir {

/// How an operand sees an array in windows: axis j of the index space is axis `source.at[j]` of the
/// array. Pairs of axes share one: those of windows, and those that split an axis into parts.
struct window_view {
    axis_map source;
    signed char kept[3]{}, summed[3]{};  // windows; the derivative has the first of each pair
    unsigned char inner = 0;             // of the axes that split another one, the inner ones
    int count = 0;                       // of the pairs of windows
    short zeros = -1;                    // the view step that puts zeros around the array
};

/// How node `a` sees its array, where `dy` has exactly one axis of every pair; no pairs where it
/// does not see one in windows.
template <int Cap>
constexpr window_view windows_of(const graph<Cap>& g, short a, short dy) {
    window_view w;
    const node& x = g.n[a];
    if (x.k != kind::leaf && x.k != kind::index_map) return {};
    short v = x.view;
    axis_map seen;
    for (signed char j = 0; j < max_rank; ++j) seen.at[j] = j;
    if (v >= 0 && g.views[v].slot < 0) {
        seen = g.views[v].map;
        v = g.views[v].parent;
    }
    if (v < 0 || g.views[v].slot < 0) return {};
    const view_step& cut = g.views[v];
    if (cut.parent < 0 || g.views[cut.parent].slot >= 0) return {};
    w.zeros = g.views[cut.parent].parent;
    if (w.zeros >= 0 && (g.views[w.zeros].whole < 0 || g.views[w.zeros].parent >= 0)) return {};
    w.source = composed(g.views[cut.parent].map, seen);
    const int shown = ~g.n[dy].ones;
    bool used[max_rank]{};
    for (int j = 0; j < max_rank; ++j) {
        const int q = w.source.at[j];
        if (q < 0 || used[j]) continue;
        int other = -1;
        for (int i = j + 1; i < max_rank; ++i)
            if (w.source.at[i] == q) other = i;
        if (other < 0) {
            if (cut.axes >> seen.at[j] & 1) return {};  // a part of an axis
            continue;
        }
        used[other] = true;
        const bool splits[] = {(cut.inner >> seen.at[j] & 1) != 0,
                               (cut.inner >> seen.at[other] & 1) != 0};
        if (splits[0] || splits[1]) {
            w.inner = static_cast<unsigned char>(w.inner | 1 << (splits[0] ? j : other));
            continue;
        }
        const bool first = shown >> j & 1, second = shown >> other & 1;
        if (first == second || w.count == 3) return {};
        w.kept[w.count] = static_cast<signed char>(first ? j : other);
        w.summed[w.count++] = static_cast<signed char>(first ? other : j);
    }
    return w;
}

}  // namespace sinter::ir
