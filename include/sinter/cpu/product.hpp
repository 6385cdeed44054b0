// Matrix products of packed panels. Where the compiler was not told of wide vectors, the machine
// may have them all the same: on x86 each kernel exists for 16, 32 and 64 bytes, and the widest
// that runs is taken. Registers hold the results: six rows by two vectors where there are 16 of
// them, 12 rows where there are 32.
#pragma once

#include "sinter/cpu/dot.hpp"
#include "sinter/cpu/group_products.hpp"

namespace sinter::cpu {

/// What the kernels of one element type and vector width share.
template <class T, int Bytes, int Rows>
struct product_tile {
    static constexpr int rows = Rows, columns = 2 * Bytes / static_cast<int>(sizeof(T));
    static constexpr int step_a = Rows * static_cast<int>(sizeof(T)), step_b = 2 * Bytes;
    typedef T vector __attribute__((vector_size(Bytes)));
};

/// The kernel for vectors as the compiler was told.
template <class T, int Bytes = vector_bytes, int Rows = Bytes == 64 ? 12 : 6>
struct product_of : product_tile<T, Bytes, Rows> {
    using tile = product_tile<T, Bytes, Rows>;
    using typename tile::vector;
    template <int... I>
    static void multiply(const std::byte* a,
                         const std::byte* b,
                         std::byte* c,
                         int64 ld,
                         int64 k,
                         bool accumulate,
                         ints<I...>) {
        vector c0[sizeof...(I)]{}, c1[sizeof...(I)]{}, b0, b1;
        for (int64 i = 0; i < k; ++i, a += tile::step_a, b += tile::step_b) {
            T x;
            std::memcpy(&b0, b, Bytes);
            std::memcpy(&b1, b + Bytes, Bytes);
            ((std::memcpy(&x, a + I * sizeof(T), sizeof x), c0[I] += x * b0, c1[I] += x * b1), ...);
        }
        if (accumulate)
            ((std::memcpy(&b0, c + I * ld, Bytes),
              std::memcpy(&b1, c + I * ld + Bytes, Bytes),
              c0[I] += b0,
              c1[I] += b1),
             ...);
        ((std::memcpy(c + I * ld, &c0[I], Bytes), std::memcpy(c + I * ld + Bytes, &c1[I], Bytes)),
         ...);
    }
    template <int N>
    static void run(
        const std::byte* a, const std::byte* b, std::byte* c, int64 ld, int64 k, bool accumulate) {
        multiply(a, b, c, ld, k, accumulate, make_ints<N>{});
    }
};

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
// The same code for machines with wider vectors. It is written out: a compiler takes vector
// operations apart before it moves a function without the attribute into one that has it.
template <class T>
struct product_avx2 : product_tile<T, 32, 6> {
    using tile = product_tile<T, 32, 6>;
    using typename tile::vector;
    template <int... I>
    __attribute__((target("avx2,fma"))) static void multiply(const std::byte* a,
                                                             const std::byte* b,
                                                             std::byte* c,
                                                             int64 ld,
                                                             int64 k,
                                                             bool accumulate,
                                                             ints<I...>) {
        vector c0[sizeof...(I)]{}, c1[sizeof...(I)]{}, b0, b1;
        for (int64 i = 0; i < k; ++i, a += tile::step_a, b += tile::step_b) {
            T x;
            std::memcpy(&b0, b, 32);
            std::memcpy(&b1, b + 32, 32);
            ((std::memcpy(&x, a + I * sizeof(T), sizeof x), c0[I] += x * b0, c1[I] += x * b1), ...);
        }
        if (accumulate)
            ((std::memcpy(&b0, c + I * ld, 32),
              std::memcpy(&b1, c + I * ld + 32, 32),
              c0[I] += b0,
              c1[I] += b1),
             ...);
        ((std::memcpy(c + I * ld, &c0[I], 32), std::memcpy(c + I * ld + 32, &c1[I], 32)), ...);
    }
    template <int N>
    static void run(
        const std::byte* a, const std::byte* b, std::byte* c, int64 ld, int64 k, bool accumulate) {
        multiply(a, b, c, ld, k, accumulate, make_ints<N>{});
    }
};
template <class T>
struct product_avx512 : product_tile<T, 64, 12> {
    using tile = product_tile<T, 64, 12>;
    using typename tile::vector;
    template <int... I>
    __attribute__((target("avx512f,avx512dq"))) static void multiply(const std::byte* a,
                                                                     const std::byte* b,
                                                                     std::byte* c,
                                                                     int64 ld,
                                                                     int64 k,
                                                                     bool accumulate,
                                                                     ints<I...>) {
        vector c0[sizeof...(I)]{}, c1[sizeof...(I)]{}, b0, b1;
        for (int64 i = 0; i < k; ++i, a += tile::step_a, b += tile::step_b) {
            T x;
            std::memcpy(&b0, b, 64);
            std::memcpy(&b1, b + 64, 64);
            // A step takes 12 cycles and 176 bytes of the second cache: too fast for what the
            // processor fetches by itself.
            __builtin_prefetch(b + 8 * tile::step_b);
            __builtin_prefetch(b + 8 * tile::step_b + 64);
            __builtin_prefetch(a + 16 * tile::step_a);
            ((std::memcpy(&x, a + I * sizeof(T), sizeof x), c0[I] += x * b0, c1[I] += x * b1), ...);
        }
        if (accumulate)
            ((std::memcpy(&b0, c + I * ld, 64),
              std::memcpy(&b1, c + I * ld + 64, 64),
              c0[I] += b0,
              c1[I] += b1),
             ...);
        ((std::memcpy(c + I * ld, &c0[I], 64), std::memcpy(c + I * ld + 64, &c1[I], 64)), ...);
    }
    template <int N>
    static void run(
        const std::byte* a, const std::byte* b, std::byte* c, int64 ld, int64 k, bool accumulate) {
        multiply(a, b, c, ld, k, accumulate, make_ints<N>{});
    }
};
/// Which of the three kernels of a type this machine runs best.
inline int widest_product() {
    static const int widest =
        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? 2
        : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")       ? 1
                                                                                : 0;
    return widest;
}
#else
inline int widest_product() { return 0; }
#endif

template <class K>
constexpr product_kernel product_kernel_from() {
    constexpr int rows = K::rows, bytes = K::step_a / rows;
    // What is left over of 12 rows would cost as much as all of them. Of six it is less.
    if constexpr (rows == 12)
        return {rows,
                K::columns,
                bytes,
                4,
                {K::template run<4>, K::template run<8>, K::template run<12>}};
    else
        return {rows, K::columns, bytes, rows, {nullptr, nullptr, K::template run<rows>}};
}
template <class T, int Told>
constexpr product_kernels product_kernels_from() {
    product_kernels r{};
    r.type = same_v<T, float>    ? dtype::f32
             : same_v<T, double> ? dtype::f64
             : sizeof(T) == 4    ? dtype::i32
                                 : dtype::i64;
    for (product_kernel& k : r.by_width) k = product_kernel_from<product_of<T, Told>>();
    r.rows = dots_of<T, Told>::run;
    r.columns = dots_of<T, Told>::run_columns;
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    if constexpr (Told < 32) r.by_width[1] = product_kernel_from<product_avx2<T>>();
    if constexpr (Told < 64) r.by_width[2] = product_kernel_from<product_avx512<T>>();
#endif
    add_row_kernels<T, Told>(r);
    add_group_kernels<T>(r);
    return r;
}
template <class T, int Bytes = vector_bytes>
inline constexpr product_kernels product_kernels_of = product_kernels_from<T, Bytes>();

/// The kernels for a core whose memory holds type D. Integers wrap: they are multiplied as
/// unsigned.
template <dtype D>
constexpr const product_kernels* product_kernels_for() {
    if constexpr (D == dtype::f64) {
        return &product_kernels_of<double>;
    } else if constexpr (D == dtype::f32) {
        return &product_kernels_of<float>;
    } else if constexpr (D == dtype::i32) {
        return &product_kernels_of<uint32>;
    } else {
        return &product_kernels_of<uint64>;
    }
}

}  // namespace sinter::cpu
