// From an expression to the programs of its gradients: the forward program that keeps what they
// need, and the program that computes them.
#pragma once

#include "sinter/exec/evaluate.hpp"
#include "sinter/ir/backward.hpp"

namespace sinter::autodiff {

/// The graph of S with gradients. `Merged`: under the equalities that exec::guess assumes. `Seed`:
/// the derivative by the result is an array; else it is 1.
template <class S, bool Merged, bool Seed>
struct gradients_of {
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
        return S::emit(g);
    }
    static constexpr ir::differentiated<cap> build() {
        ir::differentiated<cap> d;
        d.top = emit(d.g);
        const ir::node& x = d.g.n[d.top];
        if constexpr (Seed) {
            ir::node seed;
            seed.type = x.type, seed.rank = x.rank, seed.ones = x.ones;
            seed.slot = static_cast<short>(d.g.leaves);
            d.seed = d.g.add(seed);
        } else {
            d.seed = d.g.constant(x.type, 1);
        }
        d.parts = ir::differentiate(d.g, d.top, d.seed);
        return d;
    }
    static constexpr auto all = build();
    static_assert(
        !all.parts.too_many,
        "The gradient of an expression is limited to 16 variables: assign a part of it to "
        "a variable.");
    static_assert(
        !all.parts.sliced_value,
        "The gradient of a slice of a computed value needs that value as an array: assign "
        "it to a variable before it is cut.");

    static_assert(
        !all.parts.windows,
        "The gradient of windows of a computed value needs that value as an array: assign it "
        "to a variable before it is pooled or seen in windows.");

    static constexpr ir::kept_values find_kept() {
        if constexpr (Seed) {
            return ir::find_kept(all, exec::compiled<Merged, S>::fused.stored);
        }
        return {};
    }
    static constexpr ir::kept_values kept = find_kept();
    static_assert(
        !kept.too_many,
        "An expression keeps more than 15 values for its gradient: assign a part of it to "
        "a variable.");

    struct size {
        int nodes = 0;
        ir::gradient_parts parts;
        dtype type[ir::max_roots]{};
        int rank[ir::max_roots]{};
    };
    static constexpr size measure() {
        ir::graph<cap> g;
        size s;
        s.parts = ir::extraction<cap>(all, kept).into(g);
        s.nodes = g.size > g.visit_count ? g.size : g.visit_count;
        for (int k = 0; k < s.parts.count; ++k) {
            s.type[k] = g.n[s.parts.at[k].node].type;
            s.rank[k] = g.n[s.parts.at[k].node].rank;
        }
        return s;
    }
    static constexpr size extracted = measure();
};

/// Gradient K as an expression: the first one emits them all.
template <class G, class Functors, int K>
struct gradient_root : sym::made_of<> {
    using functors = select_t<K == 0, Functors, ir::functor_types<>>;
    static constexpr dtype type = G::extracted.type[K];
    static constexpr int rank = G::extracted.rank[K], nodes = K == 0 ? G::extracted.nodes : 0;
    template <class Graph>
    static constexpr auto emit(Graph& g) {
        if constexpr (K == 0) {
            const auto parts = ir::extraction<G::cap>(G::all, G::kept).into(g);
            for (int k = 0; k < parts.count; ++k) g.memo[k].node = parts.at[k].node;
        }
        return g.memo[K].node;
    }
};

/// Result K of the forward program: the expression's own, then what else is kept.
template <class G>
constexpr short forward_node(int k) {
    if (k == 0) return G::all.top;
    for (int i = 0; i < G::kept.count; ++i)
        if (G::kept.at[i] != G::all.top && --k == 0) return G::kept.at[i];
    return -1;
}
template <class G, class S, int K>
struct kept_root : sym::made_of<> {
    using functors = select_t<K == 0, typename S::functors, ir::functor_types<>>;
    static constexpr short of = forward_node<G>(K);
    static constexpr dtype type = G::all.g.n[of].type;
    static constexpr int rank = G::all.g.n[of].rank, nodes = K == 0 ? S::nodes : 0;
    template <class Graph>
    static constexpr auto emit(Graph& g) {
        if constexpr (K == 0) G::emit(g);
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

/// The programs of an expression whose gradients are wanted, under one guess.
struct gradient_table {
    using program = const exec::program_table& (*)();
    program forward = nullptr;   // the result, then what else is kept
    program backward = nullptr;  // the gradients; the kept values follow the expression's arrays
    const short* kept_node = nullptr;  // in the forward program's graph
    int kept = 0;
    int kept_result = -1;  // which of the kept values is the result itself
    short top = -1;        // the result's node
    int results = 1;
    int kernels = 0;  // the launches of the gradients' fused plan
    const ir::gradient_part* part = nullptr;
    int parts = 0;
};

template <class B, class G, class S, int... K>
constexpr gradient_table::program forward_program(ints<K...>) {
    return &exec::program<false, B, kept_root<G, S, K>...>::table;
}
template <class B, class G, class S, int... K>
constexpr gradient_table::program backward_program(ints<K...>) {
    if constexpr (sizeof...(K) > 0)
        return &exec::program<false, B, gradient_root<G, typename S::functors, K>...>::table;
    return nullptr;
}
template <class G, class S, int... K>
constexpr int kernels_of(ints<K...>) {
    if constexpr (sizeof...(K) > 0)
        return exec::compiled<false, gradient_root<G, typename S::functors, K>...>::fused.stages;
    return 0;
}
template <class B, class S, bool Merged, bool Seed>
constexpr gradient_table table_of() {
    using G = gradients_of<S, Merged, Seed>;
    gradient_table t;
    constexpr int results = 1 + G::kept.count - G::kept.has(G::all.top);
    if constexpr (Seed) t.forward = forward_program<B, G, S>(make_ints<results>{});
    t.results = results;
    t.backward = backward_program<B, G, S>(make_ints<G::extracted.parts.count>{});
    t.kept_node = G::kept.at;
    t.kept = G::kept.count;
    t.top = G::all.top;
    t.kernels = kernels_of<G, S>(make_ints<G::extracted.parts.count>{});
    for (int k = 0; k < t.kept; ++k)
        if (G::kept.at[k] == G::all.top) t.kept_result = k;
    t.part = G::extracted.parts.at;
    t.parts = G::extracted.parts.count;
    return t;
}

// The programs that S can need, best first. Shared parts that turn out to differ have no gradient
// program: `Merged` takes those of one type for one.
template <class S, class B, bool Seed>
struct gradient_tables {
    using from = exec::source<S>;
    static constexpr auto list() {
        if constexpr (!from::guesses) {
            return one<gradient_table>{table_of<B, S, false, Seed>()};
        } else if constexpr (from::shares_again()) {
            return one<gradient_table>{table_of<B, S, true, Seed>()};
        } else {
            return two<gradient_table>{table_of<B, S, true, Seed>(), table_of<B, S, false, Seed>()};
        }
    }
    template <class T>
    struct one {
        T at[1];
    };
    template <class T>
    struct two {
        T at[2];
    };
    static constexpr auto all = list();
    static constexpr const gradient_table* at = all.at;
    static constexpr int count = sizeof all.at / sizeof all.at[0];
};

}  // namespace sinter::autodiff
