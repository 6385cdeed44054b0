// Counter-based random bits: a function of (key, counter), so that every element of an array draws
// its own, on any device and in any order. Device-readable.
#pragma once

#include "sinter/core/types.hpp"

namespace sinter::random {

/// Four random words.
struct words {
    uint32 w[4];
    /// Words 0 and 1, or 2 and 3, as one number.
    SINTER_HD constexpr uint64 low() const { return w[0] | static_cast<uint64>(w[1]) << 32; }
    SINTER_HD constexpr uint64 high() const { return w[2] | static_cast<uint64>(w[3]) << 32; }
};

/// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
/// (2011): ten rounds of two multiplications that are keyed by a Weyl sequence.
SINTER_HD SINTER_INLINE constexpr words philox(words counter, uint32 key0, uint32 key1) {
    uint32 a = counter.w[0], b = counter.w[1], c = counter.w[2], d = counter.w[3];
    SINTER_UNROLLED
    for (int round = 0; round < 10; ++round) {
        const uint64 p = static_cast<uint64>(a) * 0xD2511F53U;
        const uint64 q = static_cast<uint64>(c) * 0xCD9E8D57U;
        a = static_cast<uint32>(q >> 32) ^ b ^ key0;
        b = static_cast<uint32>(q);
        c = static_cast<uint32>(p >> 32) ^ d ^ key1;
        d = static_cast<uint32>(p);
        key0 += 0x9E3779B9U;
        key1 += 0xBB67AE85U;
    }
    return {{a, b, c, d}};
}

/// Where random numbers come from: a seed, and which of its 2^64 independent streams.
struct source {
    uint64 seed = 0, stream = 0;
    /// The words of element i.
    SINTER_HD SINTER_INLINE constexpr words at(int64 i) const {
        const auto n = static_cast<uint64>(i);
        return philox({{static_cast<uint32>(n),
                        static_cast<uint32>(n >> 32),
                        static_cast<uint32>(stream),
                        static_cast<uint32>(stream >> 32)}},
                      static_cast<uint32>(seed),
                      static_cast<uint32>(seed >> 32));
    }
};

/// The upper 64 bits of a * b.
SINTER_HD SINTER_INLINE constexpr uint64 high_product(uint64 a, uint64 b) {
    const uint64 mask = 0xffffffffU, al = a & mask, ah = a >> 32, bl = b & mask, bh = b >> 32;
    const uint64 middle = ah * bl + (al * bl >> 32);
    return ah * bh + (middle >> 32) + ((al * bh + (middle & mask)) >> 32);
}

}  // namespace sinter::random
