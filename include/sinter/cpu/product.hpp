// Matrix products of packed panels.
#pragma once

#include <cstring>

#include "sinter/cpu/loops.hpp"

namespace sinter::cpu {

/// The kernel for elements of type T: 6 rows by two vectors of columns stay in registers.
template <class T, int Bytes = vector_bytes>
struct product_of {
    static constexpr int lanes = Bytes / static_cast<int>(sizeof(T));
    static constexpr int rows = 6, columns = 2 * lanes;
    typedef T vector __attribute__((vector_size(Bytes)));

    template <int... I>
    static SINTER_INLINE void add_step(vector (&c)[rows][2],
                                       const std::byte* a,
                                       const std::byte* b,
                                       ints<I...>) {
        vector b0, b1;
        std::memcpy(&b0, b, Bytes);
        std::memcpy(&b1, b + Bytes, Bytes);
        T x[rows];
        std::memcpy(x, a, sizeof x);
        ((c[I][0] += x[I] * b0, c[I][1] += x[I] * b1), ...);
    }
    template <int... I>
    static SINTER_INLINE void store(
        vector (&c)[rows][2], std::byte* to, int64 ld, bool accumulate, ints<I...>) {
        if (accumulate) {
            vector old[rows][2];
            (std::memcpy(old[I], to + I * ld, 2 * Bytes), ...);
            ((c[I][0] += old[I][0], c[I][1] += old[I][1]), ...);
        }
        (std::memcpy(to + I * ld, c[I], 2 * Bytes), ...);
    }
    static void run(
        const std::byte* a, const std::byte* b, std::byte* c, int64 ld, int64 k, bool accumulate) {
        vector sum[rows][2]{};
        for (int64 i = 0; i < k; ++i) {
            add_step(sum, a, b, make_ints<rows>{});
            a += rows * sizeof(T);
            b += 2 * Bytes;
        }
        store(sum, c, ld, accumulate, make_ints<rows>{});
    }
};
template <class T>
inline constexpr product_kernel product_kernel_of = {
    product_of<T>::rows, product_of<T>::columns, static_cast<int>(sizeof(T)), product_of<T>::run};

/// The kernel for a core whose memory holds type D. Integers wrap: they are multiplied as unsigned.
template <dtype D>
constexpr const product_kernel* product_kernel_for() {
    if constexpr (D == dtype::f64) {
        return &product_kernel_of<double>;
    } else if constexpr (D == dtype::f32) {
        return &product_kernel_of<float>;
    } else {
        return &product_kernel_of<uint64>;
    }
}

}  // namespace sinter::cpu
