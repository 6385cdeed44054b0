// Computing a part again instead of keeping what its gradients need.
#pragma once

#include <tuple>

#include "sinter/autodiff/variable.hpp"

namespace sinter {

namespace detail {

// The variable that holds an E.
template <class E>
using variable_for = variable<storage_t<symbol_of<E>::type>, symbol_of<E>::rank>;

}  // namespace detail

/// f(x...) as a variable, of which only x is kept: backward() calls f again. f takes variables and
/// gives a variable or an expression over them; variables that it captures must be leaves. It must
/// compute the same both times: random numbers take a key.
template <class F, element... T, int... R, class B = backend>
auto checkpoint(F f, const variable<T, R>&... x) {
    using result = detail::variable_for<std::invoke_result_t<const F&, const variable<T, R>&...>>;
    const bool wanted = autodiff::gradients_wanted() && (false || ... || x.requires_grad());
    result value;
    {
        const no_grad scope;
        value = f(x...);
    }
    if (!wanted) return value;
    auto again = [f, kept = std::tuple(x...)](const exec::made_array& seed,
                                              const autodiff::take_gradient& take) {
        const enable_grad scope;
        std::apply(
            [&](const auto&... given) {
                std::tuple leaf(
                    std::remove_cvref_t<decltype(given)>(given.detach(), given.requires_grad())...);
                result y;
                std::apply([&](const auto&... l) { y = f(l...); }, leaf);
                y.backward(detail::restored<typename result::value_type, result::rank>(seed));
                std::apply(
                    [&](const auto&... l) {
                        ((l.has_grad() ? take(given.shared_state(), detail::erased(l.grad()))
                                       : void()),
                         ...);
                    },
                    leaf);
            },
            kept);
    };
    return value.recorded_as(std::move(again), {x.shared_state()...});
}

}  // namespace sinter
