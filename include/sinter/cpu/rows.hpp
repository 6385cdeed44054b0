// Stages without a contraction: elementwise stages and rows.
#pragma once

#include "sinter/cpu/runner.hpp"

namespace sinter::cpu {

/// Calls f(operand) for every array that the stage touches.
template <class F>
void for_each_operand(context& c, F f) {
    for (int k = 0; k < c.code.loads; ++k) f(c.load[k]);
    for (int k = 0; k < c.code.stores; ++k)
        if (c.store[k].data != nullptr) f(c.store[k]);
}

/// Axes begin..end-1 as a loop space: without axes of extent 1, and with one axis for all that
/// every array walks in equal steps. `order` of the axes, if given, replaces their own.
inline loop_space space_of(context& c, const int* order, int begin, int end) {
    loop_space s;
    for (int d = begin; d < end; ++d) {
        const int a = order != nullptr ? order[d] : d;
        const int64 e = c.bound.extent[a];
        if (e == 1) continue;
        bool joins = s.rank > 0;
        if (joins) {
            const int before = s.axis[s.rank - 1];
            for_each_operand(
                c, [&](const operand& o) { joins = joins && o.stride[before] == o.stride[a] * e; });
        }
        if (joins) {
            s.axis[s.rank - 1] = a;
            s.extent[s.rank - 1] *= e;
            s.length *= e;
        } else {
            s.push(a, e);
        }
    }
    if (s.rank == 0) s.push(no_axis, 1);
    return s;
}

/// Moves all arrays to the next position of an odometer over some axes; false after the last one.
class odometer {
public:
    odometer(context& c, const int* axes, int count) : context_(c), count_(count) {
        std::copy(axes, axes + count, axis_);
    }
    bool next() {
        for (int d = count_ - 1; d >= 0; --d) {
            const int a = axis_[d];
            const bool more = ++position_[d] < context_.bound.extent[a];
            const int64 by = more ? 1 : 1 - position_[d];
            if (!more) position_[d] = 0;
            for_each_operand(context_, [&](operand& o) { o.offset += by * o.stride[a]; });
            if (more) return true;
        }
        return false;
    }

private:
    context& context_;
    int axis_[max_rank]{}, count_;
    int64 position_[max_rank]{};
};

/// An elementwise stage is one long row whose axes may be walked in any order: that of the first
/// result.
inline void run_elementwise(context& c) {
    const int rank = c.bound.outer_rank + c.bound.row_rank;
    int order[max_rank];
    for (int d = 0; d < rank; ++d) order[d] = d;
    for (int k = 0; k < c.code.stores; ++k) {
        const operand& o = c.store[k];
        if (o.data == nullptr) continue;
        const auto pace = [&o](int a) { return o.stride[a] < 0 ? -o.stride[a] : o.stride[a]; };
        for (int i = 1; i < rank; ++i)  // stable; std::stable_sort would allocate
            for (int j = i; j > 0 && pace(order[j - 1]) < pace(order[j]); --j)
                std::swap(order[j - 1], order[j]);
        break;
    }
    const loop_space s = space_of(c, order, 0, rank);
    if (s.length == 0) return;
    c.capacity = std::min(tile_length, s.length);
    runner(c, c.code.pass[0], s).run();
    c.leave_row(s, no_axis, 0);
}

/// Rows one after the other, each in all its passes.
inline void run_rows(context& c) {
    const int outer = c.bound.outer_rank, rank = outer + c.bound.row_rank;
    const loop_space s = space_of(c, nullptr, outer, rank);
    int axes[max_rank]{};
    for (int d = 0; d < outer; ++d) axes[d] = d;
    c.capacity = std::max<int64>(std::min(tile_length, s.length), 1);
    runner* pass = static_cast<runner*>(
        static_cast<void*>(c.memory.bytes(c.code.passes * static_cast<int64>(sizeof(runner)))));
    for (int k = 0; k < c.code.passes; ++k) new (pass + k) runner(c, c.code.pass[k], s);
    odometer rows(c, axes, outer);
    do {
        for (int k = 0; k < c.code.passes; ++k) {
            c.enter_row(c.code.pass[k], no_axis, 0);
            pass[k].run();
        }
        c.leave_row(s, no_axis, 0);
    } while (rows.next());
}

}  // namespace sinter::cpu
