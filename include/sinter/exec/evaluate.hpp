// From expressions to results: picks the program that the operands allow and the plan that their
// extents ask for, and runs it.
#pragma once

#include "sinter/exec/choose.hpp"
#include "sinter/exec/direct.hpp"
#include "sinter/exec/program.hpp"

namespace sinter::exec {

/// What no operand places is made where the first target that stays lies, else on the default
/// device.
inline void place_by_targets(binding& b, int count, const target* targets) {
    for (int i = 0; targets && i < count && !b.placed; ++i)
        if (targets[i].write_through && targets[i].present) {
            b.where = (*targets[i].memory)->where();
            b.placed = true;
        }
}

/// Calls `use(binding)` with the first program that fits the operands, bound to them.
template <class Direct, class Use>
void first_program(const program_list& programs,
                   const operand_list* const* lists,
                   int count,
                   Direct&& direct,
                   Use&& use,
                   const target* targets = nullptr) {
    bool refused = false, stores = false;
    for (int i = 0; i < programs.count; ++i) {
        const program_table& t = programs.at[i]();
        if (direct(t)) return;
        binding b(t);
        if (!bind(b, lists, count)) {
            refused = refused || t.guess;
            continue;
        }
        place_by_targets(b, count, targets);
        if (recomputes_much(t, b.value, b.where)) {
            stores = true;
            continue;
        }
        b.guessed = t.guess;
        b.refused = refused;
        b.stores_operands = stores;
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
        [&](binding& b) { evaluation(b, lists, count, targets).run(); },
        targets);
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
