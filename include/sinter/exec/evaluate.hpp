// From expressions to results: picks the program that the operands allow and the plan that their
// extents ask for, and runs it.
#pragma once

#include "sinter/exec/choose.hpp"
#include "sinter/exec/direct.hpp"
#include "sinter/exec/program.hpp"

namespace sinter::exec {

/// Calls `use(binding)` with the first program that fits the operands, bound to them.
template <class Direct, class Use>
void first_program(const program_list& programs,
                   const operand_list* const* lists,
                   int count,
                   Direct&& direct,
                   Use&& use) {
    for (int i = 0; i < programs.count; ++i) {
        const program_table& t = programs.at[i]();
        if (direct(t)) return;
        binding b(t);
        if (!bind(b, lists, count)) continue;
        b.guessed = i + 1 < programs.count;
        b.refused = i > 0;
        b.choice = choose(t, b.value, b.where, b.room);
        return use(b);
    }
    throw error("Sinter: no program of an expression fits its operands.");
}

/// Evaluates expressions into `targets`, all right sides before any result is written where that
/// could be seen.
inline void evaluate(const program_list& programs,
                     const operand_list* const* lists,
                     int count,
                     target* targets) {
    first_program(
        programs,
        lists,
        count,
        [&](const program_table& t) { return run_direct(t, *lists[0], targets[0]); },
        [&](binding& b) { evaluation(b, lists, count, targets).run(); });
}
template <class B, class... S>
void evaluate(const operand_list* const* lists, target* targets) {
    static_assert(sym::fits<S...> || !sym::made_of<S...>::parts_fit,
                  "evaluate: all results together are limited to 640 operations and operands: "
                  "compute them in several calls.");
    // Else the compiler has said enough.
    if constexpr (sym::fits<S...>) {
        static constexpr program_list programs = list_programs<B, S...>();
        evaluate(programs, lists, static_cast<int>(sizeof...(S)), targets);
    }
}

}  // namespace sinter::exec
