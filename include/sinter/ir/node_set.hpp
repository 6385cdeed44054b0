// Sets of nodes as bits.
#pragma once

#include "sinter/core/types.hpp"

namespace sinter::ir {

/// A set of numbers below Cap.
template <int Cap>
struct node_set {
    static constexpr int words = (Cap + 63) / 64;
    uint64 w[words]{};

    constexpr bool has(int i) const { return (w[i >> 6] >> (i & 63) & 1) != 0; }
    constexpr void add(int i) { w[i >> 6] |= 1UL << (i & 63); }
    constexpr void add(const node_set& o) {
        for (int k = 0; k < words; ++k) w[k] |= o.w[k];
    }
    constexpr void remove(int i) { w[i >> 6] &= ~(1UL << (i & 63)); }
    constexpr int count() const {
        int n = 0;
        for (int k = 0; k < words; ++k) n += __builtin_popcountl(w[k]);
        return n;
    }
    constexpr int count_common(const node_set& o) const {
        int n = 0;
        for (int k = 0; k < words; ++k) n += __builtin_popcountl(w[k] & o.w[k]);
        return n;
    }
    /// The smallest member of at least `from`, or -1.
    constexpr int next(int from) const {
        if (from >= Cap) return -1;
        uint64 x = w[from >> 6] >> (from & 63);
        if (x) return from + __builtin_ctzl(x);
        for (int k = (from >> 6) + 1; k < words; ++k)
            if (w[k]) return k * 64 + __builtin_ctzl(w[k]);
        return -1;
    }
    constexpr bool meets(const node_set& o) const { return count_common(o) > 0; }
    constexpr bool operator==(const node_set&) const = default;
};

}  // namespace sinter::ir
