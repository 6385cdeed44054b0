// Products of groups with as few columns as summed elements side by side: convolutions in groups of
// a few channels. A vector has the columns of several groups. What they multiply lies side by side
// in memory as well, so a row is loaded once for all of them, and one element of each group is
// spread over its lanes. Alone, a group would leave most lanes empty.
#pragma once

#include "sinter/cpu/row_products.hpp"

namespace sinter::cpu {

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__)) && !SINTER_NVCC
// Lanes are chosen at run time: written with shuffles of constants, each size of a group would be a
// loop of its own. The compilers have different names for it.
struct group_products_avx2 : row_tile<float, 32, 4, 1> {
    using tile = row_tile<float, 32, 4, 1>;
    typedef int32 lanes __attribute__((vector_size(32)));
    template <int... I>
    __attribute__((target("avx2,fma"))) static void multiply(const std::byte* a,
                                                             const int64* row,
                                                             const sum_runs& sums,
                                                             const std::byte* b,
                                                             std::byte* c,
                                                             int64 ld,
                                                             ints<I...>) {
        const std::byte* const at[] = {a + row[I]...};
        const int32 size = static_cast<int32>(sums.bytes / tile::size);
        const lanes lane = {0, 1, 2, 3, 4, 5, 6, 7}, first = lane & -size;
        vector s[tile::rows]{}, v[tile::rows], f;
        for (const int64* run = sums.at; run != sums.at + sums.count; ++run) {
            (std::memcpy(&v[I], at[I] + *run, 32), ...);
            for (int32 i = 0; i < size; ++i, b += 32) {
                const lanes from = first + i;
                std::memcpy(&f, b, 32);
                ((s[I] += vector(__builtin_ia32_permvarsf256(v[I], from)) * f), ...);
            }
        }
        (std::memcpy(c + I * ld, &s[I], 32), ...);
    }
};
struct group_products_avx512 : row_tile<float, 64, 8, 1> {
    using tile = row_tile<float, 64, 8, 1>;
    typedef int32 lanes __attribute__((vector_size(64)));
    template <int... I>
    __attribute__((target("avx512f,avx512dq"))) static void multiply(const std::byte* a,
                                                                     const int64* row,
                                                                     const sum_runs& sums,
                                                                     const std::byte* b,
                                                                     std::byte* c,
                                                                     int64 ld,
                                                                     ints<I...>) {
        const std::byte* const at[] = {a + row[I]...};
        const int32 size = static_cast<int32>(sums.bytes / tile::size);
        const lanes lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
        const lanes first = lane & -size;
        vector s[tile::rows]{}, v[tile::rows], f;
        for (const int64* run = sums.at; run != sums.at + sums.count; ++run) {
            (std::memcpy(&v[I], at[I] + *run, 64), ...);
            for (int32 i = 0; i < size; ++i, b += 64) {
                const lanes from = first + i;
                std::memcpy(&f, b, 64);
#if defined(__clang__)
                ((s[I] += vector(__builtin_ia32_permvarsf512(v[I], from)) * f), ...);
#else
                ((s[I] += __builtin_shuffle(v[I], from) * f), ...);
#endif
            }
        }
        (std::memcpy(c + I * ld, &s[I], 64), ...);
    }
};
/// The kernels for float; other types have none.
template <class T>
constexpr void add_group_kernels(product_kernels& to) {
    if constexpr (same_v<T, float>) {
        to.groups[1] = row_kernel_from<group_products_avx2>();
        to.groups[2] = row_kernel_from<group_products_avx512>();
    }
}
#else
template <class T>
constexpr void add_group_kernels(product_kernels&) {}
#endif

}  // namespace sinter::cpu
