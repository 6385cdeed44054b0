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
    operand* load;   // then the core's result, then the made values, with data where the engine
                     // computed these beforehand
    operand* store;  // null data: not wanted
    row_lanes row{nullptr, 0, 0};
    std::byte** made;    // the others: one block, or all blocks where later passes
                         // read them
    int64 capacity = 0;  // elements of a buffer

    /// Registers for `rows` rows, buffers of `room` elements.
    context(const stage_loops& c, const ir::bound_stage& b, arena& m, int64 rows, int64 room)
        : code(c), bound(b), memory(m), capacity(room) {
        load = bind(b.load, c.load_bytes, c.loads, c.loads + 1 + c.made.count);
        for (int k = 0; k < c.loads; ++k) load[k].counted = (c.counted >> k & 1) != 0;
        store = bind(b.store, c.store_bytes, c.stores, c.stores);
        made = m.array<std::byte*>(c.made.count);
        for (int k = 0; k < c.made.count; ++k) {
            made[k] = nullptr;
            const ir::bound_operand& o = b.load[c.loads + 1 + k];
            if (o.data != nullptr) set(load[c.loads + 1 + k], o, c.made[k].bytes);
        }
        row.stride = whole_groups(rows) * 8;
        row.first = memory.bytes(c.registers * row.stride);
        // Rows that are computed but do not exist hold zeros rather than no value at all.
        std::memset(row.first, 0, static_cast<std::size_t>(c.registers * row.stride));
        for (const row_value& s : c.scalars) set_register(row, s, b.scalar[s.number]);
        for (const row_value& s : c.constants) set_register(row, s, s.constant);
    }
    /// The number of the made value that a loop reads where it computes it; -1: reads an array.
    int made_by_loop(const input& i) const {
        return i.load > code.loads && load[i.load].data == nullptr ? i.load - code.loads - 1 : -1;
    }

    /// True when the engine computed the value that loop `l` makes.
    bool made_before(const loop& l) const {
        return load[code.loads + 1 + l.outputs[0].keep].data != nullptr;
    }
    /// Loop `l`, or the one that reads what was computed before it.
    const loop& chosen(const loop& l) const {
        if (l.apart != nullptr)
            for (const loop& m : l.before)
                if (code.made[m.outputs[0].keep].when_broadcast && made_before(m)) return *l.apart;
        return l;
    }
    /// True when `m` has to run before loop `l`, which was chosen.
    bool runs_before(const loop& m, const loop& l) const {
        return !made_before(m) &&
               (l.apart == nullptr || !code.made[m.outputs[0].keep].when_broadcast);
    }

    std::byte* lanes(int reg) const { return row.first + reg * row.stride; }

private:
    void set(operand& o, const ir::bound_operand& from, int bytes) const {
        o.data = static_cast<std::byte*>(from.data);
        o.bytes = bytes;
        o.counted = false;
        o.offset = 0;
        o.buffer = nullptr;
        o.staged = nullptr;
        const int rank = bound.outer_rank + bound.row_rank;
        for (int d = 0; d < rank; ++d) o.stride[d] = from.stride[d] * bytes;
        o.stride[no_axis] = 0;
    }
    operand* bind(const ir::bound_operand* from, const short* bytes, int n, int room) {
        operand* to = memory.array<operand>(room);
        for (int k = 0; k < room; ++k) {
            operand& o = *new (to + k) operand;
            set(o, k < n ? from[k] : ir::bound_operand{}, k < n ? bytes[k] : 0);
        }
        return to;
    }
};

/// Calls f(operand) for every array that the stage touches.
template <class F>
void for_each_operand(const context& c, F f) {
    for (int k = 0; k < c.code.loads; ++k) f(c.load[k]);
    for (int k = c.code.loads + 1; k <= c.code.loads + c.code.made.count; ++k)
        if (c.load[k].data != nullptr) f(c.load[k]);
    for (int k = 0; k < c.code.stores; ++k)
        if (c.store[k].data != nullptr) f(c.store[k]);
}

}  // namespace sinter::cpu
