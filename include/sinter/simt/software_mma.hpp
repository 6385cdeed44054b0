// The matrix product of 16-bit floats built of shuffles: what sm_75 runs, and what tests hold the
// emulator's tensor core against.
#pragma once

#include "sinter/simt/types.hpp"

namespace sinter::simt {
#if SINTER_NVCC
inline namespace cuda_abi {
#else
inline namespace emu_abi {
#endif

/// The same d += a b as mma_16816, from shuffles and multiplications in float.
template <class T, class Lanes>
SINTER_DEVICE void software_mma_16816(float (&d)[4], const uint32 (&a)[4], const uint32 (&b)[2]) {
    const int group = Lanes::lane_number() / 4, column = 2 * (Lanes::lane_number() % 4);
    unroll<8>([&](int step) {
        const int quad = step / 2,
                  half = step % 2;  // which lane of a quad holds the pair, which half
        const uint32 upper = Lanes::word(a[2 * half], group * 4 + quad);
        const uint32 lower = Lanes::word(a[2 * half + 1], group * 4 + quad);
        const uint32 left = Lanes::word(b[half], column * 4 + quad);
        const uint32 right = Lanes::word(b[half], (column + 1) * 4 + quad);
        unroll<2>([&](int e) {
            const float u = e == 0 ? unpack_low<T>(upper) : unpack_high<T>(upper);
            const float w = e == 0 ? unpack_low<T>(lower) : unpack_high<T>(lower);
            const float x = e == 0 ? unpack_low<T>(left) : unpack_high<T>(left);
            const float y = e == 0 ? unpack_low<T>(right) : unpack_high<T>(right);
            d[0] += u * x;
            d[1] += u * y;
            d[2] += w * x;
            d[3] += w * y;
        });
    });
}

}  // namespace cuda_abi or emu_abi
}  // namespace sinter::simt
