// Which leaves of a hand-written expression are probably the same array. Types cannot tell, run
// time can: this pass finds the equalities under which whole sub-expressions become one node, the
// program is compiled under that assumption, and exactly those equalities are checked when arrays
// are bound.
#pragma once

#include "sinter/ir/graph.hpp"

namespace sinter::ir {

/// Which slots to merge, found in a graph whose leaves are all distinct.
template <int Cap>
struct merge_plan {
    slot_map<Cap> slots{};
    bool any = false;
};

namespace merge {

// Union-find over the nodes of a graph.
template <int Cap>
struct classes {
    short parent[Cap]{};
    constexpr classes() {
        for (short i = 0; i < Cap; ++i) parent[i] = i;
    }
    constexpr short find(short i) const {
        while (parent[i] != i) i = parent[i];
        return i;
    }
    // The smaller number stands for both, so that a slot is met before it is used again.
    constexpr bool join(short a, short b) {
        a = find(a), b = find(b);
        if (a == b) return false;
        parent[a < b ? b : a] = a < b ? a : b;
        return true;
    }
};

// Worth sharing: a sub-expression that reduces, multiplies matrices, computes something dear or
// takes several operations. One addition is repeated for less than a wrong guess costs.
inline constexpr int dear_flops = 4;
constexpr bool dear(const node& x) {
    return x.k == kind::reduction || x.k == kind::contraction ||
           (x.k == kind::pointwise && (x.op == op_user || info_of(x.op).flops >= dear_flops));
}
constexpr bool is_source_node(const node& x) {
    return x.k == kind::leaf || x.k == kind::scalar || x.k == kind::constant ||
           x.k == kind::coordinate;
}

// Joins the sources below two structurally equal nodes.
template <int Cap>
constexpr void join_below(const graph<Cap>& g, classes<Cap>& nodes, short a, short b) {
    if (a < 0 || !nodes.join(a, b)) return;
    for (int k = 0; k < 3; ++k) join_below(g, nodes, g.n[a].in[k], g.n[b].in[k]);
}

// Results that are computed together usually read the same arrays in the same order: joins the k-th
// leaf of each type in every root with the k-th of that type in the first.
template <int Cap>
constexpr void join_siblings(const graph<Cap>& g, classes<Cap>& nodes) {
    short node_of[Cap]{};  // slot -> its plain leaf
    for (short i = 0; i < g.size; ++i)
        if (g.n[i].k == kind::leaf && g.n[i].view < 0) node_of[g.n[i].slot] = i;
    const auto same_type = [&](short a, short b) {
        const node &x = g.n[node_of[a]], &y = g.n[node_of[b]];
        return x.type == y.type && x.rank == y.rank;
    };
    for (int r = 1; r < g.roots; ++r) {
        const short first = g.root_leaves[r - 1];
        for (short s = first; s < g.root_leaves[r]; ++s) {
            int before = 0;
            for (short t = first; t < s; ++t) before += same_type(t, s);
            for (short t = 0; t < g.root_leaves[0]; ++t)
                if (same_type(t, s) && before-- == 0) nodes.join(node_of[t], node_of[s]);
        }
    }
}

}  // namespace merge

/// Finds the merges of graph `g`, whose slots are all distinct. `siblings`: guess also that several
/// roots read the same arrays.
template <int Cap>
constexpr merge_plan<Cap> find_merges(const graph<Cap>& g, bool siblings = false) {
    merge_plan<Cap> r;
    graph<Cap> shapes;   // the same nodes, whatever their leaves
    short like[Cap]{};   // node -> its structure
    short first[Cap]{};  // structure -> the first node that has it, plus one
    bool worth[Cap]{};
    merge::classes<Cap> nodes;
    for (short i = 0; i < g.size; ++i) {
        node x = g.n[i];
        const bool source = merge::is_source_node(x);
        if (source || (x.k == kind::pointwise && x.op == op_user)) x.slot = 0;
        worth[i] = merge::dear(x);
        for (short& c : x.in)
            if (c >= 0) {
                worth[i] = worth[i] || worth[c] || !merge::is_source_node(g.n[c]);
                c = like[c];
            }
        // A product of two equal structures is nearly always a square.
        const short left = g.n[i].in[0], right = g.n[i].in[1];
        if (x.k == kind::pointwise && x.op == op_id<op::mul> && x.in[0] == x.in[1] &&
            !merge::is_source_node(g.n[left]))
            merge::join_below(g, nodes, left, right);
        like[i] = shapes.add(x);
        short& before = first[like[i]];
        if (before == 0)
            before = static_cast<short>(i + 1);
        else if (!source && worth[i])
            merge::join_below(g, nodes, static_cast<short>(before - 1), i);
    }
    if (siblings) merge::join_siblings(g, nodes);
    // Nodes of one class share their slots; a slot may be behind several nodes (views of one
    // array).
    merge::classes<Cap> leaf, scalar, functor, shape;
    for (short i = 0; i < g.size; ++i) {
        const short j = nodes.find(i);
        const node &x = g.n[i], &y = g.n[j];
        if (x.slot == y.slot) continue;
        if (x.k == kind::leaf) r.any |= leaf.join(x.slot, y.slot);
        if (x.k == kind::scalar) r.any |= scalar.join(x.slot, y.slot);
        if (x.k == kind::coordinate) r.any |= shape.join(x.slot, y.slot);
        if (x.k == kind::pointwise && x.op == op_user) r.any |= functor.join(x.slot, y.slot);
    }
    for (short s = 0; s < Cap; ++s) {
        r.slots.leaf[s] = leaf.find(s);
        r.slots.scalar[s] = scalar.find(s);
        r.slots.functor[s] = functor.find(s);
        r.slots.shape[s] = shape.find(s);
    }
    return r;
}

}  // namespace sinter::ir
