// From a differentiated graph to the program that computes gradients: which values the forward
// program keeps for it, and a graph of its own in which those are arrays.
#pragma once

#include "sinter/ir/differentiate.hpp"

namespace sinter::ir {

/// The values that a forward program keeps for its gradients; one of them may be its result.
struct kept_values {
    short at[max_roots]{};
    int count = 0;
    bool too_many = false;
    constexpr bool has(short i) const {
        for (int k = 0; k < count; ++k)
            if (at[k] == i) return true;
        return false;
    }
    constexpr void add(short i) {
        if (has(i)) return;
        if (count == max_roots - 1) {
            too_many = true;
        } else {
            at[count++] = i;
        }
    }
};

/// A graph with gradients: `result` is the last node of the forward program, `top` the one whose
/// gradients were added behind it, `seed` the array that holds the derivative by it.
template <int Cap>
struct differentiated {
    graph<Cap> g;
    short result = -1, top = -1, seed = -1;
    gradient_parts parts{};
};

/// True for a single number that sums up whole arrays: another pass over them, but nothing to keep.
template <int Cap>
constexpr bool is_total(const graph<Cap>& g, short i) {
    return g.n[i].ones == 0xff && (g.from[i] & 2);
}

/// What a forward program keeps: values that it stores anyway, its result, products and totals,
/// which are dear to compute again; everything else the gradients compute once more. `stored` by
/// node.
template <int Cap>
constexpr kept_values find_kept(const differentiated<Cap>& d, const bool* stored) {
    const graph<Cap>& g = d.g;
    kept_values kept;
    bool need[Cap]{}, direct[Cap]{};  // direct: a node of a gradient reads it
    bool product[Cap]{};              // computing it from what is stored takes a product
    for (short i = 0; i <= d.result; ++i) {
        product[i] = g.n[i].k == kind::contraction;
        for (const short c : g.n[i].in)
            if (c >= 0 && (!stored[c] || is_padded_copy(g.n[c])) && !g.n[i].measures())
                product[i] = product[i] || product[c];
    }
    for (int k = 0; k < d.parts.count; ++k)
        need[d.parts.at[k].node] = direct[d.parts.at[k].node] = true;
    for (short i = static_cast<short>(g.size - 1); i >= 0; --i) {
        if (!need[i]) continue;
        const node& x = g.n[i];
        if (i <= d.result && x.k != kind::leaf && x.k != kind::index_map && !x.measures() &&
            !is_padded_copy(x) &&
            (stored[i] || i == d.result || (direct[i] && product[i]) || is_total(g, i))) {
            kept.add(i);
            continue;
        }
        if (x.measures()) continue;
        for (const short c : x.in) {
            if (c < 0) continue;
            need[c] = true;
            direct[c] = direct[c] || i > d.result || is_padded_copy(x);
        }
    }
    return kept;
}

/// Copies what the gradients need into a graph of its own, in which the kept values and the seed
/// are arrays behind the forward program's.
template <int Cap>
class extraction {
public:
    constexpr extraction(const differentiated<Cap>& d, const kept_values& kept)
        : d_(d), f_(d.g), kept_(kept) {
        for (int k = 0; k < d.parts.count; ++k) {
            value_[d.parts.at[k].node] = true;
            if (d.parts.at[k].through >= 0) shape_[d.parts.at[k].through] = true;
        }
        for (int k = 0; k < f_.turned_count; ++k)
            if (f_.turned[k].count == 0) need_shapes(f_.turned[k]);
        for (short i = static_cast<short>(f_.size - 1); i >= 0; --i) {
            const node& x = f_.n[i];
            if (value_[i] && kept.has(i)) continue;
            const short like = like_of(x);
            if ((value_[i] || shape_[i]) && like >= 0) shape_[like] = true;
            for (int k = 0; k < f_.turned_count; ++k)
                if (f_.turned[k].before == i && (value_[i] || shape_[i])) need_shapes(f_.turned[k]);
            for (const short c : x.in) {
                if (c < 0) continue;
                if (value_[i] && !x.measures()) {
                    value_[c] = true;
                } else if (value_[i] || shape_[i]) {
                    shape_[c] = true;
                }
            }
        }
    }

    /// Fills `g`; gives the parts with their nodes there.
    template <int To>
    constexpr gradient_parts into(graph<To>& g) const {
        short to[Cap]{};
        for (int v = 0; v < f_.view_count; ++v) g.views[v] = f_.views[v];
        g.view_count = f_.view_count;
        for (int k = 0; k < f_.visit_count; ++k)
            g.visits[k] = {f_.visits[k].what, f_.visits[k].slot};
        g.visit_count = f_.visit_count;
        g.leaves = f_.leaves, g.scalars = f_.scalars, g.functors = f_.functors;
        g.shapes = f_.shapes, g.slices = f_.slices, g.shares = f_.shares;
        short slot[max_roots]{};
        for (int k = 0; k < kept_.count; ++k) slot[k] = next_leaf(g);
        // The seed has the slot behind those of the forward program.
        const short seed = next_leaf(g);
        for (short i = 0; i < f_.size; ++i) {
            if (!value_[i] && !shape_[i]) continue;
            node x = f_.n[i];
            if (x.k == kind::leaf && x.slot == f_.leaves) x.slot = seed;
            if (const short s = slot_of(i, slot); s >= 0) {
                node leaf;
                leaf.type = x.type, leaf.rank = x.rank, leaf.ones = x.ones, leaf.slot = s;
                to[i] = g.add(leaf);
                continue;
            }
            for (short& c : x.in)
                if (c >= 0) c = to[c];
            if (const short like = like_of(f_.n[i]); like >= 0) x.value = like_value(to[like]);
            if (x.k == kind::index_map && x.slot < 0 && x.value == 0 && x.view >= 0 &&
                g.n[x.in[0]].k == kind::leaf && g.n[x.in[0]].view < 0) {
                x.k = kind::leaf;  // an array that is kept needs no storing
                x.slot = g.n[x.in[0]].slot;
                x.op = g.n[x.in[0]].op;
                x.in[0] = -1;
            }
            to[i] = g.add(x);
        }
        for (int k = 0; k < f_.turned_count; ++k) {
            turned_windows t = f_.turned[k];
            // The members of groups are seen by views, of which the first may be no node any more.
            while (t.count == 0 && !value_[t.before] && !shape_[t.before] && t.before < f_.size - 1)
                ++t.before;
            if (!value_[t.before] && !shape_[t.before]) continue;
            t.before = to[t.before], t.windows = to[t.windows], t.of = to[t.of];
            if (t.other >= 0) t.other = to[t.other];
            g.turned[g.turned_count++] = t;
        }
        gradient_parts r = d_.parts;
        for (int k = 0; k < r.count; ++k) {
            r.at[k].node = to[r.at[k].node];
            if (r.at[k].through >= 0) r.at[k].through = to[r.at[k].through];
        }
        return r;
    }

private:
    constexpr void need_shapes(const turned_windows& t) {
        shape_[t.windows] = shape_[t.of] = true;
        if (t.other >= 0) shape_[t.other] = true;
    }
    template <int To>
    static constexpr short next_leaf(graph<To>& g) {
        const short slot = static_cast<short>(g.leaves++);
        g.note(visit::leaf, slot);
        return slot;
    }
    constexpr short slot_of(short i, const short* slot) const {
        if (!value_[i]) return -1;
        for (int k = 0; k < kept_.count; ++k)
            if (kept_.at[k] == i) return slot[k];
        return -1;
    }

    const differentiated<Cap>& d_;
    const graph<Cap>& f_;
    const kept_values& kept_;
    bool value_[Cap]{}, shape_[Cap]{};  // its value is needed; its shape
};

}  // namespace sinter::ir
