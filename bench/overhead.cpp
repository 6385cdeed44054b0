// What one assignment costs before any element is computed: 64 elements, where the loop itself
// takes about 10 ns. Floor: a call and two checks; on CUDA the launch of an empty kernel (3-5 us).

#include "support/eigen.hpp"

namespace {

using namespace bench;

[[gnu::noinline]] void chain_loop(const float* __restrict a,
                                  const float* __restrict b,
                                  const float* __restrict c,
                                  float* __restrict y,
                                  int64 n) {
    for (int64 i = 0; i < n; ++i) y[i] = a[i] * b[i] + c[i];
}
[[gnu::noinline]] void decay_loop(float* __restrict y, const float* __restrict a, int64 n) {
    for (int64 i = 0; i < n; ++i) y[i] -= 0.25F * a[i];
}

template <class F>
auto on_few(F body) {
    return [body] {
        constexpr int64 n = 64;
        return [body,
                a = sample(sn::shape{n}),
                b = sample(sn::shape{n}),
                c = sample(sn::shape{n}),
                y = sn::zeros<float>(n),
                all = sn::zeros<float>(sn::shape<0>{})]() mutable { body(a, b, c, y, all); };
    };
}
using in = const vector&;
using scalar = sn::tensor<float, 0>;

const bool added = [] {
    add("small_assign", "sinter", "64", {}, on_few([](in a, in b, in c, vector& y, scalar&) {
            y = a * b + c;
        }));
    add("small_build", "sinter", "64", {}, on_few([](in a, in b, in c, vector&, scalar&) {
            auto e = a * b + c;  // lazy: only the list of operands is made
            benchmark::DoNotOptimize(e);
        }));
    add("small_update", "sinter", "64", {}, on_few([](in a, in, in, vector& y, scalar&) {
            y -= 0.25F * a;
        }));
    add("small_sum", "sinter", "64", {}, on_few([](in a, in, in, vector&, scalar& all) {
            all = sum(a);
        }));
    add_host("small_assign", "loop", "64", {}, on_few([](in a, in b, in c, vector& y, scalar&) {
                 chain_loop(a.data(), b.data(), c.data(), y.data(), y.size());
             }));
    add_host("small_update", "loop", "64", {}, on_few([](in a, in, in, vector& y, scalar&) {
                 decay_loop(y.data(), a.data(), y.size());
             }));
#if SINTER_BENCH_EIGEN
    // Eigen's dynamic arrays with memory of their own: what stands nearest to a tensor.
    add_host("small_assign", "eigen", "64", {}, on_few([](in a, in b, in c, vector& y, scalar&) {
                 eigen(y) = eigen(a) * eigen(b) + eigen(c);
             }));
#endif
    return true;
}();

}  // namespace
