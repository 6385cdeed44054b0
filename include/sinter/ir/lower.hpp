// Lowering: one stage of a plan becomes a self-contained list of instructions.
#pragma once

#include "sinter/ir/plan.hpp"

namespace sinter::ir {

constexpr int stage_cap(int nodes) { return nodes < max_stage_instrs ? nodes : max_stage_instrs; }

/// A stage as instructions. `node_of` gives the node of each instruction: the array that a load
/// reads, the slot of a scalar.
template <int Cap>
struct lowered {
    instr code[Cap]{};
    int size = 0;
    short node_of[Cap]{};
    stage_store store[max_roots]{};
    int stores = 0;
    stage_head head{};
    unsigned char row_axes = 0, core_axes = 0;
    short pool = -1;

    /// The words of the stage_code: stored instruction numbers, instructions, values.
    constexpr int words() const {
        int n = stores + size;
        for (int i = 0; i < size; ++i) n += code[i].has_value();
        return n;
    }
    constexpr uint64 word(int i) const {
        if (i < stores) return static_cast<uint64>(store[i].value);
        i -= stores;
        if (i < size) return code[i].word();
        i -= size;
        for (int j = 0; j < size; ++j)
            if (code[j].has_value() && i-- == 0) return code[j].value;
        throw "Sinter: a stage has fewer words than were asked for.";
    }
    /// The numbers of loads, scalars, reductions: what kernels are built from.
    constexpr int count(how h) const {
        int n = 0;
        for (int i = 0; i < size; ++i) n += code[i].h == h;
        return n;
    }
};

template <int Cap>
struct lowering {
    using result = lowered<stage_cap(Cap)>;
    const graph<Cap>& g;
    const plan<Cap>& p;
    int stage;
    result r{};
    bool need[Cap]{}, side[2][Cap]{};
    short at[Cap]{};  // the instruction of a node
    int frame = 0;    // the axes that its values show

    constexpr void run() {
        r.row_axes = p.stage[stage].row_axes;
        r.pool = p.stage[stage].pool;
        add_stores();
        if (r.stores == 0) throw "Sinter: a stage stores nothing.";
        spread(need, true);
        for (short i = 0; i < g.size; ++i)
            if (need[i]) frame |= ~g.n[i].ones & 0xff;
        const short core = p.stage[stage].core;
        if (core >= 0) {
            r.core_axes = g.n[core].axes;
            for (int k = 0; k < 2; ++k) {
                side[k][g.n[core].in[k]] = true;
                spread(side[k], false);
            }
        }
        for (short i = 0; i < g.size; ++i)
            if (need[i] || side[0][i] || side[1][i]) emit(i);
        if (r.count(how::load) > max_stage_loads || r.count(how::scalar) > max_stage_scalars)
            throw "Sinter: a stage has too many operands.";
        for (int k = 0; k < r.stores; ++k) r.store[k].value = at[r.store[k].node];
        r.head.passes = 1;
        for (int i = 0; i < r.size; ++i)
            if (!r.code[i].is_late() && r.code[i].level >= r.head.passes)
                r.head.passes = static_cast<unsigned char>(r.code[i].level + 1);
        for (int i = 0; i < r.size; ++i)
            if (r.code[i].is_late()) r.code[i].level = r.head.passes;
        if (r.head.passes > max_passes) throw "Sinter: a stage has too many passes.";
        for (int k = 0; k < r.head.passes; ++k) mark_loop(k);
        if (r.head.core < 0 && r.row_axes != 0) mark_windows();
        for (int k = 0; k < 2; ++k)
            for (short i = 0; i < g.size; ++i)
                if (side[k][i] && evaluated(at[i])) in_loop(at[i], side_a + k);
    }

private:
    constexpr bool loaded(short i, bool epilogue) const {
        return (is_source(g.n[i].k) && i != r.pool) ||
               (p.stored[i] && !(epilogue && p.stage_of[i] == stage));
    }
    constexpr bool evaluated(short j) const {
        const how h = r.code[j].h;
        return h != how::scalar && h != how::constant && !r.code[j].is_late();
    }
    constexpr void in_loop(short j, int loop) {
        r.code[j].loops = static_cast<unsigned char>(r.code[j].loops | 1 << loop);
    }
    constexpr void add_stores() {
        for (short i = 0; i < g.size; ++i) {
            if (!p.live[i] || !p.stored[i] || p.stage_of[i] != stage) continue;
            need[i] = true;
            bool result_too = false;
            for (short k = 0; k < g.roots; ++k)
                if (written_root(g, k) == i) {
                    r.store[r.stores++] = {-1, i, k};
                    result_too = true;
                }
            if (result_too) continue;
            if (!p.loaded[i]) throw "Sinter: a value is stored that nobody reads.";
            r.store[r.stores++] = {-1, i, -1};
        }
    }
    // Marks what the marked values need.
    constexpr void spread(bool (&marked)[Cap], bool epilogue) const {
        for (short i = static_cast<short>(g.size - 1); i >= 0; --i) {
            if (!marked[i] || loaded(i, epilogue)) continue;
            if (epilogue && i == p.stage[stage].core) continue;
            for (const short c : g.n[i].in)
                if (c >= 0) marked[c] = true;
        }
    }
    constexpr bool row_constant(unsigned char ones) const {
        if (r.pool >= 0) return true;  // of windows: where its operands are
        return r.row_axes ? (ones & r.row_axes) == r.row_axes : ones == 0xff;
    }
    constexpr void emit(short i) {
        if (r.size == stage_cap(Cap)) throw "Sinter: a stage has too many instructions.";
        const node& x = g.n[i];
        if (i == r.pool) {  // the same values, walked in another order
            at[i] = at[x.in[0]];
            return;
        }
        instr y;
        y.type = x.type;
        y.row_constant = row_constant(x.ones);
        if (loaded(i, need[i])) {
            emit_source(i, x, y);
        } else if (x.k == kind::contraction) {
            emit_core(i, x, y);
        } else {
            y.h = x.k != kind::reduction                    ? how::compute
                  : folds_rows(x, g.n[x.in[0]], r.row_axes) ? how::total
                                                            : how::reduce;
            y.op = x.op;
            if (x.k == kind::pointwise && x.op == op_user) y.value = static_cast<uint64>(x.slot);
            for (int k = 0; k < 3; ++k) {
                if (x.in[k] < 0) continue;
                y.in[k] = at[x.in[k]];
                const instr& z = r.code[y.in[k]];
                if (z.level > y.level) y.level = z.level;
                if (p.stage[stage].core >= 0 && !z.row_constant) y.row_constant = false;
                if (z.is_late()) y.h = how::after;
            }
            if (y.h == how::reduce) check_reduction(i, x, y);
            y.may_spread = y.h == how::compute && may_spread(x);
        }
        // The epilogue of a contraction knows no values of a row but its reductions and numbers,
        // and without reductions numbers alone: what is the same everywhere is one of an element.
        if (p.stage[stage].core >= 0 && y.h != how::scalar && y.h != how::constant &&
            (y.h == how::load || y.h == how::core || (r.row_axes == 0 && r.pool < 0)))
            y.row_constant = false;
        at[i] = same_as(y);
        if (at[i] >= 0) return;
        at[i] = static_cast<short>(r.size);
        r.node_of[r.size] = i;
        r.code[r.size++] = y;
    }
    // Known to be broadcast, it is named by the plan. In one dimension nobody broadcasts an array.
    constexpr bool may_spread(const node& x) const {
        if (x.op == op_user) return x.axes >= costly_flops;  // no plan names these
        const int shown = ~x.ones & 0xff;
        return info_of(x.op).flops >= costly_flops && shown == frame && (shown & (shown - 1)) != 0;
    }
    // Nodes that differ only in the rank of their shape are one instruction.
    constexpr short same_as(const instr& y) const {
        if (y.h != how::compute && y.h != how::reduce) return -1;
        if (y.h == how::compute && y.op == op_expand) return -1;  // extents may differ
        for (short j = static_cast<short>(r.size - 1); j > y.in[0]; --j) {
            const instr& z = r.code[j];
            if (z.in[0] == y.in[0] && z.word() == y.word() && z.value == y.value) return j;
        }
        return -1;
    }
    constexpr void emit_source(short i, const node& x, instr& y) const {
        if (x.k == kind::constant) {
            y.h = how::constant;
            y.value = x.value;
        } else if (x.k == kind::scalar || x.k == kind::extent || x.k == kind::address) {
            y.h = how::scalar;
        } else {
            y.h = how::load;
            const int guards = g.guards_of(i);
            if (guards > 0 && need[i])
                throw "Sinter: zeros around an array must be stored where no product reads it.";
            y.op = static_cast<unsigned char>((x.k == kind::coordinate) | guards << 1);
            if (x.k == kind::index_map && g.n[x.in[0]].k != kind::leaf && !p.stored[x.in[0]])
                throw "Sinter: a stage reads a value in another shape that is not stored.";
        }
    }
    constexpr void emit_core(short i, const node& x, instr& y) {
        if (i != p.stage[stage].core) throw "Sinter: a stage has two contractions.";
        if (side[0][i] || side[1][i]) throw "Sinter: a contraction is an operand of itself.";
        y.h = how::core;
        // Filters are the innermost axis of a convolution's result, which windows do not have.
        const bool windows = (x.axes & (x.axes - 1)) != 0 && (g.n[x.in[0]].ones & 1);
        y.op = static_cast<unsigned char>(x.op | (windows ? core_windows : 0));
        y.row_constant = false;
        r.head.core = static_cast<short>(r.size);
        r.head.core_a = at[x.in[0]];
        r.head.core_b = at[x.in[1]];
        for (int k = 0; k < r.stores; ++k)
            if (~g.n[r.store[k].node].ones & x.ones & 0xff)
                throw "Sinter: a contraction is broadcast inside its stage.";
    }
    constexpr void check_reduction(short i, const node& x, instr& y) const {
        if (p.stage[stage].core >= 0 && y.level > 0)
            throw "Sinter: a stage reduces twice what a contraction gives.";
        if (side[0][i] || side[1][i]) throw "Sinter: a contraction's operand has a reduction.";
        if (r.pool < 0 && folded_axes(x, g.n[x.in[0]]) != r.row_axes)
            throw "Sinter: reductions of one stage fold different axes.";
        y.row_constant = true;
        ++y.level;
    }

    // The axes outside the row along which windows slide that node `i` sees an array in.
    constexpr int slid_axes(short i) const {
        axis_map seen;
        for (signed char j = 0; j < max_rank; ++j) seen.at[j] = j;
        int slid = 0, parts = 0;
        const int shown = ~g.n[i].ones & 0xff;
        for (short v = g.n[i].view; v >= 0; v = g.views[v].parent) {
            const view_step& step = g.views[v];
            if (step.slot < 0) seen = composed(step.map, seen);
            for (int j = 0; j < max_rank; ++j) {
                if (seen.at[j] < 0 || !(shown >> j & 1)) continue;
                if (step.slot >= 0 && (step.inner >> seen.at[j] & 1)) parts |= 1 << j;
                for (int k = 0; k < max_rank; ++k)
                    if (k != j && seen.at[k] == seen.at[j] && (shown & r.row_axes & 1 << k) &&
                        !(r.row_axes >> j & 1) && !(parts >> k & 1) && !(parts >> j & 1))
                        slid |= 1 << j;
            }
        }
        return slid;
    }
    // Loads that do not move with the windows that others see are told apart.
    constexpr void mark_windows() {
        int slid = 0;
        for (int i = 0; i < r.size; ++i)
            if (r.code[i].h == how::load) slid |= slid_axes(r.node_of[i]);
        if (slid == 0) return;
        r.head.windows = true;
        for (int i = 0; i < r.size; ++i)
            if (r.code[i].h == how::load)
                r.code[i].same_for_windows = (g.n[r.node_of[i]].ones & slid) == slid;
    }

    /// The pass that writes the results: the last; the first when only values per row follow.
    constexpr int storing_pass() const {
        if (r.head.core >= 0) return 0;
        if (r.head.passes != 2 || r.count(how::total) > 0) return r.head.passes - 1;
        for (int k = 0; k < r.stores; ++k) {
            const instr& x = r.code[r.store[k].value];
            if (!x.row_constant && x.level > 0) return 1;
        }
        return 0;
    }
    // Walks backwards from what the loop of pass k must deliver.
    constexpr void mark_loop(int k) {
        if (k == storing_pass()) {
            for (int j = 0; j < r.stores; ++j)
                if (!r.code[r.store[j].value].is_late()) in_loop(r.store[j].value, k);
            for (int i = 0; i < r.size; ++i)
                if (r.code[i].h == how::total) in_loop(r.code[i].in[0], k);
        }
        const unsigned char bit = static_cast<unsigned char>(1 << k);
        for (int i = r.size - 1; i >= 0; --i) {
            instr& y = r.code[i];
            if (y.h == how::reduce && y.level == k + 1) in_loop(y.in[0], k);
            if (y.row_constant) y.loops = static_cast<unsigned char>(y.loops & ~bit);
            if (!(y.loops & bit) || y.h != how::compute) continue;
            for (const short c : y.in)
                if (c >= 0) in_loop(c, k);
        }
        for (int i = 0; i < r.size; ++i)  // values of the row, reached from elements above
            if (r.code[i].row_constant)
                r.code[i].loops = static_cast<unsigned char>(r.code[i].loops & ~bit);
    }
};

/// Stage `s` of the plan as instructions.
template <int Cap>
constexpr typename lowering<Cap>::result lower(const graph<Cap>& g, const plan<Cap>& p, int s) {
    lowering<Cap> l{g, p, s};
    l.run();
    return l.r;
}

}  // namespace sinter::ir
