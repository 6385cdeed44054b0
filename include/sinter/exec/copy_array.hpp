// Copies an array of the host to another place, without a compiled loop.
#pragma once

#include "sinter/cpu/copy.hpp"
#include "sinter/ir/seen.hpp"

namespace sinter::exec {

/// Copies the elements of `from` into `to`, which has the same extents and type.
inline void copy_array(const ir::array_ref& from, const ir::array_ref& to) {
    if (ir::elements_of(from) == 0) return;
    struct walked {
        int64 extent = 1, from = 0, to = 0;
    } axis[max_rank + 2];
    // Innermost first; what both walk as one axis is one.
    const int bytes = static_cast<int>(size_of(from.type));
    int n = 0;
    for (int j = 0; j < max_rank; ++j) {
        const int64 e = from.extent[j], f = from.stride[j] * bytes, t = to.stride[j] * bytes;
        if (e == 1) continue;
        if (n > 0 && axis[n - 1].from * axis[n - 1].extent == f &&
            axis[n - 1].to * axis[n - 1].extent == t) {
            axis[n - 1].extent *= e;
        } else {
            axis[n++] = {e, f, t};
        }
    }
    int64 at[max_rank]{};
    auto* in = static_cast<std::byte*>(from.data);
    auto* out = static_cast<std::byte*>(to.data);
    for (;;) {
        cpu::copy_block(bytes,
                        {out, n > 0 ? axis[0].to : bytes, axis[1].to},
                        {in, n > 0 ? axis[0].from : bytes, axis[1].from},
                        axis[0].extent,
                        axis[1].extent);
        int d = 2;
        for (; d < n; ++d) {
            in += axis[d].from, out += axis[d].to;
            if (++at[d] < axis[d].extent) break;
            in -= axis[d].from * axis[d].extent, out -= axis[d].to * axis[d].extent;
            at[d] = 0;
        }
        if (d >= n) return;
    }
}

}  // namespace sinter::exec
