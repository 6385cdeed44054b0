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
/// `a` where it lies in an array of extents `whole` along `axes`, of which memory holds no more.
inline array_ref among_zeros(array_ref a,
                             unsigned char axes,
                             const slice_args& inside,
                             const shape_args& whole) {
    for (int j = 0; j < max_rank; ++j) {
        if (!(axes >> j & 1)) continue;
        if (a.data)
            a.data =
                static_cast<char*>(a.data) - inside.axis[j].start * a.stride[j] * size_of(a.type);
        a.extent[j] = whole.extent[j];
    }
    return a;
}
/// `a` seen through `view` and the steps before it, up to step `from`.
inline array_ref seen_through(const graph_view& g,
                              array_ref a,
                              short view,
                              const slice_args* slices,
                              const shape_args* shapes,
                              short from = -1) {
    if (view == from) return a;
    const view_step& v = g.views[view];
    a = seen_through(g, a, v.parent, slices, shapes, from);
    if (v.whole >= 0) return among_zeros(a, v.axes, slices[v.slot], shapes[v.whole]);
    return v.slot < 0 ? permuted(a, v.map) : sliced(a, v.axes, slices[v.slot]);
}

/// The step of `view` that puts zeros around an array; -1: there is none.
inline short zeros_of(const graph_view& g, short view) {
    while (view >= 0 && g.views[view].whole < 0) view = g.views[view].parent;
    return view;
}

/// Along one axis of an array in the midst of zeros: elements are inside where 0 <= start + the sum
/// of step * coordinate < extent.
struct guard {
    int64 step[max_rank]{}, start = 0, extent = 0;
    bool holds(const int64* at) const {
        int64 place = start;
        for (int j = 0; j < max_rank; ++j) place += step[j] * at[j];
        return 0 <= place && place < extent;
    }
};
/// The guards of an array that is seen through `view`; gives their number.
inline int find_guards(const graph_view& g, short view, const slice_args* slices, guard* out) {
    if (view < 0) return 0;
    const view_step& v = g.views[view];
    int n = find_guards(g, v.parent, slices, out);
    if (v.whole >= 0) {
        for (int j = 0; j < max_rank; ++j) {
            if (!(v.axes >> j & 1)) continue;
            const slice_bounds& b = slices[v.slot].axis[j];
            out[n] = {};
            out[n].step[j] = 1;
            out[n].start = -b.start;
            out[n++].extent = b.count;
        }
        return n;
    }
    for (int k = 0; k < n; ++k) {
        const guard before = out[k];
        for (int j = 0; j < max_rank; ++j) {
            if (v.slot < 0) {
                out[k].step[j] = v.map.at[j] < 0 ? 0 : before.step[v.map.at[j]];
            } else if (v.axes >> j & 1) {
                out[k].start += before.step[j] * slices[v.slot].axis[j].start;
                out[k].step[j] *= slices[v.slot].axis[j].step;
            }
        }
    }
    return n;
}

}  // namespace sinter::ir
