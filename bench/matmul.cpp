// Matrix products of float. Floor: 2 n^3 operations over the peak of multiply-adds in registers.
// Bias and relu must cost next to nothing on top: they run while a block of the product is in the
// cache.

#include "support/eigen.hpp"

#if SINTER_BENCH_BLAS
extern "C" void cblas_sgemm(
    int, int, int, int, int, int, float, const float*, int, const float*, int, float, float*, int);
#endif

namespace {

using namespace bench;

struct operands {
    matrix a, b;
    vector bias;
    matrix c, t;
};
auto of_extent(int64 n) {
    return [n] {
        const sn::shape s{n, n};
        return operands{
            sample(s), sample(s), sample(sn::shape{n}), sn::zeros<float>(s), sn::zeros<float>(s)};
    };
}

#if !SINTER_NVCC
// The middle loop of three runs over the summed index, so that the inner one is contiguous.
[[gnu::noinline]] void product_loop(const float* __restrict a,
                                    const float* __restrict b,
                                    float* __restrict c,
                                    int64 n) {
#pragma omp parallel for if (n > 64)
    for (int64 i = 0; i < n; ++i) {
        for (int64 j = 0; j < n; ++j) c[i * n + j] = 0;
        for (int64 k = 0; k < n; ++k) {
#pragma omp simd
            for (int64 j = 0; j < n; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
        }
    }
}
#endif

#if SINTER_BENCH_BLAS
// c = a * b, where a may be stored by columns.
void blas(const matrix& c, const matrix& a, const matrix& b, bool transposed = false) {
    const int n = static_cast<int>(c.extent(0));
    cblas_sgemm(
        101, transposed ? 112 : 111, 111, n, n, n, 1, a.data(), n, b.data(), n, 0, c.data(), n);
}
#endif

void add_all(int64 n) {
    const auto size = std::to_string(n);
    const double d = static_cast<double>(n);
    const work floor{0, 0, 2 * d * d * d};

    row product("matmul", size, floor, of_extent(n));
    product.sinter([](operands& o) { o.c = matmul(o.a, o.b); });
    row dense("matmul_bias_relu", size, floor, of_extent(n));
    dense.sinter([](operands& o) { o.c = relu(matmul(o.a, o.b) + o.bias); });
    dense.unfused([](operands& o) {
        o.t = matmul(o.a, o.b);
        o.c = relu(o.t + o.bias);
    });
    row transposed("matmul_transposed", size, floor, of_extent(n));
    transposed.sinter([](operands& o) { o.c = matmul(transpose(o.a), o.b); });
    transposed.unfused([](operands& o) {
        o.t = transpose(o.a);
        o.c = matmul(o.t, o.b);
    });
#if !SINTER_NVCC
    product.peer("loop", [](operands& o) {
        product_loop(o.a.data(), o.b.data(), o.c.data(), o.c.extent(0));
    });
#if SINTER_BENCH_BLAS
    product.peer("openblas", [](operands& o) { blas(o.c, o.a, o.b); });
    dense.peer("openblas", [](operands& o) {
        blas(o.t, o.a, o.b);
        o.c = relu(o.t + o.bias);
    });
    transposed.peer("openblas", [](operands& o) { blas(o.c, o.a, o.b, true); });
#endif
#if SINTER_BENCH_EIGEN
    product.peer("eigen", [](operands& o) { eigen(o.c).noalias() = eigen(o.a) * eigen(o.b); });
    dense.peer("eigen", [](operands& o) {
        auto to = eigen(o.c);
        to.noalias() = eigen(o.a) * eigen(o.b);
        to = (to.rowwise() + eigen(o.bias).matrix().transpose()).cwiseMax(0.0F);
    });
    transposed.peer(
        "eigen", [](operands& o) { eigen(o.c).noalias() = eigen(o.a).transpose() * eigen(o.b); });
#endif
#endif
}

// What tensor cores multiply. The host has none, so there it would only be the same again.
#if SINTER_NVCC
template <class T, class Sum>
struct typed {
    sn::tensor<T, 2> a, b;
    sn::tensor<Sum, 2> c;
};
template <class T, class Sum>
auto typed_of(int64 n) {
    return [n] {
        const sn::shape s{n, n};
        return typed<T, Sum>{sample<T>(s), sample<T>(s), sn::zeros<Sum>(s)};
    };
}
void add_cores(int64 n) {
    const auto size = std::to_string(n);
    const double d = static_cast<double>(n);
    const work floor{0, 0, 2 * d * d * d};
    row tf32("matmul_tf32", size, floor, typed_of<float, float>(n));
    tf32.sinter([](auto& o) { o.c = sn::allow_tf32(matmul(o.a, o.b)); });
    row halves("matmul_bfloat16", size, floor, typed_of<sn::bfloat16, sn::bfloat16>(n));
    halves.sinter([](auto& o) { o.c = matmul(o.a, o.b); });
    row bytes("matmul_int8", size, floor, typed_of<std::int8_t, int>(n));
    bytes.sinter(
        [](auto& o) { o.c = matmul(sn::astype<int>(o.a), transpose(sn::astype<int>(o.b))); });
}
#endif

const bool added = [] {
    add_all(512);
    add_all(on_host() ? 1024 : 4096);
#if SINTER_NVCC
    if (!on_host())
        for (const int64 n : {512, 1024, 2048, 4096, 8192}) add_cores(n);
#endif
    return true;
}();

}  // namespace
