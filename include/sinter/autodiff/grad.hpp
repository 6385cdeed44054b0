// Gradients of an expression without a tape, and what they will do.
#pragma once

#include <tuple>

#include "sinter/autodiff/variable.hpp"
#include "sinter/exec/explain.hpp"
#include "sinter/tensor/explain.hpp"

namespace sinter {

namespace detail {

template <class E>
constexpr bool check_differentiable() {
    static_assert(symbol_of<E>::has_variable,
                  "Gradients are taken by the variables of an expression, and this one has none.");
    static_assert(is_floating(symbol_of<E>::type),
                  "Only expressions of a floating type have gradients.");
    return symbol_of<E>::has_variable && is_floating(symbol_of<E>::type);
}

template <class B, class E>
void gradients_of(const E& e,
                  const autodiff::state_ptr* const* wanted,
                  exec::made_array* found,
                  int count) {
    using tables = autodiff::gradient_tables<symbol_of<E>, B>;
    using T = storage_t<symbol_of<E>::type>;
    operand_list room;
    const operand_list& list = *list_of(e, room);
    exec::made_array value;
    const auto made = autodiff::record(
        tables::at, tables::count, list, autodiff::accumulator_for<B, dtype_v<T>>, value, true);
    const tensor<T, 0> one = tensor<T, 0>(T(1)).template to<B>(value.memory->where());
    const auto take = [&](const autodiff::state_ptr& from, exec::made_array part) {
        for (int i = 0; i < count; ++i) {
            if (*wanted[i] != from) continue;
            found[i] = found[i].memory ? from->sums->sum_of(found[i], part) : part;
        }
    };
    autodiff::run_backward(*made, erased(one), take);
}

}  // namespace detail

/// The derivatives of the rank-0 expression `loss` by variables in it, as tensors: one, or a tuple.
/// The tape and the gradients of the variables stay as they are. Zeros for a variable that is not
/// in it.
template <expression E, element... T, int... R, class B = backend>
auto grad(const E& loss, const variable<T, R>&... wrt) {
    static_assert(symbol_of<E>::rank == 0,
                  "grad: the expression must have rank 0: write sum(e) or mean(e).");
    static_assert(sizeof...(T) > 0, "grad: name the variables to take the gradient by.");
    if constexpr (detail::check_differentiable<E>() && symbol_of<E>::rank == 0 &&
                  sizeof...(T) > 0) {
        const autodiff::state_ptr* const wanted[] = {&wrt.shared_state()...};
        exec::made_array found[sizeof...(T)];
        detail::gradients_of<B>(loss, wanted, found, static_cast<int>(sizeof...(T)));
        int k = 0;
        const auto next = [&](const auto& v) {
            using V = std::remove_cvref_t<decltype(v)>;
            const exec::made_array& m = found[k++];
            const exec::made_array g =
                m.memory ? m : autodiff::zeros_like(v.value().as_array(), v.where());
            return detail::restored<typename V::value_type, V::rank>(g);
        };
        if constexpr (sizeof...(T) == 1) {
            return next(wrt...);
        } else {
            return std::tuple{next(wrt)...};
        }
    }
}

/// The launches that the gradients of an E take: of the fused plan of what an assignment to a
/// variable records.
template <expression E>
inline constexpr int gradient_kernel_count_v =
    autodiff::gradient_tables<symbol_of<E>, host_backend>::kernels;

/// The same for a named expression: `auto e = ...; static_assert(gradient_kernel_count(e) == 2);`
template <expression E>
constexpr int gradient_kernel_count(const E&) {
    return gradient_kernel_count_v<E>;
}

/// The plan of the gradients of `e` in words, as `explain` gives that of its value: what backward()
/// runs for an assignment of `e` to a variable. Runs nothing.
template <expression E, class B = backend>
std::string explain_gradient(const E& e) {
    if constexpr (detail::check_differentiable<E>()) {
        using tables = autodiff::gradient_tables<symbol_of<E>, B>;
        operand_list room;
        return autodiff::explain_backward(tables::at,
                                          tables::count,
                                          *detail::list_of(e, room),
                                          &exec::explain_text<exec::binding>);
    }
    return {};
}

}  // namespace sinter
