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
        return at[j].h == ir::how::scalar || at[j].h == ir::how::constant || at[j].row_constant;
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

/// The type of a core in memory: sums of products of bool would not fit in bool.
constexpr dtype core_memory(dtype d) { return d == dtype::boolean ? dtype::i64 : compute_dtype(d); }

/// Values that a pass computes and a later one needs again. Dear ones are kept in memory of the
/// row's size: exp of a row costs more than writing and reading it.
template <class C>
struct flow {
    using list = ir::index_list<C::size>;
    static constexpr int dear = 8;  // operations
    list loads[ir::max_passes]{};   // read from arrays, or kept by an earlier pass
    list point[ir::max_passes]{};   // computed
    list keeps[ir::max_passes]{};   // of these: kept
    list kept{};                    // by all passes
    constexpr flow() {
        const decoded<C>& code = code_of<C>;
        int first[C::size > 0 ? C::size : 1]{};  // pass in which the value is computed
        bool later[C::size > 0 ? C::size : 1]{};
        for (int j = 0; j < C::size; ++j)
            while (first[j] < ir::max_passes && (code.at[j].loops >> first[j] & 1) == 0) ++first[j];
        const auto held = [&](int j, int w) {
            return code.at[j].h == ir::how::compute && first[j] < w &&
                   ir::info_of(code.at[j].op).flops >= dear;
        };
        for (int w = 0; w < C::head().passes; ++w) {
            bool need[C::size > 0 ? C::size : 1]{};
            for (int j = 0; j < C::size; ++j)
                if (code.at[j].h == ir::how::reduce && code.at[j].level == w + 1)
                    need[code.at[j].in[0]] = true;
            for (int j = 0; j < C::stores; ++j)
                if (code.writes_in(j) == w) need[C::stored(j)] = true;
            for (int j = C::size - 1; j >= 0; --j) {
                const ir::instr& x = code.at[j];
                if (!need[j] || code.uniform(j) || x.h != ir::how::compute) continue;
                if (held(j, w)) {
                    later[j] = true;
                    continue;
                }
                for (const short i : x.in)
                    if (i >= 0) need[i] = true;
            }
            for (int j = 0; j < C::size; ++j) {
                if (!need[j] || code.uniform(j)) continue;
                if (code.at[j].h != ir::how::compute || held(j, w))
                    loads[w].push(j);
                else
                    point[w].push(j);
            }
        }
        for (int j = 0; j < C::size; ++j)
            if (later[j]) {
                keeps[first[j]].push(j);
                kept.push(j);
            }
    }
};
template <class C>
inline constexpr flow<C> flow_of{};

/// What loop W of stage C delivers: instruction numbers.
template <class C>
struct delivery {
    goes_to to = goes_to::operand;
    short value = -1;
    short number = -1;  // of the store or of the kept value, or the instruction of the reduction
};
template <class C, int W>
struct deliveries {
    static constexpr int most = 2 * C::size + C::stores + 1;
    delivery<C> at[static_cast<std::size_t>(most)]{};
    int count = 0;
    constexpr deliveries() {
        if constexpr (W >= ir::max_passes) {
            at[count++] = {
                goes_to::operand, W == ir::side_a ? C::head().core_a : C::head().core_b, -1};
        } else {
            add_of_pass(code_of<C>);
        }
    }

private:
    constexpr void add_of_pass(const decoded<C>& code) {
        constexpr auto folds = ir::pass<C, W>::folds();
        for (int k = 0; k < folds.count; ++k)
            at[count++] = {goes_to::fold, code.at[folds.at[k]].in[0], folds.at[k]};
        for (int j = 0; j < C::stores; ++j) {
            const int v = C::stored(j);
            if (!code.uniform(v) && W == code.writes_in(j))
                at[count++] = {goes_to::store, static_cast<short>(v), static_cast<short>(j)};
        }
        for (int k = 0; k < flow_of<C>.keeps[W].count; ++k) {
            const short j = flow_of<C>.keeps[W].at[k];
            bool folded = false;  // then the reduction reads what is kept
            for (int f = 0; f < folds.count; ++f) folded = folded || at[f].value == j;
            if (!folded)
                at[count++] = {goes_to::keep, j, static_cast<short>(flow_of<C>.kept.find(j))};
        }
    }
};

}  // namespace sinter::cpu
