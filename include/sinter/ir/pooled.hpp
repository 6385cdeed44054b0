// Values of a contraction that are only seen in windows which are folded: pooling.
#pragma once

#include "sinter/ir/node.hpp"

namespace sinter::ir {

/// One axis along which windows slide.
struct pooled_axis {
    signed char axis = -1;    // of the values and of the windows
    signed char inside = -1;  // the axis of the index map that walks one window
    signed char windows_bounds = -1, inside_bounds = -1;  // their axes in the slice
};
/// How an index map sees its operand in windows. Count 0: it does not, or in another way too.
struct pooling {
    pooled_axis at[max_rank];
    int count = 0;
    short slot = -1;  // of the bounds
};

/// How index map `i` sees its operand, if a reduction over `folded` is all that reads it: the other
/// axes are those of the operand, or count windows along them.
constexpr pooling pooling_of(const node* n, const view_step* views, short i, unsigned char folded) {
    const node& x = n[i];
    if (x.k != kind::index_map || x.slot >= 0 || x.op == padded || x.value != 0) return {};
    axis_map last;
    for (int j = 0; j < max_rank; ++j) last.at[j] = static_cast<signed char>(j);
    short v = x.view;
    if (v >= 0 && views[v].slot < 0) {
        last = views[v].map;
        v = views[v].parent;
    }
    if (v < 0 || views[v].slot < 0) return {};
    const view_step& cut = views[v];
    const short first = cut.parent;
    if (first < 0 || views[first].slot >= 0 || views[first].parent >= 0) return {};
    pooling p;
    p.slot = cut.slot;
    signed char windows[max_rank], found = 0;
    for (signed char& w : windows) w = -1;
    unsigned sliced = 0;
    for (int j = 0; j < max_rank; ++j) {
        const int middle = last.at[j], source = middle < 0 ? -1 : views[first].map.at[middle];
        if (source < 0 || (x.ones >> j & 1)) continue;
        if (folded >> j & 1) {
            p.at[p.count++] = {static_cast<signed char>(source),
                               static_cast<signed char>(j),
                               -1,
                               static_cast<signed char>(middle)};
            ++found;
        } else {
            if (source != j) return {};
            windows[j] = static_cast<signed char>(middle);
        }
    }
    for (int k = 0; k < p.count; ++k) {
        pooled_axis& a = p.at[k];
        a.windows_bounds = windows[a.axis];
        if (a.windows_bounds < 0) return {};
        const unsigned both = 1U << a.windows_bounds | 1U << a.inside_bounds;
        if (sliced & both) return {};
        sliced |= both;
    }
    for (int j = 0; j < max_rank; ++j)  // an axis that is cut, but not into windows
        if (windows[j] >= 0 && (cut.axes >> windows[j] & 1) && !(sliced >> windows[j] & 1))
            return {};
    return found > 0 ? p : pooling{};
}

}  // namespace sinter::ir
