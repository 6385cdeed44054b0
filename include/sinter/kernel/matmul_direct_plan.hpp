// When a product with short sums along several axes takes the kernel of matmul_direct.hpp, and how.
// Host code.
#pragma once

#include "sinter/kernel/plan.hpp"

namespace sinter::kernel::detail {

/// Puts what is given by axis of the stage into the order of `axes`.
template <class C, class Axes>
void sort_axes(args<C>& a, const Axes& axes) {
    const auto sort = [&](int64* by_axis) {
        int64 old[max_rank];
        for (int d = 0; d < max_rank; ++d) old[d] = by_axis[d];
        for (int d = 0; d < axes.count; ++d) by_axis[d] = old[axes.at[d]];
    };
    sort(a.extent);
    for (int k = 0; k < args<C>::loads; ++k) sort(a.load[k].stride);
    for (int k = 0; k < args<C>::stores; ++k) sort(a.store[k].stride);
    if constexpr (args<C>::guards > 0)
        for (ir::bound_guard& g : a.guard) sort(g.stride);
}

/// The axes of a product in the order of the direct kernel: the innermost of the rows, the columns,
/// the summed ones, those along which the filters differ, the other rows, what is folded.
template <class C>
struct direct_axes {
    int at[max_rank]{}, first_batch = 0, rows_first = 0, rows_end = 0, count = 0;
    int64 rows = 1, sums = 1, products = 1, turns = 1;
    const ir::bound_stage& b;

    explicit direct_axes(const ir::bound_stage& stage) : b(stage) {
        int row[max_rank], rows_found = 0;
        for (int d = 0; d < b.outer_rank; ++d) {
            if (d == b.columns_axis() || folded(d) || filters_move(d)) continue;
            // By insertion: the one that is innermost in memory last.
            int i = rows_found++;
            for (; i > 0 && step(row[i - 1]) < step(d); --i) row[i] = row[i - 1];
            row[i] = d;
            rows *= b.extent[d];
        }
        push(row[rows_found - 1]);
        push(b.columns_axis());
        push(b.summed_axis());
        for (int d = 0; d < b.row_rank - 1; ++d) push(b.outer_rank + d);
        for (int d = 0; d < b.row_rank; ++d) sums *= b.extent[b.outer_rank + d];
        first_batch = count;
        for (int d = 0; d < b.rows_axis(); ++d)
            if (!folded(d) && filters_move(d)) push(d), products *= b.extent[d];
        rows_first = count;
        for (int i = 0; i < rows_found - 1; ++i) push(row[i]);
        rows_end = count;
        for (int d = 0; d < b.rows_axis(); ++d)
            if (folded(d)) push(d), turns *= b.extent[d];
    }
    bool folded(int d) const { return (b.folded >> d & 1) != 0; }
    // True where an operand of the filters moves along axis d.
    bool filters_move(int d) const {
        if (d == b.rows_axis()) return false;
        bool moves = false;
        constexpr auto loads = element_loads<C, ir::side_b>();
        for (int i = 0; i < loads.count; ++i) {
            const int slot = load_slot<C>(loads.at[i]);
            moves = moves || b.load[slot].stride[d] != 0;
            for (int g = guards_before<C>(slot); g < guards_before<C>(slot + 1); ++g)
                moves = moves || b.guard[g].stride[d] != 0;
        }
        return moves;
    }
    int64 step(int d) const {
        for (int j = 0; j < C::stores; ++j)
            if (b.store[j].data && b.store[j].stride[d] != 0)
                return magnitude(b.store[j].stride[d]);
        return magnitude(b.load[load_slot<C>(element_loads<C, ir::side_a>().at[0])].stride[d]);
    }
    void push(int axis) { at[count++] = axis; }
};

/// Bytes of shared memory of the direct kernel for sums of `k`, `pass` of them at once, and the
/// filters of `resident` columns.
template <class C>
int64 direct_bytes(int64 k, int64 pass, int64 resident) {
    constexpr int64 t = sizeof(product_t<C>), rows = tuning::direct_rows, n = sizeof(int64);
    // All but the table of sums are multiples of 16 bytes.
    return (rows * tuning::direct_columns + k * resident) * t +
           pass * (rows + tuning::tile_padding) * t +
           divide_up(direct_tables<C>::per_sum * k * n, 16) * 16 +
           2 * direct_tables<C>::per_row * rows * n;
}

/// The work of a row, in products of a thread: what is multiplied, padding included, and what is
/// brought into shared memory.
template <class C>
int64 direct_cost(int64 k, int64 columns, int64 resident) {
    return k * (divide_up(columns, 8) * 8 + divide_up(columns, resident) * tuning::direct_gather);
}
/// The same of the tiles of matmul.hpp, for `rows` rows along their one axis.
template <class C>
int64 tiled_cost(const ir::bound_stage& b, int64 sums) {
    constexpr bool cores = uses_tensor_cores<C>();
    constexpr int64 side = cores                  ? tuning::mma_m
                           : has_large_tiles<C>() ? tuning::large_tile::side
                                                  : tuning::small_tile::side;
    int64 step = has_large_tiles<C>() ? tuning::large_tile::k : tuning::small_tile::k;
    if constexpr (cores) step = mma_k<C>();
    const int64 inner = b.extent[b.summed_axis()], rows = b.extent[b.rows_axis()];
    const int64 k = sums / inner * divide_up(inner, step) * step;
    const int64 multiplied = cores ? side / tuning::direct_per_core : side;
    const int64 tiles_n = divide_up(b.extent[b.columns_axis()], side);
    return divide_up(
        k * tiles_n * (multiplied + 2 * tuning::direct_gather) * divide_up(rows, side) * side,
        rows);
}

/// Plans the direct kernel where it is the better one for `b`; false where it is not, with nothing
/// changed.
template <class C, class Sync>
bool plan_direct(launch_plan<C, Sync>& p, const ir::bound_stage& b, const device_limits& d) {
    for (int axis = 0; axis < b.outer_rank + b.row_rank; ++axis)
        if (b.extent[axis] == 0) return false;
    const int outer_folds = has_folds<C>() ? 3 << b.rows_axis() : 0;
    if (b.folded & static_cast<unsigned>(outer_folds)) return false;
    const direct_axes<C> axes(b);
    const int64 columns = b.extent[b.columns_axis()], k = axes.sums;
    if (axes.turns > tuning::product_most_turns || k > tuning::direct_most_sums) return false;
    // All filters stay where a whole sum fits beside them; else those of a tile.
    constexpr int64 tile = tuning::direct_columns;
    const int64 room =
        smaller(d.shared_per_block, d.shared_per_sm / tuning::direct_blocks_per_sm - 1024);
    int64 resident = divide_up(columns, tile) * tile;
    while (resident > tile && direct_bytes<C>(k, k, resident) > room)
        resident = divide_up(resident / tile, 2) * tile;
    const int64 per_sum = direct_bytes<C>(0, 1, 0) - direct_bytes<C>(0, 0, 0);
    const int64 fits = (room - direct_bytes<C>(k, 0, resident)) / per_sum;
    if (fits < smaller(k, tuning::direct_least_pass) ||
        direct_cost<C>(k, columns, resident) > tiled_cost<C>(b, k))
        return false;
    const int64 row_tiles = divide_up(axes.rows, tuning::direct_rows),
                tiles_n = divide_up(columns, resident);
    const int64 units = row_tiles * tiles_n * axes.products;
    if (units >> 31 != 0) return false;

    matmul_args<C>& q = p.kernel.p;
    q.axes = axes.count;
    q.first_batch = axes.first_batch;
    sort_axes(q.a, axes);
    q.row_varies = row_constants_vary<C>(b);
    q.tiles_n = static_cast<unsigned>(tiles_n);
    q.splits = 1;
    const int64 passes = divide_up(k, fits), pass = divide_up(k, passes);
    q.direct = {.k = static_cast<int>(k),
                .pass = static_cast<int>(pass),
                .resident = static_cast<int>(resident),
                .rows_first = axes.rows_first,
                .rows_end = axes.rows_end,
                .rows = axes.rows,
                .row_tiles = static_cast<unsigned>(row_tiles),
                .units = static_cast<unsigned>(units)};
    p.direct = true;
    const int64 bytes = direct_bytes<C>(k, pass, resident);
    p.shared_bytes = static_cast<unsigned>(bytes);
    const int64 blocks =
        larger(smaller(d.shared_per_sm / (bytes + 1024), tuning::direct_most_blocks_per_sm), 1);
    p.grid.x = static_cast<unsigned>(smaller(units, d.sm_count * blocks));
    p.block.x = tuning::direct_threads;
    if constexpr (has_folds<C>()) {
        q.folds = {};
        q.folds.turns = static_cast<unsigned>(axes.turns);
        if (axes.turns > 1)
            p.workspace_bytes = int64{p.grid.x} * tuning::direct_rows * resident *
                                int64{sizeof(typename fold_args<C>::states)};
    }
    return true;
}

}  // namespace sinter::kernel::detail
