// When the host stores costly values that are broadcast.
#pragma once

#include "sinter/exec/binding.hpp"

namespace sinter::exec {

/// True when the host would compute some costly value of b's plan several times for each of its
/// elements, and often enough to pay for storing it: the next variant does so. A GPU computes it
/// while it waits for memory.
inline bool recomputes(const binding& b) {
    if (!b.where.is_host()) return false;
    const ir::plan_view& p = b.table->plan;
    for (int k = 0; k < p.dears; ++k) {
        const int64 n = ir::elements_of(b.at(p.dear[k].value)),
                    reads = ir::elements_of(b.at(p.dear[k].reader));
        if (reads >= 2 * n && reads - n >= dear_reads) return true;
    }
    return false;
}

}  // namespace sinter::exec
