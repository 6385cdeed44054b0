// Values of a graph under construction, with arithmetic: what derivative rules are written in.
#pragma once

#include "sinter/ir/graph.hpp"

namespace sinter::ir {

/// A graph without its capacity, as rules see it: each is compiled once, whatever the capacity.
class grower {
public:
    constexpr virtual const node& at(short i) const = 0;
    constexpr virtual short apply(int op, short a, short b, short c) = 0;
    constexpr virtual short constant(dtype t, double v) = 0;
    constexpr virtual short expand_like(short a, short like) = 0;

protected:
    constexpr ~grower() = default;
};

/// A symbolic of a graph, or none: a derivative that is zero everywhere. Arithmetic leaves out what
/// changes nothing, and f(broadcast(x)) becomes broadcast(f(x)).
class symbolic {
public:
    constexpr symbolic() = default;
    constexpr symbolic(grower& g, short i) : g_(&g), id_(i) {}

    constexpr short id() const { return id_; }
    constexpr bool exists() const { return id_ >= 0; }
    constexpr const node& of_node() const { return g_->at(id_); }
    constexpr grower& in() const { return *g_; }
    /// The number as a symbolic of this one's type.
    constexpr symbolic number(double v) const { return {*g_, g_->constant(of_node().type, v)}; }

    template <class O, class... W>
    static constexpr symbolic apply(symbolic a, W... more) {
        static_assert(sizeof...(W) <= 2);
        const symbolic all[3] = {a, more...};
        // The type of the operation is that of its last operand.
        const symbolic& last = all[sizeof...(W)];
        short in[3] = {-1, -1, -1};
        for (unsigned k = 0; k <= sizeof...(W); ++k) {
            if (!all[k].exists()) return {};
            in[k] = all[k].id_;
        }
        return last.build(op_id<O>, in);
    }

    friend constexpr symbolic operator+(symbolic a, symbolic b) {
        if (!a.exists()) return b;
        if (!b.exists() || b.is(0)) return a;
        if (a.is(0)) return b;
        return apply<op::add>(a, b);
    }
    friend constexpr symbolic operator-(symbolic a, symbolic b) {
        if (!a.exists()) return -b;
        if (!b.exists() || b.is(0)) return a;
        if (a.is(0)) return -b;
        return apply<op::sub>(a, b);
    }
    friend constexpr symbolic operator*(symbolic a, symbolic b) {
        if (!a.exists() || b.is(1)) return a;
        if (!b.exists() || a.is(1)) return b;
        if (a.is(-1)) return -b;
        if (b.is(-1)) return -a;
        if (a.is_ones()) return b.spread_as(a);
        if (b.is_ones()) return a.spread_as(b);
        return apply<op::mul>(a, b);
    }
    friend constexpr symbolic operator/(symbolic a, symbolic b) {
        if (!a.exists() || b.is(1)) return a;
        return apply<op::div>(a, b);
    }
    friend constexpr symbolic operator-(symbolic a) {
        if (!a.exists()) return a;
        const node& x = a.of_node();
        if (x.k == kind::pointwise && x.op == op_id<op::neg>) return {*a.g_, x.in[0]};
        return apply<op::neg>(a);
    }
    friend constexpr symbolic operator+(symbolic a, double b) { return a + a.number_or_none(b); }
    friend constexpr symbolic operator+(double a, symbolic b) { return b.number_or_none(a) + b; }
    friend constexpr symbolic operator-(symbolic a, double b) { return a - a.number_or_none(b); }
    friend constexpr symbolic operator-(double a, symbolic b) { return b.number_or_none(a) - b; }
    friend constexpr symbolic operator*(symbolic a, double b) { return a * a.number_or_none(b); }
    friend constexpr symbolic operator*(double a, symbolic b) { return b.number_or_none(a) * b; }
    friend constexpr symbolic operator/(symbolic a, double b) { return a / a.number_or_none(b); }
    friend constexpr symbolic operator/(double a, symbolic b) { return b.number_or_none(a) / b; }
    friend constexpr symbolic operator<(symbolic a, symbolic b) { return apply<op::less>(a, b); }
    friend constexpr symbolic operator>(symbolic a, symbolic b) { return apply<op::greater>(a, b); }
    friend constexpr symbolic operator==(symbolic a, symbolic b) { return apply<op::equal>(a, b); }
    friend constexpr symbolic operator<(symbolic a, double b) { return a < a.number(b); }
    friend constexpr symbolic operator>(symbolic a, double b) { return a > a.number(b); }
    friend constexpr symbolic operator==(symbolic a, double b) { return a == a.number(b); }
    /// a where the condition holds, else b.
    friend constexpr symbolic choose(symbolic condition, symbolic a, symbolic b) {
        return apply<op::where>(condition, a, b);
    }
    friend constexpr symbolic choose(symbolic condition, symbolic a, double b) {
        return choose(condition, a, a.number_or_none(b));
    }
    friend constexpr symbolic choose(symbolic condition, double a, symbolic b) {
        return choose(condition, b.number_or_none(a), b);
    }

private:
    constexpr symbolic number_or_none(double v) const { return exists() ? number(v) : symbolic(); }
    constexpr bool is(double v) const {
        return exists() && of_node().k == kind::constant &&
               of_node().value == constant_bits(of_node().type, v);
    }
    constexpr bool is_broadcast() const {
        return of_node().k == kind::pointwise && of_node().op == op_expand &&
               like_of(of_node()) >= 0;
    }
    // True for a 1 that is broadcast: the gradient of a sum by what it sums up.
    constexpr bool is_ones() const {
        return is_broadcast() && symbolic(*g_, of_node().in[0]).is(1);
    }
    constexpr symbolic spread_as(symbolic broadcast) const {
        return {*g_, g_->expand_like(id_, like_of(broadcast.of_node()))};
    }
    constexpr symbolic build(int op, const short (&in)[3]) const {
        short like = -1, inner[3] = {-1, -1, -1};
        bool hoist = true;
        for (int k = 0; k < 3; ++k) {
            if (in[k] < 0) continue;
            const symbolic v(*g_, in[k]);
            inner[k] = in[k];
            if (v.is_broadcast() && (like < 0 || like == like_of(v.of_node()))) {
                like = like_of(v.of_node());
                inner[k] = v.of_node().in[0];
            } else if (v.of_node().ones != 0xff) {
                hoist = false;
            }
        }
        if (!hoist || like < 0) return {*g_, g_->apply(op, in[0], in[1], in[2])};
        const short r = symbolic(*g_, id_).build(op, inner).id();
        return {*g_, g_->expand_like(r, like)};
    }

    grower* g_ = nullptr;
    short id_ = -1;
};

/// The grower of one graph.
template <int Cap>
class growing final : public grower {
public:
    constexpr explicit growing(graph<Cap>& g) : g_(&g) {}
    constexpr ~growing() = default;
    constexpr const node& at(short i) const override { return g_->n[i]; }
    constexpr short apply(int op, short a, short b, short c) override {
        return g_->apply(op, a, b, c);
    }
    constexpr short constant(dtype t, double v) override { return g_->constant(t, v); }
    constexpr short expand_like(short a, short like) override { return g_->expand_like(a, like); }

private:
    graph<Cap>* g_;
};

}  // namespace sinter::ir
