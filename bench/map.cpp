// Elementwise chains. Floor: every array is read or written once, so bytes over the bandwidth of
// memory. exp and sin add some twenty operations for every element; with two threads and wide
// vectors memory stays the floor, at plain -O2 the arithmetic is.

#include "support/eigen.hpp"

namespace {

using namespace bench;

struct arrays {
    vector a, b, c, d, e, y, t, u;
};
auto of_length(int64 n) {
    return [n] {
        const sn::shape s{n};
        return arrays{sample(s),
                      sample(s),
                      sample(s),
                      sample(s),
                      sample(s),
                      sn::zeros<float>(s),
                      sn::zeros<float>(s),
                      sn::zeros<float>(s)};
    };
}

/// What a user writes for a polynomial with repeated parts; memory is its floor all the same.
auto long_chain(const vector& a, const vector& b, const vector& c) {
    const auto t = a * b + c;
    const auto u = t * t - a * 0.5F;
    const auto m = relu(u * b + t);
    return (m - c) * (u + 2) + m * t;
}

#if !SINTER_NVCC
constexpr int64 few = 1 << 16;  // below this a parallel region costs more than it gains

// With sin_near, the fastest that is right here: it takes all angles up to 2^17.
[[gnu::noinline]] void sin_loop(const float* __restrict a,
                                const float* __restrict b,
                                const float* __restrict c,
                                float* __restrict y,
                                int64 n) {
#pragma omp parallel for simd if (parallel : n > few)
    for (int64 i = 0; i < n; ++i) y[i] = a[i] * b[i] + sn::math::sin_near(c[i]);
}
[[gnu::noinline]] void exp_loop(const float* __restrict a, float* __restrict y, int64 n) {
#pragma omp parallel for simd if (parallel : n > few)
    for (int64 i = 0; i < n; ++i) y[i] = sn::math::exp(a[i]);
}
[[gnu::noinline]] void five_loop(const float* __restrict a,
                                 const float* __restrict b,
                                 const float* __restrict c,
                                 const float* __restrict d,
                                 const float* __restrict e,
                                 float* __restrict y,
                                 int64 n) {
#pragma omp parallel for simd if (parallel : n > few)
    for (int64 i = 0; i < n; ++i) y[i] = (a[i] * b[i] + c[i]) * d[i] - e[i];
}
[[gnu::noinline]] void long_loop(const float* __restrict a,
                                 const float* __restrict b,
                                 const float* __restrict c,
                                 float* __restrict y,
                                 int64 n) {
#pragma omp parallel for simd if (parallel : n > few)
    for (int64 i = 0; i < n; ++i) {
        const float t = a[i] * b[i] + c[i], u = t * t - a[i] * 0.5F, v = u * b[i] + t;
        const float m = v > 0 ? v : 0;
        y[i] = (m - c[i]) * (u + 2) + m * t;
    }
}
#endif

void add_sin(int64 n, const std::string& size) {
    row r("map_sin", size, {arrays_of(n, 3), arrays_of(n)}, of_length(n));
    r.sinter([](arrays& x) { x.y = x.a * x.b + sin(x.c); });
    r.unfused([](arrays& x) {
        x.t = sin(x.c);
        x.y = x.a * x.b + x.t;
    });
#if !SINTER_NVCC
    r.peer("loop",
           [](arrays& x) { sin_loop(x.a.data(), x.b.data(), x.c.data(), x.y.data(), x.y.size()); });
#if SINTER_BENCH_EIGEN
    r.peer("eigen", [](arrays& x) { eigen(x.y) = eigen(x.a) * eigen(x.b) + eigen(x.c).sin(); });
#endif
#endif
}

void add_exp(int64 n, const std::string& size) {
    row r("map_exp", size, {arrays_of(n), arrays_of(n)}, of_length(n));
    r.sinter([](arrays& x) { x.y = exp(x.a); });
#if !SINTER_NVCC
    r.peer("loop", [](arrays& x) { exp_loop(x.a.data(), x.y.data(), x.y.size()); });
#if SINTER_BENCH_EIGEN
    r.peer("eigen", [](arrays& x) { eigen(x.y) = eigen(x.a).exp(); });
#endif
#endif
}

void add_five(int64 n, const std::string& size) {
    row r("map_five_arrays", size, {arrays_of(n, 5), arrays_of(n)}, of_length(n));
    r.sinter([](arrays& x) { x.y = (x.a * x.b + x.c) * x.d - x.e; });
    r.unfused([](arrays& x) {
        x.t = x.a * x.b + x.c;
        x.y = x.t * x.d - x.e;
    });
#if !SINTER_NVCC
    r.peer("loop", [](arrays& x) {
        five_loop(
            x.a.data(), x.b.data(), x.c.data(), x.d.data(), x.e.data(), x.y.data(), x.y.size());
    });
#if SINTER_BENCH_EIGEN
    r.peer("eigen", [](arrays& x) {
        eigen(x.y) = (eigen(x.a) * eigen(x.b) + eigen(x.c)) * eigen(x.d) - eigen(x.e);
    });
#endif
#endif
}

void add_long(int64 n, const std::string& size) {
    row r("map_repeated", size, {arrays_of(n, 3), arrays_of(n)}, of_length(n));
    r.sinter([](arrays& x) { x.y = long_chain(x.a, x.b, x.c); });
    r.unfused([](arrays& x) {
        x.t = x.a * x.b + x.c;
        x.u = x.t * x.t - x.a * 0.5F;
        x.d = relu(x.u * x.b + x.t);
        x.y = (x.d - x.c) * (x.u + 2) + x.d * x.t;
    });
#if !SINTER_NVCC
    r.peer("loop", [](arrays& x) {
        long_loop(x.a.data(), x.b.data(), x.c.data(), x.y.data(), x.y.size());
    });
#if SINTER_BENCH_EIGEN
    r.peer("eigen", [](arrays& x) {
        const auto a = eigen(x.a), b = eigen(x.b), c = eigen(x.c);
        const auto t = a * b + c;
        const auto u = t * t - a * 0.5F;
        const auto m = (u * b + t).max(0.0F);
        eigen(x.y) = (m - c) * (u + 2.0F) + m * t;
    });
#endif
#endif
}

struct halves {
    sn::tensor<sn::bfloat16, 1> a, b, y;
};
// Types of 1, 2, 4 and 8 bytes in one expression.
struct mixed {
    sn::tensor<sn::bfloat16, 1> half;
    sn::tensor<int64, 1> whole;
    vector single, y;
    sn::tensor<bool, 1> mask;
};
#if !SINTER_NVCC
[[gnu::noinline]] void mixed_loop(const sn::bfloat16* __restrict half,
                                  const int64* __restrict whole,
                                  const float* __restrict single,
                                  const bool* __restrict mask,
                                  float* __restrict y,
                                  int64 n) {
#pragma omp parallel for simd if (parallel : n > few)
    for (int64 i = 0; i < n; ++i)
        y[i] = mask[i] ? static_cast<float>(half[i]) * single[i]
                       : static_cast<float>(whole[i]) + single[i];
}
#endif
void add_mixed(int64 n, const std::string& size) {
    const double bytes = static_cast<double>(n);
    row r("map_mixed_types", size, {15 * bytes, 4 * bytes}, [n] {
        const sn::shape s{n};
        return mixed{sample<sn::bfloat16>(s),
                     sn::arange(n),
                     sample(s),
                     sn::zeros<float>(s),
                     eval(sample(s) > 1)};
    });
    r.sinter([](mixed& x) {
        x.y = where(x.mask, x.half * x.single, astype<float>(x.whole) + x.single);
    });
#if !SINTER_NVCC
    r.peer("loop", [](mixed& x) {
        mixed_loop(
            x.half.data(), x.whole.data(), x.single.data(), x.mask.data(), x.y.data(), x.y.size());
    });
#endif
    row r16("map_bfloat16", size, {4 * bytes, 2 * bytes}, [n] {
        const sn::shape s{n};
        return halves{sample<sn::bfloat16>(s), sample<sn::bfloat16>(s), sn::zeros<sn::bfloat16>(s)};
    });
    r16.sinter([](halves& x) { x.y = relu(x.a * x.b + x.a); });
}

const bool added = [] {
    for (const int64 n : {int64{1} << 14, on_host() ? int64{10'000'000} : int64{1} << 26}) {
        const std::string size = std::to_string(n);
        add_sin(n, size);
        add_five(n, size);
        add_exp(n, size);
        add_long(n, size);
        add_mixed(n, size);
    }
    return true;
}();

}  // namespace
