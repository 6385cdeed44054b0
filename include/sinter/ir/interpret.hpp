// The judge of every fused result: evaluates a graph node by node on the host, as written.
#pragma once

#include <memory>
#include <vector>

#include "sinter/ir/cell.hpp"
#include "sinter/ir/infer.hpp"

namespace sinter::ir {

/// What a program is bound to. `value` are the arrays by node as `infer` left them; `out` by root,
/// written with conversion to their types.
struct bound_program {
    graph_view g;
    const array_ref* value = nullptr;
    const slice_args* slices = nullptr;
    const shape_args* shapes = nullptr;
    const scalar_bits* scalars = nullptr;
    functor_calls functors{};
    const array_ref* out = nullptr;
};

/// Which nodes the roots need.
inline std::vector<char> live_nodes(const graph_view& g) {
    std::vector<char> live(static_cast<std::size_t>(g.size));
    for (int k = 0; k < g.roots; ++k) live[static_cast<std::size_t>(g.root[k])] = 1;
    for (int i = g.size - 1; i >= 0; --i) {
        if (!live[static_cast<std::size_t>(i)] || g.n[i].measures()) continue;
        for (const short c : g.n[i].in)
            if (c >= 0) live[static_cast<std::size_t>(c)] = 1;
    }
    return live;
}

/// Evaluates every node into an array of registers.
class graph_evaluation {
public:
    /// `rounded`: by node, the values that are rounded to their type as if they were stored; null
    /// for none.
    graph_evaluation(const bound_program& b, const bool* rounded)
        : b_(b),
          g_(b.g),
          rounded_(rounded),
          cells_(static_cast<std::size_t>(b.g.size)),
          seen_(b.value, b.value + b.g.size) {}

    void run() {
        const std::vector<char> live = live_nodes(g_);
        for (short i = 0; i < static_cast<short>(g_.size); ++i)
            if (live[static_cast<std::size_t>(i)]) evaluate(i);
        for (int k = 0; k < g_.roots; ++k) {
            const short r = g_.root[k];
            const array_ref& to = b_.out[k];
            for (walk w(seen(r).extent, 0xff); !w.done; w.next())
                store_cell(to.data, offset_of(to, w.at), to.type, at(r, w.at), g_.n[r].type);
        }
    }

private:
    array_ref& seen(short i) { return seen_[static_cast<std::size_t>(i)]; }
    cell at(short i, const int64* coordinates) {
        const array_ref& a = seen(i);
        guard guards[max_guards];
        const int n = find_guards(g_, g_.n[i].view, b_.slices, guards);
        for (int k = 0; k < n; ++k)
            if (!guards[k].holds(coordinates)) return {};
        const int64 offset = offset_of(a, coordinates);
        if (g_.n[i].k == kind::leaf) return load_cell(a.data, offset, a.type);
        if (g_.n[i].k == kind::coordinate) return coordinate_cell(a, offset);
        return static_cast<const cell*>(a.data)[offset];
    }
    void evaluate(short i) {
        const node& x = g_.n[i];
        array_ref& a = seen(i);
        if (x.k == kind::leaf || x.k == kind::coordinate) return;
        if (x.k == kind::index_map) {
            map_index(i, x);
            return;
        }
        make_row_major(a);
        auto& store = cells_[static_cast<std::size_t>(i)];
        store.reserve(static_cast<std::size_t>(elements_of(a)));
        for (walk w(a.extent, 0xff); !w.done; w.next()) {
            cell v = value_of(x, w.at);
            if (rounded_ && rounded_[i]) v = convert_cell(v, x.type, x.type);
            store.push_back(v);
        }
        a.data = store.data();
    }
    cell value_of(const node& x, const int64* coordinates) {
        if (is_source(x.k)) return uniform_cell(x, b_.value, b_.scalars);
        if (x.k == kind::pointwise) {
            cell in[3]{};
            for (int k = 0; k < 3; ++k)
                if (x.in[k] >= 0) in[k] = at(x.in[k], coordinates);
            return apply_node(g_, x, in, b_.functors);
        }
        int64 all[max_rank], extent[max_rank];
        for (int j = 0; j < max_rank; ++j) {
            all[j] = coordinates[j];
            extent[j] = seen(x.in[0]).extent[j];
            if (x.in[1] >= 0 && extent[j] == 1) extent[j] = seen(x.in[1]).extent[j];
        }
        row_.clear();
        cell sum{};
        for (walk w(extent, x.axes); !w.done; w.next()) {
            for (int j = 0; j < max_rank; ++j)
                if (x.axes >> j & 1) all[j] = w.at[j];
            if (x.k == kind::reduction) {
                row_.push_back(at(x.in[0], all));
            } else {
                sum = multiply_add(x.type, factor(x, 0, all), factor(x, 1, all), sum);
            }
        }
        if (x.k == kind::contraction) return sum;
        return fold_cells(x.op, g_.n[x.in[0]].type, row_.data(), static_cast<int64>(row_.size()));
    }
    // An operand of a contraction, which may have one element for several of the other one.
    cell factor(const node& x, int side, const int64* coordinates) {
        const unsigned char groups = groups_of(x, side);
        if (groups == 0) return at(x.in[side], coordinates);
        int64 own[max_rank];
        for (int j = 0; j < max_rank; ++j) {
            const int64 few = seen(x.in[side]).extent[j], all = seen(x.in[1 - side]).extent[j];
            own[j] = groups >> j & 1 ? coordinates[j] * few / all : coordinates[j];
        }
        return at(x.in[side], own);
    }
    // The operand in row-major order, seen as the map sees it. Offsets are counted in registers.
    void map_index(short i, const node& x) {
        auto& store = cells_[static_cast<std::size_t>(i)];
        array_ref inside = is_padded(x) ? base_of(g_, i, b_.shapes, b_.value) : seen(x.in[0]);
        make_row_major(inside);
        store.resize(static_cast<std::size_t>(elements_of(inside)));
        if (is_padded(x)) {
            inside.data = store.data();
            inside.type = dtype::i64;
            inside = sliced(inside, 0xff, b_.slices[x.axes]);
        }
        const int64 first = is_padded(x) ? static_cast<cell*>(inside.data) - store.data() : 0;
        for (walk w(seen(x.in[0]).extent, 0xff); !w.done; w.next())
            store[static_cast<std::size_t>(first + offset_of(inside, w.at))] = at(x.in[0], w.at);
        // Registers are 8 bytes, as int64 is.
        const array_ref a =
            index_mapped(g_, i, store.data(), dtype::i64, b_.slices, b_.shapes, b_.value);
        seen(i) = a;
    }

    const bound_program& b_;
    const graph_view& g_;
    const bool* rounded_;
    std::vector<std::vector<cell>> cells_;
    std::vector<array_ref> seen_;
    std::vector<cell> row_;
};

/// Evaluates a program node by node on the host and writes its results.
inline void evaluate_graph(const bound_program& b, const bool* rounded = nullptr) {
    graph_evaluation(b, rounded).run();
}

}  // namespace sinter::ir
