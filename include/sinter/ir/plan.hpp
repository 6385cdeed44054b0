// The scheduler's answer, and the switches of its rules.
#pragma once

#include "sinter/ir/graph.hpp"
#include "sinter/ir/pooled.hpp"
#include "sinter/ir/tables.hpp"

namespace sinter::ir {

/// How to schedule. `split` stores every reduction: the plan that stays valid when extents turn out
/// to differ. `store_dear` stores costly values that their readers broadcast, the plan for hosts,
/// where arithmetic is no cheaper than memory, and costly operands of products, the plan for
/// devices, whose tiles compute them again. `pool` folds windows of a product in its kernel. The
/// others are the guards of the rules; only tests switch them off, to see that something then goes
/// wrong.
struct policy {
    bool split = false, store_dear = false, pool = true;
    bool one_contraction = true, reductions_aside = true, store_reduced = true,
         plain_operands = true, one_row_set = true, store_dropped = true, store_repeated = true,
         store_partial = true, store_wider = true, store_reshaped = true, contract_once = true,
         reduce_once = true, capacity = true, in_order = true, same_frame = true;
    bool totals = true;  // reductions over the rows of a kernel end in that kernel
};

/// Which values are stored, why, and by which stage; the stages run in order.
template <int Cap>
struct plan {
    bool live[Cap]{}, stored[Cap]{}, loaded[Cap]{};  // loaded: a later stage reads it
    short stage_of[Cap]{};                           // -1: not stored
    reason why[Cap]{};
    stage_plan stage[max_stages]{};
    int stages = 0;
    // Costly values that a kernel computes again along axes that only their reader has. The split
    // plan, which must serve where nothing else does, names none.
    dear_value dear[max_dear]{};
    int dears = 0;
};

}  // namespace sinter::ir
