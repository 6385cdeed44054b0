// From expression types to a program: emission, scheduling and lowering at compile time, and the
// tables and kernels of the result.
#pragma once

#include "sinter/cpu/stage.hpp"
#include "sinter/exec/launch.hpp"
#include "sinter/exec/tables.hpp"
#include "sinter/expr/expr.hpp"
#include "sinter/ir/sharing.hpp"

namespace sinter::exec {

/// How a program is compiled: assuming that structurally equal parts are equal (`merged`) and that
/// several results read the same arrays (`siblings`), with every inline reduction stored (`split`),
/// with shared parts evaluated before (`flat`), with costly values stored that are broadcast
/// (`thrifty`).
struct variant {
    bool merged = false, split = false, flat = false, siblings = false, thrifty = false;
    constexpr int number() const {
        return merged | split << 1 | flat << 2 | siblings << 3 | thrifty << 4;
    }
    static constexpr variant of(int n) {
        return {(n & 1) != 0, (n & 2) != 0, (n & 4) != 0, (n & 8) != 0, (n & 16) != 0};
    }
};

/// Room for a graph: small ones get what they need, the others all the same.
constexpr int capacity(int nodes) { return nodes <= ir::small_graph ? nodes + 2 : ir::max_nodes; }

/// The graph of expressions S... with their results as roots.
template <int Cap, class... S>
constexpr ir::graph<Cap> build_graph(const ir::slot_map<Cap>& slots, bool flat) {
    ir::graph<Cap> g;
    g.slots = slots;
    g.shares_as_leaves = flat;
    (g.add_root(S::emit(g)), ...);
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
            .shares = g.shares};
}

/// The graph of S... alone: enough to find extents.
template <bool Flat, class... S>
struct graph_only {
    static constexpr auto graph =
        build_graph<capacity(sym::made_of<S...>::child_nodes), S...>({}, Flat);
    static constexpr auto visits = visits_of(graph);
    static constexpr program_table table = table_of_graph(graph, visits);
};

/// Expressions S... compiled in one variant; B says which kernels this file can hold.
template <int Variant, class B, class... S>
struct program {
    static constexpr variant how = variant::of(Variant);
    static constexpr int cap = capacity(sym::made_of<S...>::child_nodes);
    using functors = typename sym::made_of<S...>::functors;

    static constexpr auto build() {
        if constexpr (how.merged) {
            constexpr auto merges =
                ir::find_merges(build_graph<cap, S...>({}, how.flat), how.siblings);
            return build_graph<cap, S...>(merges.slots, how.flat);
        } else {
            return build_graph<cap, S...>({}, how.flat);
        }
    }
    static constexpr auto graph = build();
    static constexpr auto plan =
        ir::schedule(graph, ir::policy{.split = how.split, .store_dear = how.thrifty});

    static const program_table& table() { return table_of(make_ints<plan.stages>{}); }

private:
    template <int K>
    static constexpr auto stage = ir::lower(graph, plan, K);

    template <int K>
    static constexpr bool uses_functors() {
        for (int i = 0; i < stage<K>.size; ++i)
            if (stage<K>.code[i].h == ir::how::compute && stage<K>.code[i].op == ir::op_user)
                return true;
        return false;
    }
    template <int K, int... I>
    static auto code_of(ints<I...>)
        -> ir::stage_code<select_t<uses_functors<K>(), functors, ir::functor_types<>>,
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
    static constexpr stage_table stage_entry() {
        return {ir::view_of_stage(stage<K>),
                kernel::kernel_kind_of<code<K>>(),
                loads<K>.at,
                loads<K>.count,
                scalars<K>.at,
                scalars<K>.count,
                &cpu::loops_for<code<K>, B>,
                launcher_of<code<K>, B>()};
    }

    static constexpr auto visits = visits_of(graph);

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

    template <int... K>
    static const program_table& table_of(ints<K...>) {
        static constexpr stage_table stages[] = {stage_entry<K>()..., stage_table{}};
        static constexpr program_table t = [] {
            program_table p = table_of_graph(graph, visits);
            p.plan = ir::view_of_plan(plan);
            if (how.flat) p.plan.dears = 0;  // to be refused would evaluate shared parts twice
            p.stage = stages;
            p.stages = sizeof...(K);
            p.may_need_split = ir::may_need_split(graph, plan);
            p.pack_functors = graph.functors ? &pack : nullptr;
            p.direct = is_direct(p);
            return p;
        }();
        return t;
    }
};

/// The guess of find_merges for S...; the one about siblings contains the other.
template <bool Siblings, class... S>
inline constexpr auto guess = ir::find_merges(
    build_graph<capacity(sym::made_of<S...>::child_nodes), S...>({}, false), Siblings);
/// True when some parts of S... would merge if their leaves were equal.
template <class... S>
inline constexpr bool merges = guess<false, S...>.any;
/// True when several results could read the same arrays.
template <class... S>
inline constexpr bool has_siblings = sizeof...(S) > 1 && guess<true, S...>.any;

/// The plan that runs when everything that looks alike is alike.
template <class... S>
inline constexpr auto fused_plan = program<
    variant{.merged = merges<S...> || has_siblings<S...>, .siblings = has_siblings<S...>}.number(),
    host_backend,
    S...>::plan;

}  // namespace sinter::exec
