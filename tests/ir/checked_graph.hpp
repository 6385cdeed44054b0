// A graph built step by step through its own functions, and beside each step its value, computed at
// once by plain loops that know nothing of views, sinking or fusion.
#pragma once

#include <algorithm>
#include <vector>

#include "ir/plain.hpp"
#include "sinter/ir/interpret.hpp"
#include "sinter/ir/schedule.hpp"

namespace sinter::test {

/// The test's own functor: slot s gives x * y + s.
inline void call_functor(const void*, int slot, const cell* in, cell* out) {
    const float x = in[0].as<dtype::f32>(), y = in[1].as<dtype::f32>();
    *out = to_cell(x * y + static_cast<float>(slot));
}

class checked_graph {
public:
    static constexpr int cap = 500;
    graph<cap> g;
    std::vector<array_ref> leaf, out;
    std::vector<slice_args> slices;
    std::vector<shape_args> shapes;
    std::vector<scalar_bits> scalars;
    std::vector<plain> expected;  // by root
    std::vector<array_ref> value;

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

protected:
    struct item {
        short node;
        plain value;
    };

    ~checked_graph() = default;
    // What happens to a new item: the last one.
    virtual void added() {}

    void add(short node, plain x) {
        items_.push_back({node, std::move(x)});
        added();
    }
    const item& at(std::size_t i) const { return items_[i]; }
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
    /// Functor `slot` on items a and b of type float.
    void user_op(std::size_t a, std::size_t b) {
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
    /// False when there is nothing to reduce.
    bool reduce(std::size_t i, int red, unsigned axes, bool keep) {
        const plain a = at(i).value;
        if (a.rank == 0) return false;
        int64 folded = 1;
        plain x;
        x.type = reduced_dtype(red, a.type);
        x.rank = a.rank;
        for (int j = 0; j < max_rank; ++j) {
            x.extent[j] = axes >> j & 1 ? 1 : a.extent[j];
            if (axes >> j & 1) folded *= a.extent[j];
        }
        if (folded == 0 && !reduction_info_of(red).empty_allowed) return false;
        const dtype folded_type = folded_dtype(red, a.type);
        if (folded_type != a.type) return reduce(cast(i, folded_type), red, axes, keep);
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
    void permute(std::size_t i, const axis_map& m) {
        const plain a = at(i).value;
        plain x;
        x.type = a.type;
        x.rank = m.rank;
        for (int j = 0; j < x.rank; ++j) x.extent[j] = m.at[j] < 0 ? 1 : a.extent[m.at[j]];
        x.fill([&](const int64* w) {
            int64 c[max_rank]{};
            for (int j = 0; j < x.rank; ++j)
                if (m.at[j] >= 0) c[m.at[j]] = w[j];
            return a.at(c);
        });
        add(g.permute(at(i).node, m), x);
    }
    void slice(std::size_t i, unsigned axes, const slice_args& s) {
        const plain a = at(i).value;
        plain x = a;
        for (int j = 0; j < max_rank; ++j)
            if (axes >> j & 1) x.extent[j] = s.axis[j].count;
        x.fill([&](const int64* w) {
            int64 c[max_rank];
            for (int j = 0; j < max_rank; ++j)
                c[j] = axes >> j & 1 ? s.axis[j].start + w[j] * s.axis[j].step : w[j];
            return a.at(c);
        });
        slices.push_back(s);
        add(g.slice(at(i).node, static_cast<unsigned char>(axes)), x);
    }
    void expand(std::size_t i, int rank, const shape_args& s) {
        const plain a = at(i).value;
        plain x = a;
        x.rank = rank;
        for (int j = 0; j < max_rank; ++j) x.extent[j] = s.extent[j];
        if (x.size() > 2000) return;
        x.fill([&](const int64* w) { return a.at(w); });
        shapes.push_back(s);
        add(g.expand(at(i).node, rank), x);
    }
    /// `x` has the values of item i and the new extents; `s` may leave one of them open.
    void reshape(std::size_t i, const plain& x, const shape_args& s) {
        shapes.push_back(s);
        add(g.reshape(at(i).node, x.rank), x);
    }
    /// Item i at the bounds `inside` among zeros, in an array of extents `whole`.
    void pad(std::size_t i, const shape_args& whole, const slice_args& inside) {
        const plain a = at(i).value;
        plain x = a;
        for (int j = 0; j < max_rank; ++j) x.extent[j] = whole.extent[j];
        if (x.size() > 2000) return;
        x.fill([&](const int64* w) {
            int64 c[max_rank];
            for (int j = 0; j < max_rank; ++j) {
                const slice_bounds& b = inside.axis[j];
                const int64 from = w[j] - b.start;
                if (from < 0 || from % b.step != 0 || from / b.step >= b.count) return cell{};
                c[j] = from / b.step;
            }
            return a.at(c);
        });
        shapes.push_back(whole);
        slices.push_back(inside);
        add(g.pad(at(i).node), x);
    }
    /// Windows along axis `along` of item i, `size` elements each, as the last axis.
    void windows(std::size_t i, int along, int64 size, int64 stride) {
        const plain a = at(i).value;
        plain x = a;
        slice_args s;
        axis_map m;
        x.rank = m.rank = static_cast<signed char>(a.rank + 1);
        for (int j = a.rank; j > 0; --j) {
            x.extent[j] = a.extent[j - 1];
            m.at[j] = static_cast<signed char>(j - 1);
        }
        m.at[0] = static_cast<signed char>(along);
        x.extent[0] = size;
        x.extent[along + 1] = (a.extent[along] - size) / stride + 1;
        if (x.size() > 2000) return;
        s.axis[0] = {0, 1, size};
        s.axis[along + 1] = {0, stride, x.extent[along + 1]};
        x.fill([&](const int64* w) {
            int64 c[max_rank]{};
            for (int j = 0; j < a.rank; ++j) c[j] = w[j + 1];
            c[along] = w[along + 1] * stride + w[0];
            return a.at(c);
        });
        slices.push_back(s);
        add(g.windows(at(i).node, m, static_cast<unsigned char>(1 | 2 << along)), x);
    }
    /// The product of two matrices, or two batches of them, of one type.
    void product(std::size_t left, std::size_t right) {
        const dtype t = at(left).value.type;
        const plain l = at(left).value, r = at(right).value;
        plain x;
        x.type = t;
        x.rank = l.rank > r.rank ? l.rank : r.rank;
        for (int j = 2; j < max_rank; ++j)
            x.extent[j] = l.extent[j] == 1 ? r.extent[j] : l.extent[j];
        x.extent[0] = r.extent[0], x.extent[1] = l.extent[1];
        x.fill([&](const int64* w) {
            cell sum{};
            int64 i[max_rank], j[max_rank];
            for (int d = 2; d < max_rank; ++d) {
                i[d] = l.extent[d] == 1 ? 0 : w[d];
                j[d] = r.extent[d] == 1 ? 0 : w[d];
            }
            i[1] = w[1], j[0] = w[0];
            for (int64 k = 0; k < l.extent[0]; ++k) {
                i[0] = j[1] = k;
                sum = multiply_add(t, l.at(i), r.at(j), sum);
            }
            return sum;
        });
        add(g.matmul(at(left).node, at(right).node), x);
    }

    std::vector<item> items_;
};

}  // namespace sinter::test
