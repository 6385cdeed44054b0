// Random bits as numbers of a distribution: functors of an element's index. Device-readable.
#pragma once

#include "sinter/core/dtype.hpp"
#include "sinter/core/math.hpp"
#include "sinter/random/philox.hpp"

namespace sinter::random {

/// A number in [0, 1) with as many bits as T's digits: none is rounded, so 1 does not occur.
template <class T>
SINTER_HD SINTER_INLINE auto unit(const words& r) {
    if constexpr (same_v<T, double>) {
        return static_cast<double>(static_cast<int64>(r.low() >> 11)) * 0x1p-53;
    } else {
        constexpr int bits = same_v<T, float> ? 24 : same_v<T, half> ? 11 : 8;
        constexpr float step = 1.0F / static_cast<float>(1 << bits);
        // By int32, which has vector conversions.
        return static_cast<float>(static_cast<int32>(r.w[0] >> (32 - bits))) * step;
    }
}

/// In [0, 1).
template <class T>
struct unit_uniform {
    source from;
    SINTER_HD SINTER_INLINE T operator()(int64 i) const {
        return static_cast<T>(unit<T>(from.at(i)));
    }
};
/// In [low, high). In double: the product of a float's digits with those of the range is exact, so
/// it does not matter whether a compiler joins it with the sum.
template <class T>
struct scaled_uniform {
    source from;
    double low, range, high;
    SINTER_HD SINTER_INLINE T operator()(int64 i) const {
        const T x = static_cast<T>(static_cast<compute_t<dtype_v<T>>>(
            static_cast<double>(unit<T>(from.at(i))) * range + low));
        return static_cast<double>(x) < high
                   ? x
                   : static_cast<T>(static_cast<compute_t<dtype_v<T>>>(low));
    }
};
/// cos(2 pi v) for v in [0, 1), as -sin(2 pi b) with b = 1/4 - |v - 1/2|, which is exact: that
/// angle needs no reduction. Off by at most 2 ulp of 1.
template <class T>
SINTER_HD SINTER_INLINE T cosine_of_turn(T v) {
    const T t = v - T(0.5), b = T(0.25) - (t < T(0) ? -t : t);
    const T x = T(6.283185307179586) * b, z = x * x;
    T p = T(0);
    if constexpr (same_v<T, double>) {
        p = T(-1.0 / 121645100408832000.0);
        p = p * z + T(1.0 / 355687428096000.0);
        p = p * z + T(-1.0 / 1307674368000.0);
        p = p * z + T(1.0 / 6227020800.0);
    }
    p = p * z + T(-1.0 / 39916800.0);
    p = p * z + T(1.0 / 362880.0);
    p = p * z + T(-1.0 / 5040.0);
    p = p * z + T(1.0 / 120.0);
    p = p * z + T(-1.0 / 6.0);
    return -(x + x * z * p);
}
/// Gaussian numbers by Box and Muller: sqrt(-2 log u) cos(2 pi v). u is an odd multiple of 2^-33
/// (of 2^-54 for double) and never 0.
template <class T>
struct gaussian {
    source from;
    double mean, deviation;
    SINTER_HD SINTER_INLINE T operator()(int64 i) const {
        const words r = from.at(i);
        if constexpr (same_v<T, double>) {
            const double u =
                (static_cast<double>(static_cast<int64>(r.low() >> 11)) + 0.5) * 0x1p-53;
            const double v = static_cast<double>(static_cast<int64>(r.high() >> 11)) * 0x1p-53;
            return math::sqrt(-2.0 * math::log(u)) * cosine_of_turn(v) * deviation + mean;
        } else {
            const float u =
                static_cast<float>(static_cast<int32>(r.w[0] >> 16)) * 0x1p-16F +
                (static_cast<float>(static_cast<int32>(r.w[0] & 0xffffU)) + 0.5F) * 0x1p-32F;
            const float v = static_cast<float>(static_cast<int32>(r.w[1] >> 8)) * 0x1p-24F;
            return static_cast<T>(math::sqrt(-2.0F * math::log(u)) * cosine_of_turn(v) *
                                      static_cast<float>(deviation) +
                                  static_cast<float>(mean));
        }
    }
};
/// True with probability threshold / 2^32.
struct coin {
    source from;
    uint64 threshold;
    SINTER_HD SINTER_INLINE bool operator()(int64 i) const { return from.at(i).w[0] < threshold; }
};
/// True with the probability that stands beside the index.
template <class T>
struct weighted_coin {
    source from;
    SINTER_HD SINTER_INLINE bool operator()(int64 i, compute_t<dtype_v<T>> p) const {
        return unit<compute_t<dtype_v<T>>>(from.at(i)) < p;
    }
};
/// low, ..., low + range - 1. Some of them are by range / 2^64 more probable than others.
struct whole {
    source from;
    int64 low;
    uint64 range;
    SINTER_HD SINTER_INLINE int64 operator()(int64 i) const {
        return static_cast<int64>(static_cast<uint64>(low) + high_product(from.at(i).low(), range));
    }
};

/// Element i of a random order of 0, ..., n - 1: a Feistel network on the next power of two, which
/// is walked until it is back below n. No sort, no memory.
struct shuffled {
    uint64 key, n;
    int left, right;  // bits of the two halves

    SINTER_HD SINTER_INLINE static uint64 mixed(uint64 x) {
        x ^= x >> 33;
        x *= 0xff51afd7ed558ccdU;
        x ^= x >> 33;
        x *= 0xc4ceb9fe1a85ec53U;
        return x ^ x >> 33;
    }
    SINTER_HD int64 operator()(int64 i) const {
        auto x = static_cast<uint64>(i);
        if (x >= n) return i;  // no element: a kernel may compute beyond the end
        const uint64 low = (uint64{1} << right) - 1, high = (uint64{1} << left) - 1;
        do {
            uint64 l = x >> right, r = x & low;
            SINTER_ROLLED
            for (uint64 round = 1; round <= 16; round += 2) {
                l ^= mixed(r + key + round * 0x9e3779b97f4a7c15U) & high;
                r ^= mixed(l + key + (round + 1) * 0x9e3779b97f4a7c15U) & low;
            }
            x = l << right | r;
        } while (x >= n);
        return static_cast<int64>(x);
    }
};

}  // namespace sinter::random
