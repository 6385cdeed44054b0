// What an expression will do, before it does it.
#pragma once

#include <string>

#include "sinter/exec/evaluate.hpp"
#include "sinter/exec/explain.hpp"
#include "sinter/expr/expr.hpp"

namespace sinter {

/// The number of kernels that evaluating an E takes, at compile time: the launches of its fused
/// plan.
template <expression E>
inline constexpr int kernel_count_v = exec::fused_plan<symbol_of<E>>.stages;

/// The same for a named expression: `auto p = ...; static_assert(kernel_count(p) == 1);`
template <expression E>
constexpr int kernel_count(const E&) {
    return kernel_count_v<E>;
}

namespace detail {

template <class B, class E, class Describe>
std::string describe(const E& e, Describe describe_plan) {
    const operand_list list = e.operands();
    const operand_list* const lists[] = {&list};
    std::string text;
    exec::with_variant<B, symbol_of<E>>(lists, [&](exec::binding& b) {
        exec::target none;
        if (!exec::evaluation(b, lists, 1, &none).fits()) return false;
        text = describe_plan(b);
        return true;
    });
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
