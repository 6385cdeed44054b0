// Reductions of a matrix: all of it, its rows, its columns. Floor: one read of the matrix, so bytes
// over the bandwidth of a loop that only reads.

#include "support/eigen.hpp"

namespace {

using namespace bench;

struct operands {
    matrix x;
    scalar all;
    vector rows, columns;
    matrix t;
};
auto of_shape(int64 rows, int64 n, bool with_temporary) {
    return [rows, n, with_temporary] {
        return operands{sample(sn::shape{rows, n}),
                        sn::zeros<float>(sn::shape<0>{}),
                        sn::zeros<float>(rows),
                        sn::zeros<float>(n),
                        with_temporary ? sn::zeros<float>(rows, n) : sn::zeros<float>(1, 1)};
    };
}

#if !SINTER_NVCC
constexpr int64 few = 1 << 16;

[[gnu::noinline]] float sum_loop(const float* __restrict x, int64 n) {
    float sum = 0;
#pragma omp parallel for simd reduction(+ : sum) if (parallel : n > few)
    for (int64 i = 0; i < n; ++i) sum += x[i];
    return sum;
}
[[gnu::noinline]] float squares_loop(const float* __restrict x, int64 n) {
    float sum = 0;
#pragma omp parallel for simd reduction(+ : sum) if (parallel : n > few)
    for (int64 i = 0; i < n; ++i) sum += (x[i] - 1) * (x[i] - 1);
    return sum;
}
[[gnu::noinline]] void row_loop(const float* __restrict x,
                                float* __restrict y,
                                int64 rows,
                                int64 n) {
#pragma omp parallel for if (rows * n > few)
    for (int64 r = 0; r < rows; ++r) {
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64 i = 0; i < n; ++i) sum += x[r * n + i];
        y[r] = sum;
    }
}
[[gnu::noinline]] void column_loop(const float* __restrict x,
                                   float* __restrict y,
                                   int64 rows,
                                   int64 n) {
    for (int64 i = 0; i < n; ++i) y[i] = 0;
#pragma omp parallel for reduction(+ : y[:n]) if (rows * n > few)
    for (int64 r = 0; r < rows; ++r) {
#pragma omp simd
        for (int64 i = 0; i < n; ++i) y[i] += x[r * n + i];
    }
}
#endif

void add_sum(int64 rows, int64 n, const std::string& size) {
    row all("sum_all", size, {arrays_of(rows * n), 0}, of_shape(rows, n, false));
    all.sinter([](operands& o) { o.all = sum(o.x); });
#if !SINTER_NVCC
    all.peer("loop", [](operands& o) { *o.all.data() = sum_loop(o.x.data(), o.x.size()); });
#if SINTER_BENCH_EIGEN
    all.peer("eigen", [](operands& o) { *o.all.data() = eigen(o.x).sum(); });
#endif
#endif
}

void add_axes(int64 rows, int64 n) {
    const std::string size = by(rows, n);
    const work once{arrays_of(rows * n), 0};
    row by_rows("sum_rows", size, once, of_shape(rows, n, false));
    by_rows.sinter([](operands& o) { o.rows = sum(o.x, axis<1>); });
    row by_columns("sum_columns", size, once, of_shape(rows, n, false));
    by_columns.sinter([](operands& o) { o.columns = sum(o.x, axis<0>); });
#if !SINTER_NVCC
    by_rows.peer("loop", [](operands& o) {
        row_loop(o.x.data(), o.rows.data(), o.x.extent(0), o.x.extent(1));
    });
    by_columns.peer("loop", [](operands& o) {
        column_loop(o.x.data(), o.columns.data(), o.x.extent(0), o.x.extent(1));
    });
#if SINTER_BENCH_EIGEN
    by_rows.peer("eigen", [](operands& o) { eigen(o.rows) = eigen(o.x).rowwise().sum().array(); });
    by_columns.peer("eigen", [](operands& o) {
        eigen(o.columns) = eigen(o.x).colwise().sum().transpose().array();
    });
#endif
#endif
}

// The mean of a computed value, which must not be stored.
void add_fused(int64 rows, int64 n) {
    row r("mean_square", by(rows, n), {arrays_of(rows * n), 0}, of_shape(rows, n, true));
    r.sinter([](operands& o) { o.all = mean((o.x - 1) * (o.x - 1)); });
    r.unfused([](operands& o) {
        o.t = (o.x - 1) * (o.x - 1);
        o.all = mean(o.t);
    });
#if !SINTER_NVCC
    r.peer("loop", [](operands& o) {
        *o.all.data() = squares_loop(o.x.data(), o.x.size()) / static_cast<float>(o.x.size());
    });
#if SINTER_BENCH_EIGEN
    r.peer("eigen", [](operands& o) { *o.all.data() = (eigen(o.x).array() - 1).square().mean(); });
#endif
#endif
}

const bool added = [] {
    add_sum(256, 256, "65536");  // in the cache
    add_sum(10'000, 10'000, "100000000");
    add_axes(256, 256);
    add_axes(2048, 2048);
    add_axes(200'000, 10);
    add_axes(10, 200'000);
    add_fused(256, 256);
    add_fused(2048, 2048);
    return true;
}();

}  // namespace
