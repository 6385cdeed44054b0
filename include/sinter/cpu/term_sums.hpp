// Sums of a few products of elements that lie side by side: a filter for each channel, a stencil.
// The sums stay in registers while the terms pass by, and both factors are read where they lie:
// every element of the input is loaded once for each window that it is in, and from the nearest
// cache. As for matrix products, x86 has a loop for 64 and for 32 bytes beside that of 16.
#pragma once

#include "sinter/core/std_parts.hpp"
#include "sinter/cpu/product.hpp"

namespace sinter::cpu {

/// What the loops of one vector width share.
template <class T, int Bytes>
struct term_lanes {
    typedef T vector __attribute__((vector_size(Bytes)));
    static constexpr int64 count = Bytes / static_cast<int>(sizeof(T));
};
/// For vectors that every machine has.
template <class T, int Bytes>
struct term_sums_of : term_lanes<T, Bytes> {
    using typename term_lanes<T, Bytes>::vector;
    template <int... P>
    static void add(const sum_terms& s,
                    const std::byte* x,
                    const std::byte* y,
                    std::byte* to,
                    int64 step,
                    int64 to_step,
                    ints<P...>) {
        vector sum[sizeof...(P)]{}, v, f;
        for (const sum_term* t = s.first; t != s.first + s.count; ++t) {
            std::memcpy(&f, y + t->y, Bytes);
            ((std::memcpy(&v, x + t->x + P * step, Bytes), sum[P] += v * f), ...);
        }
        (std::memcpy(to + P * to_step, &sum[P], Bytes), ...);
    }
};
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
// Written out for the reason that product.hpp gives.
template <class T>
struct term_sums_avx2 : term_lanes<T, 32> {
    using typename term_lanes<T, 32>::vector;
    template <int... P>
    __attribute__((target("avx2,fma"))) static void add(const sum_terms& s,
                                                        const std::byte* x,
                                                        const std::byte* y,
                                                        std::byte* to,
                                                        int64 step,
                                                        int64 to_step,
                                                        ints<P...>) {
        vector sum[sizeof...(P)]{}, v, f;
        for (const sum_term* t = s.first; t != s.first + s.count; ++t) {
            std::memcpy(&f, y + t->y, 32);
            ((std::memcpy(&v, x + t->x + P * step, 32), sum[P] += v * f), ...);
        }
        (std::memcpy(to + P * to_step, &sum[P], 32), ...);
    }
};
template <class T>
struct term_sums_avx512 : term_lanes<T, 64> {
    using typename term_lanes<T, 64>::vector;
    template <int... P>
    __attribute__((target("avx512f,avx512dq"))) static void add(const sum_terms& s,
                                                                const std::byte* x,
                                                                const std::byte* y,
                                                                std::byte* to,
                                                                int64 step,
                                                                int64 to_step,
                                                                ints<P...>) {
        vector sum[sizeof...(P)]{}, v, f;
        for (const sum_term* t = s.first; t != s.first + s.count; ++t) {
            std::memcpy(&f, y + t->y, 64);
            ((std::memcpy(&v, x + t->x + P * step, 64), sum[P] += v * f), ...);
        }
        (std::memcpy(to + P * to_step, &sum[P], 64), ...);
    }
};
#endif

/// All widths for one type.
template <class T>
struct term_sums {
    /// `n` sums side by side at each of some positions. What a vector does not fill begins earlier,
    /// and is computed again, rather than one by one; so do positions.
    static void run(const sum_terms& s,
                    const std::byte* x,
                    const std::byte* y,
                    std::byte* to,
                    int64 positions,
                    int64 n) {
        constexpr int64 size = sizeof(T);
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
        if (const int widest = widest_product(); widest == 2 && n * size >= 64)
            return all<term_sums_avx512<T>>(s, x, y, to, positions, n);
        else if (widest > 0 && n * size >= 32)
            return all<term_sums_avx2<T>>(s, x, y, to, positions, n);
#endif
        if (n * size >= 16) return all<term_sums_of<T, 16>>(s, x, y, to, positions, n);
        all<term_sums_of<T, size>>(s, x, y, to, positions, n);
    }

private:
    template <class K>
    static void all(const sum_terms& s,
                    const std::byte* x,
                    const std::byte* y,
                    std::byte* to,
                    int64 positions,
                    int64 n) {
        constexpr int64 size = sizeof(T);
        if (positions >= 8) return blocks<K, 8>(s, x, y, to, positions, n);
        if (positions >= 4) return blocks<K, 4>(s, x, y, to, positions, n);
        for (int64 p = 0; p < positions; ++p)
            blocks<K, 1>(s, x + p * s.step, y, to + p * s.to_step * size, 1, n);
    }
    template <class K, int Positions>
    static void blocks(const sum_terms& s,
                       const std::byte* x,
                       const std::byte* y,
                       std::byte* to,
                       int64 positions,
                       int64 n) {
        constexpr int64 size = sizeof(T);
        const int64 to_step = s.to_step * size;
        for (int64 p = 0; p < positions; p += Positions) {
            p = std::min(p, positions - Positions);
            for (int64 i = 0; i < n; i += K::count) {
                i = std::min(i, n - K::count);
                K::add(s,
                       x + p * s.step + i * size,
                       y + (s.spread ? 0 : i * size),
                       to + p * to_step + i * size,
                       s.step,
                       to_step,
                       make_ints<Positions>{});
            }
        }
    }
};

}  // namespace sinter::cpu
