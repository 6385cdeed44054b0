// Which launches a stage needs once extents are known. Values that share a stage usually have one
// index space; where extents differ after all, the stage runs once per space, writing only the
// values of that space. Rows that differ in length inside one value need the split plan.
#pragma once

#include "sinter/ir/tables.hpp"

namespace sinter::ir {

/// One launch of a stage: its index space (row axes with the length of the row, the axes that a
/// contraction sums with their length), the stores that it writes, and per instruction whether
/// those stores need it. Loads that are not needed may not fit the space: bind them with stride 0.
struct stage_launch {
    int64 extent[max_rank] = {1, 1, 1, 1, 1, 1, 1, 1};
    unsigned stores = 0;
    bool needed[256]{};
};

/// The launches of stage `s`: at most one per store. `value` are the arrays by node, with the
/// extents that `infer` found. Gives their number, or -1 when a reduction's operand is shorter than
/// the row: then the split plan must run.
int frames_of(const graph_view& g, const stage_view& s, const array_ref* value, stage_launch* out);

}  // namespace sinter::ir
