// The axes of a bound stage in the order in which the engine walks them.
#pragma once

#include "sinter/cpu/runner.hpp"

namespace sinter::cpu {

/// Calls f(operand) for every array of the stage, loads first. Those of a stage with made values
/// are followed by one more and by an operand for each of these.
template <class F>
void for_each_bound(const stage_loops& code, const ir::bound_stage& b, F f) {
    for (int k = 0; k < code.loads; ++k) f(b.load[k]);
    for (int k = code.loads + 1; k <= code.loads + code.made.count; ++k)
        if (b.load[k].data != nullptr) f(b.load[k]);
    for (int k = 0; k < code.stores; ++k)
        if (b.store[k].data != nullptr) f(b.store[k]);
}
/// Operand `x` of stage `b` with strides in bytes.
inline operand bytes_of(const ir::bound_operand& x, int bytes, const ir::bound_stage& b) {
    operand o{};
    o.data = static_cast<std::byte*>(x.data);
    o.bytes = bytes;
    for (int d = 0; d < b.outer_rank + b.row_rank; ++d) o.stride[d] = x.stride[d] * bytes;
    return o;
}
/// The stride of `o` along axis `a`, which may be no_axis.
inline int64 stride_of(const ir::bound_operand& o, int a) { return a == no_axis ? 0 : o.stride[a]; }

/// Axes begin..end-1 of `order` as a loop space: without axes of extent 1, and with one axis for
/// all that every array walks in equal steps.
inline loop_space space_of(
    const stage_loops& code, const ir::bound_stage& b, const int* order, int begin, int end) {
    loop_space s;
    for (int d = begin; d < end; ++d) {
        const int a = order[d];
        const int64 e = b.extent[a];
        if (e == 1) continue;
        bool joins = s.rank > 0;
        if (joins) {
            const int before = s.axis[s.rank - 1];
            for_each_bound(code, b, [&](const ir::bound_operand& o) {
                joins = joins && o.stride[before] == o.stride[a] * e;
            });
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

/// Sorts axes so that `o` steps through the last one fastest; axes on which it agrees keep their
/// order.
inline void sort_axes(int* first, int* last, const ir::bound_operand& o) {
    const auto pace = [&o](int a) { return o.stride[a] < 0 ? -o.stride[a] : o.stride[a]; };
    for (int* i = first; i < last; ++i)  // stable; std::stable_sort would allocate
        for (int* j = i; j > first && pace(j[-1]) < pace(*j); --j) std::swap(j[-1], *j);
}

/// True when `o` moves along one of the axes begin..end-1.
inline bool moves(const ir::bound_stage& b, const ir::bound_operand& o, int begin, int end) {
    for (int d = begin; d < end; ++d)
        if (b.extent[d] != 1 && o.stride[d] != 0) return true;
    return false;
}

}  // namespace sinter::cpu
