// What an expression graph holds, and its sources: hash-consed nodes in a fixed array, view steps,
// what emission has visited, and the values in scope of `with`.
#pragma once

#include "sinter/ir/node.hpp"

namespace sinter::ir {

/// The limits of a graph; one more is a compile-time error that names the limit.
inline constexpr int max_nodes = 640, small_graph = 128, max_views = 64, max_roots = 16,
                     max_scopes = 16, max_scope_values = 8;

/// Which slot each visited leaf, scalar and functor takes: its own, or that of an earlier one that
/// the program assumes to be the same (checked when arrays are bound).
template <int Cap>
struct slot_map {
    short leaf[Cap]{}, scalar[Cap]{}, functor[Cap]{}, shape[Cap]{};
    constexpr slot_map() {
        for (short i = 0; i < Cap; ++i) leaf[i] = scalar[i] = functor[i] = shape[i] = i;
    }
};

/// What an expression's emission meets, in order: how the run-time operands are matched to slots.
/// `note` belongs to the leaf before it and has no part in the graph.
/// An origin is a shape with the device of what is made there, if that was said.
enum class visit : unsigned char {
    leaf,
    scalar,
    functor,
    shape,
    slice,
    share,
    share_again,
    share_known,
    origin,
    note
};

/// True for addresses of one object. With -fsanitize=undefined g++ does not take "they differ" for
/// a constant.
constexpr bool same_tag(const void* a, const void* b) {
    if (__builtin_is_constant_evaluated()) return __builtin_constant_p(a == b) && a == b;
    return a == b;
}

/// An operand of a product whose values are computed more often than there are any: `values` as its
/// kernel reads `of`, at a cost of `flops` each.
struct again {
    short values = -1, of = -1, flops = 0;
};

/// The nodes of a graph and how they are added.
template <int Cap>
struct graph_nodes {
    static constexpr int cap = Cap;
    node n[Cap]{};
    int size = 0;
    view_step views[max_views]{};
    int view_count = 0;
    short root[max_roots]{};
    short root_leaves[max_roots]{};  // leaves met up to the end of each root
    int roots = 0;
    // Emission state: what was visited (leaf, scalar, ... and its slot), and the values in scope of
    // `with`.
    struct visited {
        visit what = visit::leaf;
        short slot = 0;
    } visits[Cap]{};
    int visit_count = 0;
    int leaves = 0, scalars = 0, functors = 0, shapes = 0, slices = 0, shares = 0;
    slot_map<Cap> slots{};
    bool shares_as_leaves =
        false;                // a shared sub-expression was evaluated before: it is one more array
    bool tf32 = false;        // contractions of float that are added may round their operands
    bool of_product = false;  // the next windows are those of a product
    // What a product would compute again in every window, or by a costly functor in every tile, is
    // stored first.
    bool operands_stored = false;
    again recomputed{};            // the dearest of what is not
    bool costly_functors = false;  // there are some
    struct scope {
        const void* tag = nullptr;
        short value[max_scope_values]{};
    } scopes[max_scopes]{};
    int depth = 0;
    struct memo_entry {
        const void* tag = nullptr;
        short node = -1, number = -1;
    } memo[64]{};
    int memos = 0;
    // By the bounds of a padding: the axes that may have zeros; none where nobody said. A few: each
    // costs every expression.
    static constexpr int max_known_zeros = 16;
    unsigned char zeros_along[max_known_zeros]{};
    turned_windows turned[max_turned]{};
    int turned_count = 0;
    int arguments = 0;  // of `gradient`

    // Nodes by hash, so that building stays linear: compilers bound the steps of a constant
    // evaluation.
    static constexpr int buckets = 64;
    short bucket[buckets]{}, next[Cap]{};  // numbers plus one
    // What a value is computed from at its own coordinates: bit 0 a contraction, bit 1 a reduction,
    // bit 2 one of a contraction's values that its kernel may complete.
    unsigned char from[Cap]{};
    // Nodes that emission may still leave unused, see above_view.
    int spare = 0;

    /// Adds `x` unless it is there already; gives its number.
    constexpr short add(const node& x) {
        short& first = bucket[hash(x)];
        for (int i = first; i; i = next[i - 1])
            if (n[i - 1].op == x.op && n[i - 1].in[0] == x.in[0] && n[i - 1] == x)
                return static_cast<short>(i - 1);
        if (size == Cap)
            throw "Sinter: an expression has too many operations: assign a part of it to a tensor, or use "
                  "`with` or `share`.";
        n[size] = x;
        from[size] = x.k == kind::contraction ? 1 : 0;
        if (x.k == kind::reduction) from[size] = ends_product(x) ? 6 : 2;
        if (x.k == kind::pointwise)
            for (const short c : x.in)
                if (c >= 0) from[size] = static_cast<unsigned char>(from[size] | from[c]);
        next[size] = first;
        first = static_cast<short>(size + 1);
        return static_cast<short>(size++);
    }
    constexpr short add_view(const view_step& v) {
        for (int i = 0; i < view_count; ++i)
            if (views[i] == v) return static_cast<short>(i);
        if (view_count == max_views)
            throw "Sinter: an expression has too many views: assign a part of it to a tensor.";
        views[view_count] = v;
        return static_cast<short>(view_count++);
    }
    constexpr void add_root(short i) {
        root[roots] = i;
        root_leaves[roots++] = static_cast<short>(leaves);
    }
    constexpr void note(visit what, int slot) {
        if (visit_count == Cap)
            throw "Sinter: an expression has too many operands: assign a part of it to a tensor.";
        visits[visit_count++] = {what, static_cast<short>(slot)};
    }

    // ---- sources
    // -------------------------------------------------------------------------------------------
    constexpr short leaf(dtype t, int rank) {
        const short slot = slots.leaf[leaves++];
        note(visit::leaf, slot);
        return leaf_in(slot, t, rank);
    }
    /// An array whose gradient may be wanted: never the same node as a plain array.
    constexpr short variable(dtype t, int rank) {
        const short slot = slots.leaf[leaves++];
        note(visit::leaf, slot);
        return leaf_in(slot, t, rank, leaf_variable);
    }
    constexpr short leaf_in(short slot, dtype t, int rank, unsigned char what = 0) {
        node x;
        x.op = what;
        x.type = t;
        x.rank = static_cast<signed char>(rank);
        x.ones = unit_axes(rank);
        x.slot = slot;
        return add(x);
    }
    constexpr short scalar(dtype t) {
        node x;
        x.k = kind::scalar;
        x.type = t;
        x.slot = slots.scalar[scalars++];
        note(visit::scalar, x.slot);
        return add(x);
    }
    constexpr short constant(dtype t, double v) {
        node x;
        x.k = kind::constant;
        x.type = t;
        x.value = constant_bits(t, v);
        return add(x);
    }
    /// Array `i` as the argument of `gradient`: a node of its own, so that other mentions of the
    /// array, which the function takes for constants, are never the same. An argument within the
    /// function of another `gradient` stays that one's.
    constexpr short argument(short i) {
        node x = n[i];
        if (x.k != kind::leaf || x.view >= 0)
            throw "Sinter: gradient: the argument must be an array or a variable: assign it to "
                  "one.";
        if (x.op > leaf_variable) return i;
        if (arguments == 127) throw "Sinter: an expression has more than 127 gradients.";
        x.op = static_cast<unsigned char>(x.op | ++arguments << 1);
        return add(x);
    }
    /// Makes arguments of `gradient` plain arrays again when all gradients are emitted, and what is
    /// then computed twice one node.
    constexpr void forget_arguments() {
        if (arguments == 0) return;
        const graph_nodes old = *this;
        for (int i = 0; i < size; ++i) n[i] = {}, next[i] = 0, from[i] = 0;
        for (short& first : bucket) first = 0;
        size = arguments = 0;
        short to[Cap]{};
        for (int i = 0; i < old.size; ++i) {
            node x = old.n[i];
            if (x.k == kind::leaf) x.op &= leaf_variable;
            for (short& c : x.in)
                if (c >= 0) c = to[c];
            if (const short like = like_of(x); like >= 0) x.value = like_value(to[like]);
            to[i] = add(x);
        }
        for (int k = 0; k < roots; ++k) root[k] = to[root[k]];
        for (int k = 0; k < memos; ++k) memo[k].node = to[memo[k].node];
        if (recomputed.values >= 0)
            recomputed.values = to[recomputed.values], recomputed.of = to[recomputed.of];
        for (int k = 0; k < turned_count; ++k) {
            turned_windows& t = turned[k];
            t.before = to[t.before], t.windows = to[t.windows], t.of = to[t.of];
            if (t.other >= 0) t.other = to[t.other];
        }
    }
    /// The number of elements of `of` along `axes`, as a value of type `t`.
    constexpr short extent(short of, unsigned char axes, dtype t) {
        if ((n[of].ones & axes) == axes) return constant(t, 1);
        node x;
        x.k = kind::extent;
        x.type = t;
        x.in[0] = of;
        x.axes = axes;
        return add(x);
    }

    /// The number of each element of the next run-time shape, in row-major order.
    constexpr short coordinate(dtype t, int rank) {
        node x;
        x.k = kind::coordinate;
        x.type = t;
        x.rank = static_cast<signed char>(rank);
        x.ones = unit_axes(rank);
        x.slot = slots.shape[shapes++];
        note(visit::origin, x.slot);
        return add(x);
    }
    /// The number of each element of `of` in row-major order along `axes`; the others have extent
    /// 1. Does not depend on the values of `of`: its derivative is nothing.
    constexpr short coordinate(short of, unsigned char axes, dtype t) {
        node x;
        x.k = kind::coordinate;
        x.type = t;
        x.rank = n[of].rank;
        x.ones = static_cast<unsigned char>((n[of].ones | ~axes) & 0xff);
        x.axes = axes;
        x.in[0] = of;
        return add(x);
    }

    // ---- scopes (`with`) and shared sub-expressions
    // ----------------------------------------------------------
    constexpr void enter(const void* tag, const short* values, int count) {
        if (depth == max_scopes) throw "Sinter: `with` is nested too deeply.";
        scopes[depth].tag = tag;
        for (int i = 0; i < count; ++i) scopes[depth].value[i] = values[i];
        ++depth;
    }
    constexpr void leave() { --depth; }
    constexpr bool in_scope(const void* tag) const {
        for (int d = depth - 1; d >= 0; --d)
            if (same_tag(scopes[d].tag, tag)) return true;
        return false;
    }
    constexpr short lookup(const void* tag, int i) const {
        for (int d = depth - 1; d >= 0; --d)
            if (same_tag(scopes[d].tag, tag)) return scopes[d].value[i];
        throw "Sinter: an argument of `with` was used outside its function.";
    }
    constexpr const memo_entry* remembered(const void* tag) const {
        for (int i = 0; i < memos; ++i)
            if (same_tag(memo[i].tag, tag)) return &memo[i];
        return nullptr;
    }
    constexpr void remember(const void* tag, short node, int number) {
        if (memos == 64)
            throw "Sinter: an expression has more than 64 shared parts: assign one to a tensor.";
        memo[memos++] = {tag, node, static_cast<short>(number)};
    }

    /// How many axes of what node `i` loads lie in the midst of zeros that no memory holds.
    constexpr int guards_of(short i) const {
        for (short v = n[i].view; v >= 0; v = views[v].parent)
            if (views[v].whole >= 0) return __builtin_popcount(views[v].axes);
        return 0;
    }
    /// True when nothing of `i` depends on the coordinates: scalars, constants and rank-0 arrays.
    constexpr bool uniform(short i) const { return n[i].ones == 0xff; }

protected:
    // What computing `a` from arrays costs; no more is counted than `most`.
    constexpr int flops_up_to(short a, int most) const {
        if (n[a].k != kind::pointwise) return 0;
        int flops = (n[a].op == op_user ? n[a].axes : info_of(n[a].op).flops) + 1;
        for (const short c : n[a].in)
            if (c >= 0 && flops < most) flops += flops_up_to(c, most - flops);
        return flops;
    }
    // What computing `a` from arrays costs, and whether by a costly operation or functor.
    struct costs {
        int flops = 0;
        bool operation = false, functor = false;
    };
    constexpr costs costs_of(short a) const {
        costs r;
        bool need[Cap]{};
        need[a] = true;
        for (short i = a; i >= 0; --i) {
            const node& x = n[i];
            if (!need[i] || x.k != kind::pointwise) continue;
            const bool own = x.op == op_user;
            const int flops = own ? x.axes : info_of(x.op).flops;
            r.flops += flops + 1;
            (own ? r.functor : r.operation) |= flops >= costly_flops;
            for (const short c : x.in)
                if (c >= 0) need[c] = true;
        }
        return r;
    }
    constexpr void computes_again(short values, short of, int flops) {
        if (flops > recomputed.flops) recomputed = {values, of, static_cast<short>(flops)};
    }
    // True when `a` is 0 wherever the arrays that it is computed from are.
    constexpr bool keeps_zeros(short a, unsigned char along) const {
        const node& x = n[a];
        if (x.k == kind::leaf) return x.op == 0 && guards_of(a) == 0 && !(x.ones & along);
        if (x.k != kind::pointwise || from[a]) return false;
        const auto uniform = [&](short c) {
            const kind k = n[c].k;
            return k == kind::scalar || k == kind::constant;
        };
        if (x.op == op_cast || x.op == op_id<op::relu> || x.op == op_id<op::abs> ||
            x.op == op_id<op::neg>)
            return x.slot < 0 && keeps_zeros(x.in[0], along);
        if (x.op == op_id<op::mul>)
            return (uniform(x.in[0]) || keeps_zeros(x.in[0], along)) &&
                   (uniform(x.in[1]) || keeps_zeros(x.in[1], along));
        if (x.op == op_id<op::div>) return uniform(x.in[1]) && keeps_zeros(x.in[0], along);
        return false;
    }
    // True for a computed value with its axes in another order.
    constexpr bool is_reordered(const node& x) const {
        if (x.k != kind::index_map || x.slot >= 0 || x.value != 0 || x.view < 0) return false;
        const view_step& v = views[x.view];
        int named = 0, shown = 0;
        for (int j = 0; j < max_rank; ++j) {
            const int axis = v.map.at[j] < 0 ? 0 : 1 << v.map.at[j];
            if (named & axis) return false;
            named |= axis;
            shown |= ~n[x.in[0]].ones & 1 << j;
        }
        return v.parent < 0 && v.slot < 0 && (named & shown) == shown;
    }
    static constexpr bool is_identity(const axis_map& m, unsigned char ones) {
        for (int j = 0; j < max_rank; ++j)
            if (!(ones >> j & 1) && m.at[j] != j) return false;
        return true;
    }
    constexpr void take_shape(node& x) {
        for (const short c : x.in)
            if (c >= 0) {
                if (n[c].rank > x.rank) x.rank = n[c].rank;
                x.ones = static_cast<unsigned char>(x.ones & n[c].ones);
            }
    }

private:
    // True for a reduction of a contraction's values alone, of whose tiles it leaves enough: of
    // rows (axis 0), or of a plain product. Few windows of each of many images would fill no tile.
    constexpr bool ends_product(const node& x) const {
        if ((from[x.in[0]] & 3) != 1 || reduction_info_of(x.op).result == reduces_to::position)
            return false;
        short c = x.in[0];
        while (n[c].k == kind::pointwise) {
            short below = -1;
            for (const short d : n[c].in)
                if (d >= 0 && (from[d] & 1)) below = d;
            c = below;
        }
        return (x.axes & 1) != 0 || __builtin_popcount(n[c].axes) == 1;
    }
    static constexpr int hash(const node& x) {
        return (x.op + 7 * x.in[0] + 13 * x.in[1] + 29 * x.slot + 5 * x.view +
                static_cast<int>(x.value & 31) + 64 * 64) %
               buckets;
    }
};

}  // namespace sinter::ir
