// From expression types to a program: emission, scheduling and lowering at compile time, and the
// tables and kernels of the result.
#pragma once

#include "sinter/cpu/stage.hpp"
#include "sinter/exec/device_work.hpp"
#include "sinter/exec/launch.hpp"
#include "sinter/exec/tables.hpp"
#include "sinter/expr/expr.hpp"
#include "sinter/ir/sharing.hpp"

namespace sinter::exec {

/// Room for a graph: small ones get what they need, the others all the same.
constexpr int capacity(int nodes) { return nodes <= ir::small_graph ? nodes + 2 : ir::max_nodes; }

/// The graph of expressions S... with their results as roots.
template <int Cap, class... S>
constexpr ir::graph<Cap> build_graph(const ir::slot_map<Cap>& slots, bool flat) {
    ir::graph<Cap> g;
    g.slots = slots;
    g.shares_as_leaves = flat;
    (g.add_root(S::emit(g)), ...);
    g.forget_arguments();
    return g;
}

template <int Cap>
struct visit_list {
    visited at[Cap]{};
};
template <int Cap>
constexpr visit_list<Cap> visits_of(const ir::graph<Cap>& g) {
    visit_list<Cap> v;
    for (int i = 0; i < g.visit_count; ++i) v.at[i] = {g.visits[i].what, g.visits[i].slot};
    return v;
}
/// What binding needs of a graph: a table without stages.
template <int Cap>
constexpr program_table table_of_graph(const ir::graph<Cap>& g, const visit_list<Cap>& visits) {
    return {.graph = ir::view_of_graph(g),
            .visits = visits.at,
            .visit_count = g.visit_count,
            .leaves = g.leaves,
            .scalars = g.scalars,
            .functors = g.functors,
            .slices = g.slices,
            .shapes = g.shapes,
            .shares = g.shares,
            .recomputed = g.recomputed};
}

/// The graph of S... with all its arrays distinct, and what could be the same.
template <class... S>
struct source {
    static constexpr int cap = capacity(sym::made_of<S...>::child_nodes);
    static constexpr auto graph = build_graph<cap, S...>({}, false);
    static constexpr auto merges = ir::find_merges(graph, sizeof...(S) > 1);
    // Shared parts of one type are taken for one part.
    static constexpr bool shares_again() {
        for (int i = 0; i < graph.visit_count; ++i)
            if (graph.visits[i].what == ir::visit::share_again) return true;
        return false;
    }
    /// True when the plain program is not the best guess.
    static constexpr bool guesses = merges.any || shares_again();

    static constexpr auto visits = visits_of(graph);
    /// A table without plans: what binding needs to tell extents.
    static constexpr program_table table = table_of_graph(graph, visits);
};

/// One of the two programs of S...: under the guess which operands are the same, or the plain one,
/// where no two are and shared parts that look alike are arrays, evaluated before. With its plans:
/// the fused one, and one other that serves whenever the fused one does not.
template <bool Guess, class... S>
struct compiled {
    static constexpr auto changed_graph() {
        using from = source<S...>;
        if constexpr (Guess && from::merges.any) {
            return build_graph<from::cap, S...>(from::merges.slots, false);
        } else if constexpr (!Guess && from::shares_again()) {
            return build_graph<from::cap, S...>({}, true);
        } else {
            return 0;
        }
    }
    static constexpr auto changed = changed_graph();
    static constexpr const auto& pick_graph() {
        if constexpr (same_v<decltype(changed), const int>) {
            return source<S...>::graph;
        } else {
            return changed;
        }
    }
    static constexpr const auto& graph = pick_graph();
    static constexpr auto fused = ir::schedule(graph);
    static constexpr bool may_need_split = ir::may_need_split(graph, fused);
    static constexpr bool has_second = may_need_split || fused.dears > 0 || ir::pools(fused);
    static constexpr bool stores_operands = ir::names_operand(graph, fused);
    /// True when no host runs the second plan.
    static constexpr bool second_for_devices =
        !may_need_split && !ir::pools(fused) && ir::names_only_operands(graph, fused);
    static constexpr auto schedule_again() {
        if constexpr (has_second) {
            return ir::schedule_again(graph, fused);
        } else {
            return 0;
        }
    }
    static constexpr auto second = schedule_again();

    static constexpr auto visits = visits_of(graph);
    static constexpr program_table table = table_of_graph(graph, visits);
};

/// One plan of program P with its stages; F are the functors of P, B says which kernels this file
/// can hold.
template <class P, bool Second, class F, class B>
struct planned {
    static constexpr const auto& pick_plan() {
        if constexpr (Second) {
            return P::second;
        } else {
            return P::fused;
        }
    }
    static constexpr const auto& plan = pick_plan();

    template <int K>
    static constexpr auto stage = ir::lower(P::graph, plan, K);

    template <int K>
    static constexpr bool uses_functors() {
        for (int i = 0; i < stage<K>.size; ++i)
            if (stage<K>.code[i].has_value() && stage<K>.code[i].h != ir::how::constant)
                return true;
        return false;
    }
    template <int K, int... I>
    static auto code_of(ints<I...>)
        -> ir::stage_code<select_t<uses_functors<K>(), F, ir::functor_types<>>,
                          stage<K>.size,
                          stage<K>.stores,
                          stage<K>.head.word(),
                          stage<K>.word(I)...>;
    /// Stage K as a type: what kernels and loops are made for.
    template <int K>
    using code = decltype(code_of<K>(make_ints<stage<K>.words()>{}));

    template <int K>
    static constexpr auto loads = ir::loads_of<code<K>>();
    template <int K>
    static constexpr auto scalars = ir::scalars_of<code<K>>();

    template <int K>
    static constexpr auto loops_of() -> const cpu::stage_loops& (*)() {
        if constexpr (Second && P::second_for_devices) {
            return nullptr;
        } else {
            return &cpu::loops_for<code<K>, B>;
        }
    }
    template <int K>
    static constexpr stage_table stage_entry() {
        return {ir::view_of_stage(stage<K>),
                kernel::kernel_kind_of<code<K>>(),
                loads<K>.at,
                loads<K>.count,
                scalars<K>.at,
                scalars<K>.count,
                loops_of<K>(),
                launcher_of<code<K>, B>(),
                may_take_pass<code<K>, B>()};
    }
    template <int... K>
    struct stage_list {
        static constexpr stage_table at[] = {stage_entry<K>()..., stage_table{}};
    };
    template <int... K>
    static constexpr const stage_table* stages(ints<K...>) {
        return stage_list<K...>::at;
    }
    static constexpr plan_table table = {
        ir::view_of_plan(plan), stages(make_ints<plan.stages>{}), plan.stages};
};

/// A program with the plans that it may run by.
template <bool Guess, class B, class... S>
struct program {
    using from = compiled<Guess, S...>;
    using functors = typename sym::made_of<S...>::functors;

    static const program_table& table() {
        static constexpr program_table t = [] {
            program_table p = from::table;
            p.fused = &planned<from, false, functors, B>::table;
            if constexpr (from::has_second && (has_kernels<B> || !from::second_for_devices))
                p.second = &planned<from, true, functors, B>::table;
            if constexpr (from::stores_operands && has_kernels<B>) p.costs = &the_device_costs;
            p.may_need_split = from::may_need_split;
            p.pack_functors = from::graph.functors ? &pack : nullptr;
            p.direct = is_direct(p);
            p.guess = source<S...>::guesses && Guess;
            return p;
        }();
        return t;
    }

private:
    template <int I, class F>
    static void fill(F& pack, const void* const* by_slot) {
        if constexpr (requires { pack.first; }) {
            // A slot that was merged into another one has no functor of its own.
            if (by_slot[I])
                std::memcpy(static_cast<void*>(&pack.first), by_slot[I], sizeof pack.first);
            fill<I + 1>(pack.rest, by_slot);
        }
    }
    static const void* pack(const void* const* by_slot, scratch& room) {
        using pack_type = ir::functor_pack<functors>;
        constexpr std::size_t align = alignof(pack_type);
        auto at = reinterpret_cast<uint64>(room.bytes(sizeof(pack_type) + align));
        at = (at + align - 1) / align * align;
        auto* const p = new (reinterpret_cast<void*>(at)) pack_type();
        fill<0>(*p, by_slot);
        return p;
    }
};

template <class B, class... S>
constexpr void add_programs(program_list& p) {
    if constexpr (source<S...>::guesses) p.at[p.count++] = &program<true, B, S...>::table;
    p.at[p.count++] = &program<false, B, S...>::table;
}
/// True when a product of S... computes an operand more often than once.
template <class... S>
inline constexpr bool recomputes = source<S...>::graph.recomputed.values >= 0;
/// The programs of S..., best first. Only devices compute operands more often than once.
template <class B, class... S>
constexpr program_list list_programs() {
    program_list p;
    if constexpr (!recomputes<S...> || has_kernels<B>) add_programs<B, S...>(p);
    if constexpr (recomputes<S...>) add_programs<B, sym::operands_stored<S>...>(p);
    return p;
}

/// The plan that runs when everything that looks alike is alike.
template <class... S>
inline constexpr const auto& fused_plan = compiled<source<S...>::guesses, S...>::fused;

}  // namespace sinter::exec
