// Values of which there is one for each row: from arrays to registers and back.
#pragma once

#include "sinter/cpu/context.hpp"

namespace sinter::cpu {

/// n values, `step` bytes apart in memory, to registers.
inline void load_lanes(dtype type, std::byte* lanes, const std::byte* from, int64 step, int64 n) {
    const auto widen = [&](auto x) {
        for (int64 i = 0; i < n; ++i) {
            std::memcpy(&x, from + i * step, sizeof x);
            const compute_t<dtype_v<decltype(x)>> wide = x;
            std::memcpy(lanes + i * 4, &wide, sizeof wide);
        }
    };
    switch (type) {
        case dtype::u8: return widen(uint8{});
        case dtype::i8: return widen(int8{});
        case dtype::i16: return widen(int16{});
        case dtype::f16: return widen(half{});
        case dtype::bf16: return widen(bfloat16{});
        default: return copy_elements(size_of(type), lanes, size_of(type), from, step, n);
    }
}
/// n values of operand `o` to registers.
inline void load_lanes(
    const operand& o, dtype type, std::byte* lanes, const std::byte* from, int64 step, int64 n) {
    if (o.counted) return count_elements(o.bytes, lanes, from, step, n);
    load_lanes(type, lanes, from, step, n);
}
/// True when memory holds values of type `d` in another form than registers.
constexpr bool is_narrowed(dtype d) { return compute_dtype(d) != d; }
/// n registers as memory holds values of type `type`, for which registers are wider.
inline void narrow_lanes(dtype type, std::byte* to, const std::byte* lanes, int64 n) {
    const auto narrow = [&](auto x) {
        using T = decltype(x);
        for (int64 i = 0; i < n; ++i) {
            compute_t<dtype_v<T>> wide;
            std::memcpy(&wide, lanes + i * 4, sizeof wide);
            x = static_cast<T>(wide);
            std::memcpy(to + i * static_cast<int64>(sizeof x), &x, sizeof x);
        }
    };
    switch (type) {
        case dtype::u8: return narrow(uint8{});
        case dtype::i8: return narrow(int8{});
        case dtype::i16: return narrow(int16{});
        case dtype::f16: return narrow(half{});
        default: return narrow(bfloat16{});
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
