// Row programs: reductions along the last axis and what is done with them. Floor: one read and one
// write of the matrix, so bytes over the bandwidth of memory; softmax also calls expf once for
// every element, which is dearer than memory.

#include <cmath>

#include "support/eigen.hpp"

namespace {

using namespace bench;

[[gnu::noinline]] void softmax_loop(const float* __restrict x,
                                    float* __restrict y,
                                    int64 rows,
                                    int64 n) {
    for (int64 r = 0; r < rows; ++r, x += n, y += n) {
        float most = x[0], sum = 0;
        for (int64 i = 1; i < n; ++i) most = x[i] > most ? x[i] : most;
        for (int64 i = 0; i < n; ++i) sum += y[i] = std::exp(x[i] - most);
        for (int64 i = 0; i < n; ++i) y[i] /= sum;
    }
}
// Sums of eight interleaved parts: what a compiler can vectorise without reordering additions.
struct eight {
    float part[8]{};
    float total() const {
        return ((part[0] + part[1]) + (part[2] + part[3])) +
               ((part[4] + part[5]) + (part[6] + part[7]));
    }
};
[[gnu::noinline]] void layer_norm_loop(const float* __restrict x,
                                       const float* __restrict scale,
                                       const float* __restrict shift,
                                       float* __restrict y,
                                       int64 rows,
                                       int64 n) {
    for (int64 r = 0; r < rows; ++r, x += n, y += n) {
        eight s;
        for (int64 i = 0; i + 8 <= n; i += 8)
            for (int k = 0; k < 8; ++k) s.part[k] += x[i + k];
        float sum = s.total();
        for (int64 i = n & ~int64{7}; i < n; ++i) sum += x[i];
        const float mean = sum / static_cast<float>(n);
        eight q;
        for (int64 i = 0; i + 8 <= n; i += 8)
            for (int k = 0; k < 8; ++k) q.part[k] += (x[i + k] - mean) * (x[i + k] - mean);
        float squares = q.total();
        for (int64 i = n & ~int64{7}; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
        const float deviation = std::sqrt(squares / static_cast<float>(n) + 1e-5F);
        for (int64 i = 0; i < n; ++i) y[i] = (x[i] - mean) / deviation * scale[i] + shift[i];
    }
}

template <class F>
auto on_rows(int64 rows, int64 n, F body) {
    return [rows, n, body] {
        return [body,
                x = sample(sn::shape{rows, n}),
                scale = sample(sn::shape{n}),
                shift = sample(sn::shape{n}),
                y = sn::zeros<float>(rows, n)]() mutable { body(x, scale, shift, y); };
    };
}

void add_all(int64 rows, int64 n) {
    const auto size = std::to_string(rows) + 'x' + std::to_string(n);
    const work once{2 * float_bytes * static_cast<double>(rows * n), 0};

    add("row_softmax",
        "sinter",
        size,
        once,
        on_rows(rows, n, [](const matrix& x, const vector&, const vector&, matrix& y) {
            y = softmax(x);
        }));
    add_host("row_softmax",
             "loop",
             size,
             once,
             on_rows(rows, n, [](const matrix& x, const vector&, const vector&, matrix& y) {
                 softmax_loop(x.data(), y.data(), x.extent(0), x.extent(1));
             }));
    add("row_layer_norm",
        "sinter",
        size,
        once,
        on_rows(rows, n, [](const matrix& x, const vector& scale, const vector& shift, matrix& y) {
            y = layer_norm(x, scale, shift);
        }));
    add_host(
        "row_layer_norm",
        "loop",
        size,
        once,
        on_rows(rows, n, [](const matrix& x, const vector& scale, const vector& shift, matrix& y) {
            layer_norm_loop(
                x.data(), scale.data(), shift.data(), y.data(), x.extent(0), x.extent(1));
        }));
#if SINTER_BENCH_EIGEN
    add_host("row_softmax",
             "eigen",
             size,
             once,
             on_rows(rows, n, [](const matrix& x, const vector&, const vector&, matrix& y) {
                 const auto in = eigen(x);
                 auto to = eigen(y);
                 for (int64 r = 0; r < x.extent(0); ++r) {
                     to.row(r).array() = (in.row(r).array() - in.row(r).maxCoeff()).exp();
                     to.row(r) /= to.row(r).sum();
                 }
             }));
#endif
}

const bool added = [] {
    add_all(1024, 1024);  // 4 MiB
    add_all(10000, 10);   // short rows: the logits of a classifier
    return true;
}();

}  // namespace
