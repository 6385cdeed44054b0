// The product of tensor cores built of shuffles: what sm_75 runs, and what tests hold the
// emulator's tensor core against.
#pragma once

#include "sinter/simt/types.hpp"

namespace sinter::simt {
#if SINTER_NVCC
inline namespace cuda_abi {
#else
inline namespace emu_abi {
#endif

/// The same d += a b as mma, from shuffles and multiplications in float or int32.
template <class A, class B, class Lanes>
SINTER_DEVICE void software_mma(mma_sum_t<A> (&d)[4], const uint32 (&a)[4], const uint32 (&b)[2]) {
    const int group = Lanes::lane_number() / 4, column = 2 * (Lanes::lane_number() % 4);
    // A loop over the lanes of a quad: written out, this takes compilers minutes.
    SINTER_ROLLED
    for (int quad = 0; quad < 4; ++quad) {
        unroll<2>([&](int half) {
            const uint32 upper = Lanes::word(a[2 * half], group * 4 + quad);
            const uint32 lower = Lanes::word(a[2 * half + 1], group * 4 + quad);
            const uint32 left = Lanes::word(b[half], column * 4 + quad);
            const uint32 right = Lanes::word(b[half], (column + 1) * 4 + quad);
            unroll<4 / int(sizeof(A))>([&](int e) {
                const auto u = mma_element<A>(upper, e), w = mma_element<A>(lower, e);
                const auto x = mma_element<B>(left, e), y = mma_element<B>(right, e);
                d[0] = mma_added(d[0], u, x);
                d[1] = mma_added(d[1], u, y);
                d[2] = mma_added(d[2], w, x);
                d[3] = mma_added(d[3], w, y);
            });
        });
    }
}

}  // namespace cuda_abi or emu_abi
}  // namespace sinter::simt
