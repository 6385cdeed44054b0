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

/// Where load `load` is zero, along one axis of its array: everywhere but where 0 <= start + the
/// sum of stride * position < extent.
struct bound_guard {
    int64 stride[max_rank]{};
    int64 start = 0, extent = 0;
    int load = 0;
    // Not 0: along the innermost summed axis, position k counts as k * inner >> 32, because it is
    // two axes of the array and zeros lie along the outer one.
    uint64 inner = 0;
    int64 inner_extent = 1;
};

/// The index space of a stage and the arrays in it. Axes 0..outer_rank-1 are outer, the next
/// row_rank are the row, in row-major order of the reduced axes. Adjacent axes that every operand
/// walks as one are collapsed.
///
/// A stage around a contraction has as outer axes those of the batch (any number), then the rows,
/// then the columns of the product (one axis each, perhaps of extent 1); its row are the summed
/// axes (at least one). Operands of the left side have stride 0 along the columns, of the right
/// side along the rows, of the epilogue along the summed axes; all move along the batch or do not.
struct bound_stage {
    int outer_rank = 0, row_rank = 0;
    unsigned folded = 0;  // of a contraction: bit d: the epilogue's reductions fold outer axis d
    int64 extent[max_rank]{};
    int64 rows = 1, row_length = 1;        // products of the outer and of the row extents
    const bound_operand* load = nullptr;   // in the order of loads_of<C>()
    const bound_operand* store = nullptr;  // by store; null data: not wanted in this launch
    const bound_guard* guard = nullptr;    // by load
    int guards = 0;
    const scalar_bits* scalar = nullptr;  // in the order of scalars_of<C>()
    const void* functors = nullptr;       // the functor_pack of the stage

    // The axes of a contraction; of several summed ones the innermost.
    SINTER_HD constexpr int rows_axis() const { return outer_rank - 2; }
    SINTER_HD constexpr int columns_axis() const { return outer_rank - 1; }
    SINTER_HD constexpr int summed_axis() const { return outer_rank + row_rank - 1; }
    /// How many products a contraction's batch has.
    SINTER_HD constexpr int64 batch() const {
        int64 n = 1;
        for (int d = 0; d < outer_rank - 2; ++d) n *= extent[d];
        return n;
    }
};

}  // namespace sinter::ir
