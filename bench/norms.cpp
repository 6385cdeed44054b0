// Normalisations. Floor: one read and one write of the matrix.

#include <cmath>

#include "support/eigen.hpp"

namespace {

using namespace bench;

struct operands {
    matrix x;
    vector scale, shift;
    matrix y, t, column, row;
};
auto of_shape(int64 rows, int64 n) {
    return [rows, n] {
        return operands{sample(sn::shape{rows, n}),
                        sample(sn::shape{n}),
                        sample(sn::shape{n}),
                        sn::zeros<float>(rows, n),
                        sn::zeros<float>(rows, n),
                        sn::zeros<float>(rows, 1),
                        sn::zeros<float>(1, n)};
    };
}

#if !SINTER_NVCC
constexpr int64 few = 1 << 16;

[[gnu::noinline]] void layer_norm_loop(const float* __restrict from,
                                       const float* __restrict scale,
                                       const float* __restrict shift,
                                       float* __restrict to,
                                       int64 rows,
                                       int64 n) {
#pragma omp parallel for if (rows * n > few)
    for (int64 r = 0; r < rows; ++r) {
        const float* const x = from + r * n;
        float* const y = to + r * n;
        float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
        for (int64 i = 0; i < n; ++i) sum += x[i];
        const float mean = sum / static_cast<float>(n);
#pragma omp simd reduction(+ : squares)
        for (int64 i = 0; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
        const float deviation = std::sqrt(squares / static_cast<float>(n) + 1e-5F);
#pragma omp simd
        for (int64 i = 0; i < n; ++i) y[i] = (x[i] - mean) / deviation * scale[i] + shift[i];
    }
}
[[gnu::noinline]] void rms_loop(const float* __restrict from,
                                const float* __restrict scale,
                                float* __restrict to,
                                int64 rows,
                                int64 n) {
#pragma omp parallel for if (rows * n > few)
    for (int64 r = 0; r < rows; ++r) {
        const float* const x = from + r * n;
        float* const y = to + r * n;
        float squares = 0;
#pragma omp simd reduction(+ : squares)
        for (int64 i = 0; i < n; ++i) squares += x[i] * x[i];
        const float deviation = std::sqrt(squares / static_cast<float>(n) + 1e-5F);
#pragma omp simd
        for (int64 i = 0; i < n; ++i) y[i] = x[i] / deviation * scale[i];
    }
}
#endif

void add_layer_norm(int64 rows, int64 n) {
    row r("layer_norm", by(rows, n), {arrays_of(rows * n), arrays_of(rows * n)}, of_shape(rows, n));
    r.sinter([](operands& o) { o.y = layer_norm(o.x, o.scale, o.shift); });
    r.unfused([](operands& o) {
        o.column = mean(o.x, axis<-1>, keepdims);
        o.t = o.x - o.column;
        o.column = sqrt(mean(o.t * o.t, axis<-1>, keepdims) + 1e-5);
        o.y = o.t / o.column * o.scale + o.shift;
    });
#if !SINTER_NVCC
    r.peer("loop", [](operands& o) {
        layer_norm_loop(
            o.x.data(), o.scale.data(), o.shift.data(), o.y.data(), o.x.extent(0), o.x.extent(1));
    });
#if SINTER_BENCH_EIGEN
    r.peer("eigen", [](operands& o) {
        const auto x = eigen(o.x);
        auto y = eigen(o.y);
        const auto scale = eigen(o.scale).transpose(), shift = eigen(o.shift).transpose();
        for (int64 k = 0; k < o.x.extent(0); ++k) {
            y.row(k).array() = x.row(k).array() - x.row(k).mean();
            const float deviation =
                std::sqrt(y.row(k).squaredNorm() / static_cast<float>(o.x.extent(1)) + 1e-5F);
            y.row(k).array() = y.row(k).array() / deviation * scale + shift;
        }
    });
#endif
#endif
}

void add_rms(int64 rows, int64 n) {
    row r("rms_norm", by(rows, n), {arrays_of(rows * n), arrays_of(rows * n)}, of_shape(rows, n));
    r.sinter([](operands& o) {
        o.y = o.x / sqrt(mean(o.x * o.x, axis<-1>, keepdims) + 1e-5) * o.scale;
    });
    r.unfused([](operands& o) {
        o.column = sqrt(mean(o.x * o.x, axis<-1>, keepdims) + 1e-5);
        o.y = o.x / o.column * o.scale;
    });
#if !SINTER_NVCC
    r.peer("loop", [](operands& o) {
        rms_loop(o.x.data(), o.scale.data(), o.y.data(), o.x.extent(0), o.x.extent(1));
    });
#endif
}

// Every column less its mean: two launches, because a column is known when all rows were read.
void add_centred_columns(int64 rows, int64 n) {
    row r("centred_columns",
          by(rows, n),
          {arrays_of(rows * n, 2), arrays_of(rows * n)},
          of_shape(rows, n));
    r.sinter([](operands& o) { o.y = o.x - mean(o.x, axis<0>, keepdims); });
    r.unfused([](operands& o) {
        o.row = mean(o.x, axis<0>, keepdims);
        o.y = o.x - o.row;
    });
}

const bool added = [] {
    if (on_host()) {
        add_layer_norm(256, 64);
        add_layer_norm(4096, 1024);
        add_layer_norm(200'000, 10);
        add_rms(4096, 1024);
        add_rms(200'000, 10);
    } else {
        for (const int64 n : {256, 1024, 4096, 16384, 65536}) add_layer_norm(4096, n);
        for (const int64 n : {1024, 16384}) add_rms(4096, n);
    }
    add_centred_columns(4096, 1024);
    return true;
}();

}  // namespace
