// The rules of the scheduler that store values: each is a few lines with its reason.
#pragma once

#include "sinter/ir/node_set.hpp"
#include "sinter/ir/plan.hpp"

namespace sinter::ir {

template <int Cap>
struct cutter {
    using set = node_set<Cap>;

    const graph<Cap>& g;
    policy rules;
    plan<Cap> p{};
    set near[Cap]{};            // what a value needs at its own coordinates, stopping at arrays
    short core[Cap]{};          // the contraction among them, or -1
    unsigned char fold[Cap]{};  // the axes that the reductions among them fold
    unsigned char drop[Cap]{};  // those of them that the reductions' results do not show
    unsigned char level[Cap]{};
    short pool[Cap]{};              // the windows that its values are seen in, or -1
    short flops[Cap]{};             // what computing it costs, up to the arrays and capped
    set arrays, scalars, computed;  // nodes that a stage loads; run-time numbers; no sources

    constexpr cutter(const graph<Cap>& graph_, policy rules_, const set& forced)
        : g(graph_), rules(rules_) {
        for (int i = 0; i < g.size; ++i) p.stage_of[i] = pool[i] = -1;
        for (int k = 0; k < g.roots; ++k) p.live[written_root(g, k)] = true;
        for (int i = g.size - 1; i >= 0; --i)
            if (p.live[i] && !g.n[i].measures())
                for (const short c : g.n[i].in)
                    if (c >= 0) p.live[c] = true;
        for (int i = 0; i < g.size; ++i) {
            const kind k = g.n[i].k;
            if (k == kind::leaf || k == kind::index_map || k == kind::coordinate) arrays.add(i);
            if (k == kind::scalar || k == kind::extent || k == kind::address) scalars.add(i);
            if (!is_source(k)) computed.add(i);
        }
        for (int k = 0; k < g.roots; ++k) store(written_root(g, k), reason::result);
        for (int i = forced.next(0); i >= 0; i = forced.next(i + 1))
            store(static_cast<short>(i), reason::twice);
    }

    constexpr void cut_all() {
        for (short i = 0; i < g.size; ++i)
            if (p.live[i]) {
                visit(i);
                update(i);
                if (rules.split && g.n[i].k == kind::reduction) store(i, reason::split);
            }
    }

protected:
    constexpr bool source(short i) const { return is_source(g.n[i].k) && pool[i] != i; }
    /// True when a reader of `i` loads it, or reads it as a number.
    constexpr bool opaque(short i) const { return p.stored[i] || source(i); }
    constexpr short core_of(short i) const { return opaque(i) ? short{-1} : core[i]; }
    constexpr unsigned char fold_of(short i) const { return opaque(i) ? 0 : fold[i]; }
    constexpr unsigned char shown(short i) const {
        return static_cast<unsigned char>(~g.n[i].ones);
    }
    constexpr void see(set& s, short c) const {
        if (opaque(c)) {
            s.add(c);
        } else {
            s.add(near[c]);
        }
    }
    /// What the operands of contraction `c` need at their own coordinates.
    constexpr set sides(short c) const {
        set s;
        see(s, g.n[c].in[0]);
        see(s, g.n[c].in[1]);
        return s;
    }

    constexpr void store(short i, reason why) {
        if (p.stored[i]) return;
        p.stored[i] = true;
        p.why[i] = why;
        if (!source(i)) arrays.add(i);
    }
    /// Stores `c`, an operand of `reader`, and forgets what its other readers saw through it.
    constexpr void cut(short c, short reader, reason why) {
        if (p.stored[c]) return;
        store(c, why);
        if (source(c)) return;
        for (short k = static_cast<short>(c + 1); k < reader; ++k)
            if (p.live[k] && near[k].has(c)) update(k);
    }
    /// Stores the largest values below `c` that are constant along the axes that they fold: row
    /// statistics, which are small.
    constexpr void aside(short c, short reader, reason why) {
        if (c < 0 || !fold_of(c)) return;
        if ((g.n[c].ones & fold[c]) == fold[c]) {
            cut(c, reader, why);
        } else {
            for (const short d : g.n[c].in) aside(d, reader, why);
        }
    }

    constexpr void update(short i) {
        const node& x = g.n[i];
        near[i] = {};
        near[i].add(i);
        core[i] = -1;
        fold[i] = drop[i] = level[i] = 0;
        flops[i] = 0;
        if (pool[i] != i) pool[i] = -1;
        if (source(i)) return;
        if (x.k == kind::pointwise) flops[i] = static_cast<short>(info_of(x.op).flops);
        if (x.k == kind::contraction) {
            core[i] = i;
            return;
        }
        for (const short c : x.in) {
            if (c < 0) continue;
            see(near[i], c);
            if (opaque(c)) continue;
            if (core[c] >= 0) core[i] = core[c];
            if (pool[c] >= 0) pool[i] = pool[c];
            fold[i] = static_cast<unsigned char>(fold[i] | fold[c]);
            drop[i] = static_cast<unsigned char>(drop[i] | drop[c]);
            if (level[c] > level[i]) level[i] = level[c];
            flops[i] = static_cast<short>(flops[i] + flops[c] > 1000 ? 1000 : flops[i] + flops[c]);
        }
        if (x.k != kind::reduction) return;
        const unsigned char f = folded_axes(x, g.n[x.in[0]]);
        fold[i] = static_cast<unsigned char>(fold[i] | f);
        drop[i] = static_cast<unsigned char>(drop[i] | (f & unit_axes(x.rank)));
        ++level[i];
    }

    constexpr void visit(short i) {
        const node& x = g.n[i];
        switch (x.k) {
            case kind::index_map:
                // Another shape means other coordinates: its operand must lie in memory, unless a
                // tile has all that its reader folds.
                if (pools(i))
                    pool[i] = i;
                else if (rules.store_reshaped && g.n[x.in[0]].k != kind::leaf)
                    cut(x.in[0], i, reason::reshaped);
                break;
            case kind::contraction:
                // The loops over an operand load and compute, nothing else.
                for (const short c : x.in) {
                    if (c < 0) continue;
                    if (rules.plain_operands && (core_of(c) >= 0 || fold_of(c)))
                        cut(c, i, reason::operand);
                    if (is_dear(c)) store_or_name(c, i, reason::recomputed);
                    name_operand(c);
                }
                break;
            case kind::reduction: visit_reduction(i, x.in[0]); break;
            case kind::pointwise: visit_pointwise(i); break;
            default: break;
        }
        if (rules.capacity && !source(i) && pool[i] < 0) fit(i);
    }

    // An operand that was stored to be seen in the contraction's index space.
    constexpr void name_operand(short c) {
        if (g.n[c].k != kind::index_map || g.n[c].slot >= 0) return;
        reason& why = p.why[g.n[c].in[0]];
        if (why == reason::reshaped) why = reason::operand;
    }
    constexpr void visit_reduction(short i, short c) {
        // A tile of a contraction does not hold whole rows: they may be folded on its way out, but
        // not be read again. Then the operand is stored, not the contraction itself, so that what
        // lies between stays in the epilogue.
        if (rules.store_reduced && core_of(c) >= 0 && !leaves_product(i, c))
            cut(c, i, reason::reduced);
        // One walk over the row serves all reductions of a kernel only if they fold the same axes.
        if (rules.one_row_set && fold_of(c) && fold[c] != folded_axes(g.n[i], g.n[c]))
            aside(c, i, reason::other_axes);
        if (rules.capacity && fold_of(c) && level[c] + 1 >= max_passes)
            aside(c, i, reason::capacity);
    }

    /// True when reduction `i` of `c`, in the epilogue of a contraction, can be its last use.
    constexpr bool leaves_product(short i, short c) const {
        return !rules.split && !fold_of(c) && folds_in_parts(g.n[i]) &&
               leaves_rows(i, folded_axes(g.n[i], g.n[c]));
    }
    constexpr static bool folds_in_parts(const node& x) {
        return x.k == kind::reduction && reduction_info_of(x.op).result != reduces_to::position;
    }
    constexpr int folds_in(const set& s) const {
        int n = 0;
        for (int j = s.next(0); j >= 0; j = s.next(j + 1)) n += g.n[j].k == kind::reduction;
        return n;
    }
    // True when nothing that is computed from `i` has the axes `folded`.
    constexpr bool leaves_rows(short i, unsigned char folded) const {
        for (short j = static_cast<short>(i + 1); j < g.size; ++j) {
            const node& x = g.n[j];
            if (!p.live[j] || x.k != kind::pointwise) continue;
            if (x.in[0] != i && x.in[1] != i && x.in[2] != i) continue;
            if ((shown(j) & folded) || !leaves_rows(j, folded)) return false;
        }
        return true;
    }
    /// True when index map `i` shows a contraction's values in windows, whose only readers fold
    /// these: then the kernel can walk the windows, element by element.
    constexpr bool pools(short i) const {
        constexpr int room = 64;  // so that the kernel has its capacity whatever follows
        const short v = g.n[i].in[0];
        if (rules.split || !rules.pool || p.stored[i] || opaque(v) || core[v] < 0 || fold[v] ||
            pool[v] >= 0 || near[v].count() + sides(core[v]).count() > room)
            return false;
        unsigned char folded = 0;
        for (short j = static_cast<short>(v + 1); j < g.size; ++j) {
            const node& x = g.n[j];
            if (!p.live[j] || x.measures()) continue;
            for (const short c : x.in) {
                if (c == v && j != i) return false;
                if (c != i) continue;
                if (!folds_in_parts(x) || (folded && folded != x.axes) || !leaves_rows(j, x.axes))
                    return false;
                folded = x.axes;
            }
        }
        return folded && pooling_of(g.n, g.views, i, folded).count > 0;
    }
    /// True when `v` is computed from numbers and from reductions of elements alone.
    constexpr bool finishes(short v) const {
        const node& x = g.n[v];
        if (x.k == kind::reduction) return folds_in_parts(x) && !fold_of(x.in[0]);
        if (x.k != kind::pointwise || x.op == op_take || x.op == op_expand) return false;
        for (const short c : x.in)
            if (c >= 0 && !scalars.has(c) && g.n[c].k != kind::constant &&
                (opaque(c) || !finishes(c)))
                return false;
        return true;
    }

    constexpr void visit_pointwise(short i) {
        const node& x = g.n[i];
        bool of_product = false;  // a reduction of one
        for (const short c : x.in) of_product |= c >= 0 && core_of(c) >= 0 && fold_of(c);
        set all;
        short first = -1;  // all that is folded is folded alike
        bool alike = true;
        for (const short c : x.in) {
            if (!of_product || c < 0) continue;
            see(all, c);
            if (!fold_of(c)) continue;
            if (first >= 0) alike = alike && fold[c] == fold[first] && pool[c] == pool[first];
            first = c;
        }
        if (of_product && alike && finishes(i) && folds_in(all) <= max_product_folds) return;
        for (const short c : x.in)
            if (of_product && c >= 0 && core_of(c) >= 0 && fold_of(c))
                aside(c, i, reason::beside_contraction);
        short last = -1;
        for (const short c : x.in)
            if (c >= 0 && core_of(c) > last) last = core_of(c);
        for (const short c : x.in) {
            if (c < 0 || core_of(c) < 0) continue;
            // A kernel has room for the tiles of one contraction.
            if (rules.one_contraction && core[c] != last) cut(c, i, reason::second_contraction);
            // Along an axis that only its reader has, it would be computed again for every element.
            if (rules.store_wider && core_of(c) >= 0 && (shown(i) & g.n[core[c]].ones))
                cut(c, i, reason::wider);
        }
        for (const short c : x.in) {
            if (c < 0) continue;
            // A dropped axis and the reader's axis of that position are different axes.
            if (rules.store_dropped && fold_of(c) && (drop[c] & shown(i)))
                aside(c, i, reason::dropped_axes);
            // Along an outer axis that only the reader has, every row would fold the same values.
            if (rules.store_repeated && fold_of(c) && (shown(i) & ~fold[c] & ~shown(c)))
                aside(c, i, reason::repeated);
        }
        for (const short c : x.in)
            if (c >= 0 && !opaque(c) && flops[c] >= costly_flops && !fold_of(c) && core_of(c) < 0 &&
                (shown(i) & ~shown(c)))
                store_or_name(c, i, reason::dear);
        bool contracted = false;
        unsigned char kept =
            0;  // of different sets the smallest stays: rows rather than everything
        for (const short c : x.in) {
            if (c < 0) continue;
            contracted |= core_of(c) >= 0;
            const unsigned char f = fold_of(c);
            if (f && (!kept || f < kept)) kept = f;
        }
        for (const short c : x.in) {
            if (c < 0 || !fold_of(c)) continue;
            if (rules.reductions_aside && contracted) {
                aside(c, i, reason::beside_contraction);
            } else if (rules.one_row_set && fold[c] != kept) {
                aside(c, i, reason::other_axes);
            } else if (rules.store_partial && (shown(i) & kept) && (shown(i) & kept) != kept) {
                // Neither one value per row nor one per element: each would be written many times.
                aside(c, i, reason::partial);
            }
        }
    }

    /// True when a costly function of elements is computed on the way from arrays to `c`.
    constexpr bool is_dear(short c) const {
        if (opaque(c) || flops[c] < costly_flops) return false;
        bool costly = false;
        for (int j = near[c].next(0); j >= 0; j = near[c].next(j + 1)) {
            const short i = static_cast<short>(j);
            if (g.guards_of(i) > 0) return false;  // what only products read
            costly |= !opaque(i) && shown(i) && g.n[j].k == kind::pointwise &&
                      info_of(g.n[j].op).flops >= costly_flops;
        }
        return costly;
    }
    constexpr void store_or_name(short c, short reader, reason why) {
        if (rules.store_dear)
            cut(c, reader, why);
        else
            name_dear(c, reader);
    }
    constexpr void name_dear(short c, short reader) {
        if (p.dears < max_dear && !rules.split) p.dear[p.dears++] = {c, reader};
    }
    /// True when one kernel can hold `s`, of which it computes `stored` instead of loading it.
    constexpr bool fits(const set& s, const set& stored) const {
        int loads = 0;
        for (int k = 0; k < set::words; ++k)
            loads += __builtin_popcountl(s.w[k] & arrays.w[k] & ~(stored.w[k] & computed.w[k]));
        return s.count() <= max_stage_instrs && loads <= max_stage_loads &&
               s.count_common(scalars) <= max_stage_scalars;
    }
    // Stores operands, the largest first, until what is left fits one kernel.
    constexpr void fit(short i) {
        for (;;) {
            const node& x = g.n[i];
            set s, self;
            s.add(i);
            self.add(i);
            short largest = -1, contracted = x.k == kind::contraction ? i : short{-1};
            int most = 0;
            for (const short c : x.in) {
                if (c < 0) continue;
                see(s, c);
                if (opaque(c)) continue;
                if (x.k != kind::contraction && core[c] >= 0) contracted = core[c];
                const int size = near[c].count();
                if (size > most) most = size, largest = c;
            }
            if (contracted >= 0) s.add(sides(contracted));
            if (fits(s, self) || largest < 0) return;
            cut(largest, i, reason::capacity);
        }
    }
};

}  // namespace sinter::ir
