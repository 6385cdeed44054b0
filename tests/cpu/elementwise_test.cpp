// The host engine on elementwise stages, against plain loops.
#include <doctest/doctest.h>

#include <cmath>

#include "sinter/cpu/run.hpp"
#include "support/arrays.hpp"
#include "support/stage_builder.hpp"

using namespace sinter_test;
using sinter::bfloat16;
using sinter::cpu::loops_for;
namespace op = sinter::ir::op;

namespace {

struct here {};

const extents spaces[] = {{},
                          {0},
                          {1},
                          {7},
                          {512},
                          {513},
                          {1500},
                          {3, 0, 2},
                          {1, 1},
                          {5, 3},
                          {3, 129},
                          {600, 2},
                          {2, 3, 5},
                          {2, 1, 300},
                          {4, 40, 9},
                          {2, 100, 8},
                          {2, 3, 2, 3, 2},
                          {2, 1, 2, 3, 1, 2, 2, 2},
                          // squares of every kind of edge
                          {8, 8},
                          {130, 35},
                          {40, 33, 20},
                          {9, 257}};

constexpr stage_builder chain() {
    stage_builder b;
    const int x = b.load(dtype::f32), y = b.load(dtype::f32), s = b.scalar(dtype::f32);
    b.store(b.op<op::sub>(b.op<op::add>(b.op<op::mul>(x, s), y), b.constant(0.5)));
    return b;
}

TEST_CASE("an elementwise stage walks every layout of every operand") {
    for (const extents& space : spaces)
        for (const layout lx : layouts)
            for (const layout ly : layouts)
                for (const layout lo : layouts)
                    for (const unsigned moves : {~0U, 1U, 2U, 5U, ~1U, 0U}) {
                        test_array<float> x(space, lx), y(space, ly, moves), out(space, lo);
                        pseudo_random r;
                        x.fill([&](int64) { return static_cast<float>(r.number()); });
                        y.fill([&](int64) { return static_cast<float>(r.number()); });
                        binding b(space, 0);
                        b.load = {x.bound(), y.bound()};
                        b.store = {out.bound()};
                        b.floating(3.0);
                        sinter::cpu::run(loops_for<stage<chain>, here>(), b.done());
                        int64 wrong = 0;
                        for_each_index(space, [&](const extents& i) {
                            wrong += out[i] != (x[i] * 3.0F + y[i]) - 0.5F;
                        });
                        CHECK(wrong == 0);
                    }
}

// Every type in and out, several results, a comparison, integer arithmetic.
constexpr stage_builder mixture() {
    stage_builder b;
    const int h = b.load(dtype::bf16), f = b.load(dtype::f32), d = b.load(dtype::f64);
    const int n = b.load(dtype::i64), m = b.load(dtype::boolean), s = b.scalar(dtype::i64);
    const int hf = b.cast(h, dtype::f32);
    b.store(b.op<op::where>(m, b.op<op::add>(hf, f), b.cast(d, dtype::f32)));
    b.store(b.op<op::add>(h, b.cast(f, dtype::bf16)));
    b.store(b.op<op::mul>(b.cast(f, dtype::f64), d));
    b.store(b.op<op::add>(b.op<op::div>(n, s), b.cast(d, dtype::i64)));
    b.store(b.op<op::less>(hf, f));
    b.store(h);
    b.store(s);
    b.store(b.constant(1.5, dtype::f64));
    b.store(b.constant_int(1, dtype::boolean));
    return b;
}

TEST_CASE("types mix, and results that nobody wants are left out") {
    pseudo_random r;
    for (const extents& space : spaces)
        for (const unsigned without : {0U, 1U, 0x55U, 0xfeU, 0x1ffU}) {
            const layout a = layouts[r.next() % 4], c = layouts[r.next() % 4];
            test_array<bfloat16> h(space, a), sum_h(space, c), copy(space, layout::spaced);
            test_array<float> f(space, c), chosen(space, a);
            test_array<double> d(space, c), product(space, c), constant(space, layout::plain);
            test_array<int64> n(space, a), quotient(space, a), scalar(space, c, 1U);
            test_array<bool> m(space, c), smaller(space, c), yes(space, a);
            h.fill([&](int64) { return bfloat16(r.number()); });
            f.fill([&](int64) { return static_cast<float>(r.number()); });
            d.fill([&](int64) { return r.number() * 100; });
            n.fill([&](int64) { return static_cast<int64>(r.next() % 2001) - 1000; });
            m.fill([&](int64) { return r.next() % 2 == 0; });
            chosen.fill([](int64) { return -77.0F; });
            scalar.fill([](int64) { return int64{-77}; });
            binding b(space, 0);
            b.load = {h.bound(), f.bound(), d.bound(), n.bound(), m.bound()};
            b.store = {chosen.bound(),
                       sum_h.bound(),
                       product.bound(),
                       quotient.bound(),
                       smaller.bound(),
                       copy.bound(),
                       scalar.bound(),
                       constant.bound(),
                       yes.bound()};
            for (std::size_t k = 0; k < b.store.size(); ++k)
                if ((without >> k & 1) != 0) b.store[k].data = nullptr;
            b.integer(7);
            sinter::cpu::run(loops_for<stage<mixture>, here>(), b.done());
            int64 wrong[9]{};
            for_each_index(space, [&](const extents& i) {
                const float hf = h[i];
                const auto want = [&](int k) { return (without >> k & 1) == 0; };
                wrong[0] += chosen[i] != (want(0) ? (m[i] ? hf + f[i] : float(d[i])) : -77.0F);
                wrong[1] += want(1) && sum_h[i].bits != bfloat16(hf + f[i]).bits;
                wrong[2] += want(2) && product[i] != double(f[i]) * d[i];
                wrong[3] += want(3) && quotient[i] != n[i] / 7 + int64(d[i]);
                wrong[4] += want(4) && smaller[i] != (hf < f[i]);
                wrong[5] += want(5) && copy[i].bits != h[i].bits;
                wrong[6] += scalar[i] != (want(6) ? 7 : -77);
                wrong[7] += want(7) && constant[i] != 1.5;
                wrong[8] += want(8) && !yes[i];
            });
            for (const int64 w : wrong) CHECK(w == 0);
        }
}

constexpr stage_builder doubled_exp() {
    stage_builder b;
    const int x = b.load(dtype::f64);
    b.store(b.op<op::exp>(x));
    b.store(b.op<op::tanh>(b.op<op::neg>(x)));
    return b;
}

TEST_CASE("functions of the maths library") {
    test_array<double> x({33}, layout::plain), e({33}, layout::plain), t({33}, layout::backwards);
    x.fill([](int64 n) { return static_cast<double>(n) / 8.0 - 2.0; });
    binding b({33}, 0);
    b.load = {x.bound()};
    b.store = {e.bound(), t.bound()};
    sinter::cpu::run(loops_for<stage<doubled_exp>, here>(), b.done());
    for (int64 i = 0; i < 33; ++i) {
        CHECK(e[{i}] == sinter::math::exp(x[{i}]));
        CHECK(t[{i}] == sinter::math::tanh(-x[{i}]));
    }
}

constexpr stage_builder angles() {
    stage_builder b;
    const int x = b.load(dtype::f32), y = b.load(dtype::f32);
    b.store(b.op<op::sin>(x));
    b.store(b.op<op::add>(b.op<op::cos>(x), b.op<op::tan>(b.op<op::mul>(x, y))));
    return b;
}

// The loop computes near angles otherwise: neither their neighbours nor their place may show.
TEST_CASE("angles near and far, also in place") {
    for (const extents& space : spaces)
        for (const int64 far : {1, 3, 600, 1 << 20}) {
            test_array<float> x(space, layout::plain), y(space, layout::plain);
            x.fill([&](int64 n) {
                const float small = static_cast<float>(n % 1000) * 0.7F - 300.0F;
                return (n + 1) % far == 0 ? small * 0x1p100F : small;
            });
            y.fill([](int64 n) { return n % 501 == 500 ? 1e5F : 2.0F; });
            const test_array<float> old_x = x, old_y = y;
            binding b(space, 0);
            b.load = {x.bound(), y.bound()};
            b.store = {x.bound(), y.bound()};
            sinter::cpu::run(loops_for<stage<angles>, here>(), b.done());
            int64 wrong = 0;
            for_each_index(space, [&](const extents& i) {
                const float a = old_x[i];
                wrong += x[i] != sinter::math::sin(a);
                wrong += y[i] != sinter::math::cos(a) + sinter::math::tan(a * old_y[i]);
            });
            CHECK(wrong == 0);
        }
}

// x * tanh(c) + sin(exp(x)) * exp(r), where c and r may turn out to be broadcast.
constexpr stage_builder dear() {
    stage_builder b;
    const int x = b.load(dtype::f32), c = b.load(dtype::f32), r = b.load(dtype::bf16);
    const int t = b.spread(b.op<op::tanh>(c));
    const int e = b.spread(b.op<op::exp>(x));
    const int f = b.spread(b.op<op::exp>(b.cast(r, dtype::f32)));
    b.store(b.op<op::add>(b.op<op::mul>(x, t), b.op<op::mul>(b.op<op::sin>(e), f)));
    return b;
}

TEST_CASE("dear functions of arrays that are broadcast or not, and of one another") {
    pseudo_random r;
    for (const extents& space : spaces)
        for (const layout l : layouts)
            for (const unsigned moves : {~0U, 1U, 2U, 4U, 5U, ~1U, 0U})
                for (const unsigned known : {moves, 1U, 2U, 0U}) {
                    test_array<float> x(space, l), c(space, layouts[r.next() % 4], moves);
                    test_array<float> out(space, layouts[r.next() % 4]);
                    test_array<bfloat16> n(space, layouts[r.next() % 4], known);
                    x.fill([&](int64) { return static_cast<float>(r.number()); });
                    c.fill([&](int64) { return static_cast<float>(r.number()); });
                    n.fill([&](int64) { return bfloat16(r.number()); });
                    binding b(space, 0);
                    b.load = {x.bound(), c.bound(), n.bound()};
                    b.store = {out.bound()};
                    sinter::cpu::run(loops_for<stage<dear>, here>(), b.done());
                    int64 wrong = 0;
                    for_each_index(space, [&](const extents& i) {
                        const float left = x[i] * sinter::math::tanh(c[i]);
                        const float right = sinter::math::sin(sinter::math::exp(x[i])) *
                                            sinter::math::exp(static_cast<float>(n[i]));
                        wrong += out[i] != left + right;
                    });
                    CHECK(wrong == 0);
                }
}

constexpr stage_builder in_place() {
    stage_builder b;
    const int x = b.load(dtype::f32), y = b.load(dtype::f32);
    b.store(b.op<op::add>(x, y));
    b.store(b.op<op::sub>(x, y));
    return b;
}

TEST_CASE("results may take the place of operands of the same view") {
    for (const extents& space : spaces)
        for (const layout l : layouts)
            for (const bool crossed : {false, true}) {
                test_array<float> x(space, l), y(space, l);
                x.fill([](int64 n) { return static_cast<float>(n % 100); });
                y.fill([](int64 n) { return static_cast<float>(n % 7); });
                const test_array<float> old_x = x, old_y = y;
                binding b(space, 0);
                b.load = {x.bound(), y.bound()};
                b.store = {x.bound(), y.bound()};
                if (crossed) std::swap(b.store[0], b.store[1]);
                sinter::cpu::run(loops_for<stage<in_place>, here>(), b.done());
                int64 wrong = 0;
                for_each_index(space, [&](const extents& i) {
                    const float sum = old_x[i] + old_y[i], difference = old_x[i] - old_y[i];
                    wrong += x[i] != (crossed ? difference : sum);
                    wrong += y[i] != (crossed ? sum : difference);
                });
                CHECK(wrong == 0);
            }
}

constexpr stage_builder copies() {
    stage_builder b;
    const int x = b.load(dtype::f32);
    b.store(x);
    b.store(x);
    return b;
}

TEST_CASE("plain copies of every length, wanted or not") {
    for (const int64 n : {1, 511, 512, 20000})
        for (const layout l : layouts)
            for (const bool wanted : {false, true}) {
                test_array<float> x({n}, layout::plain), y({n}, l), z({n}, l);
                x.fill([](int64 i) { return static_cast<float>(i % 1000); });
                z.fill([](int64) { return -77.0F; });
                binding b({n}, 0);
                b.load = {x.bound()};
                b.store = {y.bound(), z.bound()};
                if (!wanted) b.store[1].data = nullptr;
                sinter::cpu::run(loops_for<stage<copies>, here>(), b.done());
                int64 wrong = 0;
                for (int64 i = 0; i < n; ++i)
                    wrong += y[{i}] != x[{i}] || z[{i}] != (wanted ? x[{i}] : -77.0F);
                CHECK(wrong == 0);
            }
}

struct scaled_power {
    double factor;
    SINTER_HD float operator()(float x, int64 n) const {
        float p = 1;
        for (int64 i = 0; i < n; ++i) p *= x;
        return static_cast<float>(factor) * p;
    }
};
struct third {
    int64 offset;
    SINTER_HD bool operator()(float a, float b, float c) const {
        return a + b + c > static_cast<float>(offset);
    }
};
constexpr stage_builder with_functors() {
    stage_builder b;
    const int x = b.load(dtype::f32), n = b.load(dtype::i64);
    const int p = b.user(0, dtype::f32, x, n);
    b.store(p);
    b.store(b.user(1, dtype::boolean, x, p, b.constant(2.0)));
    return b;
}

TEST_CASE("the user's functors, with their state") {
    using functors = ir::functor_types<scaled_power, third>;
    const extents space = {70};
    test_array<float> x(space, layout::plain), p(space, layout::plain);
    test_array<int64> n(space, layout::plain);
    test_array<bool> t(space, layout::plain);
    x.fill([](int64 i) { return static_cast<float>(i % 5); });
    n.fill([](int64 i) { return i % 4; });
    ir::functor_pack<functors> f{{0.5}, {{3}, {}}};
    binding b(space, 0);
    b.load = {x.bound(), n.bound()};
    b.store = {p.bound(), t.bound()};
    b.stage.functors = &f;
    sinter::cpu::run(loops_for<stage<with_functors, functors>, here>(), b.done());
    for (int64 i = 0; i < 70; ++i) {
        const float power = 0.5F * static_cast<float>(std::pow(i % 5, i % 4));
        CHECK(p[{i}] == power);
        CHECK(t[{i}] == (static_cast<float>(i % 5) + power + 2.0F > 3.0F));
    }
}

}  // namespace
