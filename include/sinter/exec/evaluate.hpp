// From expressions to results: picks the variant of the program that the operands allow, and runs
// it.
#pragma once

#include "sinter/exec/direct.hpp"
#include "sinter/exec/program.hpp"
#include "sinter/exec/thrift.hpp"

namespace sinter::exec {

/// The tables of one program's variants, best first.
struct variant_list {
    const program_table& (*at[12])();
    int count = 0;

    // A variant, then the same with costly values stored that are broadcast, and with every
    // reduction stored where extents might call for that.
    template <int Variant, class B, class... S>
    constexpr void add() {
        using fused = program<Variant, B, S...>;
        at[count++] = &fused::table;
        // The fused plan is refused only where this one follows.
        if constexpr (fused::plan.dears > 0 && !fused::how.flat)
            at[count++] = &program<Variant | variant{.thrifty = true}.number(), B, S...>::table;
        if constexpr (ir::may_need_split(fused::graph, fused::plan))
            at[count++] = &program<Variant | variant{.split = true}.number(), B, S...>::table;
    }
};

/// The variants of the program for S...
template <class B, class... S>
constexpr variant_list list_variants() {
    variant_list v{};
    if constexpr (has_siblings<S...>)
        v.add<variant{.merged = true, .siblings = true}.number(), B, S...>();
    if constexpr (merges<S...>) v.add<variant{.merged = true}.number(), B, S...>();
    v.add<0, B, S...>();
    if constexpr ((false || ... || S::has_share)) v.add<variant{.flat = true}.number(), B, S...>();
    return v;
}

/// Calls `use(table)` with the variants, best first, until one call gives true.
template <class Use>
void first_variant(const variant_list& variants, Use&& use) {
    for (int i = 0; i < variants.count; ++i)
        if (use(variants.at[i]())) return;
    throw error("Sinter: no variant of a program fits its operands.");
}

/// Evaluates expressions into `targets`, all right sides before any result is written where that
/// could be seen.
inline void evaluate(const variant_list& variants,
                     const operand_list* const* lists,
                     int count,
                     target* targets) {
    first_variant(variants, [&](const program_table& t) {
        if (run_direct(t, *lists[0], targets[0])) return true;
        binding b(t);
        if (!bind(b, lists, count) || recomputes(b)) return false;
        evaluation e(b, lists, count, targets);
        if (!e.fits()) return false;
        e.run();
        return true;
    });
}
template <class B, class... S>
void evaluate(const operand_list* const* lists, target* targets) {
    static_assert(sym::fits<S...> || !sym::made_of<S...>::parts_fit,
                  "evaluate: all results together are limited to 640 operations and operands: "
                  "compute them in several calls.");
    // Else the compiler has said enough.
    if constexpr (sym::fits<S...>) {
        static constexpr variant_list variants = list_variants<B, S...>();
        evaluate(variants, lists, static_cast<int>(sizeof...(S)), targets);
    }
}

}  // namespace sinter::exec
