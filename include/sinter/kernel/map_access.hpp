// How a thread of a map moves one vector of an operand. Device-readable.
#pragma once

#include "sinter/kernel/map_walk.hpp"
#include "sinter/simt/simt.hpp"

namespace sinter::kernel {

#if SINTER_NVCC || SINTER_EMULATOR

/// The vector at `p`, of elements `step` apart where they are read one by one.
template <int Width, class T>
SINTER_DEVICE simt::vec<T, Width> read_vector(const T* p, map_access how, int64 step) {
    simt::vec<T, Width> r;
    if (Width == 1 || how == map_access::one) {
        r = simt::load_own<Width>(p);
    } else if (how == map_access::same) {
        const T x = simt::load_own<1>(p)[0];
        SINTER_UNROLLED
        for (int e = 0; e < Width; ++e) r[e] = x;
    } else if (Width > 2 && how == map_access::halves) {
        constexpr int half = Width > 2 ? Width / 2 : 1;
        const auto low = simt::load_own<half>(p), high = simt::load_own<half>(p + half);
        SINTER_UNROLLED
        for (int e = 0; e < Width; ++e) r[e] = e < half ? low[e % half] : high[e % half];
    } else {
        SINTER_UNROLLED
        for (int e = 0; e < Width; ++e) r[e] = simt::load_own<1>(p + e * step)[0];
    }
    return r;
}
/// Writes a vector likewise.
template <int Width, class T>
SINTER_DEVICE void write_vector(T* p, map_access how, int64 step, const simt::vec<T, Width>& x) {
    if (Width == 1 || how == map_access::one) {
        simt::store<Width>(p, x);
    } else if (Width > 2 && how == map_access::halves) {
        constexpr int half = Width > 2 ? Width / 2 : 1;
        simt::vec<T, half> low, high;
        SINTER_UNROLLED
        for (int e = 0; e < Width; ++e) (e < half ? low : high)[e % half] = x[e];
        simt::store<half>(p, low);
        simt::store<half>(p + half, high);
    } else {
        SINTER_UNROLLED
        for (int e = 0; e < Width; ++e) simt::store<1>(p + e * step, simt::vec<T, 1>{{x[e]}});
    }
}

#endif

}  // namespace sinter::kernel
