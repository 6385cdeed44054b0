// Random programs.
#pragma once

#include <algorithm>
#include <random>
#include <vector>

#include "ir/checked_graph.hpp"

namespace sinter::test {

struct random_options {
    int operations = 12;
    int leaves = 4;
    bool gather = false;  // ends with the sum of all leaves: more arrays than one stage may read
    bool exact = true;    // whole numbers of small size: every order of summation gives the same
};

class random_program final : public checked_graph {
public:
    bool has_reduction = false, has_contraction = false, has_alias = false;

    random_program(unsigned seed, const random_options& o) : random_(seed), options_(o) {
        for (auto& e : frame_) e = chance(6) ? 1 : chance(40) ? 0 : 1 + pick(4);
        for (int i = 0; i < o.leaves; ++i) add_leaf();
        for (int i = 0; i < o.operations; ++i) step();
        if (o.gather) gather();
        const int roots = 1 + (chance(3) ? pick(4) : 0);
        for (int k = 0; k < roots; ++k) {
            const item& x = k == 0 ? items_.back() : any();
            g.root[g.roots++] = x.node;
            expected.push_back(x.value);
            out.push_back(place(x.value, false));
        }
        note_kinds();
    }
    random_program(const random_program&) = delete;
    random_program& operator=(const random_program&) = delete;

private:
    int pick(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
    bool chance(int one_in) { return pick(one_in) == 0; }
    const item& any() {
        const int n = static_cast<int>(items_.size());
        const int recent = n < 6 ? n : 6;
        return items_[static_cast<std::size_t>(chance(3) ? pick(n) : n - 1 - pick(recent))];
    }
    // No bfloat16 where numbers are not exact: what stays in a register is not rounded.
    dtype any_type() {
        const int k = pick(10);
        if (!options_.exact && k == 7) return dtype::f32;
        return k < 5   ? dtype::f32
               : k < 7 ? dtype::f64
               : k < 8 ? dtype::bf16
               : k < 9 ? dtype::i64
                       : dtype::boolean;
    }
    cell any_cell(dtype t) {
        return convert_cell(to_cell(static_cast<double>(pick(9) - 4)), dtype::f64, t);
    }

    // Memory for `x`, its axes in any order and direction, with gaps; `filled`: holding its values.
    array_ref place(const plain& x, bool filled) {
        array_ref a = x.ref();
        int order[max_rank] = {0, 1, 2, 3, 4, 5, 6, 7};
        if (chance(3)) std::shuffle(order, order + 4, random_);
        int64 n = 1 + pick(2), first = 0;
        for (const int j : order) {
            a.stride[j] = n;
            n *= a.extent[j] > 0 ? a.extent[j] + (chance(5) ? 1 : 0) : 1;
            if (chance(6) && a.extent[j] > 1) {
                first += a.stride[j] * (a.extent[j] - 1);
                a.stride[j] = -a.stride[j];
            }
        }
        memory_.emplace_back(static_cast<std::size_t>((n + 8) * 8), '\x11');
        a.data = memory_.back().data() + first * size_of(a.type);
        if (filled)
            for (walk w(x.extent, 0xff); !w.done; w.next())
                store_cell(a.data, offset_of(a, w.at), a.type, x.at(w.at), a.type);
        return a;
    }
    // Keeps numbers small, so that every type holds them exactly.
    void added() override {
        if (bounding_) return;
        const plain& x = items_.back().value;
        if (!options_.exact || x.type == dtype::boolean) return;
        double most = 0;
        for (const cell c : x.v) most = std::max(most, std::abs(as_double(c, x.type)));
        if (most <= 100) return;
        plain low, high;
        low.type = high.type = x.type;
        const short l = g.constant(x.type, -8), h = g.constant(x.type, 8);
        low.fill([&](const int64*) { return convert_cell(to_cell(-8.0), dtype::f64, x.type); });
        high.fill([&](const int64*) { return convert_cell(to_cell(8.0), dtype::f64, x.type); });
        items_.push_back({h, high});
        items_.push_back({l, low});
        const std::size_t n = items_.size();
        bounding_ = true;
        table_op(op_id<op::minimum>, n - 3, n - 2);
        table_op(op_id<op::maximum>, items_.size() - 1, n - 1);
        bounding_ = false;
        const item bounded = items_.back();
        items_.resize(n - 3);
        items_.push_back(bounded);
    }
    std::size_t index_of_any() { return static_cast<std::size_t>(&any() - items_.data()); }

    // ---- sources
    void add_leaf() {
        if (!leaf.empty() && chance(3)) {  // the same array once more, perhaps transposed
            const std::size_t i = static_cast<std::size_t>(pick(static_cast<int>(leaf.size())));
            array_ref a = leaf[i];
            plain x = leaf_values_[i];
            if (chance(3)) {
                std::swap(a.extent[0], a.extent[1]);
                std::swap(a.stride[0], a.stride[1]);
                x = plain{x.type, x.rank < 2 && x.rank > 0 ? 2 : x.rank, {}, {}};
                for (int j = 0; j < max_rank; ++j) x.extent[j] = a.extent[j];
                x.fill([&](const int64* c) { return load_cell(a.data, offset_of(a, c), a.type); });
            }
            has_alias = true;
            push_leaf(a, x);
            return;
        }
        plain x;
        x.type = any_type();
        x.rank = pick(8) ? 1 + pick(4) : 0;
        if (x.rank > 2 && chance(2)) x.rank = 2;
        for (int j = 0; j < x.rank; ++j) x.extent[j] = chance(7) ? 1 : frame_[j];
        x.fill([&](const int64*) { return any_cell(x.type); });
        push_leaf(place(x, true), x);
    }
    void push_leaf(const array_ref& a, const plain& x) {
        leaf.push_back(a);
        leaf_values_.push_back(x);
        add(g.leaf(x.type, x.rank), x);
    }
    void add_number() {
        plain x;
        x.type = any_type();
        const cell c = any_cell(x.type);
        x.fill([&](const int64*) { return c; });
        if (chance(2)) {
            add(g.constant(x.type, as_double(c, x.type)), x);
        } else {
            scalars.push_back(c);
            add(g.scalar(x.type), x);
        }
    }

    // ---- steps
    void step() {
        if (g.size > cap - 60 - (options_.gather ? 340 : 0)) return;
        // A view copies what it sinks through.
        const bool roomy = g.size * 3 < cap - 20 && g.view_count < max_views - 20;
        const int k = roomy ? pick(100) : pick(38);
        if (k < 26) {
            binary();
        } else if (k < 38) {
            unary();
        } else if (k < 54) {
            any_reduction();
        } else if (k < 62) {
            any_permutation();
        } else if (k < 67) {
            any_slice();
        } else if (k < 72) {
            any_expansion();
        } else if (k < 76) {
            any_reshape();
        } else if (k < 78) {
            any_padding();
        } else if (k < 80) {
            any_windows();
        } else if (k < 91) {
            any_product();
        } else if (k < 93) {
            cast(index_of_any(), any_type());
        } else if (k < 94) {
            any_coordinate();
        } else if (k < 95) {
            add_number();
        } else if (k < 97) {
            user();
        } else {
            normalise();
        }
    }
    void binary() {
        const std::size_t a = index_of_any(), b = index_of_any();
        const dtype t = promote(at(a).value.type, at(b).value.type);
        const int arithmetic[] = {op_id<op::add>,
                                  op_id<op::sub>,
                                  op_id<op::mul>,
                                  op_id<op::maximum>,
                                  op_id<op::minimum>,
                                  op_id<op::div>};
        const int compare[] = {op_id<op::less>, op_id<op::equal>, op_id<op::greater_equal>};
        plain probe;
        if (!broadcast(at(a).value, probe) || !broadcast(at(b).value, probe)) return;
        if (probe.size() > 2000) return;
        const std::size_t p = cast(a, t), q = cast(b, t);
        if (chance(6)) {
            table_op(compare[pick(3)], p, q);
            const std::size_t c = last();
            if (chance(2)) table_op(op_id<op::where>, c, p, q);
        } else {
            table_op(arithmetic[pick(options_.exact ? 5 : 6)], p, q);
        }
    }
    void unary() {
        const std::size_t a = index_of_any();
        const int whole[] = {op_id<op::neg>, op_id<op::abs>, op_id<op::relu>};
        const int real[] = {op_id<op::exp>, op_id<op::tanh>, op_id<op::sigmoid>, op_id<op::sin>};
        if (options_.exact || chance(3)) {
            table_op(whole[pick(3)], a);
        } else {
            const std::size_t f = is_floating(at(a).value.type) ? a : cast(a, dtype::f32);
            table_op(real[pick(4)], f);
        }
    }
    void user() {
        const std::size_t a = cast(index_of_any(), dtype::f32);
        user_op(a, cast(index_of_any(), dtype::f32));
    }
    void gather() {
        std::size_t total = cast(0, dtype::f64);
        for (std::size_t i = 1; i < leaf.size(); ++i) {
            const std::size_t x = cast(i, dtype::f64);
            if (table_op(op_id<op::add>, total, x)) total = last();
        }
        const int chain[] = {op_id<op::neg>, op_id<op::abs>, op_id<op::relu>};
        table_op(op_id<op::neg>, total);
        for (int i = 0; i < 150; ++i) table_op(chain[i % 3], last());
    }
    void any_reduction() {
        const std::size_t i = index_of_any();
        const int rank = at(i).value.rank;
        if (rank == 0) return;
        unsigned axes = chance(4) ? (1U << rank) - 1 : chance(2) ? 1U : 1U << pick(rank);
        if (chance(8)) axes |= 1U << pick(rank);
        reduce(i, pick(reduction_count), axes, chance(2));
    }
    // Any order; sometimes an axis of extent 1 goes or comes.
    void any_permutation() {
        const std::size_t i = index_of_any();
        const plain& a = at(i).value;
        if (a.rank == 0) return;
        std::vector<int> order;
        for (int j = 0; j < a.rank; ++j)
            if (a.extent[j] != 1 || !chance(4)) order.push_back(j);
        if (!chance(4)) std::shuffle(order.begin(), order.end(), random_);
        if (order.size() < 4 && chance(4))
            order.insert(order.begin() + pick(static_cast<int>(order.size()) + 1), -1);
        axis_map m;
        for (const int j : order) m.at[m.rank++] = static_cast<signed char>(j);
        permute(i, m);
    }
    void any_slice() {
        const std::size_t i = index_of_any();
        const plain& a = at(i).value;
        slice_args s;
        unsigned axes = 0;
        for (int j = 0; j < a.rank; ++j) {
            if ((g.n[at(i).node].ones >> j & 1) || chance(2)) continue;
            axes |= 1U << j;
            slice_bounds& b = s.axis[j];
            const int64 e = a.extent[j];
            const bool none = e == 0 || chance(20);
            b.step = chance(4) ? -1 : 1 + pick(2);
            b.start = none ? 0 : pick(static_cast<int>(e));
            const int64 most = b.step < 0 ? b.start + 1 : (e - b.start + b.step - 1) / b.step;
            b.count = none ? 0 : 1 + pick(static_cast<int>(most));
        }
        if (axes) slice(i, axes, s);
    }
    void any_expansion() {
        const std::size_t i = index_of_any();
        const plain& a = at(i).value;
        shape_args s;
        const int rank = std::min(4, a.rank + pick(2));
        for (int j = 0; j < rank; ++j)
            s.extent[j] = a.extent[j] != 1 || chance(3) ? a.extent[j] : frame_[j];
        expand(i, rank, s);
    }
    // The numbers of the elements of a value along some of its axes.
    void any_coordinate() {
        const std::size_t i = index_of_any();
        plain x;
        x.type = dtype::i64;
        x.rank = at(i).value.rank;
        const auto axes = static_cast<unsigned char>(pick(1 << x.rank));
        for (int j = 0; j < x.rank; ++j)
            if (axes >> j & 1) x.extent[j] = at(i).value.extent[j];
        x.fill([&](const int64* c) {
            int64 n = 0;
            for (int j = max_rank - 1; j >= 0; --j) n = n * x.extent[j] + c[j];
            return to_cell(n);
        });
        add(g.coordinate(at(i).node, axes, dtype::i64), x);
    }
    void any_padding() {
        const std::size_t i = index_of_any();
        const plain& a = at(i).value;
        shape_args whole;
        slice_args inside;
        for (int j = 0; j < a.rank; ++j) {
            const int64 e = a.extent[j], step = chance(4) ? 2 : 1, before = pick(3);
            inside.axis[j] = {before, step, e};
            whole.extent[j] = before + (e > 0 ? (e - 1) * step + 1 : 0) + pick(3);
        }
        pad(i, whole, inside);
    }
    void any_windows() {
        const std::size_t i = index_of_any();
        const plain& a = at(i).value;
        if (a.rank == 0 || a.rank > 3) return;
        const int along = pick(a.rank);
        if (a.extent[along] < 1 || (g.n[at(i).node].ones >> along & 1)) return;
        windows(i, along, 1 + pick(static_cast<int>(a.extent[along])), 1 + pick(3));
    }
    // Two neighbours become one axis, or one becomes two, or all become one.
    void any_reshape() {
        const std::size_t i = index_of_any();
        const plain a = at(i).value;
        plain x = a;
        shape_args s;
        const int how = pick(3);
        if (how == 0 && a.rank >= 2) {
            x.extent[0] *= x.extent[1];
            for (int j = 1; j + 1 < max_rank; ++j) x.extent[j] = a.extent[j + 1];
            --x.rank;
        } else if (how == 1 && a.rank < 4 && a.rank > 0 && a.extent[0] % 2 == 0) {
            for (int j = max_rank - 1; j > 1; --j) x.extent[j] = a.extent[j - 1];
            x.extent[1] = a.extent[0] / 2;
            x.extent[0] = 2;
            ++x.rank;
        } else {
            for (auto& e : x.extent) e = 1;
            x.extent[0] = a.size();
            x.rank = 1;
        }
        for (int j = 0; j < max_rank; ++j) s.extent[j] = x.extent[j];
        if (x.rank > 0 && a.size() > 0 && chance(3)) s.extent[pick(x.rank)] = -1;
        reshape(i, x, s);
    }
    // True when (batches of) matrices fit. Small ones: the products are computed element by
    // element.
    static bool fit(const plain& p, const plain& q) {
        if (p.rank < 2 || q.rank < 2 || p.rank > 4 || q.rank > 4) return false;
        int64 size = p.extent[1] * q.extent[0];
        for (int j = 2; j < max_rank; ++j) {
            if (p.extent[j] != q.extent[j] && p.extent[j] != 1 && q.extent[j] != 1) return false;
            size *= p.extent[j] == 1 ? q.extent[j] : p.extent[j];
        }
        return p.extent[0] == q.extent[1] && size <= 2000;
    }
    // Any two that fit; else one with its own transpose.
    void any_product() {
        for (int tries = 0; tries < 16; ++tries) {
            const std::size_t a = index_of_any();
            std::size_t b = index_of_any();
            if (at(a).value.rank < 2) continue;
            if (tries > 12) {
                axis_map turned{{1, 0, -1, -1, -1, -1, -1, -1},
                                static_cast<signed char>(at(a).value.rank)};
                for (int j = 2; j < turned.rank; ++j) turned.at[j] = static_cast<signed char>(j);
                permute(a, turned);
                b = last();
            }
            const plain &p = at(a).value, &q = at(b).value;
            if (!fit(p, q)) continue;
            dtype t = promote(p.type, q.type);
            if (t == dtype::boolean) t = dtype::i64;
            const std::size_t left = cast(a, t);
            product(left, cast(b, t));
            if (chance(3)) normalise();
            return;
        }
    }
    // x - max(x) over its last axis, then divided by its sum where that is not exact arithmetic.
    // Or minus the sum of something computed from it.
    void normalise() {
        const std::size_t a = index_of_any();
        if (at(a).value.type == dtype::boolean) return;
        const unsigned axes = chance(4) ? 2U : 1U;
        if (at(a).value.rank < (axes == 2 ? 2 : 1)) return;
        if (chance(3)) {
            table_op(op_id<op::relu>, a);
            if (reduce(last(), reduction_id<red::sum>, axes, true))
                table_op(op_id<op::sub>, a, last());
            return;
        }
        if (!reduce(a, reduction_id<red::max>, axes, true)) return;
        if (!table_op(op_id<op::sub>, a, last())) return;
        if (options_.exact) return;
        std::size_t e = last();
        if (!is_floating(at(e).value.type)) e = cast(e, dtype::f32);
        table_op(op_id<op::exp>, e);
        e = last();
        if (reduce(e, reduction_id<red::sum>, axes, true)) table_op(op_id<op::div>, e, last());
    }

    void note_kinds() {
        const auto live = live_nodes(view_of_graph(g));
        for (int i = 0; i < g.size; ++i) {
            if (!live[static_cast<std::size_t>(i)]) continue;
            has_reduction |= g.n[i].k == kind::reduction;
            has_contraction |= g.n[i].k == kind::contraction;
        }
    }

    std::mt19937 random_;
    random_options options_;
    int64 frame_[4]{};
    bool bounding_ = false;
    std::vector<plain> leaf_values_;
    std::vector<std::vector<char>> memory_;
};

}  // namespace sinter::test
