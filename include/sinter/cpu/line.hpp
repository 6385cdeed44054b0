// Calls the compiled loops, which take whole groups, for lines of any length.
#pragma once

#include <cstring>

#include "sinter/core/std_parts.hpp"
#include "sinter/cpu/copy.hpp"
#include "sinter/cpu/loops.hpp"

namespace sinter::cpu {

/// What a block's rows are: its elements, its lines, or there is one (in a whole group of lanes).
enum class rows_are : unsigned char { one, elements, lines };

/// A loop and where its operands lie: those of element 0 of a line.
struct line_call {
    const loop& code;
    const void** in;
    void** out;
    row_lanes row;
    rows_are rows;
    const void* functors;

    /// Bytes that run_odd wants for each operand, and in all.
    static constexpr int64 spare_bytes = group * 8;
    int64 spare() const {
        return (code.inputs.count + code.outputs.count) *
               (spare_bytes + static_cast<int64>(sizeof(void*)));
    }

    /// Whole groups of elements on each of `lines` lines.
    void run(int64 n, int64 lines) const {
        if (rows == rows_are::elements)
            code.run(in, out, row, functors, n, lines);
        else  // the same row for every group
            code.run(in, out, row, functors, group, n * lines / group);
    }
    /// Any number of elements. in_memory(input?, k): operand k must not be touched beyond them;
    /// the others have room, and inputs values, for whole groups.
    template <class M>
    void run_odd(int64 n, std::byte* spare, M in_memory) {
        // What is left over is computed in whole groups beside memory, after the rest: so memory is
        // walked in order, and a result may lie where an operand was.
        const int64 whole = n / group * group, rest = n - whole;
        if (whole > 0) run(whole, 1);
        const void** const old_in = in;
        void** const old_out = out;
        std::byte* s = spare;
        const void** last_in = reinterpret_cast<const void**>(
            spare + (code.inputs.count + code.outputs.count) * spare_bytes);
        void** last_out = const_cast<void**>(last_in + code.inputs.count);
        for (int k = 0; k < code.inputs.count; ++k, s += spare_bytes) {
            const int b = code.inputs[k].bytes;
            const std::byte* from = static_cast<const std::byte*>(in[k]) + whole * b;
            if (in_memory(true, k)) {
                std::memcpy(s, from, static_cast<std::size_t>(rest * b));
                copy_elements(b, s + rest * b, b, s + (rest - 1) * b, 0, group - rest);
                from = s;
            }
            last_in[k] = from;
        }
        for (int k = 0; k < code.outputs.count; ++k, s += spare_bytes)
            last_out[k] = in_memory(false, k)
                              ? s
                              : static_cast<std::byte*>(out[k]) + whole * code.outputs[k].bytes;
        in = last_in;
        out = last_out;
        if (rows == rows_are::elements) row.at += whole;
        run(group, 1);
        if (rows == rows_are::elements) row.at -= whole;
        in = old_in;
        out = old_out;
        for (int k = 0; k < code.outputs.count; ++k) {
            if (!in_memory(false, k)) continue;
            const int b = code.outputs[k].bytes;
            std::memcpy(static_cast<std::byte*>(out[k]) + whole * b,
                        last_out[k],
                        static_cast<std::size_t>(rest * b));
        }
    }
};

}  // namespace sinter::cpu
