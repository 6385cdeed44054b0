// The shortest way through the host engine: one call of one loop over whole arrays.
#pragma once

#include <cstring>

#include "sinter/cpu/loops.hpp"

namespace sinter::cpu {

/// The most elements that `run_small` takes: cutting them into tiles or sharing them out would not
/// pay.
inline constexpr int64 small_length = 4096;

namespace detail {

template <class T>
void write_register(std::byte* row, int reg, T x) {
    std::memcpy(row + reg, &x, sizeof x);
}
inline void write_register(std::byte* row, const row_value& v, ir::scalar_bits x) {
    switch (v.type) {
        case dtype::boolean: return write_register(row, v.reg, x.as<dtype::boolean>());
        case dtype::i64: return write_register(row, v.reg, x.as<dtype::i64>());
        case dtype::f64: return write_register(row, v.reg, x.as<dtype::f64>());
        case dtype::bf16: return write_register(row, v.reg, x.as<dtype::bf16>());
        default: return write_register(row, v.reg, x.as<dtype::f32>());
    }
}

}  // namespace detail

/// Runs an elementwise stage over n elements that lie side by side in every array; false, with
/// nothing done, when the stage or n is not for it. `load` and `scalar` in the order of the
/// stage's.
inline bool run_small(
    const stage_loops& s, void* const* load, void* store, const ir::scalar_bits* scalar, int64 n) {
    constexpr int most_inputs = 16, most_bytes = 2048;
    const loop& l = s.pass[0];
    if (!s.elementwise || n > small_length || s.row_stores.count > 0 || l.outputs.count != 1 ||
        l.inputs.count > most_inputs || s.registers_bytes > most_bytes)
        return false;
    if (n == 0) return true;
    const void* in[most_inputs];
    for (int k = 0; k < l.inputs.count; ++k) in[k] = load[l.inputs[k].load];
    void* const out[] = {store};
    alignas(16) std::byte row[most_bytes];
    for (const row_value& v : s.scalars) detail::write_register(row, v, scalar[v.number]);
    l.run(in, out, row, nullptr, n);
    return true;
}

}  // namespace sinter::cpu
