// What memory and the processor give at most, measured in the process that uses the figures: memcpy
// where something is written, else a loop that only reads, else multiply-adds in registers. All of
// them use as many threads as the library.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <sinter/sinter.hpp>

#include "context.hpp"

namespace bench {

using sinter::int64;

// Below this a parallel region costs more than it gains.
inline constexpr int64 parallel_bytes = 1 << 20;

// As wide as the flags of this program allow; g++ splits what is wider than a register.
#if defined(__AVX512F__)
using lanes = float __attribute__((vector_size(64)));
#elif defined(__AVX__)
using lanes = float __attribute__((vector_size(32)));
#else
using lanes = float __attribute__((vector_size(16)));
#endif

/// `[first, last)` of `n` bytes for part k of `parts`, at multiples of 4096.
inline int64 part_of(int64 n, int k, int parts) {
    return k == parts ? n : n / parts * k / 4096 * 4096;
}

[[gnu::noinline]] inline void copy_bytes(const char* from, char* to, int64 n) {
    const int parts = n > parallel_bytes ? threads() : 1;
#pragma omp parallel for num_threads(parts)
    for (int k = 0; k < parts; ++k) {
        const int64 first = part_of(n, k, parts);
        std::memcpy(
            to + first, from + first, static_cast<std::size_t>(part_of(n, k + 1, parts) - first));
    }
}

inline float total(lanes v) {
    float sum = 0;
    for (std::size_t i = 0; i < sizeof(lanes) / sizeof(float); ++i) sum += v[i];
    return sum;
}

// Eight sums at once: an addition takes four cycles, and two may begin in each.
inline float read_part(const char* from, int64 n) {
    constexpr int sums = 8;
    constexpr auto width = static_cast<int64>(sizeof(lanes));
    lanes sum[sums]{};
    for (int64 i = 0; i + sums * width <= n; i += sums * width)
#pragma GCC unroll 8
        for (int k = 0; k < sums; ++k) {
            lanes v;
            std::memcpy(&v, from + i + k * width, sizeof v);
            sum[k] += v;
        }
    float all = 0;
    for (const lanes& s : sum) all += total(s);
    return all;
}
[[gnu::noinline]] inline float read_bytes(const char* from, int64 n) {
    const int parts = n > parallel_bytes ? threads() : 1;
    float all = 0;
#pragma omp parallel for num_threads(parts) reduction(+ : all)
    for (int k = 0; k < parts; ++k) {
        const int64 first = part_of(n, k, parts);
        all += read_part(from + first, part_of(n, k + 1, parts) - first);
    }
    return all;
}

// Enough chains that the latency of a multiply-add is hidden; -O2 alone would not unroll them.
inline float multiply_add_part(int64 steps) {
    constexpr int chains = 12;
    lanes sum[chains]{};
    const lanes factor = lanes{} + 0.999F, term = lanes{} + 0.001F;
    for (int64 i = 0; i < steps; ++i)
#pragma GCC unroll 12
        for (int k = 0; k < chains; ++k) sum[k] = sum[k] * factor + term;
    float all = 0;
    for (const lanes& s : sum) all += total(s);
    return all;
}
[[gnu::noinline]] inline float multiply_add(double flops) {
    constexpr double per_step = 12 * 2 * sizeof(lanes) / sizeof(float);
    const int parts = flops > 1e7 ? threads() : 1;
    const auto steps = static_cast<int64>(flops / per_step / parts);
    float all = 0;
#pragma omp parallel for num_threads(parts) reduction(+ : all)
    for (int k = 0; k < parts; ++k) all += multiply_add_part(steps);
    return all;
}

/// The ceiling's body for a row that reads and writes so much.
inline std::function<void()> host_ceiling(double read, double written, double flops) {
    if (read + written <= 0) return [flops] { benchmark::DoNotOptimize(multiply_add(flops)); };
    const auto bytes = static_cast<int64>(written > 0 ? (read + written) / 2 : read);
    const auto array = [bytes] {
        return sinter::zeros<float>(sinter::shape{(bytes + 3) / 4}, sinter::device::host());
    };
    const auto from = array();
    if (written <= 0)
        return [from, bytes] {
            benchmark::DoNotOptimize(read_bytes(reinterpret_cast<const char*>(from.data()), bytes));
        };
    return [from, to = array(), bytes] {
        copy_bytes(
            reinterpret_cast<const char*>(from.data()), reinterpret_cast<char*>(to.data()), bytes);
    };
}

}  // namespace bench
