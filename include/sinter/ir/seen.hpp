// Arrays seen through views at run time: permutations and slices turn into strides.
#pragma once

#include "sinter/ir/tables.hpp"

namespace sinter::ir {

/// `a` with its axes taken from `m`: new axes have extent 1.
inline array_ref permuted(const array_ref& a, const axis_map& m) {
    array_ref r;
    r.data = a.data;
    r.type = a.type;
    for (int j = 0; j < max_rank; ++j) {
        if (m.at[j] < 0) continue;
        r.extent[j] = a.extent[m.at[j]];
        r.stride[j] = a.stride[m.at[j]];
    }
    return r;
}
/// `a` cut along `axes`. An axis of extent 1 is a broadcast: it stays as it is, unless nothing is
/// left of it.
inline array_ref sliced(array_ref a, unsigned char axes, const slice_args& bounds) {
    for (int j = 0; j < max_rank; ++j) {
        const slice_bounds& b = bounds.axis[j];
        if (!(axes >> j & 1)) continue;
        if (a.extent[j] == 1) {
            if (b.count == 0) a.extent[j] = 0;
            continue;
        }
        a.extent[j] = b.count;
        if (a.data && b.count > 0)
            a.data = static_cast<char*>(a.data) + b.start * a.stride[j] * size_of(a.type);
        a.stride[j] *= b.step;
    }
    return a;
}
/// How many elements of a padded array lie before the first one inside the bounds.
inline int64 elements_before(const array_ref& whole, const slice_args& bounds) {
    int64 n = 0;
    for (int j = 0; j < max_rank; ++j)
        if (whole.extent[j] != 1 && bounds.axis[j].count > 0)
            n += bounds.axis[j].start * whole.stride[j];
    return n;
}
/// `a` seen through `view` and the steps before it.
inline array_ref seen_through(const graph_view& g,
                              array_ref a,
                              short view,
                              const slice_args* slices) {
    if (view < 0) return a;
    const view_step& v = g.views[view];
    a = seen_through(g, a, v.parent, slices);
    return v.slot < 0 ? permuted(a, v.map) : sliced(a, v.axes, slices[v.slot]);
}

}  // namespace sinter::ir
