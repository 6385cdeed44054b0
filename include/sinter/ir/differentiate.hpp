// Reverse mode on the graph: adds the nodes of gradients to it. An adjoint may have more elements
// than its value where extents turn out to be 1 at run time: what it sums to, over those axes, is
// the derivative. The axes that are known to have extent 1 are summed here, the others where the
// gradient of an array is complete.
#pragma once

#include "sinter/ir/derivatives.hpp"
#include "sinter/ir/symbolic.hpp"
#include "sinter/ir/turn.hpp"

namespace sinter::ir {

/// A part of a gradient: of the array in `slot`, or of node `cut`, at which the walk back stops.
/// All of it, or, when `through` is a node, what is seen through that node's windows and slices.
struct gradient_part {
    short node = -1, slot = -1, through = -1, cut = -1;
};
/// The parts of a program's gradients.
struct gradient_parts {
    gradient_part at[max_roots]{};
    int count = 0;
    bool too_many = false;
    constexpr void add(const gradient_part& p) {
        if (count == max_roots) {
            too_many = true;
        } else {
            at[count++] = p;
        }
    }
};
/// The nodes at which the walk back stops, because a reader sees them through windows or slices;
/// the result first, then the last first.
struct gradient_cuts {
    static constexpr int most = 8;
    short at[most]{};
    int count = 0;
    constexpr bool has(short i) const {
        for (int k = 0; k < count; ++k)
            if (at[k] == i) return true;
        return false;
    }
    constexpr void add(short i) {
        if (has(i)) return;
        if (count == most)
            throw "Sinter: the gradient of an expression cuts too many of its values: assign one to a variable.";
        int k = count++;
        for (; k > 0 && at[k - 1] < i; --k) at[k] = at[k - 1];
        at[k] = i;
    }
};

/// Where the extents of each axis of a node come from: bits of arrays and given shapes.
template <int Cap>
class extent_sources {
public:
    constexpr explicit extent_sources(const graph<Cap>& g) : g_(g) {}
    /// The axes along which `i` may be shorter than `j`, which is computed from it.
    constexpr unsigned char unproven(short i, short j) {
        update();
        unsigned char r = 0;
        for (int k = 0; k < max_rank; ++k)
            if (of_[i][k] != of_[j][k] || of_[i][k] >> 63)
                r = static_cast<unsigned char>(r | ((~g_.n[j].ones >> k & 1) << k));
        return r;
    }
    /// True when both have one shape, whatever the extents.
    constexpr bool proven_same(short i, short j) { return (unproven(i, j) | unproven(j, i)) == 0; }
    /// `i` has the shape of `like`.
    constexpr void same(short i, short like) {
        update();
        for (int k = 0; k < max_rank; ++k) of_[i][k] = of_[like][k];
    }

private:
    constexpr void update() {
        for (; known_ < g_.size; ++known_) {
            const node& x = g_.n[known_];
            uint64(&mine)[max_rank] = of_[known_];
            const short like = like_of(x);
            const bool own = x.k == kind::leaf || x.k == kind::index_map ||
                             (x.k == kind::coordinate && x.in[0] < 0) ||
                             (x.k == kind::pointwise && x.op == op_expand && like < 0);
            const uint64 bit = uint64{1} << (own && sources_ < 63 ? sources_++ : 63);
            for (int k = 0; k < max_rank; ++k) {
                if (x.ones >> k & 1) continue;
                if (own) {
                    mine[k] = bit;
                    continue;
                }
                for (const short c : x.in)
                    if (c >= 0) mine[k] |= of_[c][k];
                if (like >= 0) mine[k] |= of_[like][k];
            }
        }
    }
    const graph<Cap>& g_;
    uint64 of_[Cap][max_rank]{};  // bit 63: unknown
    short known_ = 0;
    int sources_ = 0;
};

template <int Cap>
class differentiator : turner<Cap> {
    using base = turner<Cap>;
    using base::g_, base::sum_, base::shown, base::product_of, base::split, base::rearranged,
        base::std_swap;

public:
    /// By variables, or by the argument of `gradient` whose leaf has this `op`.
    constexpr explicit differentiator(graph<Cap>& g, unsigned char argument = 0)
        : base(g), grow_(g), sources_(g), argument_(argument) {
        for (short& a : adjoint_) a = -1;
    }
    /// Adds the gradients of `top` by the variables and the cuts below it, given its own derivative
    /// `seed`, whose shape is that of `top`; `users` are the rules of functors.
    constexpr gradient_parts run(short top,
                                 short seed,
                                 const gradient_cuts& cuts,
                                 const derivative_rule* users) {
        users_ = users;
        if (g_.n[seed].k == kind::leaf) sources_.same(seed, top);
        for (short i = 0; i <= top; ++i) wanted_[i] = wants(i);
        adjoint_[top] = seed;
        for (short i = top; i >= 0; --i) {
            if (adjoint_[i] < 0 || !wanted_[i]) continue;
            if (i != top && cuts.has(i)) {
                parts_.add({adjoint_[i], -1, -1, i});
                wanted_[i] = false;
            } else {
                visit(i, {grow_, adjoint_[i]});
            }
        }
        for (short i = 0; i <= top; ++i)
            if (adjoint_[i] >= 0 && wanted_[i] && g_.n[i].k == kind::leaf) finish(i);
        return parts_;
    }

private:
    constexpr bool wants(short i) const {
        const node& x = g_.n[i];
        if (!is_floating(x.type)) return false;
        if (x.k == kind::leaf) return argument_ ? x.op == argument_ : (x.op & leaf_variable) != 0;
        if (x.slot == gradient_stop || x.measures()) return false;
        for (const short c : x.in)
            if (c >= 0 && wanted_[c]) return true;
        return false;
    }
    constexpr symbolic at(short i) { return {grow_, i}; }

    constexpr void visit(short i, symbolic dy) {
        const node x = g_.n[i];
        switch (x.k) {
            case kind::pointwise: visit_pointwise(i, x, dy); break;
            case kind::reduction: visit_reduction(i, x, dy); break;
            case kind::contraction:
                g_.tf32 = x.op == core_tf32;
                for (int side = 0; side < 2; ++side)
                    if (wanted_[x.in[side]]) contract(x, side, dy.id());
                g_.tf32 = false;
                break;
            case kind::index_map: visit_map(i, x, dy.id()); break;
            default: break;
        }
    }
    constexpr void visit_pointwise(short i, const node& x, symbolic dy) {
        if (x.op == op_cast) return flow(x.in[0], at(g_.cast(dy.id(), g_.n[x.in[0]].type)));
        if (x.op == op_expand) return flow(x.in[0], dy);
        symbolic in[3], out[3];
        for (int k = 0; k < 3; ++k)
            if (x.in[k] >= 0) in[k] = at(x.in[k]);
        if (x.op >= op_count && x.op != op_user) return;  // what reads through an address
        const derivative_rule rule = x.op == op_user ? users_[x.slot] : derivative_rules.at[x.op];
        rule(at(i), dy, in, out);
        for (int k = 0; k < 3; ++k)
            if (x.in[k] >= 0) flow(x.in[k], out[k]);
    }
    constexpr void visit_reduction(short i, const node& x, symbolic dy) {
        const symbolic a = at(x.in[0]), y = at(i);
        const auto summed = [&](symbolic v) { return at(g_.reduce(sum_, x.axes, v.id())); };
        // A choice, not a conversion: compilers make vectors of the former.
        const auto as_number = [&](symbolic mask) {
            return choose(mask, y.number(1), y.number(0));
        };
        if (x.op == sum_) {
            flow(a.id(), at(g_.expand_like(dy.id(), a.id())));
        } else if (x.op == reduction_id<red::max> || x.op == reduction_id<red::min>) {
            const symbolic found = a == y;  // equal elements share it
            flow(a.id(), choose(found, dy / summed(as_number(found)), 0.0));
        } else if (x.op == reduction_id<red::prod>) {
            // The product of the others, also where elements are 0.
            const symbolic zero = a == 0.0, zeros = summed(as_number(zero));
            const symbolic others = choose(zero, 1.0, a),
                           p = at(g_.reduce(x.op, x.axes, others.id()));
            const symbolic rest =
                choose(zero, choose(zeros == 1.0, p, 0.0), choose(zeros == 0.0, p / others, 0.0));
            flow(a.id(), dy * rest);
        }
    }
    // An operand's derivative is the product of the other operand with dy, summed over the axes
    // that the operand does not have.
    constexpr void contract(const node& x, int side, short dy) {
        const short a = x.in[side];
        short b = x.in[1 - side];
        const unsigned char groups = groups_of(x, side);
        if (turn(a, dy, b, groups, true)) return;
        if (groups) split(a, groups, dy, b);
        const unsigned char kept = shown(a),
                            summed = static_cast<unsigned char>((shown(dy) | shown(b)) & ~kept);
        if (!summed) return flow(a, at(dy) * at(b));
        // The result lies as the array that `a` sees: its transpose would be one more kernel.
        axis_map order = {}, m = {}, back = {};
        if (const short seen = seen_below(a); seen >= 0) order = permutation_of(seen);
        for (int rank = 0; rank < max_rank; ++rank)
            for (int j = 0; j < max_rank; ++j)
                if ((kept >> j & 1) && order.at[j] == rank)
                    m.at[m.rank++] = static_cast<signed char>(j);
        for (int j = 0; j < max_rank; ++j)
            if ((kept >> j & 1) && order.at[j] < 0) m.at[m.rank++] = static_cast<signed char>(j);
        const int rank = m.rank;
        back.rank = g_.n[a].rank;
        for (int j = 0; j < rank; ++j) back.at[m.at[j]] = static_cast<signed char>(j);
        flow(a, at(rearranged(product_of(dy, b, m, summed, groups_of(x, 1 - side)), back)));
    }
    // The gradient of an array in windows, as turned() gives it; false where `a` is no such thing.
    constexpr bool turn(short a, short dy, short b, unsigned char groups, bool contracts) {
        const short whole = this->turned(a, dy, b, groups, contracts);
        if (whole < 0) return false;
        const node x = g_.n[a];
        if (x.k == kind::leaf) {
            add_whole(x.slot, whole);
        } else {
            flow_back(x, whole);
        }
        return true;
    }
    constexpr short before_broadcast(short i) const {
        while (g_.n[i].k == kind::pointwise && like_of(g_.n[i]) >= 0) i = g_.n[i].in[0];
        return i;
    }
    // The gradient of windows where `dy` is the derivative of what sees an array in windows, and a
    // product of one value per window with one per place in all windows, as for a mean.
    constexpr bool turn_sum(short a, short dy) {
        short p = before_broadcast(dy), q = -1;
        const node& x = g_.n[p];
        if (x.k == kind::pointwise && x.op == op_id<op::mul> && windows_of(g_, a, p).count == 0) {
            p = before_broadcast(x.in[0]);
            q = before_broadcast(x.in[1]);
            if (__builtin_popcount(shown(p)) < __builtin_popcount(shown(q))) std_swap(p, q);
        }
        const window_view w = windows_of(g_, a, p);
        int kept = 0;
        for (int k = 0; k < w.count; ++k) kept |= 1 << w.kept[k];
        if (w.inner || (sources_.unproven(p, dy) & kept)) return false;
        if (q >= 0 && (shown(q) & kept)) return false;
        return turn(a, p, q, 0, false);
    }
    // An array below `i` that is seen through permutations alone, or -1.
    constexpr short seen_below(short i) const {
        const node& x = g_.n[i];
        if (x.k == kind::leaf || x.k == kind::index_map) return only_permuted(i) ? i : short{-1};
        if (x.k != kind::pointwise) return -1;
        for (const short c : x.in)
            if (c >= 0 && wanted_[c]) return seen_below(c);
        return -1;
    }
    constexpr bool only_permuted(short i) const {
        for (short v = g_.n[i].view; v >= 0; v = g_.views[v].parent)
            if (g_.views[v].slot >= 0 || has_windows(g_.views[v].map)) return false;
        return true;
    }
    static constexpr bool has_windows(const axis_map& m) {
        unsigned seen = 0;
        for (const signed char a : m.at) {
            if (a < 0) continue;
            if (seen >> a & 1) return true;
            seen |= 1U << a;
        }
        return false;
    }
    // For each axis of node `i`, the axis of the array that it is.
    constexpr axis_map permutation_of(short i) const {
        axis_map m;
        m.rank = max_rank;
        for (signed char j = 0; j < max_rank; ++j) m.at[j] = j;
        for (short v = g_.n[i].view; v >= 0; v = g_.views[v].parent)
            m = composed(g_.views[v].map, m);
        return m;
    }
    // `dy`, which is seen as node `i` is, as the array behind it lies.
    constexpr short unseen(short i, short dy) {
        if (g_.n[i].view < 0) return dy;
        const axis_map m = permutation_of(i);
        axis_map back;
        for (int j = 0; j < max_rank; ++j) {
            if ((g_.n[i].ones >> j & 1) || m.at[j] < 0) continue;
            back.at[m.at[j]] = static_cast<signed char>(j);
            if (m.at[j] >= back.rank) back.rank = static_cast<signed char>(m.at[j] + 1);
        }
        return rearranged(dy, back);
    }
    constexpr void visit_map(short i, const node& x, short dy) {
        if (!only_permuted(i)) {
            if (turn_sum(i, dy)) return;
            parts_.add({dy, -1, i, x.in[0]});
            return;
        }
        flow_back(x, unseen(i, dy));
    }
    // `whole` is the gradient of what index map `x` makes of its operand.
    constexpr void flow_back(const node& x, short whole) {
        const bool same_shape = x.slot < 0 && x.value == 0;
        if (is_padded(x))
            whole = g_.slice_in(whole, static_cast<unsigned char>(~unit_axes(x.rank)), x.axes);
        else if (!same_shape)
            whole = g_.reshape_like(whole, x.in[0]);
        flow(x.in[0], at(whole));
    }

    constexpr short without_axes(short to, short what) {
        const auto axes = static_cast<unsigned char>(g_.n[to].ones & shown(what));
        if (!axes) return what;
        const node& x = g_.n[what];
        const short like = like_of(x);
        if (x.k == kind::pointwise && like >= 0) {  // a sum of equal terms
            const node& term = g_.n[x.in[0]];
            const auto rest = static_cast<unsigned char>(~(x.ones | axes));
            if (!(~term.ones & axes) && (~term.ones & rest) == rest &&
                !sources_.unproven(x.in[0], like_rest(what, axes)))
                return (at(x.in[0]) * at(count(like, axes, term.type))).id();
        }
        return g_.reduce(sum_, axes, what);
    }
    // What `what` is after `axes` of it are summed: names its shape.
    constexpr short like_rest(short what, unsigned char axes) {
        return g_.reduce(sum_, axes, what);
    }
    constexpr short count(short of, unsigned char axes, dtype t) {
        const dtype exact = t == dtype::f64 ? t : dtype::f32;  // half numbers end at 65504
        return g_.cast(g_.extent(of, axes, exact), t);
    }
    constexpr void flow(short to, symbolic v) {
        if (!wanted_[to] || !v.exists()) return;
        const short what = without_axes(to, v.id());
        adjoint_[to] = adjoint_[to] < 0 ? what : sum(adjoint_[to], what);
    }
    // a + b, where one that turns out to be broadcast must not count once for every copy.
    constexpr short sum(short a, short b) {
        const short s = g_.apply(op_id<op::add>, a, b);
        const unsigned char of_a = sources_.unproven(a, s), of_b = sources_.unproven(b, s);
        if (!(of_a | of_b)) return s;
        return g_.apply(op_id<op::add>, share_of(a, s, of_a), share_of(b, s, of_b));
    }
    constexpr short share_of(short a, short s, unsigned char axes) {
        if (!axes) return a;
        const dtype t = g_.n[a].type, exact = t == dtype::f64 ? t : dtype::f32;
        const short ratio =
            g_.apply(op_id<op::div>, g_.extent(a, axes, exact), g_.extent(s, axes, exact));
        return scaled(a, g_.cast(ratio, t));
    }
    // a times a number, at the smallest of a's factors.
    constexpr short scaled(short a, short by) {
        const node x = g_.n[a];
        if (x.k == kind::pointwise && like_of(x) >= 0)
            return g_.expand_like(scaled(x.in[0], by), like_of(x));
        if (x.k == kind::pointwise && (x.op == op_id<op::mul> || x.op == op_id<op::div>)) {
            const bool second =
                x.op == op_id<op::mul> &&
                __builtin_popcount(g_.n[x.in[1]].ones) > __builtin_popcount(g_.n[x.in[0]].ones);
            const short first = second ? x.in[0] : scaled(x.in[0], by);
            return g_.apply(x.op, first, second ? scaled(x.in[1], by) : x.in[1]);
        }
        return g_.apply(op_id<op::mul>, a, by);
    }

    constexpr void finish(short i) {
        const short slot = g_.n[i].slot;
        if (!only_permuted(i)) {
            if (turn_sum(i, adjoint_[i])) return;
            if (g_.guards_of(i) > 0)
                throw "Sinter: the gradient of an expression has too many convolutions: assign a part of it to a variable.";
            parts_.add({adjoint_[i], slot, i, -1});
            return;
        }
        add_whole(slot, unseen(i, adjoint_[i]));
    }
    constexpr void add_whole(short slot, short whole) {
        for (int k = 0; k < parts_.count; ++k) {
            gradient_part& p = parts_.at[k];
            if (p.slot != slot || p.through >= 0) continue;
            p.node = sum(p.node, whole);
            return;
        }
        parts_.add({whole, slot, -1, -1});
    }

    growing<Cap> grow_;
    extent_sources<Cap> sources_;
    unsigned char argument_;
    short adjoint_[Cap]{};
    bool wanted_[Cap]{};
    gradient_parts parts_{};
    const derivative_rule* users_ = nullptr;  // by functor
};

/// Adds the gradients of node `top` by all variables to `g`, given the derivative `seed` of the
/// result by it.
template <int Cap>
constexpr gradient_parts differentiate(graph<Cap>& g, short top, short seed) {
    return differentiator<Cap>(g).run(top, seed, {}, nullptr);
}

}  // namespace sinter::ir
