// Which launches a stage needs once extents are known. Values that share a stage usually have one
// index space; where extents differ after all, the stage runs once per space, writing only the
// values of that space. Rows that differ in length inside one value need the split plan.
#pragma once

#include "sinter/ir/pooled.hpp"
#include "sinter/ir/tables.hpp"

namespace sinter::ir {

/// Instructions of a stage.
struct instr_set {
    uint64 word[max_stage_instrs / 64]{};
    bool operator[](int i) const { return word[i / 64] >> (i % 64) & 1; }
    void add(int i) { word[i / 64] |= uint64{1} << (i % 64); }
    void add(const instr_set& s) {
        for (int k = 0; k < max_stage_instrs / 64; ++k) word[k] |= s.word[k];
    }
};

/// One launch of a stage: its index space (row axes with the length of the row, the axes that a
/// contraction sums with theirs), the stores that it writes (bits), and per instruction whether
/// those need it. Loads that nothing needs may not fit the space: bind them with stride 0.
struct stage_launch {
    int64 extent[max_rank] = {1, 1, 1, 1, 1, 1, 1, 1};
    unsigned stores = 0;
    instr_set needed;
};

namespace detail {

inline bool widen(int64* extent, const array_ref& a, unsigned char axes, int rank) {
    for (int j = 0; j < rank; ++j) {
        if (!(axes >> j & 1) || a.extent[j] == 1 || a.extent[j] == extent[j]) continue;
        if (extent[j] != 1) return false;
        extent[j] = a.extent[j];
    }
    return true;
}

inline bool fills(const array_ref& a, const stage_launch& f, int axes, int rank) {
    for (int j = 0; j < rank; ++j)
        if ((axes >> j & 1) && a.extent[j] != f.extent[j]) return false;
    return true;
}
/// The windows that the epilogue of stage `s`, which has some, folds.
inline pooling pooling_in(const graph_view& g, short map) {
    for (short r = static_cast<short>(map + 1); r < g.size; ++r)
        if (g.n[r].k == kind::reduction && g.n[r].in[0] == map)
            if (const pooling p = pooling_of(g.n, g.views, map, g.n[r].axes); p.count > 0) return p;
    return {};
}
// Windows that overlap would have many values computed several times.
inline bool each_once(const graph_view& g, short map, const array_ref* value) {
    const pooling p = pooling_in(g, map);
    for (int k = 0; k < p.count; ++k) {
        const array_ref& windows = value[map];
        if (windows.extent[p.at[k].axis] * windows.extent[p.at[k].inside] >
            value[g.n[map].in[0]].extent[p.at[k].axis])
            return false;
    }
    return p.count > 0;
}

// The space that one store walks, and what it needs there.
inline bool frame_of(
    const graph_view& g, const stage_view& s, const array_ref* value, int store, stage_launch& f) {
    f.needed.add(s.store[store].value);
    for (int i = s.store[store].value; i >= 0; --i) {
        if (!f.needed[i]) continue;
        const bool folded = s.pool >= 0 && s.code[i].level > 0;  // counts windows, not elements
        if (!folded && !widen(f.extent, value[s.node_of[i]], 0xff, g.axes)) return false;
        for (const short c : s.code[i].in)
            if (c >= 0) f.needed.add(c);
    }
    const auto fills_row = [&](const array_ref& a) { return fills(a, f, s.row_axes, g.axes); };
    for (int i = 0; i < s.size; ++i) {
        if (!f.needed[i]) continue;
        const short in = g.n[s.node_of[i]].in[0];
        if (s.code[i].h == how::reduce && !fills_row(value[in])) return false;
        // What is counted once for each row must have all rows.
        if (s.code[i].h == how::total && !fills(value[in], f, ~g.n[in].ones & 0xff, g.axes))
            return false;
    }
    if (s.pool >= 0 && !each_once(g, s.pool, value)) return false;
    const stage_store& to = s.store[store];
    if (!s.code[to.value].row_constant && !fills_row(value[to.node])) return false;
    if (s.head.core < 0 || !f.needed[s.head.core]) return true;
    const node& core = g.n[s.node_of[s.head.core]];
    f.needed.add(s.head.core_a);
    f.needed.add(s.head.core_b);
    for (int i = s.head.core; i >= 0; --i)
        if (f.needed[i])
            for (const short c : s.code[i].in)
                if (c >= 0) f.needed.add(c);
    return widen(f.extent, value[core.in[0]], core.axes, g.axes) &&
           widen(f.extent, value[core.in[1]], core.axes, g.axes);
}

// True when nothing that the launch needs varies along the row.
inline bool has_no_row(const graph_view& g, const stage_view& s, const stage_launch& f) {
    for (int i = 0; i < s.size; ++i)
        if (f.needed[i] && (~g.n[s.node_of[i]].ones & s.row_axes)) return false;
    return true;
}

}  // namespace detail

/// The launches of stage `s`, at most one per store, into `out`; gives their number, or -1 when a
/// reduction's operand or a result is not as long as its row: then the split plan must run. `value`
/// are the arrays by node with the extents that `infer` found.
inline int frames_of(const graph_view& g,
                     const stage_view& s,
                     const array_ref* value,
                     stage_launch* out) {
    int n = 0;
    // A total of values per row does not mind how long the rows are: those come last, when the
    // launches that they may join are known.
    enum { first, of_elements, of_rows, done };
    for (int turn = first; turn < done; ++turn)
        for (int k = 0; k < s.stores; ++k) {
            const bool late = s.code[s.store[k].value].is_late();
            if (late != (turn != first)) continue;
            stage_launch f;
            if (!detail::frame_of(g, s, value, k, f)) return -1;
            f.stores = 1U << k;
            const bool short_rows = late && detail::has_no_row(g, s, f);
            if (late && short_rows != (turn == of_rows)) continue;
            int same = 0;
            for (; same < n; ++same) {
                bool equal = true;
                for (int j = 0; j < max_rank; ++j)
                    equal &=
                        out[same].extent[j] == f.extent[j] || (short_rows && (s.row_axes >> j & 1));
                if (equal) break;
            }
            if (same == n) {
                out[n++] = f;
                continue;
            }
            out[same].stores |= f.stores;
            out[same].needed.add(f.needed);
        }
    return n;
}

}  // namespace sinter::ir
