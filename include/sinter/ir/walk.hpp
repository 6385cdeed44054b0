// Steps through the elements of an array one by one: for what looks at them at run time.
#pragma once

#include "sinter/ir/tables.hpp"

namespace sinter::ir {

/// Walks an index space of 8 axes in row-major order, the last axis (0) fastest.
struct walk {
    const int64* extent;
    unsigned char axes;  // those that it walks
    int64 at[max_rank]{};
    bool done;

    walk(const int64* extent_, unsigned char axes_) : extent(extent_), axes(axes_), done(false) {
        for (int j = 0; j < max_rank; ++j) done |= (axes >> j & 1) && extent[j] == 0;
    }
    void next() {
        for (int j = 0; j < max_rank; ++j) {
            if (!(axes >> j & 1)) continue;
            if (++at[j] < extent[j]) return;
            at[j] = 0;
        }
        done = true;
    }
};
/// Where element `at` of `a` lies; axes of extent 1 are broadcast.
inline int64 offset_of(const array_ref& a, const int64* at) {
    int64 n = 0;
    for (int j = 0; j < max_rank; ++j)
        if (a.extent[j] != 1) n += at[j] * a.stride[j];
    return n;
}

}  // namespace sinter::ir
