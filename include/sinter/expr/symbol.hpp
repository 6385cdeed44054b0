// The types of expressions. A symbol is an empty type that records structure and knows how to emit
// itself into a graph; it holds no data. The run-time operands of an expression are listed in the
// order of emission.
#pragma once

#include "sinter/ir/graph.hpp"

namespace sinter::sym {

template <class A, class B>
struct join;
template <class... F, class... G>
struct join<ir::functor_types<F...>, ir::functor_types<G...>> {
    using type = ir::functor_types<F..., G...>;
};
template <class... L>
struct join_all {
    using type = ir::functor_types<>;
};
template <class L>
struct join_all<L> {
    using type = L;
};
template <class L, class M, class... N>
struct join_all<L, M, N...> {
    using type = typename join_all<typename join<L, M>::type, N...>::type;
};

// Every `emit` deduces its return type, so that naming it compiles it: see `prepared` in expr.hpp.

/// Node counts are bounds and grow with every repetition: they saturate above what a graph can
/// hold.
constexpr int room(long nodes) { return nodes < 100000 ? static_cast<int>(nodes) : 100000; }

constexpr int deepest() { return 0; }
template <class... N>
constexpr int deepest(int first, N... others) {
    const int rest = deepest(others...);
    return first > rest ? first : rest;
}

/// The deepest nesting of operations that all compilers evaluate at their default limits.
inline constexpr int max_depth = 450;

/// What a symbol made of others has of them: room for their nodes, and their functors in order.
template <class... A>
struct made_of {
    static constexpr int child_nodes = room((0L + ... + A::nodes));
    /// The operations and operands as written, and how deep they nest.
    static constexpr int written = room((1L + ... + A::written)), depth = 1 + deepest(A::depth...);
    /// True when no part is above the limits of a graph.
    static constexpr bool parts_fit =
        (true && ... && (A::parts_fit && A::written <= ir::max_nodes && A::depth <= max_depth));
    static constexpr bool has_share = (false || ... || A::has_share);
    /// True when a gradient could flow through: some operand is a variable.
    static constexpr bool has_variable = (false || ... || A::has_variable);
    using functors = typename join_all<typename A::functors...>::type;
};

/// True when the graph of expressions S... is not above the limits.
template <class... S>
inline constexpr bool fits = made_of<S...>::parts_fit&& made_of<S...>::written - 1 <= ir::max_nodes;

/// An address that stands for a type: identifies scopes and shared parts during emission.
template <class T>
inline constexpr char tag_of = 0;

template <dtype D, int R>
struct leaf : made_of<> {
    static constexpr dtype type = D;
    static constexpr int rank = R, nodes = 1;
    template <class G>
    static constexpr auto emit(G& g) {
        return g.leaf(D, R);
    }
};

/// An array whose gradient may be wanted.
template <dtype D, int R>
struct variable : made_of<> {
    static constexpr bool has_variable = true;
    static constexpr dtype type = D;
    static constexpr int rank = R, nodes = 1;
    template <class G>
    static constexpr auto emit(G& g) {
        return g.variable(D, R);
    }
};
/// `A` as a value that no gradient passes.
template <class A>
struct stopped : made_of<A> {
    static constexpr bool has_variable = false;
    static constexpr dtype type = A::type;
    static constexpr int rank = A::rank, nodes = room(A::nodes + 1L);
    template <class G>
    static constexpr auto emit(G& g) {
        return g.stop(A::emit(g));
    }
};

template <dtype D>
struct scalar : made_of<> {
    static constexpr dtype type = D;
    static constexpr int rank = 0, nodes = 1;
    template <class G>
    static constexpr auto emit(G& g) {
        return g.scalar(D);
    }
};

template <dtype D, class A>
struct cast : made_of<A> {
    static constexpr dtype type = D;
    static constexpr int rank = A::rank, nodes = room(A::nodes + 1L);
    template <class G>
    static constexpr auto emit(G& g) {
        return g.cast(A::emit(g), D);
    }
};
/// `A` as values of type D; itself if it has that type.
template <dtype D, class A>
using as = select_t<A::type == D, A, cast<D, A>>;

/// The numbers of the elements of a run-time shape of rank R.
template <dtype D, int R>
struct coordinate : made_of<> {
    static constexpr dtype type = D;
    static constexpr int rank = R, nodes = 1;
    template <class G>
    static constexpr auto emit(G& g) {
        return g.coordinate(D, R);
    }
};
/// The numbers of the elements of `A` along `Axes`.
template <dtype D, unsigned char Axes, class A>
struct coordinate_of : made_of<A> {
    static constexpr dtype type = D;
    static constexpr int rank = A::rank, nodes = room(A::nodes + 1L);
    template <class G>
    static constexpr auto emit(G& g) {
        return g.coordinate(A::emit(g), Axes, D);
    }
};
/// The elements of `A`, an array in memory, at offsets `O`.
template <class A, class O>
struct taken : made_of<A, O> {
    static constexpr dtype type = A::type;
    static constexpr int rank = O::rank, nodes = room(O::nodes + 3L);
    template <class G>
    static constexpr auto emit(G& g) {
        const short array = A::emit(g);
        return g.take(array, O::emit(g));
    }
};
/// `A`, of rank 0, for each element of a run-time shape of rank R.
template <int R, class A>
struct filled : made_of<A> {
    static constexpr dtype type = A::type;
    static constexpr int rank = R, nodes = room(A::nodes + 1L);
    template <class G>
    static constexpr auto emit(G& g) {
        return g.expand(A::emit(g), R, ir::visit::origin);
    }
};

constexpr int largest(int a, int b = 0, int c = 0) {
    const int m = a > b ? a : b;
    return m > c ? m : c;
}

template <int Op, class... A>
struct pointwise : made_of<A...> {
    static_assert(sizeof...(A) <= 3);
    static constexpr dtype operand_type = type_at<sizeof...(A) - 1, A...>::type::type;
    static constexpr dtype type =
        ir::info_of(Op).result == ir::yields::boolean ? dtype::boolean : operand_type;
    static constexpr int rank = largest(A::rank...), nodes = room(1L + made_of<A...>::child_nodes);
    template <class G>
    static constexpr auto emit(G& g) {
        const short in[] = {A::emit(g)...};
        return g.apply(Op,
                       in[0],
                       sizeof...(A) > 1 ? in[1 % sizeof...(A)] : short(-1),
                       sizeof...(A) > 2 ? in[2 % sizeof...(A)] : short(-1));
    }
};

template <class F, dtype D, class... A>
struct user : made_of<A...> {
    static constexpr dtype type = D;
    static constexpr int rank = largest(A::rank...), nodes = room(1L + made_of<A...>::child_nodes);
    using functors = typename join<typename made_of<A...>::functors, ir::functor_types<F>>::type;
    template <class G>
    static constexpr auto emit(G& g) {
        const short in[] = {A::emit(g)...};
        return g.user(D,
                      in[0],
                      sizeof...(A) > 1 ? in[1 % sizeof...(A)] : short(-1),
                      sizeof...(A) > 2 ? in[2 % sizeof...(A)] : short(-1),
                      flops());
    }
    // A functor may say what it costs: `static constexpr int flops`.
    static constexpr int flops() {
        if constexpr (requires { F::flops; }) {
            static_assert(F::flops >= 1 && F::flops < 256);
            return F::flops;
        } else {
            return 1;
        }
    }
};

constexpr int count_bits(unsigned axes) {
    int n = 0;
    for (; axes; axes &= axes - 1) ++n;
    return n;
}

/// Reduction `Red` over `Axes` (bits, counted from the right).
template <int Red, unsigned char Axes, bool Keep, class A>
struct reduction : made_of<A> {
    static constexpr dtype type = ir::reduced_dtype(Red, A::type);
    static constexpr int rank = Keep ? A::rank : A::rank - count_bits(Axes),
                         nodes = room((Keep ? 1L : 2L) * A::nodes + 3);
    template <class G>
    static constexpr auto emit(G& g) {
        const short r = g.reduce(Red, Axes, g.cast(A::emit(g), ir::folded_dtype(Red, A::type)));
        return Keep ? r : g.drop(r, Axes);
    }
};

template <unsigned char Axes, bool Keep, class A>
struct mean : made_of<A> {
    static constexpr dtype type = is_floating(A::type) ? A::type : dtype::f32;
    static constexpr int rank = Keep ? A::rank : A::rank - count_bits(Axes),
                         nodes = room((Keep ? 1L : 2L) * A::nodes + 6);
    template <class G>
    static constexpr auto emit(G& g) {
        const short a = g.cast(A::emit(g), type),
                    s = g.reduce(ir::reduction_id<ir::red::sum>, Axes, a),
                    r = g.apply(ir::op_id<ir::op::div>, s, g.extent(a, Axes, type));
        return Keep ? r : g.drop(r, Axes);
    }
};

/// The number of elements of `A` along `Axes`, as type D: no element of A is read.
template <unsigned char Axes, dtype D, class A>
struct count : made_of<A> {
    static constexpr dtype type = D;
    static constexpr int rank = 0, nodes = room(A::nodes + 1L);
    template <class G>
    static constexpr auto emit(G& g) {
        return g.extent(A::emit(g), Axes, D);
    }
};
/// `A` broadcast to the shape of `B`, of which no element is read.
template <class A, class B>
struct spread : made_of<A, B> {
    static constexpr dtype type = A::type;
    static constexpr int rank = largest(A::rank, B::rank), nodes = room(A::nodes + B::nodes + 1L);
    template <class G>
    static constexpr auto emit(G& g) {
        const auto a = A::emit(g);
        return g.expand_like(a, B::emit(g));
    }
};
/// `A` without `Axes`, along which it has extent 1.
template <unsigned char Axes, class A>
struct dropped : made_of<A> {
    static constexpr dtype type = A::type;
    static constexpr int rank = A::rank - count_bits(Axes), nodes = room(2L * A::nodes + 1);
    template <class G>
    static constexpr auto emit(G& g) {
        return g.drop(A::emit(g), Axes);
    }
};

template <class A, class B>
struct matmul : made_of<A, B> {
    static constexpr dtype type = A::type;
    static constexpr int rank = largest(A::rank, B::rank),
                         nodes = room(1 + 2L * made_of<A, B>::child_nodes);
    template <class G>
    static constexpr auto emit(G& g) {
        const short a = A::emit(g);
        return g.matmul(a, B::emit(g));
    }
};

/// `A`, whose products of float may round their operands to tf32.
template <class A>
struct tf32 : made_of<A> {
    static constexpr dtype type = A::type;
    static constexpr int rank = A::rank, nodes = A::nodes;
    template <class G>
    static constexpr auto emit(G& g) {
        const bool outside = g.tf32;
        g.tf32 = true;
        const short r = A::emit(g);
        g.tf32 = outside;
        return r;
    }
};

/// `A`, where what a product would compute more often than once is stored first.
template <class A>
struct operands_stored : made_of<A> {
    static constexpr dtype type = A::type;
    static constexpr int rank = A::rank, nodes = A::nodes;
    template <class G>
    static constexpr auto emit(G& g) {
        const bool outside = g.operands_stored;
        g.operands_stored = true;
        const short r = A::emit(g);
        g.operands_stored = outside;
        return r;
    }
};

/// The sum of products of `A` and `B`, seen in one index space: its axis j (from the right) is axis
/// MapA[j] of `A`, -1 for none. Axes from `Rank` on are summed; along axes `Groups` (bits) one
/// element of `A` belongs to several of `B`.
template <int Rank, class MapA, class MapB, class A, class B, unsigned char Groups = 0>
struct contraction;
template <int Rank, int... I, int... J, class A, class B, unsigned char Groups>
struct contraction<Rank, ints<I...>, ints<J...>, A, B, Groups> : made_of<A, B> {
    static constexpr dtype type = A::type;
    static constexpr int rank = Rank, nodes = room(3 + 2L * made_of<A, B>::child_nodes);
    template <int... Map>
    static constexpr ir::axis_map map_of(ints<Map...>) {
        constexpr signed char from[] = {static_cast<signed char>(Map)..., 0};
        ir::axis_map m;
        m.rank = sizeof...(Map);
        for (int j = 0; j < m.rank; ++j) m.at[j] = from[j];
        return m;
    }
    template <class G>
    static constexpr auto emit(G& g) {
        g.of_product = true;
        const short a = A::emit(g);
        g.of_product = false;
        return g.contract(a,
                          map_of(ints<I...>{}),
                          B::emit(g),
                          map_of(ints<J...>{}),
                          Rank,
                          ir::with_groups(0, Groups));
    }
};

/// Axis j of the result (from the right) is axis Map[j] of `A`.
template <class A, int... Map>
struct permuted : made_of<A> {
    static constexpr dtype type = A::type;
    static constexpr int rank = sizeof...(Map), nodes = room(2L * A::nodes + 1);
    template <class G>
    static constexpr auto emit(G& g) {
        constexpr signed char from[] = {static_cast<signed char>(Map)...};
        ir::axis_map m;
        m.rank = rank;
        for (int j = 0; j < rank; ++j) m.at[j] = from[j];
        return g.permute(A::emit(g), m);
    }
};
template <unsigned char Axes, class A>
struct sliced : made_of<A> {
    static constexpr dtype type = A::type;
    static constexpr int rank = A::rank, nodes = room(2L * A::nodes + 1);
    template <class G>
    static constexpr auto emit(G& g) {
        return g.slice(A::emit(g), Axes);
    }
};
/// `A` in the midst of zeros, which are around axes `Along` (bits) alone if that is not 0.
template <class A, unsigned char Along = 0>
struct padded : made_of<A> {
    static constexpr dtype type = A::type;
    static constexpr int rank = A::rank, nodes = room(A::nodes + 2L);
    template <class G>
    static constexpr auto emit(G& g) {
        return g.pad(A::emit(g), Along);
    }
};
/// Windows of `A` along axes From... (from the right): one more axis each, which become the last
/// ones. Those along the last Splits of these axes split them into parts.
template <int Splits, class A, int... From>
struct windowed : made_of<A> {
    static constexpr int count = sizeof...(From);
    static constexpr dtype type = A::type;
    static constexpr int rank = A::rank + count, nodes = room(3L * A::nodes + 2);
    template <class G>
    static constexpr auto emit(G& g) {
        constexpr signed char from[] = {static_cast<signed char>(From)...};
        ir::axis_map m;
        m.rank = rank;
        unsigned cut = 0;
        for (int j = 0; j < count; ++j) {
            m.at[count - 1 - j] = from[j];
            cut |= 1U << (count - 1 - j) | 1U << (from[j] + count);
        }
        for (int j = 0; j < A::rank; ++j) m.at[j + count] = static_cast<signed char>(j);
        const bool of_product = g.of_product;
        g.of_product = false;
        return g.windows(
            A::emit(g), m, static_cast<unsigned char>(cut), (1 << Splits) - 1, of_product);
    }
};
template <int R, class A>
struct expanded : made_of<A> {
    static constexpr dtype type = A::type;
    static constexpr int rank = R, nodes = room(A::nodes + 1L);
    template <class G>
    static constexpr auto emit(G& g) {
        return g.expand(A::emit(g), R);
    }
};
template <int R, class A>
struct reshaped : made_of<A> {
    static constexpr dtype type = A::type;
    static constexpr int rank = R, nodes = room(A::nodes + 1L);
    template <class G>
    static constexpr auto emit(G& g) {
        return g.reshape(A::emit(g), R);
    }
};

/// The K-th argument of the function given to `with`.
template <class Tag, int K, dtype D, int R>
struct argument : made_of<> {
    static constexpr dtype type = D;
    static constexpr int rank = R, nodes = 0, written = 0;
    template <class G>
    static constexpr auto emit(G& g) {
        return g.lookup(&tag_of<Tag>, K);
    }
};
/// `Body`, in which arguments stand for X...: whatever it does with one is one node.
template <class Tag, class Body, class... X>
struct let : made_of<X..., Body> {
    static constexpr dtype type = Body::type;
    // An argument costs nothing, but a view of it repeats what it stands for.
    static constexpr int rank = Body::rank,
                         nodes = room(Body::nodes + 3 * (0L + ... + X::nodes) + 4);
    template <class G>
    static constexpr auto emit(G& g) {
        const short values[] = {X::emit(g)...};
        g.enter(&tag_of<Tag>, values, sizeof...(X));
        const short r = Body::emit(g);
        g.leave();
        return r;
    }
};

/// `A` as one node wherever it stands: the first occurrence emits it, later ones refer to it.
/// Whether they all are the same part is checked when operands are bound. With a Key it is certain:
/// whoever names one gives it to one part of an expression.
template <class A, class Key = void>
struct shared : made_of<A> {
    static_assert(same_v<typename A::functors, ir::functor_types<>>,
                  "share: a part with functors of your own cannot be shared this way: pass it "
                  "through `with`.");
    static constexpr bool has_share = true;
    static constexpr dtype type = A::type;
    static constexpr int rank = A::rank, nodes = A::nodes, written = 1;  // it may stand elsewhere
    template <class G>
    static constexpr auto emit(G& g) {
        constexpr bool guessed = same_v<Key, void>;
        if (guessed && g.shares_as_leaves) return g.leaf(type, rank);
        if (const auto* known = g.remembered(&tag_of<shared>)) {
            g.note(guessed ? ir::visit::share_again : ir::visit::share_known, known->number);
            return known->node;
        }
        const int number = g.shares++;
        g.note(ir::visit::share, number);
        const short r = A::emit(g);
        g.remember(&tag_of<shared>, r, number);
        return r;
    }
};

}  // namespace sinter::sym
