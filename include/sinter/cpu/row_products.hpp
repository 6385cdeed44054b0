// Products whose right operand has so few columns that packing the left one would cost as much as
// multiplying: its rows are read where they lie, windows of an image or rows of a batch. A tile has
// eight rows by one or two vectors, whose elements of the left operand are broadcast from memory.
#pragma once

#include <cstring>

#include "sinter/cpu/loops.hpp"

namespace sinter::cpu {

/// What the loops of one vector width share.
template <class T, int Bytes, int Rows, int Vectors>
struct row_tile {
    typedef T vector __attribute__((vector_size(Bytes)));
    static constexpr int rows = Rows, columns = Vectors * Bytes / static_cast<int>(sizeof(T));
    static constexpr int64 size = sizeof(T);
};
/// For vectors as the compiler was told.
template <class T, int Bytes, int Rows, int Vectors>
struct row_product_of : row_tile<T, Bytes, Rows, Vectors> {
    using tile = row_tile<T, Bytes, Rows, Vectors>;
    using typename tile::vector;
    template <int... I>
    static void multiply(const std::byte* a,
                         const int64* row,
                         const sum_runs& sums,
                         const std::byte* b,
                         std::byte* c,
                         int64 ld,
                         ints<I...>) {
        const std::byte* const at[] = {a + row[I]...};
        vector s[Vectors][Rows]{}, b0, b1{};
        T x;
        for (const int64* run = sums.at; run != sums.at + sums.count; ++run)
            for (int64 i = *run; i < *run + sums.bytes; i += tile::size, b += Vectors * Bytes) {
                std::memcpy(&b0, b, Bytes);
                if (Vectors > 1) std::memcpy(&b1, b + (Vectors - 1) * Bytes, Bytes);
                ((std::memcpy(&x, at[I] + i, sizeof x),
                  s[0][I] += x * b0,
                  Vectors > 1 ? void(s[Vectors - 1][I] += x * b1) : void()),
                 ...);
            }
        ((std::memcpy(c + I * ld, &s[0][I], Bytes),
          Vectors > 1 ? void(std::memcpy(c + I * ld + Bytes, &s[Vectors - 1][I], Bytes)) : void()),
         ...);
    }
};
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
// Written out for the reason that product.hpp gives.
template <class T, int Rows, int Vectors>
struct row_product_avx2 : row_tile<T, 32, Rows, Vectors> {
    using tile = row_tile<T, 32, Rows, Vectors>;
    using typename tile::vector;
    template <int... I>
    __attribute__((target("avx2,fma"))) static void multiply(const std::byte* a,
                                                             const int64* row,
                                                             const sum_runs& sums,
                                                             const std::byte* b,
                                                             std::byte* c,
                                                             int64 ld,
                                                             ints<I...>) {
        const std::byte* const at[] = {a + row[I]...};
        vector s[Vectors][Rows]{}, b0, b1{};
        T x;
        for (const int64* run = sums.at; run != sums.at + sums.count; ++run)
            for (int64 i = *run; i < *run + sums.bytes; i += tile::size, b += Vectors * 32) {
                std::memcpy(&b0, b, 32);
                if (Vectors > 1) std::memcpy(&b1, b + (Vectors - 1) * 32, 32);
                ((std::memcpy(&x, at[I] + i, sizeof x),
                  s[0][I] += x * b0,
                  Vectors > 1 ? void(s[Vectors - 1][I] += x * b1) : void()),
                 ...);
            }
        ((std::memcpy(c + I * ld, &s[0][I], 32),
          Vectors > 1 ? void(std::memcpy(c + I * ld + 32, &s[Vectors - 1][I], 32)) : void()),
         ...);
    }
};
template <class T, int Rows, int Vectors>
struct row_product_avx512 : row_tile<T, 64, Rows, Vectors> {
    using tile = row_tile<T, 64, Rows, Vectors>;
    using typename tile::vector;
    template <int... I>
    __attribute__((target("avx512f,avx512dq"))) static void multiply(const std::byte* a,
                                                                     const int64* row,
                                                                     const sum_runs& sums,
                                                                     const std::byte* b,
                                                                     std::byte* c,
                                                                     int64 ld,
                                                                     ints<I...>) {
        const std::byte* const at[] = {a + row[I]...};
        vector s[Vectors][Rows]{}, b0, b1{};
        T x;
        for (const int64* run = sums.at; run != sums.at + sums.count; ++run)
            for (int64 i = *run; i < *run + sums.bytes; i += tile::size, b += Vectors * 64) {
                std::memcpy(&b0, b, 64);
                if (Vectors > 1) std::memcpy(&b1, b + (Vectors - 1) * 64, 64);
                ((std::memcpy(&x, at[I] + i, sizeof x),
                  s[0][I] += x * b0,
                  Vectors > 1 ? void(s[Vectors - 1][I] += x * b1) : void()),
                 ...);
            }
        ((std::memcpy(c + I * ld, &s[0][I], 64),
          Vectors > 1 ? void(std::memcpy(c + I * ld + 64, &s[Vectors - 1][I], 64)) : void()),
         ...);
    }
};
#endif

template <class K>
void run_rows(const std::byte* a,
              const int64* row,
              const sum_runs& sums,
              const std::byte* b,
              std::byte* c,
              int64 ld) {
    K::multiply(a, row, sums, b, c, ld, make_ints<K::rows>{});
}
template <class K>
constexpr row_kernel row_kernel_from() {
    return {K::rows, K::columns, &run_rows<K>};
}
/// All of one type: for 16, 32 and 64 bytes, of one vector and of two. 16 registers hold no more
/// than four rows of two.
template <class T, int Told>
constexpr void add_row_kernels(product_kernels& to) {
    for (auto& k : to.in_place) {
        k[0] = row_kernel_from<row_product_of<T, Told, 8, 1>>();
        k[1] = row_kernel_from<row_product_of<T, Told, Told == 64 ? 8 : 4, 2>>();
    }
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    if constexpr (Told < 32) {
        to.in_place[1][0] = row_kernel_from<row_product_avx2<T, 8, 1>>();
        to.in_place[1][1] = row_kernel_from<row_product_avx2<T, 4, 2>>();
    }
    if constexpr (Told < 64) {
        to.in_place[2][0] = row_kernel_from<row_product_avx512<T, 8, 1>>();
        to.in_place[2][1] = row_kernel_from<row_product_avx512<T, 8, 2>>();
    }
#endif
}

}  // namespace sinter::cpu
