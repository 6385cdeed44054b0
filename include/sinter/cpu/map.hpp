// Elementwise stages: any order of their elements will do.
#pragma once

#include "sinter/cpu/row_plan.hpp"
#include "sinter/cpu/row_values.hpp"

namespace sinter::cpu {

/// Lines of the first result. Where other arrays lie along another axis, a block spans both, so
/// that every array is read and written by whole cache lines.
struct map_plan {
    block_space block;
    loop_space rest;     // the axes that no block spans
    bool direct = true;  // nothing has to be copied

    map_plan(const stage_loops& code, const ir::bound_stage& b) {
        const int rank = b.outer_rank + b.row_rank;
        int order[max_rank];
        for (int d = 0; d < rank; ++d) order[d] = d;
        for (int k = 0; k < code.stores; ++k)
            if (b.store[k].data != nullptr) {
                sort_axes(order, order + rank, b.store[k]);
                break;
            }
        loop_space s = space_of(code, b, order, 0, rank);
        loop_space nothing;
        nothing.push(no_axis, 1);
        rest = nothing;
        const int last = s.axis[s.rank - 1];
        direct = code.counted == 0;
        int votes[max_rank]{}, second = -1;
        for_each_bound(code, b, [&](const ir::bound_operand& x) {
            if (stride_of(x, last) == 1) return;
            direct = false;
            if (stride_of(x, last) == 0 || s.extent[s.rank - 1] < square_least) return;
            for (int d = 0; d + 1 < s.rank; ++d)
                if (x.stride[s.axis[d]] == 1 && s.extent[d] >= square_least &&
                    ++votes[d] > (second < 0 ? 0 : votes[second]))
                    second = d;
        });
        if (second < 0) {
            direct = direct && s.rank == 1;
            bool makes = false;  // a loop for the next one
            for (const loop& l : code.pass[0].before)
                makes = makes || !code.made[l.outputs[0].keep].when_broadcast;
            block = block_space(s,
                                !direct ? tile_elements
                                : makes ? block_elements
                                        : part_elements,
                                nothing,
                                1);
            return;
        }
        loop_space across, down;
        across.push(last, s.extent[s.rank - 1]);
        down.push(s.axis[second], s.extent[second]);
        rest = {};
        for (int d = 0; d + 1 < s.rank; ++d)
            if (d != second) rest.push(s.axis[d], s.extent[d]);
        if (rest.rank == 0) rest = nothing;
        block = block_space(across, square_width, down, square_lines);
    }
    int64 blocks() const { return block.width.count * block.lines.count * rest.length; }
    int64 elements() const { return block.across.length * block.down.length * rest.length; }

private:
    static constexpr int64 square_least = 8;
    static constexpr int64 tile_elements = 1024, square_width = 128, square_lines = 32;
};

/// Writes the results of a stage that are one value everywhere: everywhere along the first axes.
[[gnu::cold]] inline void store_uniform(context& c, int rank) {
    for (const row_value& v : c.code.row_stores) {
        operand& o = c.store[v.number];
        if (o.data == nullptr) continue;
        o.offset = 0;
        std::byte value[8];
        std::memcpy(value, c.lanes(v.reg), 8);
        if (is_narrowed(v.type)) narrow_lanes(v.type, value, c.lanes(v.reg), 1);
        int order[max_rank];
        for (int d = 0; d < rank; ++d) order[d] = d;
        loop_space s = space_of(c.code, c.bound, order, 0, rank), nothing;
        nothing.push(no_axis, 1);
        const tiling lines(s, s.length, true);
        for (int64 i = 0; i < lines.count; ++i)
            store_lanes(o, value, 0, s, lines, lines.at(s, i), nothing);
    }
}

class map_engine {
public:
    map_engine(const map_plan& p, const stage_loops& code, const ir::bound_stage& b, arena& m)
        : plan_(p),
          context_(code, b, m, group, p.block.room()),
          runner_(context_, code.pass[0], p.block, rows_are::one) {
        const loop& l = code.pass[0];
        for (const row_value& v : l.row_loads)
            load_lanes(context_.load[v.number],
                       v.type,
                       context_.lanes(v.reg),
                       context_.load[v.number].data,
                       0,
                       group);
        if (l.row != nullptr) l.row(context_.row, b.functors, group);
    }
    /// Blocks [begin, end).
    void run(int64 begin, int64 end) {
        if (!runner_.wanted()) return;
        const int64 columns = plan_.block.lines.count, all = columns * plan_.block.width.count;
        int64 place = -1;
        for (int64 i = begin; i < end; ++i) {
            int64 at = i;
            if (plan_.rest.length > 1) {
                const int64 r = at / all;
                at -= r * all;
                if (r != place) move_to(place = r);
            }
            const int64 w = columns == 1 ? at : at / columns;
            runner_.evaluate(plan_.block.width.at(plan_.block.across, w),
                             plan_.block.lines.at(plan_.block.down, at - w * columns));
        }
    }
    void leave() {
        if (context_.code.row_stores.count > 0)
            store_uniform(context_, context_.bound.outer_rank + context_.bound.row_rank);
    }

private:
    void move_to(int64 place) {
        int64 position[max_rank];
        for (int d = plan_.rest.rank - 1; d >= 0; --d) {
            position[d] = place % plan_.rest.extent[d];
            place /= plan_.rest.extent[d];
        }
        for_each_operand(context_, [&](operand& o) {
            o.offset = 0;
            for (int d = 0; d < plan_.rest.rank; ++d)
                o.offset += position[d] * o.stride[plan_.rest.axis[d]];
        });
    }
    const map_plan& plan_;
    context context_;
    runner runner_;
};

}  // namespace sinter::cpu
