// Operands that are read across their rows. Floor: every matrix moves once, as in a chain of
// contiguous arrays; that takes tiles which turn a block while it is in the cache.

#include "support/eigen.hpp"

namespace {

using namespace bench;

struct square {
    matrix x, y, t;
};
auto of_extent(int64 n) {
    return [n] {
        return square{sample(sn::shape{n, n}), sn::zeros<float>(n, n), sn::zeros<float>(n, n)};
    };
}

#if !SINTER_NVCC
// Blocks of 32 x 32 floats: both of them fit into the first cache.
template <class F>
void in_blocks(int64 n, F f) {
    constexpr int64 side = 32;
#pragma omp parallel for if (n * n > (1 << 16))
    for (int64 i = 0; i < n; i += side)
        for (int64 j = 0; j < n; j += side)
            for (int64 k = i; k < i + side && k < n; ++k) {
                const int64 last = j + side < n ? j + side : n;
#pragma omp simd
                for (int64 l = j; l < last; ++l) f(k, l);
            }
}
[[gnu::noinline]] void add_loop(const float* __restrict x, float* __restrict y, int64 n) {
    in_blocks(n, [=](int64 i, int64 j) { y[i * n + j] = x[i * n + j] + x[j * n + i]; });
}
[[gnu::noinline]] void copy_loop(const float* __restrict x, float* __restrict y, int64 n) {
    in_blocks(n, [=](int64 i, int64 j) { y[i * n + j] = x[j * n + i]; });
}
#endif

void add_squares(int64 n) {
    const std::string size = by(n, n);
    // x is read twice: the two blocks of x that meet in y do not fit into the cache together.
    row sums("transpose_add", size, {arrays_of(n * n), arrays_of(n * n)}, of_extent(n));
    sums.sinter([](square& s) { s.y = s.x + transpose(s.x); });
    sums.unfused([](square& s) {
        s.t = transpose(s.x);
        s.y = s.x + s.t;
    });
    row copies("transpose_copy", size, {arrays_of(n * n), arrays_of(n * n)}, of_extent(n));
    copies.sinter([](square& s) { s.y = transpose(s.x) * 1.5F; });
#if !SINTER_NVCC
    sums.peer("loop", [](square& s) { add_loop(s.x.data(), s.y.data(), s.x.extent(0)); });
    copies.peer("loop", [](square& s) { copy_loop(s.x.data(), s.y.data(), s.x.extent(0)); });
#if SINTER_BENCH_EIGEN
    sums.peer("eigen", [](square& s) { eigen(s.y) = eigen(s.x) + eigen(s.x).transpose(); });
    copies.peer("eigen", [](square& s) { eigen(s.y) = eigen(s.x).transpose() * 1.5F; });
#endif
#endif
}

struct cube {
    sn::tensor<float, 3> x, y, z, t;
};
void add_cube(int64 n) {
    row r("permute_021_add",
          by(n, n) + 'x' + std::to_string(n),
          {arrays_of(n * n * n, 2), arrays_of(n * n * n)},
          [n] {
              const sn::shape s{n, n, n};
              return cube{sample(s), sample(s), sn::zeros<float>(s), sn::zeros<float>(s)};
          });
    r.sinter([](cube& c) { c.z = c.y + permute(c.x, sn::axes<0, 2, 1>); });
    r.unfused([](cube& c) {
        c.t = permute(c.x, sn::axes<0, 2, 1>);
        c.z = c.y + c.t;
    });
}

const bool added = [] {
    add_squares(128);
    add_squares(4096);
    add_squares(
        1000);  // no power of two: neighbours of a column lie in different sets of the cache
    add_cube(192);
    return true;
}();

}  // namespace
