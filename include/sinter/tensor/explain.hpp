// What an expression will do, before it does it.
#pragma once

#include "sinter/exec/evaluate.hpp"
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

}  // namespace sinter
