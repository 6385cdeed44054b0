// Matrix products of float. Floor: 2 n^3 operations over the peak of one core (16 lanes x 2 units x
// frequency where the compiler may use AVX-512; 4 lanes at the default of x86-64). Bias and relu
// must cost next to nothing on top: they run while a block of the product is in the cache.

#include "support/eigen.hpp"

namespace {

using namespace bench;

// The middle loop of three runs over the summed index, so that the inner one is contiguous.
[[gnu::noinline]] void product_loop(const float* __restrict a,
                                    const float* __restrict b,
                                    float* __restrict c,
                                    int64 n) {
    for (int64 i = 0; i < n; ++i) {
        for (int64 j = 0; j < n; ++j) c[i * n + j] = 0;
        for (int64 k = 0; k < n; ++k)
            for (int64 j = 0; j < n; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
    }
}
[[gnu::noinline]] void bias_relu_loop(float* __restrict c, const float* __restrict bias, int64 n) {
    for (int64 i = 0; i < n; ++i)
        for (int64 j = 0; j < n; ++j) {
            const float x = c[i * n + j] + bias[j];
            c[i * n + j] = x > 0 ? x : 0;
        }
}

template <class F>
auto on_matrices(int64 n, F body) {
    return [n, body] {
        return [body,
                a = sample(sn::shape{n, n}),
                b = sample(sn::shape{n, n}),
                bias = sample(sn::shape{n}),
                c = sn::zeros<float>(n, n)]() mutable { body(a, b, bias, c); };
    };
}
using in = const matrix&;

void add_all(int64 n) {
    const auto size = std::to_string(n);
    const double d = static_cast<double>(n);
    const work product{0, 2 * d * d * d};

    add("matmul", "sinter", size, product, on_matrices(n, [](in a, in b, const vector&, matrix& c) {
            c = matmul(a, b);
        }));
    add_host(
        "matmul", "loop", size, product, on_matrices(n, [](in a, in b, const vector&, matrix& c) {
            product_loop(a.data(), b.data(), c.data(), c.extent(0));
        }));
    add("matmul_bias_relu",
        "sinter",
        size,
        product,
        on_matrices(
            n, [](in a, in b, const vector& bias, matrix& c) { c = relu(matmul(a, b) + bias); }));
    add_host("matmul_bias_relu",
             "loop",
             size,
             product,
             on_matrices(n, [](in a, in b, const vector& bias, matrix& c) {
                 product_loop(a.data(), b.data(), c.data(), c.extent(0));
                 bias_relu_loop(c.data(), bias.data(), c.extent(0));
             }));
    add("matmul_transposed",
        "sinter",
        size,
        product,
        on_matrices(n, [](in a, in b, const vector&, matrix& c) { c = matmul(transpose(a), b); }));
#if SINTER_BENCH_EIGEN
    add_host(
        "matmul", "eigen", size, product, on_matrices(n, [](in a, in b, const vector&, matrix& c) {
            eigen(c).noalias() = eigen(a) * eigen(b);
        }));
    add_host("matmul_bias_relu",
             "eigen",
             size,
             product,
             on_matrices(n, [](in a, in b, const vector& bias, matrix& c) {
                 auto to = eigen(c);
                 to.noalias() = eigen(a) * eigen(b);
                 to = (to.rowwise() + eigen(bias).matrix().transpose()).cwiseMax(0.0F);
             }));
    add_host("matmul_transposed",
             "eigen",
             size,
             product,
             on_matrices(n, [](in a, in b, const vector&, matrix& c) {
                 eigen(c).noalias() = eigen(a).transpose() * eigen(b);
             }));
#endif
}

const bool added = [] {
    add_all(512);
    add_all(1024);
    return true;
}();

}  // namespace
