// From an expression to the programs of its gradients: the forward program that keeps what they
// need, and the program that computes them.
#pragma once

#include "sinter/exec/evaluate.hpp"
#include "sinter/ir/backward.hpp"

namespace sinter::autodiff {

template <class Functors>
struct user_rules;
template <class... F>
struct user_rules<ir::functor_types<F...>> {
    static constexpr ir::derivative_rule at[] = {&ir::derive_user<F>..., nullptr};
};

/// The graph of S; `Merged`: under the equalities that exec::source guesses. And the places from
/// which gradients are computed: its result, and the values that are cut or seen through windows.
template <class S, bool Merged>
struct forward_of {
    static constexpr int cap = ir::max_nodes;

    template <int Cap>
    static constexpr short emit(ir::graph<Cap>& g) {
        if constexpr (Merged) {
            constexpr const auto& from = exec::source<S>::merges.slots;
            constexpr int known = sizeof from.leaf / sizeof from.leaf[0];
            for (int i = 0; i < known && i < Cap; ++i) {
                g.slots.leaf[i] = from.leaf[i];
                g.slots.scalar[i] = from.scalar[i];
                g.slots.functor[i] = from.functor[i];
                g.slots.shape[i] = from.shape[i];
            }
        }
        g.add_root(S::emit(g));
        g.forget_arguments();  // numbers nodes anew: every program that starts from here does so
        const short result = g.root[--g.roots];
        return result;
    }
    static constexpr auto build() {
        ir::graph<cap> g;
        g.add_root(emit(g));
        return g;
    }
    static constexpr auto graph = build();
    // Adds the gradients of `top` to `g`; gives the seed and their parts.
    static constexpr ir::gradient_parts differentiate(ir::graph<cap>& g,
                                                      short top,
                                                      short& seed,
                                                      const ir::gradient_cuts& places) {
        const ir::node& x = g.n[top];
        ir::node s;
        s.type = x.type, s.rank = x.rank, s.ones = x.ones;
        s.slot = static_cast<short>(g.leaves);
        seed = g.add(s);
        return ir::differentiator<cap>(g).run(
            top, seed, places, user_rules<typename S::functors>::at);
    }
    static constexpr ir::gradient_cuts find_cuts() {
        ir::gradient_cuts found;
        found.add(graph.root[0]);
        for (int k = 0; k < found.count; ++k) {
            ir::graph<cap> g = graph;
            short seed = -1;
            const ir::gradient_parts parts = differentiate(g, found.at[k], seed, found);
            for (int j = 0; j < parts.count; ++j)
                if (parts.at[j].cut >= 0) found.add(parts.at[j].cut);
        }
        return found;
    }
    static constexpr ir::gradient_cuts cuts = find_cuts();
};

/// The graph of S with the gradients of one of these places.
template <class S, bool Merged, int Segment>
struct segment_of {
    using from = forward_of<S, Merged>;
    static constexpr int cap = from::cap;

    static constexpr ir::differentiated<cap> build() {
        ir::differentiated<cap> d;
        d.g = from::graph;
        d.result = from::graph.root[0];
        d.top = from::cuts.at[Segment];
        d.parts = from::differentiate(d.g, d.top, d.seed, from::cuts);
        return d;
    }
    static constexpr auto all = build();
    static_assert(!all.parts.too_many,
                  "An expression with gradients may mention variables 16 times: pass one that is "
                  "mentioned often through `with`, or assign a part to a variable.");
    static constexpr ir::kept_values kept =
        ir::find_kept(all, exec::compiled<Merged, S>::fused.stored);
};

/// What all gradients of S need.
template <class S, bool Merged>
struct gradients_of {
    using from = forward_of<S, Merged>;
    static constexpr int segments = from::cuts.count;
    static constexpr short top = from::graph.root[0];

    template <int... K>
    static constexpr ir::kept_values kept_by(ints<K...>) {
        ir::kept_values all;
        const auto add = [&](const ir::kept_values& some) {
            for (int k = 0; k < some.count; ++k) all.add(some.at[k]);
            all.too_many = all.too_many || some.too_many;
        };
        (add(segment_of<S, Merged, K>::kept), ...);
        return all;
    }
    static constexpr ir::kept_values kept = kept_by(make_ints<segments>{});
    static_assert(
        !kept.too_many,
        "An expression keeps more than 15 values for its gradient: assign a part of it to "
        "a variable.");
};

/// One segment as a graph of its own.
template <class S, bool Merged, int Segment>
struct extracted_of {
    using all = gradients_of<S, Merged>;
    using segment = segment_of<S, Merged, Segment>;
    int nodes = 0;
    ir::gradient_parts parts;
    dtype type[ir::max_roots]{};
    int rank[ir::max_roots]{};

    template <int Cap>
    static constexpr ir::gradient_parts into(ir::graph<Cap>& g) {
        return ir::extraction<segment::cap>(segment::all, all::kept).into(g);
    }
    static constexpr extracted_of measure() {
        ir::graph<segment::cap> g;
        extracted_of s;
        s.parts = into(g);
        s.nodes = g.size > g.visit_count ? g.size : g.visit_count;
        for (int k = 0; k < s.parts.count; ++k) {
            s.type[k] = g.n[s.parts.at[k].node].type;
            s.rank[k] = g.n[s.parts.at[k].node].rank;
        }
        return s;
    }
};
template <class X>
inline constexpr X extracted = X::measure();
/// Above this, scheduling takes more steps than compilers evaluate at their default limits.
inline constexpr int most_nodes = ir::max_stage_instrs;
template <class X>
inline constexpr bool fits = extracted<X>.nodes <= most_nodes;

/// Gradient K of segment X as an expression: the first one emits them all.
template <class X, class Functors, int K>
struct gradient_root : sym::made_of<> {
    using functors = select_t<K == 0, Functors, ir::functor_types<>>;
    static constexpr dtype type = extracted<X>.type[K];
    static constexpr int rank = extracted<X>.rank[K], nodes = K == 0 ? extracted<X>.nodes : 0;
    template <class Graph>
    static constexpr auto emit(Graph& g) {
        if constexpr (K == 0) {
            const auto parts = X::into(g);
            for (int k = 0; k < parts.count; ++k) g.memo[k].node = parts.at[k].node;
        }
        return g.memo[K].node;
    }
};

/// Result K of the forward program: the expression's own, then what else is kept.
template <class G>
constexpr short forward_node(int k) {
    if (k == 0) return G::top;
    for (int i = 0; i < G::kept.count; ++i)
        if (G::kept.at[i] != G::top && --k == 0) return G::kept.at[i];
    return -1;
}
template <class G, class S, int K>
struct kept_root : sym::made_of<> {
    using functors = select_t<K == 0, typename S::functors, ir::functor_types<>>;
    static constexpr short of = forward_node<G>(K);
    static constexpr dtype type = G::from::graph.n[of].type;
    static constexpr int rank = G::from::graph.n[of].rank, nodes = K == 0 ? S::nodes : 0;
    template <class Graph>
    static constexpr auto emit(Graph& g) {
        if constexpr (K == 0) G::from::emit(g);
        return of;
    }
};

}  // namespace sinter::autodiff

namespace sinter::exec {

/// Programs that are emitted from a graph: what could be the same was guessed before.
template <class... S>
struct emitted_source {
    static constexpr int cap = capacity(sym::made_of<S...>::child_nodes);
    static constexpr auto graph = build_graph<cap, S...>({}, false);
    struct no_merges {
        bool any = false;
        ir::slot_map<cap> slots{};
    };
    static constexpr no_merges merges{};
    static constexpr bool shares_again() { return false; }
    static constexpr bool guesses = false;
    static constexpr auto visits = visits_of(graph);
    static constexpr program_table table = table_of_graph(graph, visits);
};
template <class G, class F, int... K>
struct source<autodiff::gradient_root<G, F, K>...>
    : emitted_source<autodiff::gradient_root<G, F, K>...> {};
template <class G, class S, int... K>
struct source<autodiff::kept_root<G, S, K>...> : emitted_source<autodiff::kept_root<G, S, K>...> {};

}  // namespace sinter::exec

namespace sinter::autodiff {

/// The gradients of one place: of the result, or of a value that is cut or seen through windows.
struct segment_table {
    using program = const exec::program_table& (*)();
    short top = -1;  // the place, in the forward program's graph
    program backward = nullptr;
    const ir::gradient_part* part = nullptr;
    int parts = 0;
};
/// The programs of an expression whose gradients are wanted, under one guess.
struct gradient_table {
    segment_table::program forward = nullptr;  // the result, then what else is kept
    const short* kept_node = nullptr;          // in the forward program's graph
    int kept = 0;
    int kept_result = -1;  // which of the kept values is the result itself
    const segment_table* segment = nullptr;
    int segments = 0;
    int kernels = 0;  // the launches of the gradients' fused plans
};

template <class B, class G, class S, int... K>
constexpr segment_table::program forward_program(ints<K...>) {
    return &exec::program<false, B, kept_root<G, S, K>...>::table;
}
template <class B, class X, class F, int... K>
constexpr segment_table::program backward_program(ints<K...>) {
    static_assert(
        fits<X>,
        "The gradient of an expression takes more than 256 operations: assign a part of it "
        "to a variable.");
    if constexpr (sizeof...(K) > 0 && fits<X>)
        return &exec::program<false, B, gradient_root<X, F, K>...>::table;
    return nullptr;
}
template <class X, class F, int... K>
constexpr int kernels_of(ints<K...>) {
    if constexpr (sizeof...(K) > 0 && fits<X>)
        return exec::compiled<false, gradient_root<X, F, K>...>::fused.stages;
    return 0;
}
template <class B, class S, bool Merged, class Segments>
struct segment_tables;
template <class B, class S, bool Merged, int... K>
struct segment_tables<B, S, Merged, ints<K...>> {
    template <class X>
    static constexpr segment_table table(short top) {
        return {top,
                backward_program<B, X, typename S::functors>(make_ints<extracted<X>.parts.count>{}),
                extracted<X>.parts.at,
                extracted<X>.parts.count};
    }
    template <class X>
    static constexpr int kernels_in() {
        return kernels_of<X, typename S::functors>(make_ints<extracted<X>.parts.count>{});
    }
    static constexpr segment_table at[] = {
        table<extracted_of<S, Merged, K>>(forward_of<S, Merged>::cuts.at[K])..., segment_table{}};
    static constexpr int kernels = (0 + ... + kernels_in<extracted_of<S, Merged, K>>());
};

template <class B, class S, bool Merged>
constexpr gradient_table table_of() {
    using G = gradients_of<S, Merged>;
    using segments = segment_tables<B, S, Merged, make_ints<G::segments>>;
    gradient_table t;
    t.forward = forward_program<B, G, S>(make_ints<1 + G::kept.count - G::kept.has(G::top)>{});
    t.kept_node = G::kept.at;
    t.kept = G::kept.count;
    for (int k = 0; k < t.kept; ++k)
        if (G::kept.at[k] == G::top) t.kept_result = k;
    t.segment = segments::at;
    t.segments = G::segments;
    t.kernels = segments::kernels;
    return t;
}

// The programs of S, best first. Shared parts that turn out to differ have no gradient program:
// `Merged` takes those of one type for one.
template <class S, class B>
struct gradient_guesses {
    using from = exec::source<S>;
    template <class T>
    struct one {
        T at[1];
    };
    template <class T>
    struct two {
        T at[2];
    };
    static constexpr auto list() {
        if constexpr (!from::guesses) {
            return one<gradient_table>{table_of<B, S, false>()};
        } else if constexpr (from::shares_again()) {
            return one<gradient_table>{table_of<B, S, true>()};
        } else {
            return two<gradient_table>{table_of<B, S, true>(), table_of<B, S, false>()};
        }
    }
    static constexpr auto all = list();
    static constexpr const gradient_table* at = all.at;
    static constexpr int count = sizeof all.at / sizeof all.at[0];

    template <bool Merged>
    static constexpr bool keeps_only_stored() {
        using G = gradients_of<S, Merged>;
        for (int k = 0; k < G::kept.count; ++k)
            if (!exec::compiled<Merged, S>::fused.stored[G::kept.at[k]]) return false;
        return true;
    }
    static constexpr bool find_serves_values() {
        if constexpr (!from::guesses) {
            return keeps_only_stored<false>();
        } else if constexpr (from::shares_again()) {
            return false;
        } else {
            return keeps_only_stored<true>() && keeps_only_stored<false>();
        }
    }
    /// True when the forward programs are no dearer than those that give the value alone.
    static constexpr bool serves_values = find_serves_values();
};

// The programs of each of S... in turn.
template <class B, class... S>
struct gradient_variants {
    static constexpr int count = (0 + ... + gradient_guesses<S, B>::count);
    struct table_list {
        gradient_table at[count];
        exec::program_list forward;
    };
    static constexpr table_list find() {
        table_list t;
        const auto add = [&](const gradient_table& g) {
            t.at[t.forward.count] = g;
            t.forward.at[t.forward.count++] = g.forward;
        };
        const auto add_all = [&](const auto& guesses) {
            for (const gradient_table& g : guesses.at) add(g);
        };
        (add_all(gradient_guesses<S, B>::all), ...);
        return t;
    }
    static constexpr table_list all = find();
    static constexpr const gradient_table* at = all.at;
    static constexpr const exec::program_list& forward = all.forward;
    static constexpr bool serves_values = (gradient_guesses<S, B>::serves_values && ...);
};
template <class S, class B>
constexpr auto pick_variants() {
    using stored = sym::operands_stored<S>;
    if constexpr (!exec::recomputes<S>) {
        return gradient_variants<B, S>{};
    } else if constexpr (exec::has_kernels<B>) {
        return gradient_variants<B, S, stored>{};
    } else {
        return gradient_variants<B, stored>{};
    }
}
/// The programs that S can need, best first.
template <class S, class B>
struct gradient_tables : decltype(pick_variants<S, B>()) {
    /// The launches of the gradients under the best guess, on a device.
    static constexpr int kernels = gradient_guesses<S, B>::at[0].kernels;
};

}  // namespace sinter::autodiff
