// The index space of a contraction as the host walks it.
#pragma once

#include "sinter/cpu/blas.hpp"
#include "sinter/cpu/space.hpp"

namespace sinter::cpu {

/// The axes of a contraction by what they stand for. An axis of the batch along which one operand
/// does not move belongs to the other one: windows of images slide along several axes of rows.
struct product_axes {
    struct group {
        int rank = 0, axis[max_rank];
        int64 length = 1;
        void push(int a, int64 e) {
            axis[rank++] = a;
            length *= e;
        }
    };
    group batch, side[2], sums;  // sides: the rows, the columns

    product_axes(const stage_loops& code, const ir::bound_stage& b) {
        const int outer = b.outer_rank;
        int order[max_rank];
        for (int d = 0; d < outer; ++d) order[d] = d;
        for (int k = 0; k < code.stores; ++k)
            if (b.store[k].data != nullptr) {
                sort_axes(order, order + outer, b.store[k]);
                break;
            }
        for (int i = 0; i < outer; ++i) {
            const int d = order[i];
            if (b.extent[d] != 1) group_of(code, b, d).push(d, b.extent[d]);
        }
        for (int d = outer; d < outer + b.row_rank; ++d)
            if (b.extent[d] != 1) sums.push(d, b.extent[d]);
    }

private:
    static bool moves_along(const loop& l, const ir::bound_stage& b, int d) {
        for (const input& i : l.inputs)
            if (b.load[i.load].stride[d] != 0) return true;
        return false;
    }
    group& group_of(const stage_loops& code, const ir::bound_stage& b, int d) {
        if (d == b.rows_axis() || (d < b.rows_axis() && !moves_along(code.side[1], b, d)))
            return side[0];
        return d == b.columns_axis() || !moves_along(code.side[0], b, d) ? side[1] : batch;
    }
};

/// A group of axes as a loop space, with one axis for all that are walked in equal steps by every
/// operand with which each(f) calls f.
template <class Each>
loop_space joined_axes(const ir::bound_stage& b, const product_axes::group& g, Each each) {
    loop_space s;
    for (int k = 0; k < g.rank; ++k) {
        const int a = g.axis[k];
        bool joins = s.rank > 0;
        if (joins)
            each([&](const operand& o) {
                joins = joins && o.stride[s.axis[s.rank - 1]] == o.stride[a] * b.extent[a];
            });
        if (joins) {
            s.axis[s.rank - 1] = a;
            s.extent[s.rank - 1] *= b.extent[a];
            s.length *= b.extent[a];
        } else {
            s.push(a, b.extent[a]);
        }
    }
    if (s.rank == 0) s.push(no_axis, 1);
    return s;
}

/// Bytes from an operand's origin to position `index` of the first `rank` axes of a space.
inline int64 offset_in(const loop_space& s, int rank, int64 index, const operand& o) {
    int64 at = 0;
    for (int d = rank - 1; d > 0; --d) {
        at += index % s.extent[d] * o.stride[s.axis[d]];
        index /= s.extent[d];
    }
    return rank > 0 ? at + index * o.stride[s.axis[0]] : 0;
}
/// Bytes to the first element of a line, which is what lies along the last axis.
inline int64 line_offset(const loop_space& s, int64 line, const operand& o) {
    return offset_in(s, s.rank - 1, line, o);
}
/// Calls f(line, first, count, done) for the elements [from, from + n) of a space, line by line:
/// `count` elements of the line, of which the first is number `first`, after `done` others.
template <class F>
void for_each_line(const loop_space& s, int64 from, int64 n, F f) {
    if (s.rank == 1) return f(int64{0}, from, n, int64{0});
    const int64 length = s.extent[s.rank - 1];
    for (int64 done = 0; done < n;) {
        const int64 line = (from + done) / length, first = from + done - line * length,
                    count = std::min(length - first, n - done);
        f(line, first, count, done);
        done += count;
    }
}

/// Elements [begin, begin + count) of a space with one axis.
inline tile range(int64 begin, int64 count) {
    tile t;
    t.begin = t.position[0] = begin;
    t.count = count;
    return t;
}
/// The last axis of a space alone.
inline loop_space last_axis(const loop_space& of) {
    loop_space s;
    s.push(of.axis[of.rank - 1], of.extent[of.rank - 1]);
    return s;
}

}  // namespace sinter::cpu
