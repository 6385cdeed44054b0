// Sharing by name: `with` passes symbolic arguments, so that whatever a function does with one is
// one node.
#pragma once

#include "sinter/expr/reduce.hpp"

namespace sinter {

namespace detail {

template <class F, class... X, int... K>
auto symbolic_call(const F& f, ints<K...>) {
    return f(expr<sym::argument<F, K, symbol_of<X>::type, symbol_of<X>::rank>>{}...);
}

}  // namespace detail

/// f(x...), where f sees symbolic arguments: an x that f uses several times is one array and one
/// sub-expression, known when compiling. F is a namespace-scope functor type; it may use other
/// tensors as well.
///
///     struct normalise { template <class X> auto operator()(X x) const { return x / sum(x,
///     axis<-1>, keepdims); } }; auto p = with(normalise{}, exp(z));
template <class F, expression... X>
auto with(F f, X&&... x) {
    static_assert(sizeof...(X) <= ir::max_scope_values, "with: takes at most 8 arrays.");
    auto body = detail::symbolic_call<F, X...>(f, make_ints<sizeof...(X)>{});
    using S = sym::let<F, typename decltype(body)::symbol, symbol_of<X>...>;
    return detail::make<S>(std::forward<X>(x)..., std::move(body));
}

}  // namespace sinter
