// Shape inference at run time: the extents of every node, with the checks that the user sees.
#pragma once

#include "sinter/core/error.hpp"
#include "sinter/core/shape.hpp"
#include "sinter/ir/seen.hpp"

namespace sinter::ir {

/// "(2, 3)" for a value of this rank.
[[gnu::cold]] inline std::string shape_text(const array_ref& a, int rank) {
    int64 e[max_rank];
    for (int j = 0; j < rank; ++j) e[j] = a.extent[rank - 1 - j];
    return sinter::shape_text(e, rank);
}

// What fails is a function of its own: in the loops the sentences would be compiled for speed.
[[noreturn, gnu::cold]] inline void refuse_reshape(const array_ref& from,
                                                   int from_rank,
                                                   const array_ref& to,
                                                   int rank) {
    sinter::detail::refuse<shape_error>({"reshape: shape ",
                                         shape_text(from, from_rank),
                                         " has ",
                                         elements_of(from),
                                         " elements and cannot become ",
                                         shape_text(to, rank),
                                         "."});
}

/// The shape under which index map `i` sees its operand, before its views. Throws shape_error when
/// the numbers of elements differ.
inline array_ref base_of(const graph_view& g,
                         short i,
                         const shape_args* shapes,
                         const array_ref* value) {
    const node& x = g.n[i];
    const array_ref& from = value[x.in[0]];
    array_ref a;
    a.type = x.type;
    if (is_padded(x)) {
        for (int j = 0; j < max_rank; ++j) a.extent[j] = shapes[x.slot].extent[j];
        return a;
    }
    int open = -1, rank = 0, wrong = 0;
    int64 known = 1;
    for (int j = 0; j < max_rank; ++j) {
        const short like = like_of(x);
        const int64 e = like >= 0    ? value[like].extent[j]
                        : x.slot < 0 ? from.extent[j]
                                     : shapes[x.slot].extent[j];
        a.extent[j] = e;
        if (e != 1) rank = j + 1;
        if (e == -1 && open < 0)
            open = j;
        else
            known *= e;
        wrong += e < -1 || (e == -1 && open != j);
    }
    const int64 n = elements_of(from);
    if (open >= 0 && wrong == 0 && known > 0 && n % known == 0) a.extent[open] = n / known;
    if (wrong > 0 || elements_of(a) != n || (open >= 0 && a.extent[open] < 0))
        refuse_reshape(from, g.n[x.in[0]].rank, a, x.view < 0 ? x.rank : rank);
    return a;
}

/// The run-time operands of a program and what they make of its nodes.
struct inference {
    const graph_view& g;
    const array_ref* leaf;  // by slot
    slice_args* slices;
    shape_args* shapes;
    array_ref* value;  // by node

    void run() const {
        int turned = 0;
        for (short i = 0; i < static_cast<short>(g.size); ++i) {
            const node& x = g.n[i];
            array_ref& v = value[i];
            if (turned < g.turned_count && g.turned[turned].before == i) turn(g.turned[turned++]);
            if (x.k == kind::leaf && x.view < 0) {  // most of them
                v = leaf[x.slot];
                continue;
            }
            v = {};
            v.type = x.type;
            switch (x.k) {
                case kind::leaf: v = seen_through(g, leaf[x.slot], x.view, slices, shapes); break;
                case kind::pointwise:
                    if (x.op == op_expand) {
                        expand(x, v);
                    } else {
                        broadcast(x, v);
                    }
                    break;
                case kind::reduction: reduce(x, v); break;
                case kind::contraction: contract(x, v); break;
                case kind::coordinate:
                    v = seen_through(g, counted(x), x.view, slices, shapes);
                    break;
                case kind::index_map:
                    v = seen_through(g, base_of(g, i, shapes, value), x.view, slices, shapes);
                    break;
                default: break;
            }
            require_countable(x, v);
        }
    }

private:
    // Whoever walks, allocates or counts a value does so in int64.
    void require_countable(const node& x, const array_ref& v) const {
        int64 bytes = size_of(x.type);
        bool wraps = false, none = false;
        for (int j = 0; j < g.axes; ++j) {
            none |= v.extent[j] == 0;
            wraps |= __builtin_mul_overflow(bytes, v.extent[j], &bytes);
        }
        if (wraps && !none) refuse_count(x, v);
    }
    [[noreturn, gnu::cold]] void refuse_count(const node& x, const array_ref& v) const {
        throw shape_error("An expression of shape " + shape_text(v, x.rank) +
                          " has more elements than memory has addresses.");
    }
    // Coordinates as they are counted.
    array_ref counted(const node& x) const {
        array_ref a;
        a.type = x.type;
        a.data = reinterpret_cast<void*>(coordinate_origin);
        for (int j = 0; j < max_rank; ++j)
            if (x.in[0] < 0)
                a.extent[j] = shapes[x.slot].extent[j];
            else if (x.axes >> j & 1)
                a.extent[j] = value[x.in[0]].extent[j];
        make_row_major(a);
        return a;
    }
    // The bounds and shapes that the gradient of windows needs.
    [[gnu::cold]] void turn(const turned_windows& t) const {
        const node& x = g.n[t.windows];
        slice_args pad, slide, flip;
        if (t.groups >= 0) {
            const int64 groups = value[t.windows].extent[t.groups],
                        all = value[t.of].extent[t.groups], members = groups > 0 ? all / groups : 0;
            slide.axis[t.groups] = flip.axis[t.groups] = {0, members, groups};
            slide.axis[t.members] = flip.axis[t.members] = {0, 1, members};
        }
        if (t.count == 0) {
            slices[t.slide] = slide;
            return;
        }
        const view_step *cut = &g.views[x.view], *seen = nullptr;
        if (cut->slot < 0) seen = cut, cut = &g.views[cut->parent];
        const axis_map& from = g.views[cut->parent].map;
        array_ref array = x.k == kind::leaf ? leaf[x.slot] : base_of(g, t.windows, shapes, value);
        if (const short before = g.views[cut->parent].parent; before >= 0) {
            const view_step& zeros = g.views[before];
            array = among_zeros(array, zeros.axes, slices[zeros.slot], shapes[zeros.whole]);
        }
        shape_args whole;
        for (int j = 0; j < max_rank; ++j) {
            whole.extent[j] = value[t.of].extent[j];
            pad.axis[j] = {0, 1, value[t.of].extent[j]};
        }
        const auto bounds = [&](int j) -> const slice_bounds& {
            return slices[cut->slot].axis[seen ? seen->map.at[j] : j];
        };
        for (int k = 0; k < t.count; ++k) {
            const int kept = t.kept[k], summed = t.summed[k];
            const int64 extent = array.extent[from.at[seen ? seen->map.at[kept] : kept]];
            const slice_bounds &u = bounds(kept), &p = bounds(summed);
            const int64 span = p.step * (p.count - 1);
            whole.extent[kept] = extent + span;
            pad.axis[kept] = {span, u.step, value[t.of].extent[kept]};
            slide.axis[kept] = {0, 1, extent};
            slide.axis[summed] = {0, p.step, p.count};
            const int64 n = t.other < 0 ? p.count : value[t.other].extent[summed];
            flip.axis[summed] = {n - 1, -1, n};
        }
        if (t.flat >= 0)
            for (int j = 0; j < max_rank; ++j) shapes[t.flat].extent[j] = array.extent[j];
        shapes[t.shape] = whole;
        slices[t.pad] = pad, slices[t.slide] = slide, slices[t.flip] = flip;
    }
    void broadcast(const node& x, array_ref& v) const {
        for (const short c : x.in) {
            if (c < 0) continue;
            for (int j = 0; j < g.axes; ++j) {
                const int64 e = value[c].extent[j];
                if (e == 1 || e == v.extent[j]) continue;
                if (v.extent[j] != 1) refuse_broadcast(x);
                v.extent[j] = e;
            }
        }
    }
    [[noreturn, gnu::cold]] void refuse_broadcast(const node& x) const {
        std::string s;  // "(2, 3) and (4,)"
        for (const short c : x.in)
            if (c >= 0)
                s = sinter::detail::sentence(
                    {s, s.empty() ? "" : " and ", shape_text(value[c], g.n[c].rank)});
        sinter::detail::refuse<shape_error>(
            {info_of(x.op).name, ": shapes ", s, " do not broadcast."});
    }
    void expand(const node& x, array_ref& v) const {
        const array_ref& from = value[x.in[0]];
        array_ref a;
        if (const short like = like_of(x); like >= 0) {
            if (x.slot == exact_shape) require_exact(from, value[like], x.rank);
            for (int j = 0; j < max_rank; ++j)
                a.extent[j] = value[like].extent[j] != 1 ? value[like].extent[j] : from.extent[j];
        } else {
            for (int j = 0; j < max_rank; ++j) a.extent[j] = shapes[x.slot].extent[j];
            a = seen_through(g, a, x.view, slices, shapes);
        }
        for (int j = 0; j < max_rank; ++j) {
            v.extent[j] = a.extent[j];
            if (from.extent[j] != 1 && from.extent[j] != v.extent[j]) refuse_expand(x, a);
        }
    }
    [[gnu::cold]] static void require_exact(const array_ref& from,
                                            const array_ref& like,
                                            int rank) {
        for (int j = 0; j < max_rank; ++j)
            if (like.extent[j] == 1 && from.extent[j] != 1)
                sinter::detail::refuse<shape_error>(
                    {"gradient: an argument of shape ",
                     shape_text(like, rank),
                     " is broadcast to ",
                     shape_text(from, rank),
                     " in the function: give it that shape with broadcast_to, and sum the gradient "
                     "over the copies."});
    }
    [[noreturn, gnu::cold]] void refuse_expand(const node& x, const array_ref& to) const {
        sinter::detail::refuse<shape_error>({"broadcast_to: shape ",
                                             operand_shape(x),
                                             " cannot be broadcast to ",
                                             shape_text(to, x.rank),
                                             "."});
    }
    [[gnu::cold]] std::string operand_shape(const node& x) const {
        return shape_text(value[x.in[0]], g.n[x.in[0]].rank);
    }
    void reduce(const node& x, array_ref& v) const {
        const array_ref& from = value[x.in[0]];
        int64 folded = 1;
        for (int j = 0; j < g.axes; ++j) {
            const bool fold = (x.axes >> j & 1) != 0;
            v.extent[j] = fold ? 1 : from.extent[j];
            if (fold) folded *= from.extent[j];
        }
        if (folded == 0 && !reduction_info_of(x.op).empty_allowed && elements_of(v) > 0)
            refuse_reduction(x);
    }
    [[noreturn, gnu::cold]] void refuse_reduction(const node& x) const {
        sinter::detail::refuse<shape_error>({reduction_info_of(x.op).name,
                                             ": shape ",
                                             operand_shape(x),
                                             " has no elements along the reduced axes."});
    }
    // The extents of an operand in the order in which a matrix product is written: the summed ones
    // are the last of the left operand, and stand before the columns of the right one.
    [[gnu::cold]] std::string matrix_text(const node& x, int side) const {
        const short c = x.in[side];
        int64 e[max_rank];
        int n = 0;
        const auto add = [&](int first, int end, bool summed) {
            for (int j = end - 1; j >= first; --j)
                if (!(g.n[c].ones >> j & 1) && (x.axes >> j & 1) == summed)
                    e[n++] = value[c].extent[j];
        };
        add(side, max_rank, false);
        add(0, max_rank, true);
        add(0, side, false);
        return sinter::shape_text(e, n);
    }
    [[noreturn, gnu::cold]] void refuse_product(const node& x, int axis, int64 p, int64 q) const {
        const bool summed = (x.axes >> axis & 1) != 0;
        sinter::detail::refuse<shape_error>({"matmul: shapes ",
                                             matrix_text(x, 0),
                                             " and ",
                                             matrix_text(x, 1),
                                             summed ? " do not fit: " : " do not broadcast: ",
                                             p,
                                             " is not ",
                                             q,
                                             "."});
    }
    void contract(const node& x, array_ref& v) const {
        const short a = x.in[0], b = x.in[1];
        for (int j = 0; j < max_rank; ++j) {
            const int64 p = value[a].extent[j], q = value[b].extent[j];
            const bool summed = (x.axes >> j & 1) != 0;
            const bool both = !((g.n[a].ones | g.n[b].ones) >> j & 1);
            if (const int side = groups_of(x, 0) >> j & 1 ? 0 : 1; groups_of(x, side) >> j & 1) {
                const int64 few = side == 0 ? p : q, all = side == 0 ? q : p;
                if (few > 0 && all % few != 0) refuse_product(x, j, p, q);
                v.extent[j] = all;
                continue;
            }
            if (p != q && (summed && !(x.value & sums_broadcast) ? both : p != 1 && q != 1))
                refuse_product(x, j, p, q);
            v.extent[j] = summed ? 1 : p == 1 ? q : p;
        }
    }
};

/// Finds the extents of every node, the bounds and shapes that follow from them, and where leaves
/// lie in memory as their nodes see them. Throws sinter::shape_error when extents do not fit.
inline void infer(const graph_view& g,
                  const array_ref* by_leaf_slot,
                  slice_args* slices,
                  shape_args* shapes,
                  array_ref* value) {
    inference{g, by_leaf_slot, slices, shapes, value}.run();
}

/// How index map `i` sees its operand once that lies in row-major order at `data` (the whole of
/// it, with what is around a padded one), as elements of
/// `type`; `value` as `infer` left it.
inline array_ref index_mapped(const graph_view& g,
                              short i,
                              void* data,
                              dtype type,
                              const slice_args* slices,
                              const shape_args* shapes,
                              const array_ref* value) {
    array_ref a = base_of(g, i, shapes, value);
    a.data = data;
    a.type = type;
    make_row_major(a);
    return seen_through(g, a, g.n[i].view, slices, shapes);
}
inline array_ref index_mapped(const graph_view& g,
                              short i,
                              void* data,
                              const slice_args* slices,
                              const shape_args* shapes,
                              const array_ref* value) {
    return index_mapped(g, i, data, g.n[i].type, slices, shapes, value);
}

}  // namespace sinter::ir
