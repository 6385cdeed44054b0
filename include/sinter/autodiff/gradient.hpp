// Gradients as lazy expressions, which have gradients themselves.
#pragma once

#include "sinter/ir/gradient.hpp"
#include "sinter/tensor/share.hpp"

namespace sinter {

namespace sym {

/// `A`, an array, as what a function of type F takes for its argument: one node in all of it.
template <class F, class A>
struct gradient_argument : made_of<A> {
    static constexpr bool has_share = true;
    static constexpr dtype type = A::type;
    static constexpr int rank = A::rank, nodes = A::nodes + 1, written = 1;
    template <class G>
    static constexpr auto emit(G& g) {
        const void* const tag = &tag_of<gradient_argument>;
        if (g.in_scope(tag)) {
            g.note(ir::visit::share_known, g.lookup(tag, 1));
            return g.lookup(tag, 0);
        }
        g.note(ir::visit::share, g.shares++);
        return g.argument(A::emit(g));
    }
};

/// The gradient by argument `A` of the sum of `Body`.
template <class Body, class A>
struct gradient : made_of<A, Body> {
    static constexpr dtype type = A::type;
    // How many operations the rules add is known when they have run: room for the largest graph.
    static constexpr int rank = A::rank, nodes = room(ir::small_graph + 1L + Body::nodes);
    template <class G>
    static constexpr auto emit(G& g) {
        const short number = static_cast<short>(g.shares);
        const short argument[] = {A::emit(g), number};
        g.enter(&tag_of<A>, argument, 2);
        const short top = Body::emit(g);
        g.leave();
        return ir::gradient_by(g, top, argument[0]);
    }
};

template <class S>
inline constexpr bool is_array = false;
template <dtype D, int R>
inline constexpr bool is_array<leaf<D, R>> = true;
template <dtype D, int R>
inline constexpr bool is_array<variable<D, R>> = true;
template <class F, int K, dtype D, int R>
inline constexpr bool is_array<argument<F, K, D, R>> = true;
template <class F, class A>
inline constexpr bool is_array<gradient_argument<F, A>> = true;

}  // namespace sym

/// The gradient of sum(f(x)) by x, as a lazy expression of x's shape: element by element it is the
/// derivative of f, and of a loss its gradient. It fuses with what is around it and has gradients
/// itself: a `gradient` inside f gives second derivatives, and assigned to a variable it is a step
/// of the tape, by all variables in it.
///
/// x is a tensor, a variable or the argument of such a function. f gives an expression over its
/// argument; arrays that it uses beside that are constants here, even if they are x, and so are
/// values under stop_gradient. F is a functor type or a lambda. A function that cuts its argument
/// by slices, or sees something computed in windows, is an error of the compiler, and so is one
/// with functors of your own. shape_error where x has extent 1 and is broadcast against more.
///
///     struct energy { template <class X> auto operator()(X x) const { return sum(sin(x) * x); } };
///     tensor<float, 1> force = -gradient(energy{}, x);  // one kernel
template <class F, expression X>
auto gradient(const F& f, const X& x) {
    static_assert(sym::is_array<symbol_of<X>>,
                  "gradient: the argument must be a tensor, a variable or the argument of such a "
                  "function: assign what is computed to one.");
    static_assert(is_floating(symbol_of<X>::type),
                  "gradient: only arrays of a floating type have gradients.");
    using A = sym::gradient_argument<F, symbol_of<X>>;
    const auto argument = detail::share_named<A>(x);
    auto body = f(argument);
    using Body = typename decltype(body)::symbol;
    static_assert(is_floating(Body::type),
                  "gradient: the function must give values of a floating type.");
    static_assert(same_v<typename Body::functors, ir::functor_types<>>,
                  "gradient: a function with functors of your own has no gradient as an "
                  "expression: use a variable and backward().");
    return detail::make<sym::gradient<Body, A>>(argument, std::move(body));
}

}  // namespace sinter
