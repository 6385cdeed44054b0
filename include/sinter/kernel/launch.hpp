// Host side of the kernels: which one a stage takes, with what parameters, grid, block and memory.
// Plain code, read by every compiler; it launches nothing itself.
#pragma once

#include "sinter/kernel/map_plan.hpp"
#include "sinter/kernel/matmul_plan.hpp"
#include "sinter/kernel/reduce_plan.hpp"
#include "sinter/kernel/row_plan.hpp"
#include "sinter/kernel/window_plan.hpp"

namespace sinter::kernel {

/// How to launch stage C on arrays `b`: the kernel with its parameters, grid, block, shared memory
/// and workspace. `nothing` is set when there is no element to write.
template <class C, class Sync = device_sync>
launch_plan<C, Sync> plan_launch(const ir::bound_stage& b, const device_limits& d) {
    launch_plan<C, Sync> p;
    if constexpr (kernel_kind_of<C>() == kernel_kind::matmul) {
        p.nothing = detail::writes_nothing<C>(b);
    } else {
        p.nothing = b.rows == 0 && !ir::has_totals<C>();
    }
    if (p.nothing) return p;
    if constexpr (kernel_kind_of<C>() == kernel_kind::matmul) {
        p.kernel.p.a = args<C>::from(b);
        plan_matmul(p, b, d);
    } else {
        p.kernel.a = args<C>::from(b);
        if constexpr (kernel_kind_of<C>() == kernel_kind::map) {
            plan_map(p, b, d);
        } else if constexpr (kernel_kind_of<C>() == kernel_kind::row) {
            plan_row(p, b, d);
        } else {
            plan_reduce(p, b, d);
        }
    }
    return p;
}

}  // namespace sinter::kernel
