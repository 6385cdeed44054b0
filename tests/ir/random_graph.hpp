// Random programs: a graph built through its own functions, and beside it the value that every step
// should have, computed at once by loops that know nothing of views, sinking or fusion.
#pragma once

#include <algorithm>
#include <random>
#include <vector>

#include "sinter/ir/interpret.hpp"
#include "sinter/ir/schedule.hpp"

namespace sinter::test {

using namespace sinter::ir;

/// An array of registers in row-major order; extents by axis from the right.
struct plain {
    dtype type = dtype::f32;
    int rank = 0;
    int64 extent[max_rank] = {1, 1, 1, 1, 1, 1, 1, 1};
    std::vector<cell> v;

    array_ref ref() const {
        array_ref a;
        a.type = type;
        for (int j = 0; j < max_rank; ++j) a.extent[j] = extent[j];
        make_row_major(a);
        return a;
    }
    cell at(const int64* coordinates) const {
        return v[static_cast<std::size_t>(offset_of(ref(), coordinates))];
    }
    /// Fills in every element from its coordinates.
    template <class F>
    void fill(F&& f) {
        v.clear();
        for (walk w(extent, 0xff); !w.done; w.next()) v.push_back(f(w.at));
    }
    int64 size() const { return elements_of(ref()); }
};

inline double as_double(cell x, dtype t) {
    return is_floating(t) ? x.as<dtype::f64>() : static_cast<double>(x.as<dtype::i64>());
}

struct random_options {
    int operations = 12;
    int leaves = 4;
    bool gather = false;  // ends with the sum of all leaves: more arrays than one stage may read
    bool exact = true;    // whole numbers of small size: every order of summation gives the same
};

/// The test's own functor: slot s gives x * y + s, or x + s with one operand.
inline void call_functor(const void*, int slot, const cell* in, cell* out) {
    const float x = in[0].as<dtype::f32>(), y = in[1].as<dtype::f32>();
    *out = to_cell(x * y + static_cast<float>(slot));
}

class random_program {
public:
    static constexpr int cap = 500;
    graph<cap> g;
    std::vector<array_ref> leaf, out;
    std::vector<slice_args> slices;
    std::vector<shape_args> shapes;
    std::vector<scalar_bits> scalars;
    std::vector<plain> expected;  // by root
    std::vector<array_ref> value;
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

    /// The program as the interpreters take it.
    bound_program bind() {
        bound_program b;
        b.g = view_of_graph(g);
        value.assign(static_cast<std::size_t>(g.size), {});
        infer(b.g, leaf.data(), slices.data(), shapes.data(), value.data());
        b.value = value.data();
        b.slices = slices.data();
        b.shapes = shapes.data();
        b.scalars = scalars.data();
        b.functors = {call_functor, nullptr};
        b.out = out.data();
        return b;
    }
    /// The first value whose inferred extents or static unit axes are wrong, or -1.
    int wrong_shape() const {
        for (const item& x : items_)
            for (int j = 0; j < max_rank; ++j) {
                const int64 e = value[static_cast<std::size_t>(x.node)].extent[j];
                if (e != x.value.extent[j] || (e != 1 && (g.n[x.node].ones >> j & 1)))
                    return x.node;
            }
        return -1;
    }
    /// What the roots hold now, and a fresh start for the next run.
    std::vector<std::vector<cell>> take_results() {
        std::vector<std::vector<cell>> r;
        for (const array_ref& a : out) {
            r.emplace_back();
            for (walk w(a.extent, 0xff); !w.done; w.next()) {
                const int64 at = offset_of(a, w.at);
                r.back().push_back(load_cell(a.data, at, a.type));
                store_cell(a.data, at, a.type, to_cell(77.0), dtype::f64);
            }
        }
        return r;
    }

private:
    struct item {
        short node;
        plain value;
    };

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
    void add(short node, plain x) {
        items_.push_back({node, std::move(x)});
        if (!bounding_) bound();
    }
    // Keeps numbers small, so that every type holds them exactly.
    void bound() {
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
    const item& at(std::size_t i) const { return items_[i]; }
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
        if (g.size > cap - 60 - 4 * options_.leaves) return;
        // A view copies what it sinks through.
        const bool roomy = g.size * 3 < cap - 20 && g.view_count < max_views - 20;
        const int k = roomy ? pick(100) : pick(42);
        if (k < 30) {
            binary();
        } else if (k < 42) {
            unary();
        } else if (k < 58) {
            reduce(index_of_any());
        } else if (k < 66) {
            permute(index_of_any());
        } else if (k < 71) {
            slice(index_of_any());
        } else if (k < 76) {
            expand(index_of_any());
        } else if (k < 80) {
            reshape(index_of_any());
        } else if (k < 90) {
            matmul();
        } else if (k < 92) {
            cast(index_of_any(), any_type());
        } else if (k < 94) {
            add_number();
        } else if (k < 96) {
            user();
        } else {
            normalise();
        }
    }
    std::size_t last() const { return items_.size() - 1; }
    std::size_t cast(std::size_t i, dtype t) {
        const plain& a = at(i).value;
        if (a.type == t) return i;
        plain x = a;
        x.type = t;
        for (cell& c : x.v) c = convert_cell(c, a.type, t);
        add(g.cast(at(i).node, t), x);
        return last();
    }
    static bool broadcast(const plain& a, plain& to) {
        for (int j = 0; j < max_rank; ++j) {
            if (a.extent[j] == 1 || a.extent[j] == to.extent[j]) continue;
            if (to.extent[j] != 1) return false;
            to.extent[j] = a.extent[j];
        }
        to.rank = std::max(to.rank, a.rank);
        return true;
    }
    // A table operation on items of one type.
    bool table_op(int op, std::size_t a, std::size_t b = ~0UL, std::size_t c = ~0UL) {
        const std::size_t in[] = {a, b, c};
        const op_info info = info_of(op);
        plain x;
        for (int k = 0; k < info.arity; ++k)
            if (!broadcast(at(in[k]).value, x)) return false;
        const dtype t = at(info.arity == 3 ? b : a).value.type;
        x.type = info.result == yields::boolean ? dtype::boolean : t;
        x.fill([&](const int64* w) {
            cell v[3]{};
            for (int k = 0; k < info.arity; ++k) v[k] = at(in[k]).value.at(w);
            return apply_operation(op, t, v);
        });
        short n[3] = {-1, -1, -1};
        for (int k = 0; k < info.arity; ++k) n[k] = at(in[k]).node;
        add(g.apply(op, n[0], n[1], n[2]), x);
        return true;
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
    void gather() {
        std::size_t total = cast(0, dtype::f64);
        for (std::size_t i = 1; i < leaf.size(); ++i) {
            const std::size_t x = cast(i, dtype::f64);
            if (table_op(op_id<op::add>, total, x)) total = last();
        }
        table_op(op_id<op::neg>, total);
    }
    void user() {
        const std::size_t a = cast(index_of_any(), dtype::f32),
                          b = cast(index_of_any(), dtype::f32);
        plain x;
        if (!broadcast(at(a).value, x) || !broadcast(at(b).value, x) || x.size() > 2000) return;
        const int slot = g.functors;
        x.fill([&](const int64* w) {
            const cell v[] = {at(a).value.at(w), at(b).value.at(w)};
            cell r{};
            call_functor(nullptr, slot, v, &r);
            return r;
        });
        add(g.user(dtype::f32, at(a).node, at(b).node, -1), x);
    }
    bool reduce(std::size_t i, int red = -1, unsigned axes = 0, int keep = -1) {
        if (red < 0) red = pick(reduction_count);
        if (keep < 0) keep = pick(2);
        const plain a = at(i).value;
        if (a.rank == 0) return false;
        if (!axes) axes = chance(4) ? (1U << a.rank) - 1 : chance(2) ? 1U : 1U << pick(a.rank);
        if (chance(8)) axes |= 1U << pick(a.rank);
        int64 folded = 1;
        plain x;
        x.type = reduced_dtype(red, a.type);
        x.rank = a.rank;
        for (int j = 0; j < max_rank; ++j) {
            x.extent[j] = axes >> j & 1 ? 1 : a.extent[j];
            if (axes >> j & 1) folded *= a.extent[j];
        }
        if (folded == 0 && !reduction_info_of(red).empty_allowed) return false;
        const bool wide = reduction_info_of(red).result == reduces_to::wide;
        if (wide && x.type != a.type) {
            i = cast(i, x.type);
            return reduce(i, red, axes, keep);
        }
        x.fill([&](const int64* w) {
            std::vector<cell> row;
            int64 c[max_rank];
            for (walk r(a.extent, static_cast<unsigned char>(axes)); !r.done; r.next()) {
                for (int j = 0; j < max_rank; ++j) c[j] = axes >> j & 1 ? r.at[j] : w[j];
                row.push_back(a.at(c));
            }
            return fold_cells(red, a.type, row.data(), static_cast<int64>(row.size()));
        });
        short n = g.reduce(red, static_cast<unsigned char>(axes), at(i).node);
        if (!keep) {
            n = g.drop(n, static_cast<unsigned char>(axes));
            plain d = x;
            d.rank = 0;
            for (auto& e : d.extent) e = 1;
            for (int j = 0; j < x.rank; ++j)
                if (!(axes >> j & 1)) d.extent[d.rank++] = x.extent[j];
            x = d;
        }
        add(n, x);
        return true;
    }
    void permute(std::size_t i) {
        const plain a = at(i).value;
        if (a.rank == 0) return;
        std::vector<int> order;
        for (int j = 0; j < a.rank; ++j)
            if (a.extent[j] != 1 || !chance(4)) order.push_back(j);
        if (!chance(4)) std::shuffle(order.begin(), order.end(), random_);
        if (order.size() < 4 && chance(4))
            order.insert(order.begin() + pick(static_cast<int>(order.size()) + 1), -1);
        axis_map m;
        plain x;
        x.type = a.type;
        for (const int j : order) {
            x.extent[x.rank] = j < 0 ? 1 : a.extent[j];
            m.at[x.rank++] = static_cast<signed char>(j);
        }
        m.rank = static_cast<signed char>(x.rank);
        x.fill([&](const int64* w) {
            int64 c[max_rank]{};
            for (int j = 0; j < x.rank; ++j)
                if (m.at[j] >= 0) c[m.at[j]] = w[j];
            return a.at(c);
        });
        add(g.permute(at(i).node, m), x);
    }
    void slice(std::size_t i) {
        const plain a = at(i).value;
        slice_args s;
        unsigned axes = 0;
        plain x = a;
        for (int j = 0; j < a.rank; ++j) {
            if ((g.n[at(i).node].ones >> j & 1) || chance(2)) continue;
            axes |= 1U << j;
            slice_bounds& b = s.axis[j];
            const int64 e = a.extent[j];
            const bool none = e == 0 || chance(20);
            b.step = chance(4) ? -1 : 1 + pick(2);
            b.start = none ? 0 : pick(static_cast<int>(e));
            const int64 most = none         ? 0
                               : b.step < 0 ? b.start + 1
                                            : (e - b.start + b.step - 1) / b.step;
            b.count = none ? 0 : 1 + pick(static_cast<int>(most));
            x.extent[j] = b.count;
        }
        if (!axes) return;
        x.fill([&](const int64* w) {
            int64 c[max_rank];
            for (int j = 0; j < max_rank; ++j)
                c[j] = axes >> j & 1 ? s.axis[j].start + w[j] * s.axis[j].step : w[j];
            return a.at(c);
        });
        slices.push_back(s);
        add(g.slice(at(i).node, static_cast<unsigned char>(axes)), x);
    }
    void expand(std::size_t i) {
        const plain a = at(i).value;
        plain x = a;
        shape_args s;
        x.rank = std::min(4, a.rank + pick(2));
        for (int j = 0; j < x.rank; ++j) {
            if (a.extent[j] == 1) x.extent[j] = chance(3) ? 1 : frame_[j];
            s.extent[j] = x.extent[j];
        }
        if (x.size() > 2000) return;
        x.fill([&](const int64* w) { return a.at(w); });
        shapes.push_back(s);
        add(g.expand(at(i).node, x.rank), x);
    }
    void reshape(std::size_t i) {
        const plain a = at(i).value;
        plain x = a;
        shape_args s;
        // Merge two neighbours, or append an axis, or turn into one long axis.
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
        shapes.push_back(s);
        add(g.reshape(at(i).node, x.rank), x);
    }
    void matmul() {
        // Any two matrices that fit; else one with its own transpose.
        for (int tries = 0; tries < 16; ++tries) {
            std::size_t a = index_of_any(), b = index_of_any();
            if (at(a).value.rank != 2) continue;
            if (tries > 12) {
                permute_matrix(a);
                b = last();
            }
            const plain &p = at(a).value, &q = at(b).value;
            if (q.rank != 2 || p.extent[0] != q.extent[1]) continue;
            dtype t = promote(p.type, q.type);
            if (t == dtype::boolean) t = dtype::i64;
            const std::size_t left = cast(a, t), right = cast(b, t);
            const plain l = at(left).value, r = at(right).value;
            plain x;
            x.type = t;
            x.rank = 2;
            x.extent[0] = r.extent[0], x.extent[1] = l.extent[1];
            x.fill([&](const int64* w) {
                cell sum{};
                for (int64 k = 0; k < l.extent[0]; ++k) {
                    const int64 i[max_rank] = {k, w[1]}, j[max_rank] = {w[0], k};
                    sum = multiply_add(t, l.at(i), r.at(j), sum);
                }
                return sum;
            });
            add(g.matmul(at(left).node, at(right).node), x);
            return;
        }
    }
    void permute_matrix(std::size_t i) {
        const plain a = at(i).value;
        plain x = a;
        std::swap(x.extent[0], x.extent[1]);
        x.fill([&](const int64* w) {
            const int64 c[max_rank] = {w[1], w[0]};
            return a.at(c);
        });
        add(g.permute(at(i).node, {{1, 0, -1, -1, -1, -1, -1, -1}, 2}), x);
    }
    // x - max(x) over its last axis, then divided by its sum where that is not exact arithmetic.
    void normalise() {
        const std::size_t a = index_of_any();
        if (at(a).value.type == dtype::boolean) return;
        const unsigned axes = chance(4) ? 2U : 1U;
        if (at(a).value.rank < (axes == 2 ? 2 : 1)) return;
        if (!reduce(a, reduction_id<red::max>, axes, 1)) return;
        if (!table_op(op_id<op::sub>, a, last())) return;
        if (options_.exact) return;
        std::size_t e = last();
        if (!is_floating(at(e).value.type)) e = cast(e, dtype::f32);
        table_op(op_id<op::exp>, e);
        e = last();
        if (reduce(e, reduction_id<red::sum>, axes, 1)) table_op(op_id<op::div>, e, last());
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
    std::vector<item> items_;
    std::vector<plain> leaf_values_;
    std::vector<std::vector<char>> memory_;
};

}  // namespace sinter::test
