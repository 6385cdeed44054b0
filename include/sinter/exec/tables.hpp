// A compiled program as plain constant tables, so that binding, shape checks, allocation and
// launching are ordinary code compiled once; only the inner loops and kernels behind the function
// pointers are templates.
#pragma once

#include "sinter/cpu/loops.hpp"
#include "sinter/exec/scratch.hpp"
#include "sinter/ir/lower.hpp"
#include "sinter/ir/schedule.hpp"
#include "sinter/ir/tables.hpp"
#include "sinter/kernel/launch.hpp"
#include "sinter/runtime/launch.hpp"

namespace sinter::exec {

/// One stage, with what runs it.
struct stage_table : ir::stage_view {
    kernel::kernel_kind kind{};
    const short* loads = nullptr;  // instructions that read arrays, in kernel order
    int load_count = 0;
    const short* scalars = nullptr;
    int scalar_count = 0;
    const cpu::stage_loops& (*loops)() = nullptr;
    // Runs the stage on a device with kernels; null when this file has none.
    void (*launch)(const ir::bound_stage&, const runtime::launch_record&) = nullptr;
    bool takes_pass = false;  // a library may do its product: see exec/product_pass.hpp
};

struct visited {
    ir::visit what;
    short slot;
};

/// One way to run a program: a schedule of its graph.
struct plan_table {
    ir::plan_view plan{};
    const stage_table* stage = nullptr;
    int stages = 0;
};

struct program_table;
struct plan_launches;
/// Whether devices gain by the second plan: known to files with kernels, others need not compile
/// it.
struct device_costs {
    // The costly operand of a product that is computed most often; -1: there is none.
    int (*recomputed)(const program_table&, const plan_launches&, const ir::array_ref*, device);
    double (*work)(const program_table&,
                   const plan_table&,
                   const plan_launches&,
                   const ir::array_ref*,
                   device);
};

/// One program: a graph, and at most two plans of it.
struct program_table {
    ir::graph_view graph;
    const visited* visits;
    int visit_count;
    int leaves, scalars, functors, slices, shapes, shares;
    // A graph alone, without plans, tells extents.
    const plan_table* fused = nullptr;
    // The plan for what only run time can tell; null when nothing calls for one.
    const plan_table* second = nullptr;
    bool may_need_split = false;  // rows may turn out unequal: the second plan stores reductions
    bool direct = false;          // see is_direct
    const device_costs* costs = nullptr;  // where the second plan stores operands of products
    bool guess = false;                   // assumes that operands that look alike are the same
    ir::again recomputed{};               // what its products compute more often than once
    // Packs the functors, given by slot, as kernels take them; null when there are none.
    const void* (*pack_functors)(const void* const* by_slot, scratch& room) = nullptr;
};

/// The programs of one expression, best first: the guess which operands are the same, if there is
/// anything to guess, and the plain one, which is always right. Where a product would compute
/// an operand more often than once, both once more with that operand stored.
struct program_list {
    const program_table& (*at[4])() = {};
    int count = 0;
};

/// The most arrays, and the most numbers, of a direct program.
inline constexpr int max_direct = 64;
/// True when arrays of one shape need no inference of shapes: a single stage that computes its only
/// result element by element from whole arrays and numbers.
constexpr bool is_direct(const program_table& t) {
    const plan_table& p = *t.fused;
    if (p.stages != 1 || t.graph.roots != 1 || t.functors + t.slices + t.shares != 0) return false;
    if (t.leaves > max_direct || t.scalars > max_direct) return false;
    if (p.stage[0].kind != kernel::kernel_kind::map || p.stage[0].stores != 1) return false;
    for (int i = 0; i < t.graph.size; ++i) {
        const ir::node& x = t.graph.n[i];
        const bool plain = x.k == ir::kind::leaf || x.k == ir::kind::scalar ||
                           x.k == ir::kind::constant || x.k == ir::kind::pointwise;
        if (!plain || x.view >= 0) return false;
    }
    return true;
}

}  // namespace sinter::exec
