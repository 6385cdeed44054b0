// The host engine on stages around a contraction, against plain loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "sinter/cpu/run.hpp"
#include "support/arrays.hpp"
#include "support/stage_builder.hpp"

using namespace sinter_test;
using sinter::bfloat16;
using sinter::storage_t;
using sinter::cpu::loops_for;
namespace op = sinter::ir::op;

namespace {

struct here {};
constexpr unsigned left = 0b101, right = 0b110, result = 0b011;  // axes m, n, k by bit

const extents sizes[] = {{1, 1, 1},
                         {2, 3, 4},
                         {6, 8, 0},
                         {0, 4, 5},
                         {4, 0, 5},
                         {7, 5, 257},
                         {33, 65, 17},
                         {100, 1, 300},
                         {1, 100, 9},
                         {61, 70, 70},
                         {44, 67, 19},
                         {40, 66, 30},
                         {520, 3, 261},
                         {5, 530, 261},
                         {520, 1, 2},
                         {515, 520, 3},
                         {130, 4, 70},
                         {3, 95, 53},
                         {3, 514, 1030},
                         // a few columns more: rows are read where they lie
                         {129, 6, 25},
                         {300, 16, 33},
                         {65, 31, 40},
                         {9, 140, 7}};

template <dtype D>
constexpr stage_builder plain_product() {
    stage_builder b;
    const int x = b.load(D), y = b.load(D);
    b.store(b.core(x, y, D));
    return b;
}

// Values are eighths and sums stay small, so that every type gives the exact sum.
template <dtype D>
void check_plain(const extents& e, layout la, layout lb, layout lo) {
    using T = storage_t<D>;
    test_array<T> x(e, la, left), y(e, lb, right), out(e, lo, result);
    pseudo_random r;
    const auto value = [&](int64) {
        if constexpr (D == dtype::i64) {
            return static_cast<int64>(r.next());
        } else if constexpr (D == dtype::boolean) {
            return r.next() % 8 == 0;
        } else {
            return static_cast<T>(r.number());
        }
    };
    x.fill(value);
    y.fill(value);
    binding b(e, 1);
    b.load = {x.bound(), y.bound()};
    b.store = {out.bound()};
    sinter::cpu::run(loops_for<stage<plain_product<D>>, here>(), b.done());
    int64 wrong = 0;
    for_each_index({e[0], e[1]}, [&](const extents& i) {
        double sum = 0;
        sinter::uint64 whole = 0;
        for (int64 k = 0; k < e[2]; ++k) {
            const T p = x[{i[0], 0, k}], q = y[{0, i[1], k}];
            if constexpr (D == dtype::i64) {
                whole += static_cast<sinter::uint64>(p) * static_cast<sinter::uint64>(q);
            } else {
                sum += static_cast<double>(p) * static_cast<double>(q);
            }
        }
        const T z = out[{i[0], i[1], 0}];
        if constexpr (D == dtype::i64) {
            wrong += z != static_cast<int64>(whole);
        } else if constexpr (D == dtype::boolean) {
            wrong += z != (sum != 0);
        } else {
            wrong += static_cast<double>(z) != static_cast<double>(static_cast<T>(sum));
        }
    });
    CHECK(wrong == 0);
}

TEST_CASE("products of every type, size and layout") {
    for (const extents& e : sizes)
        for (const layout la : layouts)
            for (const layout lb : layouts) {
                if (e[0] * e[1] * e[2] > 100000 && la != lb) continue;
                const layout lo = layouts[(static_cast<unsigned>(la) + 1) % 4];
                check_plain<dtype::f32>(e, la, lb, lo);
                check_plain<dtype::f64>(e, la, lb, lo);
                check_plain<dtype::bf16>(e, la, lb, lo);
                check_plain<dtype::i64>(e, la, lb, lo);
                check_plain<dtype::boolean>(e, la, lb, lo);
            }
}

// A batch of two axes, one of which the right operand does not have, and two summed axes. Strides
// need not merge.
TEST_CASE("a batch, several summed axes") {
    for (const extents& e : {extents{3, 2, 5, 7, 4, 9},
                             extents{1, 1, 1, 1, 1, 1},
                             extents{2, 3, 20, 17, 3, 130},
                             extents{40, 5, 3, 4, 2, 3},
                             extents{2, 2, 4, 3, 0, 2},
                             extents{2, 2, 4, 3, 2, 0},
                             extents{0, 2, 4, 3, 2, 3},
                             extents{9, 1, 33, 70, 2, 64},
                             extents{2, 1, 41, 17, 3, 13}})
        for (const layout la : layouts)
            for (const layout lb : layouts) {
                if (e[0] * e[1] * e[2] * e[3] * e[4] * e[5] > 100000 && la != lb) continue;
                test_array<float> x(e, la, 0b110111), y(e, lb, 0b111001), out(e, la, 0b001111);
                pseudo_random r;
                const auto value = [&](int64) { return static_cast<float>(r.number()); };
                x.fill(value);
                y.fill(value);
                binding b(e, 2);
                b.load = {x.bound(), y.bound()};
                b.store = {out.bound()};
                sinter::cpu::run(loops_for<stage<plain_product<dtype::f32>>, here>(), b.done());
                int64 wrong = 0;
                for_each_index({e[0], e[1], e[2], e[3]}, [&](const extents& i) {
                    double sum = 0;
                    for (int64 s = 0; s < e[4]; ++s)
                        for (int64 k = 0; k < e[5]; ++k)
                            sum += double(x[{i[0], i[1], i[2], 0, s, k}]) *
                                   double(y[{i[0], 0, 0, i[3], s, k}]);
                    wrong += out[{i[0], i[1], i[2], i[3], 0, 0}] != static_cast<float>(sum);
                });
                CHECK(wrong == 0);
            }
}

// A tile of so many rows on panels of small whole numbers.
template <class T>
void check_tile(const sinter::cpu::product_kernel& p, int64 tile, int64 k, bool accumulate) {
    CHECK(p.taken(tile) == tile);
    const auto count = [](int64 n) { return static_cast<std::size_t>(n); };
    const int64 ld = p.columns + 3;
    std::vector<T> a(count(k * p.rows)), b(count(k * p.columns)), c(count(p.rows * ld));
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<T>(i % 7);
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<T>(i % 5);
    for (std::size_t i = 0; i < c.size(); ++i) c[i] = static_cast<T>(i % 3);
    const std::vector<T> before = c;
    const auto bytes = [](std::vector<T>& v) { return reinterpret_cast<std::byte*>(v.data()); };
    p.of(tile)(bytes(a), bytes(b), bytes(c), ld * static_cast<int64>(sizeof(T)), k, accumulate);
    int64 wrong = 0;
    for (int64 i = 0; i < p.rows; ++i)
        for (int64 j = 0; j < ld; ++j) {
            const T old = before[count(i * ld + j)];
            const bool written = i < tile && j < p.columns;
            T want = accumulate || !written ? old : T(0);
            for (int64 l = 0; l < k && written; ++l)
                want = want + a[count(l * p.rows + i)] * b[count(l * p.columns + j)];
            wrong += c[count(i * ld + j)] != want;
        }
    CHECK(wrong == 0);
}
// Every kernel that this machine can run, and what is left over of its rows.
template <class T>
void check_kernels(const sinter::cpu::product_kernels& kernels) {
    for (int w = 0; w <= sinter::cpu::widest_product(); ++w) {
        const sinter::cpu::product_kernel& p = kernels.by_width[w];
        REQUIRE(p.bytes == static_cast<int>(sizeof(T)));
        for (int64 tile = p.step; tile <= p.rows; tile += p.step)
            for (const int64 k : {1, 2, 37})
                for (const bool accumulate : {false, true}) check_tile<T>(p, tile, k, accumulate);
    }
}
// Two runs of rows that lie apart; the vectors of a row end in the next one.
template <class T>
void check_row_kernels(const sinter::cpu::product_kernels& kernels) {
    const auto count = [](int64 n) { return static_cast<std::size_t>(n); };
    constexpr int64 size = sizeof(T), length = 5, apart = 9;
    for (int w = 0; w <= sinter::cpu::widest_product(); ++w)
        for (const sinter::cpu::row_kernel& p : kernels.in_place[w]) {
            const int64 n = std::min<int64>(3, p.columns);
            std::vector<T> a(count(p.rows * 20)), b(count(2 * length * p.columns));
            std::vector<T> c(count(p.rows * n + p.columns));
            for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<T>(i % 7);
            for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<T>(i % 5);
            const auto bytes = [](std::vector<T>& v) {
                return reinterpret_cast<std::byte*>(v.data());
            };
            std::vector<int64> row;
            for (int64 i = 0; i < p.rows; ++i) row.push_back((p.rows - 1 - i) * 20 * size);
            const int64 runs[] = {0, apart * size};
            p.run(bytes(a), row.data(), {runs, 2, length * size}, bytes(b), bytes(c), n * size);
            int64 wrong = 0;
            for (int64 i = 0; i < p.rows; ++i)
                for (int64 j = 0; j < n; ++j) {
                    T want = 0;
                    for (int64 k = 0; k < 2 * length; ++k)
                        want = want +
                               a[count(row[count(i)] / size + k / length * apart + k % length)] *
                                   b[count(k * p.columns + j)];
                    wrong += c[count(i * n + j)] != want;
                }
            CHECK(wrong == 0);
        }
}
// Groups of each size that a vector has several of, in two runs that lie apart.
void check_group_kernels(const sinter::cpu::product_kernels& kernels) {
    const auto count = [](int64 n) { return static_cast<std::size_t>(n); };
    for (int w = 0; w <= sinter::cpu::widest_product(); ++w)
        for (const int64 size : {2, 4, 8}) {
            const sinter::cpu::row_kernel& p = kernels.groups[w];
            if (size >= p.columns) continue;
            const int64 line = 2 * p.columns + 3;
            std::vector<float> a(count(p.rows * line)), b(count(2 * size * p.columns));
            std::vector<float> c(count(p.rows * p.columns));
            for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 7);
            for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 5);
            const auto bytes = [](std::vector<float>& v) {
                return reinterpret_cast<std::byte*>(v.data());
            };
            std::vector<int64> row;
            for (int64 i = 0; i < p.rows; ++i) row.push_back((p.rows - 1 - i) * line * 4);
            const int64 runs[] = {0, line - p.columns};
            const int64 places[] = {0, runs[1] * 4};
            p.run(bytes(a), row.data(), {places, 2, size * 4}, bytes(b), bytes(c), p.columns * 4);
            int64 wrong = 0;
            for (int64 i = 0; i < p.rows; ++i)
                for (int64 j = 0; j < p.columns; ++j) {
                    float want = 0;
                    for (int64 k = 0; k < 2 * size; ++k)
                        want += a[count(row[count(i)] / 4 + runs[k / size] + j / size * size +
                                        k % size)] *
                                b[count(k * p.columns + j)];
                    wrong += c[count(i * p.columns + j)] != want;
                }
            CHECK(wrong == 0);
        }
}
TEST_CASE("the kernels of all vector widths") {
    using sinter::cpu::product_kernels_for;
    check_kernels<float>(*product_kernels_for<dtype::f32>());
    check_row_kernels<float>(*product_kernels_for<dtype::f32>());
    check_group_kernels(*product_kernels_for<dtype::f32>());
    check_kernels<double>(*product_kernels_for<dtype::f64>());
    check_row_kernels<double>(*product_kernels_for<dtype::f64>());
    check_kernels<sinter::uint32>(*product_kernels_for<dtype::i32>());
    check_row_kernels<sinter::uint32>(*product_kernels_for<dtype::i32>());
    check_kernels<sinter::uint64>(*product_kernels_for<dtype::i64>());
    check_row_kernels<sinter::uint64>(*product_kernels_for<dtype::i64>());
}

int blas_calls = 0;
void plain_blas(int order,
                int transpose_a,
                int transpose_b,
                int m,
                int n,
                int k,
                double alpha,
                const double* a,
                int lda,
                const double* b,
                int ldb,
                double beta,
                double* c,
                int ldc) {
    ++blas_calls;
    const auto at = [order](int transposed, int i, int j, int line) {
        return (order == 101) == (transposed == 111) ? i * line + j : j * line + i;
    };
    for (int i = 0; i < m; ++i)
        for (int j = 0; j < n; ++j) {
            double sum = 0;
            for (int l = 0; l < k; ++l)
                sum += a[at(transpose_a, i, l, lda)] * b[at(transpose_b, l, j, ldb)];
            double& to = c[at(111, i, j, ldc)];
            to = alpha * sum + (beta == 0 ? 0 : beta * to);
        }
}
TEST_CASE("plain products go to a BLAS library if there is one, others do not") {
    for (const extents& e : sizes)
        for (const layout la : layouts)
            for (const layout lb : layouts)
                for (const layout lo : layouts) {
                    if (e[0] * e[1] * e[2] > 30000 && la != lb) continue;
                    sinter::cpu::the_blas.of_double = plain_blas;
                    const int before = blas_calls;
                    check_plain<dtype::f64>(e, la, lb, lo);
                    sinter::cpu::the_blas = {};
                    const auto fits = [](layout l) {
                        return l == layout::plain || l == layout::reversed_axes;
                    };
                    const bool some = e[0] * e[1] * e[2] > 0;
                    if (fits(la) && fits(lb) && fits(lo)) CHECK(blas_calls - before == some);
                    if (e[0] > 1 && e[1] > 1 && e[2] > 1 && !(fits(la) && fits(lb) && fits(lo)))
                        CHECK(blas_calls == before);
                }
    CHECK(blas_calls > 0);
}

// relu(matmul(a * s + c, exp(w)) + bias) + residual; the product; the residual's sign; a constant.
constexpr stage_builder fused() {
    stage_builder b;
    const int a = b.load(dtype::bf16), c = b.load(dtype::f32), s = b.scalar(dtype::f32);
    const int w = b.load(dtype::f32), bias = b.load(dtype::f32), residual = b.load(dtype::f64);
    const int x = b.op<op::add>(b.op<op::mul>(b.cast(a, dtype::f32), s), c);
    const int z = b.core(x, b.op<op::exp>(w), dtype::f32);
    const int y = b.op<op::relu>(b.op<op::add>(z, bias));
    b.store(b.op<op::add>(b.cast(y, dtype::f64), residual));
    b.store(z);
    b.store(b.op<op::less>(residual, b.constant(0.0, dtype::f64)));
    b.store(b.constant(3.0));
    b.store(s);
    return b;
}

TEST_CASE("operands are evaluated while packed, the rest of the stage on the product") {
    pseudo_random r;
    for (const extents& e : sizes)
        for (const layout l : layouts)
            for (const unsigned without : {0U, 1U, 2U, 0x1eU}) {
                if (e[0] * e[1] * e[2] > 100000 && (without != 0 || l > layout::reversed_axes))
                    continue;
                const layout other = layouts[r.next() % 4];
                test_array<bfloat16> a(e, l, left);
                test_array<float> c(e, other, 0b100), w(e, other, right), bias(e, l, 0b010);
                test_array<double> residual(e, other, result), out(e, l, result);
                test_array<float> z(e, other, result), three(e, l, result), scalar(e, l, 0U);
                test_array<bool> negative(e, layout::spaced, result);
                const auto value = [&](int64) { return static_cast<float>(r.number()); };
                a.fill([&](int64) { return bfloat16(r.number()); });
                c.fill(value);
                w.fill(value);
                bias.fill(value);
                residual.fill([&](int64) { return r.number(); });
                z.fill([](int64) { return -77.0F; });
                binding b(e, 1);
                b.load = {a.bound(), c.bound(), w.bound(), bias.bound(), residual.bound()};
                b.store = {out.bound(), z.bound(), negative.bound(), three.bound(), scalar.bound()};
                for (std::size_t k = 0; k < b.store.size(); ++k)
                    if ((without >> k & 1) != 0) b.store[k].data = nullptr;
                b.floating(0.5);
                sinter::cpu::run(loops_for<stage<fused>, here>(), b.done());
                int64 wrong = 0;
                for_each_index({e[0], e[1]}, [&](const extents& i) {
                    double sum = 0, size = 1;
                    for (int64 k = 0; k < e[2]; ++k) {
                        const double p = double(float(a[{i[0], 0, k}])) * 0.5 + c[{0, 0, k}];
                        const double q = std::exp(double(w[{0, i[1], k}]));
                        sum += p * q;
                        size += std::abs(p * q);
                    }
                    const extents at = {i[0], i[1], 0};
                    const double y = std::max(sum + double(bias[{0, i[1], 0}]), 0.0);
                    const auto near = [&](double x, double reference) {
                        return std::abs(x - reference) <= 1e-6 * size;
                    };
                    wrong += (without & 1) == 0 && !near(out[at], y + residual[at]);
                    wrong += (without & 2) == 0 ? !near(double(z[at]), sum) : z[at] != -77.0F;
                    wrong += (without & 4) == 0 && negative[at] != (residual[at] < 0);
                    wrong += (without & 8) == 0 && three[at] != 3.0F;
                    wrong += (without & 16) == 0 && scalar[at] != 0.5F;
                });
                CHECK(wrong == 0);
            }
}

// A bfloat16 core rounds what its prologue computes in float.
constexpr stage_builder rounded() {
    stage_builder b;
    const int x = b.load(dtype::bf16), y = b.load(dtype::f32);
    const int z = b.core(b.op<op::mul>(x, x), y, dtype::bf16);
    b.store(b.cast(z, dtype::f32));
    return b;
}

// relu(x w + bias) and its product with an array, of operands as they are.
constexpr stage_builder layer() {
    stage_builder b;
    const int x = b.load(dtype::f32), w = b.load(dtype::f32);
    const int bias = b.load(dtype::f32), other = b.load(dtype::f32);
    const int y = b.op<op::relu>(b.op<op::add>(b.core(x, w, dtype::f32), bias));
    b.store(y);
    b.store(b.op<op::mul>(y, other));
    return b;
}
TEST_CASE("an epilogue of a product of plain operands, in every layout") {
    for (const extents& e : sizes)
        for (const layout l : layouts)
            for (const layout other : layouts) {
                if (e[0] * e[1] * e[2] > 100000 && l != other) continue;
                test_array<float> x(e, other, left), w(e, l, right), bias(e, l, 0b010U);
                test_array<float> z(e, l, result), y(e, other, result), p(e, l, result);
                pseudo_random r;
                for (test_array<float>* a : {&x, &w, &bias, &z})
                    a->fill([&](int64) { return static_cast<float>(r.number()); });
                binding b(e, 1);
                b.load = {x.bound(), w.bound(), bias.bound(), z.bound()};
                b.store = {y.bound(), p.bound()};
                sinter::cpu::run(loops_for<stage<layer>, here>(), b.done());
                int64 wrong = 0;
                for_each_index({e[0], e[1]}, [&](const extents& i) {
                    const extents at{i[0], i[1], 0};
                    double sum = double(bias[at]);
                    for (int64 k = 0; k < e[2]; ++k)
                        sum += double(x[{i[0], 0, k}]) * double(w[{0, i[1], k}]);
                    const double want = std::max(sum, 0.0);
                    wrong += double(y[at]) != want;
                    wrong += p[at] != static_cast<float>(want * double(z[at]));
                });
                CHECK(wrong == 0);
            }
}

TEST_CASE("operands of a bfloat16 product are bfloat16, its sums are float") {
    const extents e = {5, 6, 40};
    test_array<bfloat16> x(e, layout::plain, left);
    test_array<float> y(e, layout::plain, right), out(e, layout::plain, result);
    pseudo_random r;
    x.fill([&](int64) { return bfloat16(1.0 + static_cast<double>(r.next() % 128) / 128.0); });
    y.fill([&](int64) { return static_cast<float>(r.number()) + 0.001F; });
    binding b(e, 1);
    b.load = {x.bound(), y.bound()};
    b.store = {out.bound()};
    sinter::cpu::run(loops_for<stage<rounded>, here>(), b.done());
    bool matters = false;
    for_each_index({5, 6}, [&](const extents& i) {
        double sum = 0, unrounded = 0;
        for (int64 k = 0; k < 40; ++k) {
            const float p = x[{i[0], 0, k}], q = y[{0, i[1], k}];
            sum += double(float(bfloat16(p * p))) * double(float(bfloat16(q)));
            unrounded += double(p * p) * double(q);
        }
        // The store casts to float by way of a bfloat16 register, which keeps its float value.
        CHECK(std::abs(double(out[{i[0], i[1], 0}]) - sum) < 1e-4);
        matters = matters || std::abs(sum - unrounded) > 1e-2;
    });
    CHECK(matters);
}

// Both operands read one array, and so does the epilogue if the array does not move at all.
template <bool Epilogue>
constexpr stage_builder shared_operand() {
    stage_builder b;
    const int g = b.load(dtype::f32), x = b.load(dtype::f32), y = b.load(dtype::f32);
    const int z = b.core(b.op<op::mul>(x, g), b.op<op::mul>(y, g), dtype::f32);
    b.store(b.op<op::add>(z, Epilogue ? g : b.constant(2.0)));
    return b;
}

TEST_CASE("one array in several loops") {
    for (const extents& e : sizes)
        for (const layout lx : layouts)
            for (const layout ly : layouts)
                for (const unsigned moves : {0U, 0b100U}) {
                    if (e[0] * e[1] > 100000 || e[2] > 260) continue;
                    test_array<float> g(e, layout::spaced, moves), x(e, lx, left);
                    test_array<float> y(e, ly, right), out(e, layout::plain, result);
                    g.fill([](int64 i) { return static_cast<float>(2 + i % 4); });
                    x.fill([](int64 i) { return static_cast<float>(i % 3); });
                    y.fill([](int64 i) { return static_cast<float>(i % 5); });
                    binding b(e, 1);
                    b.load = {g.bound(), x.bound(), y.bound()};
                    b.store = {out.bound()};
                    sinter::cpu::run(moves == 0 ? loops_for<stage<shared_operand<true>>, here>()
                                                : loops_for<stage<shared_operand<false>>, here>(),
                                     b.done());
                    int64 wrong = 0;
                    for_each_index({e[0], e[1]}, [&](const extents& i) {
                        float sum = 2;
                        for (int64 k = 0; k < e[2]; ++k) {
                            const float f = g[{0, 0, k}];
                            sum += x[{i[0], 0, k}] * f * (y[{0, i[1], k}] * f);
                        }
                        wrong += out[{i[0], i[1], 0}] != sum;
                    });
                    CHECK(wrong == 0);
                }
}

}  // namespace
