// Types of kernels that do not depend on who runs them: extents, vectors, packed pairs.
#pragma once

#include "sinter/core/dtype.hpp"

namespace sinter::simt {

/// Three extents or three indices: of a grid, a block or a thread.
struct dim {
    unsigned x = 1, y = 1, z = 1;
};

/// The threads of a warp.
inline constexpr int warp_size = 32;
/// The mask that names every lane of a warp.
inline constexpr unsigned full_mask = 0xffffffffU;

// One program may hold this header twice, once read by nvcc and once by g++ for the emulator: the
// two must not share a mangled name.
#if SINTER_NVCC
inline namespace cuda_abi {
#else
inline namespace emu_abi {
#endif

/// The alignment of `bytes` bytes that move together: theirs when they are 1, 2, 4, 8 or 16, 16
/// above, else that of the element.
SINTER_HD constexpr int vector_alignment(int bytes, int element) {
    if ((bytes & (bytes - 1)) != 0) return bytes % 16 == 0 ? 16 : element;
    return bytes < 16 ? bytes : 16;
}

/// N values that move together. It may alias any other type, because kernels read arrays of T
/// through it.
template <class T, int N>
struct
#if !SINTER_NVCC
    [[gnu::may_alias]]
#endif
    alignas(vector_alignment(int(sizeof(T)) * N, int(alignof(T)))) vec {
    T v[N];

    SINTER_HD constexpr T& operator[](int i) { return v[i]; }
    SINTER_HD constexpr const T& operator[](int i) const { return v[i]; }
};

/// The unsigned word that holds `lo` in its low half and `hi` in its high half.
template <class T>
SINTER_HD constexpr uint32 pack(T lo, T hi) {
    static_assert(same_v<T, bfloat16> || same_v<T, half>);
    return static_cast<uint32>(lo.bits) | (static_cast<uint32>(hi.bits) << 16);
}
/// The low half of a packed pair of T.
template <class T = bfloat16>
SINTER_HD constexpr T unpack_low(uint32 pair) {
    return T::from_bits(static_cast<uint16>(pair & 0xffffU));
}
/// The high half of a packed pair of T.
template <class T = bfloat16>
SINTER_HD constexpr T unpack_high(uint32 pair) {
    return T::from_bits(static_cast<uint16>(pair >> 16));
}

/// The bits of a float rounded to tf32, of which tensor cores read 10 bits of fraction: to nearest,
/// ties away from zero. The 13 bits below are 0.
SINTER_HD constexpr uint32 tf32_bits(uint32 x) {
    if ((x & 0x7fffffffU) > 0x7f800000U) return 0x7fffffffU;  // not a number
    return (x + 0x1000U) & ~0x1fffU;
}
/// What tensor cores add products of T in.
template <class T>
using mma_sum_t = select_t<sizeof(T) == 1, int32, float>;
/// Element `e` of a word of T as tensor cores read it; a float is tf32.
template <class T>
SINTER_HD constexpr mma_sum_t<T> mma_element(uint32 word, int e) {
    if constexpr (sizeof(T) == 4) {
        return bits_as<float>(word & ~0x1fffU);
    } else if constexpr (sizeof(T) == 2) {
        return T::from_bits(static_cast<uint16>(word >> (16 * e) & 0xffffU));
    } else {
        return static_cast<T>(word >> (8 * e) & 0xffU);
    }
}
/// sum + x y; sums of integers wrap.
SINTER_HD constexpr float mma_added(float sum, float x, float y) { return sum + x * y; }
SINTER_HD constexpr int32 mma_added(int32 sum, int32 x, int32 y) {
    return static_cast<int32>(static_cast<uint32>(sum) + static_cast<uint32>(x * y));
}

template <class F, int... I>
SINTER_DEVICE void unroll_over(F& f, ints<I...>) {
    (f(I), ...);
}
/// Calls `f(0)` to `f(N - 1)` with constants, so that arrays indexed by them stay in registers. N
/// is at most 256.
template <int N, class F>
SINTER_DEVICE void unroll(F f) {
    static_assert(N <= 256, "simt::unroll: at most 256 steps");
    unroll_over(f, make_ints<N>{});
}

}  // namespace cuda_abi or emu_abi
}  // namespace sinter::simt
