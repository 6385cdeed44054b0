// Products with few columns read their left operand from where it lies: packing it would cost more
// than multiplying.
#pragma once

#include <cstring>

#include "sinter/cpu/loops.hpp"

namespace sinter::cpu {

/// The two loops of a product of few columns, for vectors as the compiler was told. Four rows or
/// four columns of the left operand at once share what is read of the other one.
template <class T, int Bytes>
struct dots_of {
    typedef T vector __attribute__((vector_size(Bytes)));
    static constexpr int lanes = Bytes / static_cast<int>(sizeof(T)), rows = 4;
    static constexpr int size = static_cast<int>(sizeof(T));

    static SINTER_INLINE T sum(const vector& v) {
        T t[static_cast<std::size_t>(lanes)];
        std::memcpy(t, &v, Bytes);
        for (int n = lanes / 2; n > 0; n /= 2)
            for (int l = 0; l < n; ++l) t[l] = static_cast<T>(t[l] + t[l + n]);
        return t[0];
    }
    template <int... I>
    static void add_products(const std::byte* a,
                             const int64* row,
                             const std::byte* x,
                             std::byte* to,
                             int64 n,
                             ints<I...>) {
        const std::byte* const at[] = {a + row[I]...};
        vector c0[rows]{}, c1[rows]{}, x0, x1, v;
        int64 i = 0;
        for (; i + 2 * lanes <= n; i += 2 * lanes) {
            std::memcpy(&x0, x + i * size, Bytes);
            std::memcpy(&x1, x + (i + lanes) * size, Bytes);
            ((std::memcpy(&v, at[I] + i * size, Bytes), c0[I] += v * x0), ...);
            ((std::memcpy(&v, at[I] + (i + lanes) * size, Bytes), c1[I] += v * x1), ...);
        }
        if (i + lanes <= n) {
            std::memcpy(&x0, x + i * size, Bytes);
            ((std::memcpy(&v, at[I] + i * size, Bytes), c0[I] += v * x0), ...);
            i += lanes;
        }
        T all[] = {sum(c0[I] + c1[I])...}, p, q;
        for (; i < n; ++i) {
            std::memcpy(&p, x + i * size, sizeof p);
            ((std::memcpy(&q, at[I] + i * size, sizeof q), all[I] = static_cast<T>(all[I] + p * q)),
             ...);
        }
        ((std::memcpy(&q, to + I * size, sizeof q),
          all[I] = static_cast<T>(all[I] + q),
          std::memcpy(to + I * size, &all[I], sizeof q)),
         ...);
    }
    template <int... I>
    static void add_columns(const std::byte* a,
                            const int64* column,
                            const std::byte* x,
                            std::byte* to,
                            int64 n,
                            ints<I...>) {
        const std::byte* const at[] = {a + column[I]...};
        T factor[rows], p, q;
        std::memcpy(factor, x, sizeof factor);
        vector c, v;
        int64 i = 0;
        for (; i + lanes <= n; i += lanes) {
            std::memcpy(&c, to + i * size, Bytes);
            ((std::memcpy(&v, at[I] + i * size, Bytes), c += factor[I] * v), ...);
            std::memcpy(to + i * size, &c, Bytes);
        }
        for (; i < n; ++i) {
            std::memcpy(&p, to + i * size, sizeof p);
            ((std::memcpy(&q, at[I] + i * size, sizeof q), p = static_cast<T>(p + factor[I] * q)),
             ...);
            std::memcpy(to + i * size, &p, sizeof p);
        }
    }
    static void run(
        const std::byte* a, const int64* row, const std::byte* x, std::byte* to, int64 n) {
        add_products(a, row, x, to, n, make_ints<rows>{});
    }
    static void run_columns(
        const std::byte* a, const int64* column, const std::byte* x, std::byte* to, int64 n) {
        add_columns(a, column, x, to, n, make_ints<rows>{});
    }
};

}  // namespace sinter::cpu
