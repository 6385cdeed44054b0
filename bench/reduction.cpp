// Reductions of a matrix: all of it, its rows, its columns. Floor: one read of the matrix, so bytes
// over the bandwidth of memory.

#include "support/eigen.hpp"

namespace {

using namespace bench;

// Interleaved parts: what a compiler can vectorise without reordering additions.
[[gnu::noinline]] float sum_loop(const float* __restrict x, int64 n) {
    constexpr int parts = 16;
    float part[parts]{};
    const int64 whole = n / parts * parts;
    for (int64 i = 0; i < whole; i += parts)
        for (int k = 0; k < parts; ++k) part[k] += x[i + k];
    float sum = 0;
    for (const float p : part) sum += p;
    for (int64 i = whole; i < n; ++i) sum += x[i];
    return sum;
}
[[gnu::noinline]] float squares_loop(const float* __restrict x, int64 n) {
    constexpr int parts = 16;
    float part[parts]{};
    const int64 whole = n / parts * parts;
    for (int64 i = 0; i < whole; i += parts)
        for (int k = 0; k < parts; ++k) part[k] += (x[i + k] - 1) * (x[i + k] - 1);
    float sum = 0;
    for (const float p : part) sum += p;
    for (int64 i = whole; i < n; ++i) sum += (x[i] - 1) * (x[i] - 1);
    return sum;
}
[[gnu::noinline]] void row_loop(const float* __restrict x,
                                float* __restrict y,
                                int64 rows,
                                int64 n) {
    for (int64 r = 0; r < rows; ++r) y[r] = sum_loop(x + r * n, n);
}
[[gnu::noinline]] void column_loop(const float* __restrict x,
                                   float* __restrict y,
                                   int64 rows,
                                   int64 n) {
    for (int64 i = 0; i < n; ++i) y[i] = 0;
    for (int64 r = 0; r < rows; ++r)
        for (int64 i = 0; i < n; ++i) y[i] += x[r * n + i];
}

struct results {
    sn::tensor<float, 0> all = sn::zeros<float>(sn::shape<0>{});
    vector rows, columns;
};
template <class F>
auto on_matrix(int64 rows, int64 n, F body) {
    return [rows, n, body] {
        return [body,
                x = sample(sn::shape{rows, n}),
                y = results{.rows = sn::zeros<float>(rows),
                            .columns = sn::zeros<float>(n)}]() mutable { body(x, y); };
    };
}
using in = const matrix&;

void add_all(int64 rows, int64 n) {
    const auto size = std::to_string(rows) + 'x' + std::to_string(n);
    const work once{float_bytes * static_cast<double>(rows * n), static_cast<double>(rows * n)};

    add("sum_all", "sinter", size, once, on_matrix(rows, n, [](in x, results& y) {
            y.all = sum(x);
        }));
    add_host("sum_all", "loop", size, once, on_matrix(rows, n, [](in x, results& y) {
                 *y.all.data() = sum_loop(x.data(), x.size());
             }));
    add("sum_rows", "sinter", size, once, on_matrix(rows, n, [](in x, results& y) {
            y.rows = sum(x, axis<1>);
        }));
    add_host("sum_rows", "loop", size, once, on_matrix(rows, n, [](in x, results& y) {
                 row_loop(x.data(), y.rows.data(), x.extent(0), x.extent(1));
             }));
    add("sum_columns", "sinter", size, once, on_matrix(rows, n, [](in x, results& y) {
            y.columns = sum(x, axis<0>);
        }));
    add_host("sum_columns", "loop", size, once, on_matrix(rows, n, [](in x, results& y) {
                 column_loop(x.data(), y.columns.data(), x.extent(0), x.extent(1));
             }));
    // The mean of a computed value: it must not be stored.
    const work fused{once.bytes, 3 * once.flops};
    add("mean_fused", "sinter", size, fused, on_matrix(rows, n, [](in x, results& y) {
            y.all = mean((x - 1) * (x - 1));
        }));
    add_host("mean_fused", "loop", size, fused, on_matrix(rows, n, [](in x, results& y) {
                 *y.all.data() = squares_loop(x.data(), x.size()) / static_cast<float>(x.size());
             }));
#if SINTER_BENCH_EIGEN
    add_host("sum_all", "eigen", size, once, on_matrix(rows, n, [](in x, results& y) {
                 *y.all.data() = eigen(x).sum();
             }));
    add_host("sum_rows", "eigen", size, once, on_matrix(rows, n, [](in x, results& y) {
                 eigen(y.rows) = eigen(x).rowwise().sum().array();
             }));
    add_host("sum_columns", "eigen", size, once, on_matrix(rows, n, [](in x, results& y) {
                 eigen(y.columns) = eigen(x).colwise().sum().transpose().array();
             }));
    add_host("mean_fused", "eigen", size, fused, on_matrix(rows, n, [](in x, results& y) {
                 *y.all.data() = (eigen(x).array() - 1).square().mean();
             }));
#endif
}

const bool added = [] {
    add_all(256, 256);    // in the cache
    add_all(2048, 2048);  // 16 MiB
    return true;
}();

}  // namespace
