// Rows, columns and numbers that stretch over a matrix. Floor: the matrix is read and written once;
// what is broadcast stays in the cache.

#include "support/eigen.hpp"

namespace {

using namespace bench;

struct operands {
    matrix x;
    vector row;
    matrix column;
    scalar one;
    matrix y;
    vector row_part;
    matrix column_part;
};
auto of_shape(int64 rows, int64 n) {
    return [rows, n] {
        return operands{sample(sn::shape{rows, n}),
                        sample(sn::shape{n}),
                        sample(sn::shape{rows, int64{1}}),
                        sample(sn::shape<0>{}),
                        sn::zeros<float>(rows, n),
                        sn::zeros<float>(n),
                        sn::zeros<float>(rows, 1)};
    };
}

#if !SINTER_NVCC
constexpr int64 few = 1 << 16;

[[gnu::noinline]] void add_row_loop(const float* __restrict x,
                                    const float* __restrict row,
                                    float* __restrict y,
                                    int64 rows,
                                    int64 n) {
#pragma omp parallel for if (rows * n > few)
    for (int64 r = 0; r < rows; ++r) {
#pragma omp simd
        for (int64 i = 0; i < n; ++i) y[r * n + i] = x[r * n + i] + row[i];
    }
}
[[gnu::noinline]] void add_column_loop(const float* __restrict x,
                                       const float* __restrict column,
                                       float* __restrict y,
                                       int64 rows,
                                       int64 n) {
#pragma omp parallel for if (rows * n > few)
    for (int64 r = 0; r < rows; ++r) {
        const float c = column[r];
#pragma omp simd
        for (int64 i = 0; i < n; ++i) y[r * n + i] = x[r * n + i] + c;
    }
}
[[gnu::noinline]] void scale_both_loop(const float* __restrict x,
                                       const float* __restrict row,
                                       const float* __restrict column,
                                       float one,
                                       float* __restrict y,
                                       int64 rows,
                                       int64 n) {
#pragma omp parallel for if (rows * n > few)
    for (int64 r = 0; r < rows; ++r) {
        const float c = column[r];
#pragma omp simd
        for (int64 i = 0; i < n; ++i) y[r * n + i] = x[r * n + i] * row[i] * c + one;
    }
}
#endif

void add_all(int64 rows, int64 n) {
    const std::string size = by(rows, n);
    const work once{arrays_of(rows * n), arrays_of(rows * n)};

    row with_row("broadcast_row", size, once, of_shape(rows, n));
    with_row.sinter([](operands& o) { o.y = o.x + o.row; });
    row with_column("broadcast_column", size, once, of_shape(rows, n));
    with_column.sinter([](operands& o) { o.y = o.x + o.column; });
    row with_both("broadcast_both", size, once, of_shape(rows, n));
    with_both.sinter([](operands& o) { o.y = o.x * o.row * o.column + o.one; });
    with_both.unfused([](operands& o) {
        o.y = o.x * o.row;
        o.y = o.y * o.column + o.one;
    });
    // Costly functions of what is broadcast: computed once for each of its elements, they cost
    // nothing; computed in the middle of the matrix, they are all of the time.
    row computed("broadcast_computed", size, once, of_shape(rows, n));
    computed.sinter([](operands& o) { o.y = o.x * exp(o.row) + sin(o.column); });
    computed.unfused([](operands& o) {
        o.row_part = exp(o.row);
        o.column_part = sin(o.column);
        o.y = o.x * o.row_part + o.column_part;
    });
    row outer("broadcast_outer", size, {0, arrays_of(rows * n)}, of_shape(rows, n));
    outer.sinter([](operands& o) { o.y = o.row * o.column; });
#if !SINTER_NVCC
    with_row.peer("loop", [](operands& o) {
        add_row_loop(o.x.data(), o.row.data(), o.y.data(), o.x.extent(0), o.x.extent(1));
    });
    with_column.peer("loop", [](operands& o) {
        add_column_loop(o.x.data(), o.column.data(), o.y.data(), o.x.extent(0), o.x.extent(1));
    });
    with_both.peer("loop", [](operands& o) {
        scale_both_loop(o.x.data(),
                        o.row.data(),
                        o.column.data(),
                        *o.one.data(),
                        o.y.data(),
                        o.x.extent(0),
                        o.x.extent(1));
    });
#if SINTER_BENCH_EIGEN
    with_row.peer("eigen", [](operands& o) {
        eigen(o.y) = eigen(o.x).rowwise() + eigen(o.row).matrix().transpose();
    });
    with_column.peer(
        "eigen", [](operands& o) { eigen(o.y) = eigen(o.x).colwise() + eigen(o.column).col(0); });
    outer.peer("eigen", [](operands& o) {
        eigen(o.y).noalias() = eigen(o.column).col(0) * eigen(o.row).matrix().transpose();
    });
#endif
#endif
}

const bool added = [] {
    add_all(256, 64);
    add_all(2048, 2048);
    add_all(200'000, 10);
    return true;
}();

}  // namespace
