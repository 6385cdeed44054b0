// Variables side by side.
#pragma once

#include "sinter/autodiff/variable.hpp"
#include "sinter/tensor/join.hpp"

namespace sinter {

namespace detail {

// A part of concat as a variable of the result's type; an array without a copy.
template <element T, int R, class E>
variable<T, R> joined_part(const E& e) {
    if constexpr (same_v<E, variable<T, R>>) {
        return e;
    } else if constexpr (std::is_base_of_v<tensor<T, R>, E>) {
        return constant<T, R>(e);
    } else {
        variable<T, R> v;
        v = astype<T>(e);
        return v;
    }
}

}  // namespace detail

/// Variables, expressions over them and arrays one behind the other along an axis, as a variable:
/// the gradient of each part is its part of the gradient. What is computed is evaluated first, then
/// all parts are copied, by one kernel where they have one shape. Types promote; throws as `concat`
/// of arrays.
template <int A, expression... E, class B = backend>
    requires(symbol_of<E>::has_variable || ...)
auto concat(axis_tag<A>, const E&... e) {
    constexpr int R = symbol_of<typename type_at<0, E...>::type>::rank, axis_ = A < 0 ? A + R : A;
    static_assert(((symbol_of<E>::rank == R) && ...), "concat: the arrays must have one rank.");
    constexpr dtype t = detail::promoted<E...>();
    static_assert(is_floating(t), "concat: variables are floating arrays.");
    using V = variable<storage_t<t>, R>;
    const V part[] = {detail::joined_part<typename V::value_type, R>(e)...};
    const V whole = [&]<std::size_t... I>(std::index_sequence<I...>) {
        return constant(concat(axis<A>, part[I].detach()...));
    }
    (std::index_sequence_for<E...>{});
    bool wanted = false;
    for (const V& p : part) wanted = wanted || p.requires_grad();
    if (!wanted || !autodiff::gradients_wanted()) return whole;
    std::vector<autodiff::state_ptr> inputs;
    std::vector<int64> extents;
    for (const V& p : part) {
        inputs.push_back(p.shared_state());
        extents.push_back(p.extent(axis_));
    }
    auto again = [inputs, extents](const exec::made_array& seed,
                                   const autodiff::take_gradient& take) {
        const auto all = detail::restored<typename V::value_type, R>(seed);
        int64 begin = 0;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            const auto own = detail::next_part(all, axis_, begin, extents[i]);
            if (inputs[i]->requires_grad)
                take(inputs[i], detail::erased<typename V::value_type, R>(own.template clone<B>()));
        }
    };
    return whole.recorded_as(std::move(again), std::move(inputs));
}

}  // namespace sinter
