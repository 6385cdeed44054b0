// The expression graph, built by constexpr functions, so that the same code runs inside the
// compiler and at run time. Building simplifies: equal nodes exist once, views sink to the leaves,
// sums of sums merge.
#pragma once

#include "sinter/ir/graph_nodes.hpp"

namespace sinter::ir {

template <int Cap>
struct graph : graph_nodes<Cap> {
    using base = graph_nodes<Cap>;
    using base::add, base::add_view, base::from, base::n, base::note, base::shapes, base::slices,
        base::slots, base::functors, base::views, base::computes_again, base::costs_of,
        base::flops_up_to, base::keeps_zeros, base::is_reordered, base::is_identity;

    // ---- operations
    // ----------------------------------------------------------------------------------------
    constexpr short pointwise(int op, dtype result, short a, short b = -1, short c = -1) {
        node x;
        x.k = kind::pointwise;
        x.op = static_cast<unsigned char>(op);
        x.type = result;
        x.in[0] = a, x.in[1] = b, x.in[2] = c;
        take_shape(x);
        return above_view(x);
    }
    /// A table operation on operands of one type.
    constexpr short apply(int op, short a, short b = -1, short c = -1) {
        const dtype t = n[op == op_id<op::where> ? b : a].type;
        return pointwise(op, info_of(op).result == yields::boolean ? dtype::boolean : t, a, b, c);
    }
    constexpr short cast(short a, dtype t) { return n[a].type == t ? a : pointwise(op_cast, t, a); }
    constexpr short user(dtype result, short a, short b, short c, int flops = 1) {
        node x;
        x.axes = static_cast<unsigned char>(flops);
        base::costly_functors = base::costly_functors || flops >= costly_flops;
        x.k = kind::pointwise;
        x.op = op_user;
        x.type = result;
        x.in[0] = a, x.in[1] = b, x.in[2] = c;
        x.slot = slots.functor[functors++];
        note(visit::functor, x.slot);
        take_shape(x);
        return add(x);
    }
    /// `a` broadcast to the next run-time shape.
    constexpr short expand(short a, int rank, visit what = visit::shape) {
        node x;
        x.k = kind::pointwise;
        x.op = op_expand;
        x.type = n[a].type;
        x.in[0] = a;
        x.rank = static_cast<signed char>(rank);
        x.ones = unit_axes(rank);
        x.slot = static_cast<short>(shapes);
        note(what, shapes++);
        return add(x);
    }
    /// `a` broadcast to the shape of `like`, of which nothing else is used. `exact`: the result
    /// must not be longer where `like` has extent 1.
    constexpr short expand_like(short a, short like, bool exact = false) {
        node x;
        x.k = kind::pointwise;
        x.op = op_expand;
        x.type = n[a].type;
        x.in[0] = a;
        x.rank = n[a].rank > n[like].rank ? n[a].rank : n[like].rank;
        x.ones = static_cast<unsigned char>(n[a].ones & n[like].ones);
        x.value = like_value(like);
        if (exact) x.slot = exact_shape;
        return add(x);
    }
    /// `a` as a value that no gradient passes. Mostly a mark on its node, which costs nothing.
    constexpr short stop(short a) {
        node x = n[a];
        if (x.slot == gradient_stop) return a;
        const bool table = x.k == kind::pointwise && x.op < op_expand;
        if (!table && x.k != kind::reduction) {
            x = {};
            x.k = kind::pointwise;
            x.op = op_cast;
            x.type = n[a].type;
            x.in[0] = a;
            take_shape(x);
        }
        x.slot = gradient_stop;
        return add(x);
    }
    /// Reduces `axes` of `a`, which stay with extent 1; the operand already has the type that is
    /// folded.
    constexpr short reduce(int red, unsigned char axes, short a) {
        return fold(red, axes, a, n[a].rank);
    }
    /// The sum over `axes` of a * b, where both are seen in the same index space of rank `frame`.
    /// The summed axes must lie at or above `rank`, the rank of the result.
    constexpr short contract(unsigned char axes, int rank, short a, short b, uint64 how = 0) {
        node x;
        x.value = how;
        x.k = kind::contraction;
        x.op = base::tf32 && n[a].type == dtype::f32 ? core_tf32 : 0;
        x.type = n[a].type;
        x.axes = axes;
        x.in[0] = a, x.in[1] = b;
        x.rank = static_cast<signed char>(rank);
        x.ones = static_cast<unsigned char>((n[a].ones & n[b].ones) | axes);
        return add(x);
    }
    /// The same of two values as they are seen through `ma` and `mb`; axes from `rank` on are
    /// summed.
    constexpr short contract(
        short a, const axis_map& ma, short b, const axis_map& mb, int rank, uint64 how = 0) {
        const short left = operand(without_stored_zeros(a), ma), right = operand(b, mb);
        const auto summed = static_cast<unsigned char>((1 << ma.rank) - (1 << rank));
        return contract(summed, rank, left, right, how);
    }
    /// The matrix product of two values of one type and ranks 2 to 7: (..., m, k) x (..., k, n) in
    /// the index space (k, ..., m, n).
    constexpr short matmul(short a, short b) {
        a = called_once(a);
        const int p = n[a].rank, q = n[b].rank, rank = p > q ? p : q;
        const short left = operand(a, ir::matrix_operand(false, p, rank));  // (k, ..., m, 1)
        const short right = operand(b, ir::matrix_operand(true, q, rank));  // (k, ..., 1, n)
        return contract(static_cast<unsigned char>(1 << rank), rank, left, right);
    }
    /// An operand of a contraction, which is computed from arrays: one that folds is stored as it
    /// is.
    constexpr short operand(short a, const axis_map& m) {
        sink s;
        s.map = m;
        return from[a] ? through(stored(a), s) : view(a, s);
    }
    /// `a` stored in row-major order and seen under the shape of `like`.
    constexpr short reshape_like(short a, short like) {
        a = in_row_major(a);
        node x;
        x.k = kind::index_map;
        x.type = n[a].type;
        x.in[0] = a;
        x.rank = n[like].rank;
        x.ones = n[like].ones;
        x.value = like_value(like);
        return add(x);
    }
    /// `a` stored in row-major order and seen under the next run-time shape.
    constexpr short reshape(short a, int rank) {
        note(visit::shape, shapes);
        return reshape_in(a, rank, static_cast<short>(shapes++));
    }
    /// The same under the shape in a slot.
    constexpr short reshape_in(short a, int rank, short slot) {
        a = in_row_major(a);
        node x;
        x.k = kind::index_map;
        x.type = n[a].type;
        x.in[0] = a;
        x.rank = static_cast<signed char>(rank);
        x.ones = unit_axes(rank);
        x.slot = slot;
        return add(x);
    }

    /// `a` stored where the next run-time bounds say in an array of the next run-time shape, with
    /// zeros around it. They are known to be around `along` alone, and not between; 0: nothing is
    /// known.
    constexpr short pad(short a, unsigned char along = 0) {
        const short shape = static_cast<short>(shapes), inside = static_cast<short>(slices);
        note(visit::shape, shapes++);
        note(visit::slice, slices++);
        const short r = pad_in(a, 0xff, shape, inside);
        if (inside < base::max_known_zeros) base::zeros_along[inside] = along;
        return r;
    }
    /// The same along `axes`, with the shape and the bounds in these slots.
    constexpr short pad_in(short a, unsigned char axes, short shape, short inside) {
        if (inside > 0xff)
            throw "Sinter: an expression has too many slices: assign a part of it to a tensor.";
        // A copy of its own: `a` may be stored elsewhere too.
        node x;
        x.k = kind::pointwise;
        x.op = op_cast;
        x.type = n[a].type;
        x.in[0] = a;
        take_shape(x);
        x.slot = shape;
        x.axes = static_cast<unsigned char>(inside);
        node y = stored(add(x));
        y.op = padded;
        y.slot = shape;
        y.axes = x.axes;
        y.ones = static_cast<unsigned char>(y.ones & (unit_axes(y.rank) | ~axes));
        return add(y);
    }

    /// The elements of `array`, a leaf, at int64 offsets from its first one, which must exist for
    /// all values of `offset`, also where no element of the result is. Derivative: a sum over equal
    /// offsets; none in `offset`.
    constexpr short take(short array, short offset) {
        if (n[array].k != kind::leaf || n[array].view >= 0)
            throw "Sinter: take needs an array in memory.";
        node x;
        x.k = kind::address;
        x.type = dtype::i64;
        x.in[0] = array;
        return pointwise(op_take, n[array].type, offset, add(x));
    }

    // ---- views: they sink to the leaves
    // --------------------------------------------------------------------
    /// `a` with its axes taken from `m`. An axis of `a` that `m` does not name must have extent 1
    /// or be reduced.
    constexpr short permute(short a, const axis_map& m) {
        sink s;
        s.map = m;
        return view(a, s);
    }
    /// `a` cut along `axes` (bits) by the next run-time bounds.
    constexpr short slice(short a, unsigned char axes) {
        note(visit::slice, slices);
        return slice_in(a, axes, static_cast<short>(slices++));
    }
    /// The same by the bounds in a slot; `inner` of these axes are parts of axes that are split.
    constexpr short slice_in(short a, unsigned char axes, short slot, unsigned char inner = 0) {
        sink s;
        s.axes = axes;
        s.slot = slot;
        s.inner = inner;
        return view(a, s);
    }
    /// Windows of `a`: axis j of the result is axis m.at[j] of `a`, where one axis may stand for
    /// two, cut along `axes` by the next run-time bounds; `inner` are windows that split an axis
    /// into parts. What folds or costs much is stored first: every window that holds a value would
    /// compute it again. Those `for_product` may cost more, if they take no costly operation: run
    /// time decides whether they are stored.
    constexpr short windows(short a,
                            const axis_map& m,
                            unsigned char axes,
                            unsigned char inner = 0,
                            bool for_product = false) {
        int flops = from[a] ? 0 : flops_up_to(a, costly_flops);
        bool store = from[a] || flops >= costly_flops;
        if (for_product && flops > 0) {
            const auto all = costs_of(a);
            flops = all.flops;
            store = base::operands_stored || (store && (all.operation || flops > most_again));
        }
        if (store) a = add(stored(a));
        note(visit::slice, slices);
        const short r = slice_in(permute(a, m), axes, static_cast<short>(slices++), inner);
        if (for_product && !store && flops > 0) computes_again(r, a, flops);
        return r;
    }
    /// Drops `axes` of extent 1: what a reduction without keepdims does with the axes that it
    /// folded.
    constexpr short drop(short a, unsigned char axes) {
        axis_map m;
        for (int j = 0; j < n[a].rank; ++j)
            if (!(axes >> j & 1)) m.at[m.rank++] = static_cast<signed char>(j);
        return permute(a, m);
    }

private:
    using base::take_shape;

    // What lies in row-major order with nothing around it. An array may lie in any order,
    // coordinates nowhere: a conversion to its own type copies.
    constexpr short in_row_major(short a) {
        const kind k = n[a].k;
        if (k == kind::index_map && n[a].view < 0 && !is_padded(n[a])) return n[a].in[0];
        const bool lies = k == kind::leaf || k == kind::coordinate || k == kind::index_map;
        return lies ? pointwise(op_cast, n[a].type, a) : a;
    }

    // An operand that is seen in the midst of zeros, as one that is computed without storing them:
    // where an array ends, kernels put zeros into their tiles. Only what is cheap is computed again
    // for each window; what does not make zeros of zeros is stored among them, and what has
    // gradients stays as they know it.
    constexpr short without_stored_zeros(short a) {
        const node x = n[a];
        if (!is_padded(x)) return a;
        const unsigned char along = x.axes < base::max_known_zeros ? base::zeros_along[x.axes] : 0;
        const short inner = n[x.in[0]].in[0];
        const bool plain = n[inner].k == kind::leaf && n[inner].view < 0;
        if (along == 0 || __builtin_popcount(along) > max_guards ||
            (!plain && (base::operands_stored || !keeps_zeros(inner, along))) ||
            flops_up_to(inner, costly_flops) >= costly_flops)
            return a;
        const short r = among_zeros(inner, x, along);
        if (!plain) computes_again(r, inner, flops_up_to(inner, costly_flops));
        return r;
    }
    // An operand of a matrix product: every column of tiles calls its functors again.
    constexpr short called_once(short a) {
        if (!base::costly_functors || from[a] || n[a].k != kind::pointwise) return a;
        const auto all = costs_of(a);
        if (!all.functor) return a;
        if (base::operands_stored) return add(stored(a));
        computes_again(a, a, all.flops);
        return a;
    }
    constexpr short among_zeros(short a, const node& zeros, unsigned char along) {
        sink s;
        s.axes = along;
        s.slot = static_cast<short>(zeros.axes);
        s.whole = zeros.slot;
        return through_steps(view(a, s), zeros.view);
    }
    constexpr short through_steps(short a, short step) {
        if (step < 0) return a;
        const view_step v = views[step];
        sink s;
        s.map = v.map;
        s.axes = v.axes, s.inner = v.inner;
        s.slot = v.slot, s.whole = v.whole;
        return view(through_steps(a, v.parent), s);
    }
    constexpr short fold(int red, unsigned char axes, short a, int rank) {
        const node& y = n[a];
        if (reduction_info_of(red).result != reduces_to::position) {
            if ((y.ones & axes) == axes) return a;
            if (y.k == kind::reduction && y.op == red)  // a sum of sums is one sum
                return fold(red, static_cast<unsigned char>(axes | y.axes), y.in[0], rank);
            if ((y.ones | axes) == 0xff && is_reordered(y))  // the order does not matter to a total
                return fold(red, static_cast<unsigned char>(~n[y.in[0]].ones), y.in[0], rank);
        }
        node x;
        x.k = kind::reduction;
        x.op = static_cast<unsigned char>(red);
        x.type = reduced_dtype(red, y.type);
        x.axes = axes;
        x.in[0] = a;
        x.rank = static_cast<signed char>(rank);
        x.ones = static_cast<unsigned char>(y.ones | axes);
        return add(x);
    }
    // A view on its way to the leaves: a permutation, or a slice when slot >= 0.
    struct sink {
        axis_map map;
        unsigned char axes = 0, inner = 0;
        short slot = -1, whole = -1;
        short done[Cap]{};  // the result for each node met, plus one
    };

    static constexpr unsigned char moved(unsigned char ones, const axis_map& m) {
        unsigned char r = 0;
        for (int j = 0; j < max_rank; ++j)
            if (m.at[j] < 0 || (ones >> m.at[j] & 1)) r = static_cast<unsigned char>(r | 1 << j);
        return r;
    }
    static constexpr bool keeps(const node& x, const sink& s) {
        if (x.ones == 0xff)
            return s.slot >= 0 || x.k == kind::scalar || x.k == kind::constant ||
                   x.k == kind::extent || x.k == kind::address;
        if (s.slot >= 0) return (x.ones & s.axes) == s.axes;
        for (int j = 0; j < max_rank; ++j)
            if (!(x.ones >> j & 1) && s.map.at[j] != j) return false;
        return s.map.rank == x.rank;
    }
    constexpr short view(short i, sink& s) {
        if (i < 0) return i;
        const node x = n[i];
        if (keeps(x, s)) return i;
        // A product seen in two ways is computed once: views of it are views of the stored value.
        if (from[i] & 1) return through(stored(i), s);
        if (s.done[i]) return static_cast<short>(s.done[i] - 1);
        const short r = see(i, x, s);
        s.done[i] = static_cast<short>(r + 1);
        return r;
    }
    constexpr short see(short i, node x, sink& s) {
        switch (x.k) {
            case kind::leaf:
            case kind::coordinate:
            case kind::index_map: return through(x, s);
            case kind::pointwise:
                if (x.op == op_expand) {
                    if (const short like = like_of(x); like >= 0) {
                        const bool number = n[x.in[0]].ones == 0xff;  // which has no axes to move
                        return expand_like(number ? x.in[0] : view(x.in[0], s), view(like, s));
                    }
                    x.in[0] = view(x.in[0], s);
                    return through(x, s);
                }
                for (short& c : x.in) c = view(c, s);
                x.rank = s.slot >= 0 ? x.rank : s.map.rank;
                x.ones = s.slot >= 0 ? x.ones : moved(x.ones, s.map);
                return above_view(x);
            case kind::reduction:
                if (s.slot >= 0) return through(stored(i), s);
                return under_fold(i, x, s);
            default: return i;
        }
    }
    // The node's array seen through one more step.
    constexpr short through(node x, const sink& s) {
        view_step v;
        v.parent = x.view;
        v.slot = s.slot;
        v.axes = s.axes;
        v.inner = s.inner;
        v.whole = s.whole;
        if (s.slot < 0) {
            v.map = s.map;
            x.ones = moved(x.ones, s.map);
            x.rank = s.map.rank;
            if (v.parent >= 0 && views[v.parent].slot < 0) {  // two permutations are one
                v.map = composed(views[v.parent].map, s.map);
                v.parent = views[v.parent].parent;
            }
            // One that changes nothing is none.
            if (v.parent < 0 && x.k == kind::index_map && x.slot < 0 && x.value == 0 &&
                x.rank == n[x.in[0]].rank && x.ones == n[x.in[0]].ones &&
                is_identity(v.map, x.ones))
                return x.in[0];
        }
        x.view = add_view(v);
        return add(x);
    }
    // Adds `x`, a pointwise node. Where all that it is computed from are numbers and values that
    // end the kernel of a product and are seen without their folded axes, it is computed there too,
    // and the result is seen so.
    constexpr short above_view(const node& x) {
        short like = -1;
        node below = x;
        for (short& c : below.in) {
            if (c < 0) continue;
            const node& y = n[c];
            if (y.k == kind::scalar || y.k == kind::constant || y.k == kind::extent) continue;
            if (base::spare == 0 || y.k != kind::index_map || y.slot >= 0 || y.value != 0 ||
                !(from[y.in[0]] & 4) || !is_squeeze(*this, c))
                return add(x);
            if (like >= 0 && (n[like].view != y.view || n[n[like].in[0]].rank != n[y.in[0]].rank))
                return add(x);
            like = c;
            c = y.in[0];
        }
        if (like < 0 || x.op == op_expand) return add(x);
        --base::spare;
        below.rank = 0;
        below.ones = 0xff;
        take_shape(below);
        node seen = stored(add(below));
        seen.view = n[like].view;
        seen.rank = x.rank;
        seen.ones = x.ones;
        return add(seen);
    }
    constexpr node stored(short i) const {
        node x;
        x.k = kind::index_map;
        x.type = n[i].type;
        x.rank = n[i].rank;
        x.ones = n[i].ones;
        x.in[0] = i;
        return x;
    }
    // Permutes the result of a reduction by permuting its operand: folded axes that the result no
    // longer shows move above its rank.
    // One of a product, whose axes stay where they are, is stored first: its kernel completes it.
    constexpr short under_fold(short i, node x, const sink& s) {
        sink inner;
        inner.map = s.map;
        unsigned char axes = 0, shown = 0;
        for (int j = 0; j < max_rank; ++j) {
            const int source = s.map.at[j];
            if (source < 0) continue;
            shown = static_cast<unsigned char>(shown | 1 << source);
            if (x.axes >> source & 1) axes = static_cast<unsigned char>(axes | 1 << j);
        }
        int place = s.map.rank;
        for (int a = 0; a < max_rank; ++a)
            if ((x.axes >> a & 1) && !(shown >> a & 1)) {
                if (place == max_rank)
                    throw "Sinter: a reduction needs more than 8 axes at once: assign its operand to a tensor.";
                axes = static_cast<unsigned char>(axes | 1 << place++);
            }
        // Which of these places a folded axis takes does not show in the result: they keep their
        // order, because positions (argmax) are counted in it.
        for (int j = 0, a = 0; j < max_rank; ++j) {
            if (!(axes >> j & 1)) continue;
            while (!(x.axes >> a & 1)) ++a;
            inner.map.at[j] = static_cast<signed char>(a++);
        }
        inner.map.rank = static_cast<signed char>(place);
        if ((from[i] & 4) && !keeps(n[x.in[0]], inner) && keeps_order(s.map, x.ones)) {
            // Its operand's nodes, four at least, are not repeated.
            base::spare += 4;
            return through(stored(i), s);
        }
        x.in[0] = view(x.in[0], inner);
        x.axes = axes;
        x.rank = s.map.rank;
        x.ones = static_cast<unsigned char>(moved(x.ones, s.map) | axes);
        return add(x);
    }
};

}  // namespace sinter::ir
