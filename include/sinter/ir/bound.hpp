// A stage bound to arrays: what the host engine and the kernel launchers take. Plain data without
// templates.
#pragma once

#include "sinter/ir/pass.hpp"

namespace sinter::ir {

/// Where an array lies in a stage's index space: strides in elements, one per axis of the space, 0
/// where the array is broadcast. Strides may be negative.
struct bound_operand {
    void* data = nullptr;
    int64 stride[max_rank]{};
};

/// The index space of a stage and the arrays in it. Axes 0..outer_rank-1 are outer, the next
/// row_rank are the row, in row-major order of the reduced axes. Adjacent axes that every operand
/// walks as one are collapsed. A stage around a contraction has the outer axes m and n and the row
/// axis k; operands of the left side have stride 0 along n, of the right side along m, of the
/// epilogue along k.
struct bound_stage {
    int outer_rank = 0, row_rank = 0;
    int64 extent[max_rank]{};
    int64 rows = 1, row_length = 1;        // products of the outer and of the row extents
    const bound_operand* load = nullptr;   // in the order of loads_of<C>()
    const bound_operand* store = nullptr;  // by store; null data: not wanted in this launch
    const scalar_bits* scalar = nullptr;   // in the order of scalars_of<C>()
    const void* functors = nullptr;        // the functor_pack of the stage
};

}  // namespace sinter::ir
