// From expressions to results: picks the variant of the program that the operands allow, and runs
// it.
#pragma once

#include "sinter/exec/execute.hpp"
#include "sinter/exec/program.hpp"

namespace sinter::exec {

namespace detail {

// Binds one variant and hands it to `use(binding, lists, count)`; false when the operands do not
// fit it.
template <int Variant, class B, class... S, class Use>
bool try_variant(const operand_list* const* lists, Use&& use) {
    const program_table& t = program<Variant, B, S...>::table();
    binding b(t);
    return bind(b, lists, static_cast<int>(sizeof...(S))) && use(b);
}

// A variant, then the same with every reduction stored where extents might call for that.
template <int Variant, class B, class... S, class Use>
bool try_both(const operand_list* const* lists, Use&& use) {
    constexpr int split = Variant | variant{.split = true}.number();
    if (try_variant<Variant, B, S...>(lists, use)) return true;
    if constexpr (ir::may_need_split(program<Variant, B, S...>::graph,
                                     program<Variant, B, S...>::plan))
        return try_variant<split, B, S...>(lists, use);
    return false;
}

}  // namespace detail

/// Calls `use(binding)` with the best variant of S... whose assumptions hold, until one call gives
/// true.
template <class B, class... S, class Use>
void with_variant(const operand_list* const* lists, Use&& use) {
    constexpr bool shares = (false || ... || S::has_share);
    if constexpr (has_siblings<S...>)
        if (detail::try_both<variant{.merged = true, .siblings = true}.number(), B, S...>(lists,
                                                                                          use))
            return;
    if constexpr (merges<S...>)
        if (detail::try_both<variant{.merged = true}.number(), B, S...>(lists, use)) return;
    if (detail::try_both<0, B, S...>(lists, use)) return;
    if constexpr (shares)
        if (detail::try_both<variant{.flat = true}.number(), B, S...>(lists, use)) return;
    throw error("Sinter: no variant of a program fits its operands.");
}

/// Evaluates expressions with symbols S... into `targets`, all right sides before any result is
/// written where that could be seen.
template <class B, class... S>
void evaluate(const operand_list* const* lists, target* targets) {
    with_variant<B, S...>(lists, [&](binding& b) {
        evaluation e(b, lists, static_cast<int>(sizeof...(S)), targets);
        if (!e.fits()) return false;
        e.run();
        return true;
    });
}

}  // namespace sinter::exec
