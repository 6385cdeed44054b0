// Elementwise chains. Floor: every array is read or written once, so bytes over the bandwidth of
// memory (`copy` in the same run; the result of a first write is also read by the cache). `exp`
// adds the library's expf for every element: that, not memory, is its floor.

#include <cmath>
#include <cstring>

#include "support/eigen.hpp"

namespace {

using namespace bench;

[[gnu::noinline]] void chain_loop(const float* __restrict a,
                                  const float* __restrict b,
                                  const float* __restrict c,
                                  float* __restrict y,
                                  int64 n) {
    for (int64 i = 0; i < n; ++i) y[i] = a[i] * b[i] + c[i];
}
[[gnu::noinline]] void long_chain_loop(const float* __restrict a,
                                       const float* __restrict b,
                                       const float* __restrict c,
                                       float* __restrict y,
                                       int64 n) {
    for (int64 i = 0; i < n; ++i) {
        const float t = a[i] * b[i] + c[i], u = t * t - a[i] * 0.5F, v = u * b[i] + t;
        const float m = v > 0 ? v : 0;
        y[i] = (m - c[i]) * (u + 2) + m * t;
    }
}
[[gnu::noinline]] void exp_loop(const float* __restrict a, float* __restrict y, int64 n) {
    for (int64 i = 0; i < n; ++i) y[i] = std::exp(a[i]);
}

/// What a user writes for long_chain_loop.
auto long_chain(const vector& a, const vector& b, const vector& c) {
    const auto t = a * b + c;
    const auto u = t * t - a * 0.5F;
    const auto m = relu(u * b + t);
    return (m - c) * (u + 2) + m * t;
}

// `make` gets three operands and a result.
template <class F>
auto on_arrays(int64 n, F body) {
    return [n, body] {
        return [body,
                a = sample(sn::shape{n}),
                b = sample(sn::shape{n}),
                c = sample(sn::shape{n}),
                y = sn::zeros<float>(n)]() mutable { body(a, b, c, y); };
    };
}
using in = const vector&;

void add_all(int64 n) {
    const auto size = std::to_string(n);
    const double array = float_bytes * static_cast<double>(n), count = static_cast<double>(n);

    add_host("map_copy", "memcpy", size, {2 * array, 0}, on_arrays(n, [](in a, in, in, vector& y) {
                 std::memcpy(
                     y.data(), a.data(), static_cast<std::size_t>(a.size()) * sizeof(float));
             }));

    const work chain{4 * array, 2 * count};
    add("map_chain", "sinter", size, chain, on_arrays(n, [](in a, in b, in c, vector& y) {
            y = a * b + c;
        }));
    add_host("map_chain", "loop", size, chain, on_arrays(n, [](in a, in b, in c, vector& y) {
                 chain_loop(a.data(), b.data(), c.data(), y.data(), y.size());
             }));

    const work longer{4 * array, 12 * count};
    add("map_long", "sinter", size, longer, on_arrays(n, [](in a, in b, in c, vector& y) {
            y = long_chain(a, b, c);
        }));
    add_host("map_long", "loop", size, longer, on_arrays(n, [](in a, in b, in c, vector& y) {
                 long_chain_loop(a.data(), b.data(), c.data(), y.data(), y.size());
             }));

    const work exponential{2 * array, 0};
    add("map_exp", "sinter", size, exponential, on_arrays(n, [](in a, in, in, vector& y) {
            y = exp(a);
        }));
    add_host("map_exp", "loop", size, exponential, on_arrays(n, [](in a, in, in, vector& y) {
                 exp_loop(a.data(), y.data(), y.size());
             }));
#if SINTER_BENCH_EIGEN
    add_host("map_chain", "eigen", size, chain, on_arrays(n, [](in a, in b, in c, vector& y) {
                 eigen(y) = eigen(a) * eigen(b) + eigen(c);
             }));
    add_host("map_exp", "eigen", size, exponential, on_arrays(n, [](in a, in, in, vector& y) {
                 eigen(y) = eigen(a).exp();
             }));
#endif
}

const bool added = [] {
    add_all(1 << 14);  // 64 KiB an array: in the cache
    add_all(1 << 22);  // 16 MiB an array
    return true;
}();

}  // namespace
