// Groups stored values into stages, and proves that the rows of a stage have one length.
#pragma once

#include "sinter/ir/totals.hpp"

namespace sinter::ir {

template <int Cap>
struct grouper : totaller<Cap> {
    using base = totaller<Cap>;
    using base::base, base::g, base::p, base::rules, base::near, base::core, base::fold, base::drop,
        base::level, base::arrays, base::state, base::late;
    using typename base::set, typename base::stage_state;

    short reduced_by[Cap]{};  // the stage that computes a reduction, plus one

    /// Gives every stored value a stage. A contraction or reduction that two stages would compute
    /// is the reason to store one more value: its number; -1 when all is done.
    constexpr short group_all() {
        // What only the caller reads may end the kernel of a value that comes after it.
        for (int last = 0; last < 2; ++last)
            for (short v = 0; v < g.size; ++v) {
                if (!p.live[v] || !p.stored[v] || waits(v) != (last == 1)) continue;
                const short s = place(v);
                if (s < 0) return shared_with_other(v);
                const short r = rules.reduce_once ? reduced_before(v, s) : short{-1};
                if (r >= 0) return r;
            }
        const short v = rules.split ? short{-1} : computed_twice();
        if (v >= 0 && rules.store_dear) return v;
        if (v >= 0) this->name_dear(v, -1);
        mark_loaded();
        return -1;
    }

private:
    // The stage that must have run before `j` can be read: by anyone (-1: none).
    constexpr short made_by(short j) const {
        if (g.n[j].k == kind::index_map) {
            const short from = g.n[j].in[0];
            return p.stored[from] ? p.stage_of[from] : short{-1};
        }
        return p.stored[j] && !this->source(j) ? p.stage_of[j] : short{-1};
    }
    /// True when `v` folds, other stored values fold other axes, and nothing needs `v`.
    constexpr bool waits(short v) const {
        if (!ends_rows() || fold[v] == 0 || core[v] >= 0) return false;
        if ((this->shown(v) & fold[v]) || level[v] > 1) return false;  // rows, read again
        bool others = false;
        for (short j = 0; j < g.size; ++j) {
            if (j == v || !p.live[j] || !p.stored[j]) continue;
            if (near[j].has(v) || (core[j] >= 0 && this->sides(core[j]).has(v))) return false;
            others |= fold[j] != 0 && fold[j] != fold[v];
        }
        for (short j = static_cast<short>(v + 1); j < g.size; ++j)
            if (p.live[j] && g.n[j].k == kind::index_map && g.n[j].in[0] == v) return false;
        return others;
    }
    constexpr bool ends_rows() const { return rules.totals && !rules.split; }

    constexpr short place(short v) {
        const bool contracted = core[v] >= 0;
        set all = near[v], side;
        if (contracted) side = this->sides(core[v]);
        all.add(side);
        // Values read at other coordinates come from earlier stages, others may share this one.
        short lowest = 0, end = 0;  // for what needs the results of a kernel when it ends: `lowest`
        for (int j = all.next(0); j >= 0; j = all.next(j + 1)) {
            if (j == v && g.n[j].k != kind::index_map) continue;
            const short jj = static_cast<short>(j), from = made_by(jj);
            if (from < 0) continue;
            const bool strict = rules.in_order && (g.n[j].k == kind::index_map || side.has(j));
            const short first = static_cast<short>(from + strict);
            if (first > end) end = first;
            const short whole = static_cast<short>(from + (strict || late[jj]));
            if (whole > lowest) lowest = whole;
        }
        for (short s = end; ends_rows() && s < p.stages; ++s)
            if (this->ends_in(v, s) && ends(v, s)) return s;
        const stage_state alone = alone_state(v, all);
        for (short s = lowest; s < p.stages; ++s)
            if (joins(v, alone, s)) return s;
        if (contracted && rules.contract_once)
            for (short s = 0; s < p.stages; ++s)
                if (p.stage[s].core == core[v]) return -1;
        if (p.stages == max_stages)
            throw "Sinter: an expression needs too many kernels: assign a part of it to a tensor.";
        const short s = static_cast<short>(p.stages++);
        state[s] = alone;
        p.stage[s] = {
            core[v], this->pool[v] < 0 ? fold[v] : static_cast<unsigned char>(0), this->pool[v]};
        p.stage_of[v] = s;
        return s;
    }
    constexpr stage_state alone_state(short v, const set& all) const {
        stage_state t;
        t.values = near[v];
        t.all = all;
        t.stored.add(v);
        t.frame = static_cast<unsigned char>(this->shown(v) | fold[v]);
        t.drop = drop[v];
        t.level = level[v];
        for (int k = 0; k < g.roots; ++k)
            t.stores = static_cast<short>(t.stores + (written_root(g, k) == v));
        if (t.stores == 0) t.stores = 1;
        return t;
    }
    /// Adds `v`, which is a total over the rows of stage `s`, if the kernel has room for it.
    constexpr bool ends(short v, short s) {
        stage_state& t = state[s];
        const stage_state a = alone_state(v, near[v]);
        set values = t.values, stored = t.stored;
        values.add(a.values);
        stored.add(v);
        if (rules.capacity && (t.level >= max_passes || t.stores + a.stores > max_stage_stores ||
                               !this->fits(values, stored)))
            return false;
        t.values = values, t.all.add(values), t.stored = stored;
        t.stores = static_cast<short>(t.stores + a.stores);
        late[v] = true;
        p.stage_of[v] = s;
        return true;
    }
    /// Adds `v` to stage `s` if one kernel can compute both and thereby reads an array once.
    constexpr bool joins(short v, const stage_state& a, short s) {
        stage_state& t = state[s];
        stage_plan& q = p.stage[s];
        const unsigned char row = static_cast<unsigned char>(q.row_axes | fold[v]);
        if (q.pool >= 0 || this->pool[v] >= 0) return false;
        if (q.core >= 0 && core[v] >= 0 && q.core != core[v]) return false;
        const bool contracted = q.core >= 0 || core[v] >= 0;
        if (contracted && row && !folded_with_product(v, a, s)) return false;
        if (q.row_axes && fold[v] && q.row_axes != fold[v]) return false;
        if (rules.split && row) return false;
        // The same outer axes; along the row one value or all.
        const unsigned char frame = static_cast<unsigned char>(a.frame | t.frame);
        if ((a.frame & ~row) != (t.frame & ~row)) return false;
        const int along = this->shown(v) & row, t_along = q.row_axes ? 0 : t.frame & row;
        if ((along && along != row) || (t_along && t_along != row)) return false;
        const bool depends = t.stored.meets(near[v]);
        if (rules.same_frame && !share_full(t.values, a.values, frame) &&
            !(depends && !along && follows(v, t)))
            return false;
        if (rules.store_dropped && broadcasts_dropped(v, t, a.frame)) return false;
        set values = t.values, all = t.all;
        values.add(a.values);
        all.add(a.all);
        const int deep = depends ? t.level + a.level : t.level > a.level ? t.level : a.level;
        set stored = t.stored;
        stored.add(v);
        if (rules.capacity && (deep >= max_passes || t.stores + a.stores > max_stage_stores ||
                               !this->fits(all, stored)))
            return false;
        t.values = values, t.all = all, t.stored = stored;
        t.frame = frame;
        t.drop = static_cast<unsigned char>(t.drop | a.drop);
        t.level = static_cast<unsigned char>(deep);
        t.stores = static_cast<short>(t.stores + a.stores);
        if (core[v] >= 0) q.core = core[v];
        q.row_axes = row;
        p.stage_of[v] = s;
        return true;
    }
    // What leaves a contraction's kernel: elements, and what reductions of them give. Nothing reads
    // a reduction again.
    constexpr bool folded_with_product(short v, const stage_state& a, short s) const {
        const stage_plan& q = p.stage[s];
        const short c = q.core >= 0 ? q.core : core[v];
        const int row = q.row_axes | fold[v];
        if (rules.split || ((a.frame | state[s].frame) & g.n[c].ones)) return false;
        set all = state[s].values;
        all.add(a.values);
        if (this->folds_in(all) > max_product_folds) return false;
        set stored = state[s].stored;
        stored.add(v);
        for (int j = stored.next(0); j >= 0; j = stored.next(j + 1)) {
            const short w = static_cast<short>(j);
            if (fold[w] ? !this->finishes(w) : (this->shown(w) & row) != row) return false;
            for (int i = stored.next(0); i >= 0 && fold[w]; i = stored.next(i + 1))
                if (i != j && near[i].has(j)) return false;
        }
        return true;
    }
    // A value that has all axes of the frame in both proves that their axes are the same ones.
    constexpr bool share_full(const set& x, const set& y, unsigned char frame) const {
        for (int j = x.next(0); j >= 0; j = x.next(j + 1))
            if (y.has(j) && this->shown(static_cast<short>(j)) == frame) return true;
        return false;
    }
    // True when `v` is computed from a stored value of the stage that has the same axes.
    constexpr bool follows(short v, const stage_state& t) const {
        for (int j = t.stored.next(0); j >= 0; j = t.stored.next(j + 1))
            if (near[v].has(j) && g.n[j].ones == g.n[v].ones) return true;
        return false;
    }
    // A reduction that dropped its axes coincides with others by position only.
    constexpr bool broadcasts_dropped(short v, const stage_state& t, unsigned char frame) const {
        for (int j = t.stored.next(0); j >= 0; j = t.stored.next(j + 1))
            if (near[v].has(j) && (t.drop & frame & g.n[j].ones)) return true;
        return false;
    }
    constexpr void mark_loaded() {
        for (short v = 0; v < g.size; ++v) {
            if (!p.live[v] || !p.stored[v]) continue;
            set all = near[v];
            if (core[v] >= 0) all.add(this->sides(core[v]));
            for (int j = all.next(0); j >= 0; j = all.next(j + 1)) {
                const node& x = g.n[j];
                if (x.k == kind::index_map && p.stored[x.in[0]]) p.loaded[x.in[0]] = true;
                if (j != v && p.stored[j] && !this->source(static_cast<short>(j)) &&
                    p.stage_of[j] != p.stage_of[v])
                    p.loaded[j] = true;
            }
        }
        // What was stored for others that now share its stage stays in registers.
        for (short v = 0; v < g.size; ++v)
            if (p.stored[v] && !p.loaded[v] && p.why[v] != reason::result) {
                p.stored[v] = false;
                p.stage_of[v] = -1;
                p.why[v] = reason::none;
            }
    }

    // A reduction that `v` in stage s and some other stage both compute, or -1.
    constexpr short reduced_before(short v, short s) {
        for (short j = v; j >= 0; --j) {  // the last first: it may be all that others need
            if (g.n[j].k != kind::reduction || !near[v].has(j) || (j != v && p.stored[j])) continue;
            if (reduced_by[j] > 0 && reduced_by[j] != s + 1) return j;
            reduced_by[j] = static_cast<short>(s + 1);
        }
        return -1;
    }
    // A costly function of every element that two stages both compute, or -1; the last: it may be
    // all that both need.
    constexpr short computed_twice() const {
        for (short j = static_cast<short>(g.size - 1); j >= 0; --j) {
            const node& x = g.n[j];
            if (x.k != kind::pointwise || p.stored[j] || info_of(x.op).flops < costly_flops ||
                core[j] >= 0 || fold[j])
                continue;
            int stages = 0;
            for (short s = 0; s < p.stages; ++s)
                stages += state[s].values.has(j) && this->shown(j) == state[s].frame;
            if (stages > 1) return j;
        }
        return -1;
    }
    // True when `v` needs contraction c without going through u.
    constexpr bool reaches(short v, short c, short u) const {
        if (v == c) return true;
        bool need[Cap]{};
        need[v] = true;
        for (short i = v; i >= c; --i) {
            if (!need[i] || i == u || (i != v && this->opaque(i))) continue;
            if (i == c) return true;
            if (g.n[i].k == kind::contraction) continue;
            for (const short d : g.n[i].in)
                if (d >= 0) need[d] = true;
        }
        return false;
    }
    /// The last value of the epilogue through which `v` and the stage that has its contraction
    /// both need that contraction; the contraction itself if there is none.
    constexpr short shared_with_other(short v) const {
        const short c = core[v];
        short s = 0;
        while (p.stage[s].core != c) ++s;
        for (short u = static_cast<short>(v - 1); u > c; --u) {
            if (!near[v].has(u) || !state[s].values.has(u) || this->opaque(u) || core[u] != c)
                continue;
            bool separates = !reaches(v, c, u);
            for (int w = state[s].stored.next(0); w >= 0 && separates;
                 w = state[s].stored.next(w + 1))
                separates = core[w] != c || !reaches(static_cast<short>(w), c, u);
            if (separates) return this->pool[u] == u ? g.n[u].in[0] : u;
        }
        return c;
    }
};

}  // namespace sinter::ir
