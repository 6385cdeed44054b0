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

    static SINTER_INLINE void add_row(
        vector& c0, vector& c1, const std::byte* a, const vector& b0, const vector& b1) {
        T x;
        std::memcpy(&x, a, sizeof x);
        c0 += x * b0;
        c1 += x * b1;
    }
    static SINTER_INLINE void store_row(const vector& c0,
                                        const vector& c1,
                                        std::byte* to,
                                        bool accumulate) {
        vector r0 = c0, r1 = c1;
        if (accumulate) {
            vector old0, old1;
            std::memcpy(&old0, to, Bytes);
            std::memcpy(&old1, to + Bytes, Bytes);
            r0 += old0;
            r1 += old1;
        }
        std::memcpy(to, &r0, Bytes);
        std::memcpy(to + Bytes, &r1, Bytes);
    }
    template <int... I>
    static SINTER_INLINE void multiply(const std::byte* a,
                                       const std::byte* b,
                                       std::byte* c,
                                       int64 ld,
                                       int64 k,
                                       bool accumulate,
                                       ints<I...>) {
        vector c0[rows]{}, c1[rows]{};
        for (int64 i = 0; i < k; ++i) {
            vector b0, b1;
            std::memcpy(&b0, b, Bytes);
            std::memcpy(&b1, b + Bytes, Bytes);
            (add_row(c0[I], c1[I], a + I * sizeof(T), b0, b1), ...);
            a += rows * sizeof(T);
            b += 2 * Bytes;
        }
        (store_row(c0[I], c1[I], c + I * ld, accumulate), ...);
    }
    static void run(
        const std::byte* a, const std::byte* b, std::byte* c, int64 ld, int64 k, bool accumulate) {
        multiply(a, b, c, ld, k, accumulate, make_ints<rows>{});
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
    } else if constexpr (D == dtype::i32) {
        return &product_kernel_of<uint32>;
    } else {
        return &product_kernel_of<uint64>;
    }
}

}  // namespace sinter::cpu
