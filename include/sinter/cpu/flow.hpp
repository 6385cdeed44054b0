// What each loop of a stage reads, computes and delivers, worked out once for the engine.
#pragma once

#include "sinter/cpu/loops.hpp"

namespace sinter::cpu {

/// The instructions of stage C as an array.
template <class C>
struct decoded {
    ir::instr at[static_cast<std::size_t>(C::size > 0 ? C::size : 1)]{};
    struct writer {
        ir::instr* to;
        SINTER_HD constexpr bool operator()(const ir::instr& x) {
            *to++ = x;
            return false;
        }
    };
    constexpr decoded() { C::select(writer{at}); }
    /// One value for the whole row: held by a register.
    constexpr bool uniform(int j) const {
        return at[j].h == ir::how::scalar || at[j].h == ir::how::constant ||
               (at[j].row_constant && !at[j].is_late());
    }
    /// The register of value j; that of C::size: how many there are.
    constexpr short reg(int j) const {
        short n = 0;
        for (int i = 0; i < j; ++i) n = static_cast<short>(n + uniform(i));
        return n;
    }
    /// The pass that writes store j.
    constexpr int writes_in(int j) const {
        int w = 0;
        for (int k = 0; k < C::head().passes; ++k)
            if ((at[C::stored(j)].loops >> k & 1) != 0) w = k;
        return w;
    }
};
template <class C>
inline constexpr decoded<C> code_of{};

/// The user's functors of stage C.
template <class C>
using stage_functors = ir::functor_pack<typename C::functors>;
/// Those at `f`, which is null where a stage has none.
template <class C>
const stage_functors<C>& functors_of([[maybe_unused]] const void* f) {
    if constexpr (same_v<typename C::functors, ir::functor_types<>>) {
        static constexpr stage_functors<C> none{};
        return none;
    } else {
        return *static_cast<const stage_functors<C>*>(f);
    }
}

/// The type of a core in memory: sums of products of bool would not fit in bool.
constexpr dtype core_memory(dtype d) { return d == dtype::boolean ? dtype::i64 : compute_dtype(d); }

/// How a value is computed: with its readers, in a loop of its own, or in one where arrays that it
/// comes from turn out to be broadcast.
enum class own_loop : unsigned char { no, when_broadcast, always };

/// Which values of stage C are *made*: computed by a loop of their own, or by an earlier pass, and
/// read from memory afterwards.
///
/// A pass keeps what a later one needs again and what is dear: exp of a row costs more than writing
/// and reading it. And within a pass a dear value gets a loop of its own, before the loop that
/// needs it,
/// - where its arrays may turn out to be broadcast by its reader: then the engine computes it once
///   for each of its own elements. There is a loop of everything together too, for when they are
///   not: that one computes while memory brings the other arrays;
/// - where another dear function is applied to it: a processor overlaps the elements of two short
///   chains of operations better than those of a long one;
/// - where more than two others follow: their constants do not fit the registers together.
template <class C>
struct flow {
    using list = ir::index_list<C::size>;
    static constexpr std::size_t size = static_cast<std::size_t>(C::size > 0 ? C::size : 1);
    static constexpr int keep_flops = 8, dear_flops = 14;  // sqrt and a division; exp
    static constexpr int most_together = 2;
    list made{};
    bool kept[size]{};  // later passes read it
    own_loop own[size]{};
    short first[size]{};           // the pass in which a value is computed
    bool lifts[ir::max_passes]{};  // some value of the pass has a loop of its own when broadcast

    constexpr flow() {
        const decoded<C>& code = code_of<C>;
        for (int j = 0; j < C::size; ++j)
            while (first[j] < ir::max_passes && (code.at[j].loops >> first[j] & 1) == 0) ++first[j];
        for (int w = 0; w < C::head().passes; ++w) visit(code, w);
        for (int j = 0; j < C::size; ++j)
            if (kept[j] || own[j] != own_loop::no) made.push(j);
    }
    /// True when pass w reads j from memory, where an earlier one left it.
    constexpr bool held(const ir::instr& x, int j, int w) const {
        return x.h == ir::how::compute && first[j] < w && ir::info_of(x.op).flops >= keep_flops;
    }
    /// True when a loop of pass w, other than its own, reads j from memory. `all`: what is made
    /// when arrays are broadcast too.
    constexpr bool reads(const ir::instr& x, int j, int w, bool all) const {
        return held(x, j, w) ||
               (first[j] == w && (all ? own[j] != own_loop::no : own[j] == own_loop::always));
    }
    /// Marks what pass w delivers.
    static constexpr void want(const decoded<C>& code, int w, bool (&need)[size]) {
        for (int j = 0; j < C::size; ++j)
            if ((code.at[j].h == ir::how::reduce || code.at[j].h == ir::how::total) &&
                code.at[j].level == w + 1)
                need[code.at[j].in[0]] = true;
        for (int j = 0; j < C::stores; ++j)
            if (code.writes_in(j) == w && !code.at[C::stored(j)].is_late())
                need[C::stored(j)] = true;
    }

private:
    constexpr void visit(const decoded<C>& code, int w) {
        bool need[size]{}, dear = false;
        want(code, w, need);
        for (int j = C::size - 1; j >= 0; --j) {
            const ir::instr& x = code.at[j];
            if (!need[j] || code.uniform(j) || x.h != ir::how::compute) continue;
            if (held(x, j, w)) {
                kept[j] = true;
                continue;
            }
            dear = dear || is_dear(x);
            for (const short i : x.in)
                if (i >= 0) need[i] = true;
        }
        if (!dear) return;
        separate(code, w, need);
        // Around a product only what can be computed beforehand has a loop of its own.
        for (int j = 0; j < C::size && C::head().core >= 0; ++j)
            if (own[j] == own_loop::always) own[j] = own_loop::no;
        // What a loop of its own reads is made before it.
        for (int j = C::size - 1; j >= 0; --j) {
            if (own[j] != own_loop::always || first[j] != w) continue;
            bool inside[size]{};
            inside[j] = true;
            for (int i = j; i >= 0; --i) {
                if (!inside[i] || code.uniform(i) || code.at[i].h != ir::how::compute) continue;
                if (i != j && own[i] == own_loop::when_broadcast) own[i] = own_loop::always;
                if (i != j && reads(code.at[i], i, w, true)) continue;
                for (const short k : code.at[i].in)
                    if (k >= 0) inside[k] = true;
            }
        }
        for (int j = 0; j < C::size; ++j)
            lifts[w] = lifts[w] || (own[j] == own_loop::when_broadcast && first[j] == w);
    }
    static constexpr int cost_of(const ir::instr& x) {
        if (x.op == ir::op_user) return x.may_spread ? dear_flops : 1;
        return ir::info_of(x.op).flops;
    }
    static constexpr bool is_dear(const ir::instr& x) { return cost_of(x) >= dear_flops; }
    constexpr void separate(const decoded<C>& code, int w, const bool (&need)[size]) {
        constexpr uint64 fixed = uint64{1} << 63;  // depends on a value of the row, or a kept one
        uint64 from[size]{};                       // the arrays that a value comes from
        bool read[size]{}, wider[size]{};          // by a computation; by one with more arrays
        bool below[size]{};  // by a dear function, or by what it is applied to
        int loads = 0;
        const auto computed = [&](int j) {
            const ir::instr& x = code.at[j];
            return need[j] && !code.uniform(j) && x.h == ir::how::compute && !held(x, j, w);
        };
        for (int j = 0; j < C::size; ++j) {
            const ir::instr& x = code.at[j];
            if (x.h == ir::how::load && !code.uniform(j))
                from[j] = uint64{1} << loads++;
            else if (x.h != ir::how::scalar && x.h != ir::how::constant && !computed(j))
                from[j] = fixed;
            if (!computed(j)) continue;
            for (const short i : x.in)
                if (i >= 0) from[j] |= from[i];
            for (const short i : x.in) {
                if (i < 0) continue;
                read[i] = true;
                wider[i] = wider[i] || from[i] != from[j];
            }
        }
        for (int j = C::size - 1; j >= 0; --j)
            for (const short i : code.at[j].in)
                if (i >= 0 && computed(j)) below[i] = below[i] || below[j] || is_dear(code.at[j]);
        int left = 0;  // dear functions from here on that one loop would compute
        for (int j = 0; j < C::size; ++j) left += computed(j) && is_dear(code.at[j]) && !below[j];
        // What computing j costs since the last loop of its own.
        int cost[size]{};
        bool spreads[size]{};
        for (int j = 0; j < C::size; ++j) {
            if (!computed(j)) continue;
            const ir::instr& x = code.at[j];
            cost[j] = is_dear(x) ? cost_of(x) : 0;
            spreads[j] = x.may_spread;
            for (const short i : x.in) {
                if (i < 0 || cost[i] == 0) continue;
                cost[j] += cost[i];
                spreads[j] = spreads[j] || spreads[i];
            }
            const bool narrow = wider[j] && (from[j] & fixed) == 0 && cost[j] > 0;
            const bool crowded = is_dear(x) && !below[j] && left-- > most_together && read[j];
            if ((is_dear(x) && below[j]) || crowded)
                own[j] = own_loop::always;
            else if (narrow && spreads[j])
                own[j] = own_loop::when_broadcast;
            else
                continue;
            cost[j] = 0;
        }
    }
};
template <class C>
inline constexpr flow<C> flow_of{};

/// The loops of a pass: that of a value, by its number, or the one that delivers, with what is made
/// always or with all that can be.
inline constexpr int joined = -1, apart = -2;

/// What loop V of a pass reads and computes.
template <class C, int W, int V>
struct loop_flow {
    ir::index_list<C::size> loads{}, point{};  // read from arrays or made before; computed
    constexpr loop_flow() {
        const decoded<C>& code = code_of<C>;
        const flow<C>& f = flow_of<C>;
        bool need[flow<C>::size]{};
        if (V >= 0)
            need[V >= 0 ? V : 0] = true;
        else
            flow<C>::want(code, W, need);
        const auto made = [&](int j) { return j != V && f.reads(code.at[j], j, W, V != joined); };
        for (int j = C::size - 1; j >= 0; --j) {
            const ir::instr& x = code.at[j];
            if (!need[j] || code.uniform(j) || x.h != ir::how::compute || made(j)) continue;
            for (const short i : x.in)
                if (i >= 0) need[i] = true;
        }
        for (int j = 0; j < C::size; ++j) {
            if (!need[j] || code.uniform(j)) continue;
            if (code.at[j].h != ir::how::compute || made(j))
                loads.push(j);
            else
                point.push(j);
        }
    }
};
template <class C, int W, int V>
inline constexpr loop_flow<C, W, V> loop_flow_of{};

/// What a loop of stage C delivers: instruction numbers.
template <class C>
struct delivery {
    goes_to to = goes_to::operand;
    short value = -1;
    short number = -1;  // of the store or of the made value, or the instruction of the reduction
};
/// What loop V of loop W delivers.
template <class C, int W, int V>
struct deliveries {
    static constexpr int most = V >= 0 ? 1 : 2 * C::size + C::stores + 1;
    delivery<C> at[static_cast<std::size_t>(most)]{};
    int count = 0;
    constexpr deliveries() {
        if constexpr (W >= ir::max_passes) {
            at[count++] = {
                goes_to::operand, W == ir::side_a ? C::head().core_a : C::head().core_b, -1};
        } else if constexpr (V >= 0) {
            at[count++] = {goes_to::keep, V, static_cast<short>(flow_of<C>.made.find(V))};
        } else {
            add_of_pass(code_of<C>, flow_of<C>);
        }
    }

private:
    constexpr void add_of_pass(const decoded<C>& code, const flow<C>& f) {
        constexpr auto folds = ir::pass<C, W>::folds();
        for (int k = 0; k < folds.count; ++k)
            at[count++] = {goes_to::fold, code.at[folds.at[k]].in[0], folds.at[k]};
        for (int j = 0; j < C::size; ++j) {
            const ir::instr& x = code.at[j];
            if (x.h == ir::how::total && x.level == W + 1 && !code.uniform(x.in[0]))
                at[count++] = {goes_to::fold, x.in[0], static_cast<short>(j)};
        }
        const int all_folds = count;
        for (int j = 0; j < C::stores; ++j) {
            const int v = C::stored(j);
            if (!code.uniform(v) && !code.at[v].is_late() && W == code.writes_in(j))
                at[count++] = {goes_to::store, static_cast<short>(v), static_cast<short>(j)};
        }
        for (int j = 0; j < C::size; ++j) {
            if (!f.kept[j] || f.first[j] != W || f.reads(code.at[j], j, W, V == apart)) continue;
            bool folded = false;  // then the reduction reads what is kept
            for (int k = 0; k < all_folds; ++k) folded = folded || at[k].value == j;
            if (!folded)
                at[count++] = {
                    goes_to::keep, static_cast<short>(j), static_cast<short>(f.made.find(j))};
        }
    }
};

}  // namespace sinter::cpu
