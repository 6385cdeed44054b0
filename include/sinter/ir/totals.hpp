// Reductions over the rows of a stage that end in its own kernel: the mean of a loss per row, the
// sums of columns beside a result per row.
#pragma once

#include "sinter/ir/cut.hpp"
#include "sinter/ir/proof.hpp"

namespace sinter::ir {

template <int Cap>
struct totaller : cutter<Cap> {
    using base = cutter<Cap>;
    using base::base, base::g, base::p, base::rules, base::near, base::core, base::fold,
        base::level;
    using typename base::set;

    // What a stage holds so far.
    struct stage_state {
        set values;  // everything evaluated at the stage's coordinates
        set all;     // and what its contraction's operands need
        set stored;
        unsigned char frame = 0, drop = 0, level = 0;
        short stores = 0;
    };
    stage_state state[max_stages]{};
    bool late[Cap]{};  // stored values that are known only when all rows of their stage are done

    /// True when `v` is a total over the rows of stage `s`, or computed from such totals alone:
    /// then the stage's kernel ends with it. Each row or element that it reduces is there already.
    constexpr bool ends_in(short v, short s) const {
        const stage_plan& q = p.stage[s];
        const unsigned char row = q.row_axes;
        if (row == 0 || q.core >= 0 || core[v] >= 0) return false;
        const stage_state& t = state[s];
        if ((this->shown(v) & t.frame & ~row) || ((this->shown(v) & row) && this->shown(v) != row))
            return false;
        set need, totals;
        need.add(v);
        for (short i = v; i >= 0; --i) {
            if (!need.has(i)) continue;
            const node& x = g.n[i];
            if (i != v && p.stored[i] && !this->source(i)) {
                if (p.stage_of[i] != s || !late[i]) return false;
            } else if (x.k == kind::reduction) {
                if (!is_total_of(i, s)) return false;
                totals.add(i);
            } else if (x.k == kind::pointwise) {
                // The last block computes these: it has numbers and totals, no arrays.
                for (const short c : x.in)
                    if (c >= 0) need.add(c);
            } else if (x.k != kind::scalar && x.k != kind::constant && x.k != kind::extent) {
                return false;
            }
        }
        return totals.next(0) >= 0 && all_show(totals, this->shown(v)) && counts_agree(totals, s);
    }

private:
    /// True when all these totals are of columns, or none: a column is finished without the others.
    constexpr bool all_show(const set& totals, unsigned char axes) const {
        for (int r = totals.next(0); r >= 0; r = totals.next(r + 1))
            if (this->shown(static_cast<short>(r)) != axes) return false;
        return true;
    }
    /// True when reduction `r` folds the rows of stage `s`: its values per row, its elements down
    /// the columns, or all of them.
    constexpr bool is_total_of(short r, short s) const {
        const node& x = g.n[r];
        const short c = x.in[0];
        const stage_state& t = state[s];
        const unsigned char row = p.stage[s].row_axes,
                            outer = static_cast<unsigned char>(t.frame & ~row),
                            folded = folded_axes(x, g.n[c]),
                            of = static_cast<unsigned char>(this->shown(c));
        if (reduction_info_of(x.op).result == reduces_to::position || outer == 0) return false;
        const bool per_row = of == outer;
        if (!per_row && of != (outer | row)) return false;
        if (folded != outer && (per_row || folded != of)) return false;
        // The operand is computed where the stage is: of arrays and of what the stage has.
        set from;
        this->see(from, c);
        bool beside = false, depends = false;
        for (int j = from.next(0); j >= 0; j = from.next(j + 1)) {
            const short i = static_cast<short>(j);
            const bool array = this->opaque(i), made = array && p.stage_of[i] == s;
            if (made && late[i]) return false;
            if (!array && (g.n[i].k == kind::reduction || g.n[i].k == kind::contraction))
                return false;
            depends |= made;
            beside |= t.values.has(j) && this->shown(i) == of;
        }
        return beside && (needs_rows(s) || (!per_row && depends));
    }
    /// True when the stage walks its rows again after their first reduction: else its reductions
    /// are split over the device as they like, and what follows them is cheap.
    constexpr bool needs_rows(short s) const {
        const stage_state& t = state[s];
        if (t.level >= 2) return true;
        for (int j = t.stored.next(0); j >= 0; j = t.stored.next(j + 1)) {
            if (late[j] || !(this->shown(static_cast<short>(j)) & p.stage[s].row_axes)) continue;
            if (level[j] > 0) return true;
            for (int i = t.stored.next(0); i >= 0; i = t.stored.next(i + 1))
                if (i != j && near[j].has(i)) return true;
        }
        return false;
    }
    /// True when all these totals reduce equally many rows, whatever the extents are.
    constexpr bool counts_agree(const set& totals, short s) const {
        const unsigned char outer =
            static_cast<unsigned char>(state[s].frame & ~p.stage[s].row_axes);
        const short first = static_cast<short>(totals.next(0));
        if (totals.next(first + 1) < 0) return true;
        const set by = lengths_of(g.n[first].in[0], s, outer);
        for (int r = totals.next(first + 1); r >= 0; r = totals.next(r + 1))
            if (!(lengths_of(g.n[r].in[0], s, outer) == by)) return false;
        return true;
    }
    constexpr set lengths_of(short c, short s, unsigned char axes) const {
        row_lengths<Cap> l{g, p, s, axes};
        l.collect(c, true);
        return l.by;
    }
};

}  // namespace sinter::ir
