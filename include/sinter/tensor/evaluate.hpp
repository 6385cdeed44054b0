// Several results in shared passes.
#pragma once

#include <tuple>

#include "sinter/tensor/tensor.hpp"

namespace sinter {

namespace detail {

template <element T, int R, class E>
struct assignment {
    tensor<T, R>* to;
    const E* value;
};
template <element T, int R>
struct output {
    tensor<T, R>* to;
    template <expression E>
    assignment<T, R, E> operator=(const E& e) const {
        check_assignable<T, R, E>();
        return {to, &e};
    }
};

template <class B, class... T, int... R, class... E, std::size_t... I>
void evaluate_all(std::index_sequence<I...>, const assignment<T, R, E>&... a) {
    exec::target to[] = {a.to->as_target(false)...};
    evaluate_into<B>(to, *a.value...);
    (a.to->adopt(to[I]), ...);
}

// Writes several results through, into the memory that their targets have.
template <class B, class... T, int... R, class... E, std::size_t... I>
void write_all(std::index_sequence<I...>, const assignment<T, R, E>&... a) {
    exec::target to[] = {a.to->as_target(true)...};
    evaluate_into<B>(to, *a.value...);
    const auto finish = [](exec::target& done, auto* target) {
        if (!done.copy_back) return;
        std::remove_pointer_t<decltype(target)> from;
        from.adopt(done);
        target->template write<B>(from);
    };
    (finish(to[I], a.to), ...);
}

}  // namespace detail

/// Names a tensor as the place of a result: `evaluate(out(a) = e1, out(b) = e2)`.
template <element T, int R>
detail::output<T, R> out(tensor<T, R>& t) {
    return {&t};
}

/// Computes several results together: what they share is computed once, and results of one shape
/// share a kernel. All right sides read the values from before. Throws as the assignments would,
/// with all targets untouched.
template <class B = backend, element... T, int... R, class... E>
void evaluate(const detail::assignment<T, R, E>&... a) {
    static_assert(sizeof...(E) >= 1 && sizeof...(E) <= ir::max_roots,
                  "evaluate: takes 1 to 16 results.");
    detail::evaluate_all<B>(std::index_sequence_for<E...>{}, a...);
}
/// Without `out` an argument has been evaluated already, or has no place to go.
template <expression... E>
void evaluate(const E&...) {
    static_assert(sizeof...(E) == 0,
                  "evaluate: takes assignments to out(tensor), as in evaluate(out(a) = e); one "
                  "expression becomes a tensor by eval(e).");
}

}  // namespace sinter
