// Values of which there is one for each row: from arrays to registers and back.
#pragma once

#include "sinter/cpu/context.hpp"

namespace sinter::cpu {

/// n values, `step` bytes apart in memory, to registers.
inline void load_lanes(dtype type, std::byte* lanes, const std::byte* from, int64 step, int64 n) {
    if (type != dtype::bf16)
        return copy_elements(size_of(type), lanes, size_of(type), from, step, n);
    for (int64 i = 0; i < n; ++i) {
        bfloat16 x;
        std::memcpy(&x, from + i * step, sizeof x);
        const float wide = x;
        std::memcpy(lanes + i * 4, &wide, sizeof wide);
    }
}
/// n registers as bfloat16.
inline void narrow_lanes(std::byte* to, const std::byte* lanes, int64 n) {
    for (int64 i = 0; i < n; ++i) {
        float wide;
        std::memcpy(&wide, lanes + i * 4, sizeof wide);
        const bfloat16 x(wide);
        std::memcpy(to + i * 2, &x, sizeof x);
    }
}

/// Writes the n values of a register, one for each element of tile `t` of the outer space `s`, to
/// every element of their rows.
inline void store_lanes(operand& o,
                        const std::byte* values,
                        int64 value_step,
                        const loop_space& s,
                        const tiling& by,
                        const tile& t,
                        const loop_space& row) {
    stream outer, inner;
    outer.follow(o, s);
    inner.follow(o, row);
    std::byte* first = o.data + (o.offset + outer.offset(o, s, by, t));
    outer.for_each_run(o, s, by, t, [&](int64 to, int64 begin, int64 n) {
        const block_place from{const_cast<std::byte*>(values) + begin * value_step, value_step, 0};
        if (o.stands(row)) return copy_block(o.bytes, {first + to, outer.step, 0}, from, n, 1);
        const tiling lines(row, row.length, true);
        for (int64 i = 0; i < lines.count; ++i) {
            const tile l = lines.at(row, i);
            std::byte* at = first + to + inner.offset(o, row, lines, l);
            copy_block(o.bytes, {at, outer.step, inner.step}, from, n, l.count);
        }
    });
}

}  // namespace sinter::cpu
