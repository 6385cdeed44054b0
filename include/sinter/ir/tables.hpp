// What run-time code sees of a compiled program: views of the graph, the plan and the lowered
// stages without template parameters, and the arrays in them. Axes are counted from the right:
// entry 0 is the last axis; entries that an array does not have hold extent 1 and stride 0.
#pragma once

#include "sinter/ir/node.hpp"

namespace sinter::ir {

/// A graph without its capacity.
struct graph_view {
    const node* n = nullptr;
    int size = 0;
    const view_step* views = nullptr;
    const short* root = nullptr;
    int roots = 0;
    int axes = max_rank;  // from this one on every node has extent 1
    const turned_windows* turned = nullptr;
    int turned_count = 0;
};
template <class G>
constexpr graph_view view_of_graph(const G& g) {
    int axes = 0;
    for (int i = 0; i < g.size; ++i)
        while (axes < max_rank && (~g.n[i].ones & 0xff) >> axes) ++axes;
    return {g.n, g.size, g.views, g.root, g.roots, axes, g.turned, g.turned_count};
}

/// An array in memory: strides in elements, 0 where it is broadcast, possibly negative.
struct array_ref {
    void* data = nullptr;
    dtype type = dtype::f32;
    int64 extent[max_rank] = {1, 1, 1, 1, 1, 1, 1, 1};
    int64 stride[max_rank]{};
};
/// The number of elements of `a`.
inline int64 elements_of(const array_ref& a) {
    int64 n = 1;
    for (const int64 e : a.extent) n *= e;
    return n;
}
/// Gives `a` the strides of row-major storage.
inline void make_row_major(array_ref& a) {
    int64 n = 1;
    for (int j = 0; j < max_rank; ++j) {
        a.stride[j] = a.extent[j] == 1 ? 0 : n;
        n *= a.extent[j];
    }
}

/// The bounds of one sliced axis, resolved: elements start, start + step, ..., `count` of them.
struct slice_bounds {
    int64 start = 0, step = 1, count = 1;
};
/// The run-time operand of a slice: bounds by axis (only those of the slice's axes are read).
struct slice_args {
    slice_bounds axis[max_rank];
};
/// The run-time operand of broadcast_to and reshape: extents by axis. One may be -1 in a reshape:
/// it follows from the number of elements.
struct shape_args {
    int64 extent[max_rank] = {1, 1, 1, 1, 1, 1, 1, 1};
};

/// Why a value leaves a kernel instead of staying in registers.
enum class reason : unsigned char {
    none,
    result,              // the caller wants it
    second_contraction,  // one contraction per kernel
    beside_contraction,  // row reductions step aside for a contraction
    reduced,             // a reduction over a contraction needs whole rows
    operand,             // operands of a contraction are pointwise over arrays
    other_axes,          // reductions of one kernel fold the same axes
    dropped_axes,        // a reduction without keepdims coincides with other axes by position only
    repeated,            // one value for several rows: each row would compute it again
    partial,             // varies along a part of the folded axes
    wider,               // a contraction is broadcast by its reader
    dear,                // a costly value is broadcast by its reader
    recomputed,          // a costly operand of a contraction: every tile computes it again
    reshaped,            // read in another shape
    twice,               // two kernels would compute the same contraction or reduction
    capacity,            // the kernel would have too many instructions, arrays or passes
    split,               // the split plan stores every reduction
};

/// The capacity of one stage.
inline constexpr int max_stage_instrs = 256, max_stage_loads = 32, max_stage_scalars = 64,
                     max_stage_stores = 8;
/// The most reductions of what a contraction gives that its kernel completes: their states lie in
/// shared memory, beside the tiles.
inline constexpr int max_product_folds = 3;

/// A stage: the contraction it is built around or -1, the axes that its reductions fold.
struct stage_plan {
    short core = -1;
    unsigned char row_axes = 0;
    short pool = -1;  // the index map through which the contraction's values are folded in windows
};
inline constexpr int max_stages = 128;

/// A value that costs at least costly_flops, and a reader that broadcasts it, or a contraction
/// whose operand it is; -1: two stages compute it.
struct dear_value {
    short value = -1, reader = -1;
};
/// True for the operand of a product.
constexpr bool is_operand(const node* n, const dear_value& d) {
    return d.reader >= 0 && n[d.reader].k == kind::contraction;
}
/// The most such values that are told: more change no decision.
inline constexpr int max_dear = 4;

/// A plan without its capacity: arrays by node, `stage` by stage.
struct plan_view {
    const bool *live = nullptr, *stored = nullptr, *loaded = nullptr;
    const short* stage_of = nullptr;
    const reason* why = nullptr;
    const stage_plan* stage = nullptr;
    int stages = 0;
    const dear_value* dear = nullptr;
    int dears = 0;
};
template <class P>
constexpr plan_view view_of_plan(const P& p) {
    return {p.live, p.stored, p.loaded, p.stage_of, p.why, p.stage, p.stages, p.dear, p.dears};
}

/// One stored value of a stage: its instruction, its node, and the root it is, or -1 for a
/// temporary that a later stage loads.
struct stage_store {
    short value = -1, node = -1, root = -1;
};
/// A lowered stage without its capacity. `node_of` gives each instruction's node: what a load
/// reads, a scalar's slot, an extent's operand.
struct stage_view {
    const instr* code = nullptr;
    int size = 0;
    const short* node_of = nullptr;
    const stage_store* store = nullptr;
    int stores = 0;
    stage_head head;
    unsigned char row_axes = 0;
    unsigned char core_axes = 0;  // the axes that the contraction sums
    short pool = -1;              // see stage_plan
};
template <class L>
constexpr stage_view view_of_stage(const L& s) {
    return {s.code, s.size, s.node_of, s.store, s.stores, s.head, s.row_axes, s.core_axes, s.pool};
}

/// True for nodes that a stage never computes: it loads them, or they are run-time scalars.
constexpr bool is_source(kind k) {
    return k != kind::pointwise && k != kind::reduction && k != kind::contraction;
}
/// The axes that reduction or contraction `x` folds where its operand may be longer than 1.
constexpr unsigned char folded_axes(const node& x, const node& operand) {
    const unsigned char a = static_cast<unsigned char>(x.axes & ~operand.ones);
    return a ? a : x.axes;
}

/// True when reduction `x`, computed by a stage that folds `row_axes`, reduces over the rows of
/// that stage.
constexpr bool folds_rows(const node& x, const node& operand, unsigned char row_axes) {
    return row_axes != 0 && folded_axes(x, operand) != row_axes;
}

}  // namespace sinter::ir
