// Softmax of the rows of a matrix. Floor: one read and one write of it, and one exp for every
// element. Its peer is a plain loop with std::exp; `loop_poly` is that loop with Sinter's exp,
// which a compiler can vectorise.

#include <cmath>

#include "support/eigen.hpp"

namespace {

using namespace bench;

struct operands {
    matrix x, y, t;
    matrix column;
};
auto of_shape(int64 rows, int64 n) {
    return [rows, n] {
        return operands{sample(sn::shape{rows, n}),
                        sn::zeros<float>(rows, n),
                        sn::zeros<float>(rows, n),
                        sn::zeros<float>(rows, 1)};
    };
}

#if !SINTER_NVCC
constexpr int64 few = 1 << 16;

[[gnu::noinline]] void softmax_loop(const float* __restrict from,
                                    float* __restrict to,
                                    int64 rows,
                                    int64 n) {
#pragma omp parallel for if (rows * n > few)
    for (int64 r = 0; r < rows; ++r) {
        const float* const x = from + r * n;
        float* const y = to + r * n;
        float most = x[0], sum = 0;
        for (int64 i = 1; i < n; ++i) most = x[i] > most ? x[i] : most;
        for (int64 i = 0; i < n; ++i) sum += y[i] = std::exp(x[i] - most);
        for (int64 i = 0; i < n; ++i) y[i] /= sum;
    }
}
[[gnu::noinline]] void softmax_poly_loop(const float* __restrict from,
                                         float* __restrict to,
                                         int64 rows,
                                         int64 n) {
#pragma omp parallel for if (rows * n > few)
    for (int64 r = 0; r < rows; ++r) {
        const float* const x = from + r * n;
        float* const y = to + r * n;
        float most = x[0], sum = 0;
#pragma omp simd reduction(max : most)
        for (int64 i = 1; i < n; ++i) most = x[i] > most ? x[i] : most;
#pragma omp simd reduction(+ : sum)
        for (int64 i = 0; i < n; ++i) {
            y[i] = sn::math::exp(x[i] - most);
            sum += y[i];
        }
#pragma omp simd
        for (int64 i = 0; i < n; ++i) y[i] /= sum;
    }
}
#endif

void add_softmax(int64 rows, int64 n) {
    row r("softmax", by(rows, n), {arrays_of(rows * n), arrays_of(rows * n)}, of_shape(rows, n));
    r.sinter([](operands& o) { o.y = softmax(o.x); });
    r.unfused([](operands& o) {
        o.column = max(o.x, axis<-1>, keepdims);
        o.t = exp(o.x - o.column);
        o.column = sum(o.t, axis<-1>, keepdims);
        o.y = o.t / o.column;
    });
#if !SINTER_NVCC
    r.peer("loop",
           [](operands& o) { softmax_loop(o.x.data(), o.y.data(), o.x.extent(0), o.x.extent(1)); });
    r.peer("loop_poly", [](operands& o) {
        softmax_poly_loop(o.x.data(), o.y.data(), o.x.extent(0), o.x.extent(1));
    });
#if SINTER_BENCH_EIGEN
    r.peer("eigen", [](operands& o) {
        const auto x = eigen(o.x);
        auto y = eigen(o.y);
        for (int64 k = 0; k < o.x.extent(0); ++k) {
            y.row(k).array() = (x.row(k).array() - x.row(k).maxCoeff()).exp();
            y.row(k) /= y.row(k).sum();
        }
    });
#endif
#endif
}

void add_log_softmax(int64 rows, int64 n) {
    row r(
        "log_softmax", by(rows, n), {arrays_of(rows * n), arrays_of(rows * n)}, of_shape(rows, n));
    r.sinter([](operands& o) { o.y = log_softmax(o.x); });
    r.unfused([](operands& o) {
        o.column = max(o.x, axis<-1>, keepdims);
        o.t = o.x - o.column;
        o.column = log(sum(exp(o.t), axis<-1>, keepdims));
        o.y = o.t - o.column;
    });
}

const bool added = [] {
    if (on_host()) {
        add_softmax(256, 64);
        add_softmax(4096, 1000);
        add_softmax(200'000, 10);
        add_log_softmax(4096, 1000);
    } else {
        for (const int64 n : {256, 1024, 4096, 16384, 65536}) add_softmax(4096, n);
        add_softmax(200'000, 10);
    }
    return true;
}();

}  // namespace
