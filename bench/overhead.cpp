// What one assignment costs before any element is computed: 64 elements, where the loop itself
// takes about 10 ns. Floor: a call and two checks; on CUDA the launch of an empty kernel (3-5 us).

#include "support/eigen.hpp"

namespace {

using namespace bench;

struct operands {
    vector a, b, c, y;
    matrix m;
    scalar all;
};
operands few() {
    constexpr int64 n = 64;
    return {sample(sn::shape{n}),
            sample(sn::shape{n}),
            sample(sn::shape{n}),
            sn::zeros<float>(n),
            sample(sn::shape{int64{8}, int64{8}}),
            sn::zeros<float>(sn::shape<0>{})};
}

#if !SINTER_NVCC
[[gnu::noinline]] void chain_loop(const float* __restrict a,
                                  const float* __restrict b,
                                  const float* __restrict c,
                                  float* __restrict y,
                                  int64 n) {
#pragma omp simd
    for (int64 i = 0; i < n; ++i) y[i] = a[i] * b[i] + c[i];
}
[[gnu::noinline]] void decay_loop(float* __restrict y, const float* __restrict a, int64 n) {
#pragma omp simd
    for (int64 i = 0; i < n; ++i) y[i] -= 0.25F * a[i];
}
#endif

const bool added = [] {
    row assign("small_assign", "64", {}, few);
    assign.sinter([](operands& o) { o.y = o.a * o.b + o.c; });
    // Lazy: only the list of operands is made.
    row build("small_build", "64", {}, few);
    build.sinter([](operands& o) {
        auto e = o.a * o.b + o.c;
        benchmark::DoNotOptimize(e);
    });
    row update("small_update", "64", {}, few);
    update.sinter([](operands& o) { o.y -= 0.25F * o.a; });
    row fresh("small_new_tensor", "64", {}, few);
    fresh.sinter([](operands& o) {
        const vector t = o.a + o.b;
        benchmark::DoNotOptimize(t.data());
    });
    row total("small_sum", "64", {}, few);
    total.sinter([](operands& o) { o.all = sum(o.a); });
    row rows("small_softmax", "8x8", {}, few);
    rows.sinter([](operands& o) { o.m = softmax(o.m); });
#if !SINTER_NVCC
    assign.peer("loop", [](operands& o) {
        chain_loop(o.a.data(), o.b.data(), o.c.data(), o.y.data(), o.y.size());
    });
    update.peer("loop", [](operands& o) { decay_loop(o.y.data(), o.a.data(), o.y.size()); });
#if SINTER_BENCH_EIGEN
    assign.peer("eigen", [](operands& o) { eigen(o.y) = eigen(o.a) * eigen(o.b) + eigen(o.c); });
    fresh.peer("eigen", [](operands& o) {
        Eigen::ArrayXf t = eigen(o.a) + eigen(o.b);
        benchmark::DoNotOptimize(t.data());
    });
    total.peer("eigen", [](operands& o) { *o.all.data() = eigen(o.a).sum(); });
#endif
#endif
    return true;
}();

}  // namespace
