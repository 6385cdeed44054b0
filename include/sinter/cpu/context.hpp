// What all loops of one engine share: arrays in the space of the stage, and registers.
#pragma once

#include "sinter/cpu/walk.hpp"

namespace sinter::cpu {

/// Sets the first value of a register: that of a scalar is one for the whole stage.
inline void set_register(const row_lanes& to, const row_value& v, ir::scalar_bits x) {
    const auto set = [at = to.first + v.reg * to.stride](auto value) {
        std::memcpy(at, &value, sizeof value);
    };
    switch (v.type) {
        case dtype::boolean: return set(x.as<dtype::boolean>());
        case dtype::i64: return set(x.as<dtype::i64>());
        case dtype::f64: return set(x.as<dtype::f64>());
        case dtype::u8: return set(x.as<dtype::u8>());
        case dtype::i8: return set(x.as<dtype::i8>());
        case dtype::i16: return set(x.as<dtype::i16>());
        case dtype::i32: return set(x.as<dtype::i32>());
        case dtype::f16: return set(x.as<dtype::f16>());
        case dtype::bf16: return set(x.as<dtype::bf16>());
        default: return set(x.as<dtype::f32>());
    }
}

struct context {
    const stage_loops& code;
    const ir::bound_stage& bound;
    arena& memory;
    operand* load;   // the core's result comes last
    operand* store;  // null data: not wanted
    row_lanes row{nullptr, 0, 0};
    std::byte* const* kept = nullptr;  // values that a pass keeps for later ones, block by block
    int64 capacity = 0;                // elements of a buffer

    /// Registers for `rows` rows, buffers of `room` elements.
    context(const stage_loops& c, const ir::bound_stage& b, arena& m, int64 rows, int64 room)
        : code(c), bound(b), memory(m), capacity(room) {
        load = bind(b.load, c.load_bytes, c.loads, c.loads + 1);
        for (int k = 0; k < c.loads; ++k) load[k].counted = (c.counted >> k & 1) != 0;
        store = bind(b.store, c.store_bytes, c.stores, c.stores);
        row.stride = whole_groups(rows) * 8;
        row.first = memory.bytes(c.registers * row.stride);
        // Rows that are computed but do not exist hold zeros rather than no value at all.
        std::memset(row.first, 0, static_cast<std::size_t>(c.registers * row.stride));
        for (const row_value& s : c.scalars) set_register(row, s, b.scalar[s.number]);
        for (const row_value& s : c.constants) set_register(row, s, s.constant);
    }
    operand& input_of(const input& i) { return load[i.load < 0 ? code.loads : i.load]; }

    std::byte* lanes(int reg) const { return row.first + reg * row.stride; }

private:
    operand* bind(const ir::bound_operand* from, const short* bytes, int n, int room) {
        operand* to = memory.array<operand>(room);
        const int rank = bound.outer_rank + bound.row_rank;
        for (int k = 0; k < room; ++k) {
            operand& o = *new (to + k) operand;
            o.data = k < n ? static_cast<std::byte*>(from[k].data) : nullptr;
            o.bytes = k < n ? bytes[k] : 0;
            o.counted = false;
            o.offset = 0;
            o.buffer = nullptr;
            o.staged = nullptr;
            for (int d = 0; d < rank; ++d) o.stride[d] = k < n ? from[k].stride[d] * o.bytes : 0;
            o.stride[no_axis] = 0;
        }
        return to;
    }
};

/// Calls f(operand) for every array that the stage touches.
template <class F>
void for_each_operand(const context& c, F f) {
    for (int k = 0; k < c.code.loads; ++k) f(c.load[k]);
    for (int k = 0; k < c.code.stores; ++k)
        if (c.store[k].data != nullptr) f(c.store[k]);
}

}  // namespace sinter::cpu
