// A compiled program as plain constant tables, so that binding, shape checks, allocation and
// launching are ordinary code compiled once; only the inner loops and kernels behind the function
// pointers are templates.
#pragma once

#include <memory>

#include "sinter/cpu/loops.hpp"
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
};

struct visited {
    ir::visit what;
    short slot;
};

/// One program: a graph, its schedule and its stages.
struct program_table {
    ir::graph_view graph;
    const visited* visits;
    int visit_count;
    int leaves, scalars, functors, slices, shapes, shares;
    // A graph alone, without stages, tells extents.
    ir::plan_view plan{};
    const stage_table* stage = nullptr;
    int stages = 0;
    bool may_need_split = false;
    // Packs the functors, given by slot, as kernels take them; null when there are none.
    std::shared_ptr<const void> (*pack_functors)(const void* const* by_slot) = nullptr;
};

}  // namespace sinter::exec
