// What an expression will do, before it does it.
#pragma once

#include <string>

#include "sinter/exec/evaluate.hpp"
#include "sinter/exec/explain.hpp"
#include "sinter/expr/expr.hpp"

namespace sinter {

namespace detail {

template <class S>
constexpr int kernels_of() {
    if constexpr (sym::fits<S>) return exec::fused_plan<S>.stages;
    return 0;
}

}  // namespace detail

/// The number of kernels that evaluating an E takes, at compile time: the launches of its fused
/// plan.
template <expression E>
inline constexpr int kernel_count_v = detail::kernels_of<symbol_of<E>>();

/// The same for a named expression: `auto p = ...; static_assert(kernel_count(p) == 1);`
template <expression E>
constexpr int kernel_count(const E&) {
    return kernel_count_v<E>;
}

namespace detail {

template <class B, class E, class Describe>
std::string describe(const E& e, Describe describe_plan) {
    operand_list room;
    const operand_list* const lists[] = {list_of(e, room)};
    std::string text;
    if constexpr (sym::fits<symbol_of<E>>) {
        static constexpr exec::program_list programs = exec::list_programs<B, symbol_of<E>>();
        exec::first_program(
            programs,
            lists,
            1,
            [](const exec::program_table&) { return false; },
            [&](exec::binding& b) { text = describe_plan(b); });
    }
    return text;
}

}  // namespace detail

/// The plan of `e` in words, for the arrays it holds now: its kernels, what each computes and
/// fuses, the bytes it reads and writes (each array once), its FLOPs, and why any value is stored
/// in between. Runs nothing. Throws shape_error or device_error as evaluating would.
template <expression E, class B = backend>
std::string explain(const E& e) {
    return detail::describe<B>(e, &exec::explain_text<exec::binding>);
}
/// The same as a picture in the DOT language: one cluster for each kernel.
template <expression E, class B = backend>
std::string explain_dot(const E& e) {
    return detail::describe<B>(e, &exec::explain_dot<exec::binding>);
}

}  // namespace sinter
