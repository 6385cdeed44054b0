// The host engine on rows and reductions, against plain loops.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "sinter/cpu/run.hpp"
#include "support/arrays.hpp"
#include "support/stage_builder.hpp"

using namespace sinter_test;
using sinter::bfloat16;
using sinter::cpu::loops_for;
namespace op = sinter::ir::op;
namespace red = sinter::ir::red;

namespace {

struct here {};
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// Extents and how many of the last axes are the row.
struct space {
    extents all;
    int row_rank;
    extents outer() const { return part(0, all.size() - std::size_t(row_rank)); }
    extents row() const { return part(all.size() - std::size_t(row_rank), all.size()); }
    extents part(std::size_t from, std::size_t to) const {
        extents e;
        for (std::size_t d = from; d < to; ++d) e.push(all[d]);
        return e;
    }
    unsigned outer_axes() const { return (1U << (all.size() - std::size_t(row_rank))) - 1; }
};
const space spaces[] = {{{1}, 1},
                        {{0, 5}, 1},
                        {{1000}, 1},
                        {{3, 1}, 1},
                        {{4, 10}, 1},
                        {{9, 513}, 1},
                        {{70, 300}, 1},
                        {{600, 3}, 1},
                        {{2, 16, 65}, 1},
                        {{3, 4, 5}, 2},
                        {{9, 3, 130}, 2},
                        {{20, 40, 30}, 2},
                        {{2, 10, 2, 3, 4}, 3},
                        {{2, 1, 9, 1, 7, 1}, 3},
                        {{6, 8, 9, 10}, 4},
                        // many short rows side by side, also where outer axes stay apart
                        {{300, 10}, 1},
                        {{33, 47}, 1},
                        {{1030, 2}, 1},
                        {{40, 1}, 1},
                        {{17, 9, 11}, 1},
                        {{12, 20, 3, 5}, 2},
                        // blocks of lines and columns of several sizes, and rows in several parts
                        {{20, 1025}, 1},
                        {{1, 70001}, 1},
                        {{3, 33000}, 1}};

extents join(const extents& a, const extents& b) {
    extents r = a;
    for (const int64 n : b) r.push(n);
    return r;
}
/// Calls f(index of the row's first element) for every row.
template <class F>
void for_each_row(const space& s, F f) {
    for_each_index(s.outer(), [&](const extents& o) {
        extents first = o;
        for (int d = 0; d < s.row_rank; ++d) first.push(0);
        f(first);
    });
}
/// Calls f(index, position in the row) for every element of the row that
/// `start` is in.
template <class F>
void for_each_in_row(const space& s, const extents& start, F f) {
    const extents outer = space{start, s.row_rank}.outer();
    int64 n = 0;
    for_each_index(s.row(), [&](const extents& i) { f(join(outer, i), n++); });
}
bool near(double x, double reference, double tolerance) {
    return std::abs(x - reference) <= tolerance * (1 + std::abs(reference));
}

constexpr stage_builder softmax() {
    stage_builder b(true);
    const int x = b.load(dtype::f32);
    const int m = b.reduce<red::max>(x);
    const int e = b.op<op::exp>(b.op<op::sub>(x, m));
    const int s = b.reduce<red::sum>(e);
    b.store(b.op<op::div>(e, s));
    b.store(m);
    b.store(b.op<op::mul>(s, b.constant(2.0)));
    return b;
}

TEST_CASE("softmax in three passes, with values per row beside it") {
    for (const space& s : spaces)
        for (const layout l : layouts)
            for (const layout lo : layouts)
                for (const bool in_place : {false, true}) {
                    test_array<float> x(s.all, l), y(s.all, lo), sums(s.all, lo);
                    test_array<float> top(s.all, l, s.outer_axes());
                    pseudo_random r;
                    x.fill([&](int64) { return static_cast<float>(r.number()); });
                    const test_array<float> old = x;
                    binding b(s.all, s.row_rank);
                    b.load = {x.bound()};
                    b.store = {in_place ? x.bound() : y.bound(), top.bound(), sums.bound()};
                    sinter::cpu::run(loops_for<stage<softmax>, here>(), b.done());
                    int64 wrong = 0;
                    for_each_row(s, [&](const extents& row) {
                        double m = -100, sum = 0;
                        for_each_in_row(s, row, [&](const extents& i, int64) {
                            m = std::max<double>(m, old[i]);
                        });
                        for_each_in_row(
                            s, row, [&](const extents& i, int64) { sum += std::exp(old[i] - m); });
                        wrong += top[row] != static_cast<float>(m);
                        for_each_in_row(s, row, [&](const extents& i, int64) {
                            const float p = in_place ? x[i] : y[i];
                            wrong += !near(p, std::exp(old[i] - m) / sum, 1e-6);
                            wrong += !near(sums[i], 2 * sum, 1e-6);
                        });
                    });
                    CHECK(wrong == 0);
                }
}

// Levels 0 to 3: every reduction needs the one before it; a value per row comes
// in at each level.
constexpr stage_builder four_passes() {
    stage_builder b(true);
    const int x = b.load(dtype::f64), g = b.row_load(dtype::bf16), h = b.row_load(dtype::f64, 2);
    const int w = b.load(dtype::f32), s = b.scalar(dtype::f64);
    const int centre = b.op<op::sub>(x, b.cast(g, dtype::f64));
    const int a = b.reduce<red::sum>(centre);
    const int y = b.op<op::sub>(x, b.op<op::mul>(a, s));
    const int c = b.reduce<red::sum>(b.op<op::mul>(y, y));
    const int z = b.op<op::mul>(b.cast(w, dtype::f64), b.op<op::sqrt>(c));
    const int m = b.reduce<red::max>(b.op<op::add>(z, h));
    b.store(b.op<op::sub>(z, m));
    b.store(b.cast(centre, dtype::f32));
    b.store(b.op<op::add>(c, h));
    return b;
}

TEST_CASE("four passes with values of the row at every level") {
    pseudo_random r;
    for (const space& s : spaces)
        for (const layout l : layouts)
            for (const unsigned without : {0U, 1U, 2U, 4U, 5U}) {
                const layout other = layouts[r.next() % 4];
                test_array<double> x(s.all, l), h(s.all, other, s.outer_axes());
                test_array<double> out(s.all, other), c(s.all, l, s.outer_axes());
                test_array<float> w(s.all, other, ~s.outer_axes()), centre(s.all, l);
                test_array<bfloat16> g(s.all, l, s.outer_axes() & 1U);
                x.fill([&](int64) { return r.number(); });
                h.fill([&](int64) { return r.number(); });
                w.fill([&](int64) { return static_cast<float>(r.number()); });
                g.fill([&](int64) { return bfloat16(r.number()); });
                out.fill([](int64) { return -77.0; });
                binding b(s.all, s.row_rank);
                b.load = {x.bound(), g.bound(), h.bound(), w.bound()};
                b.store = {out.bound(), centre.bound(), c.bound()};
                for (std::size_t k = 0; k < 3; ++k)
                    if ((without >> k & 1) != 0) b.store[k].data = nullptr;
                b.floating(0.25);
                sinter::cpu::run(loops_for<stage<four_passes>, here>(), b.done());
                int64 wrong = 0;
                for_each_row(s, [&](const extents& row) {
                    const double gr = static_cast<double>(float(g[row])), hr = h[row];
                    double a = 0, m = -1e300;
                    long double squares = 0;  // rows are long: a plain sum of doubles drifts
                    for_each_in_row(s, row, [&](const extents& i, int64) { a += x[i] - gr; });
                    for_each_in_row(s, row, [&](const extents& i, int64) {
                        const double y = x[i] - a * 0.25;
                        squares += static_cast<long double>(y * y);
                    });
                    const double sum = static_cast<double>(squares);
                    const auto z = [&](const extents& i) { return double(w[i]) * std::sqrt(sum); };
                    for_each_in_row(
                        s, row, [&](const extents& i, int64) { m = std::max(m, z(i) + hr); });
                    for_each_in_row(s, row, [&](const extents& i, int64) {
                        wrong +=
                            (without & 1) != 0 ? out[i] != -77.0 : !near(out[i], z(i) - m, 1e-12);
                        wrong += (without & 2) == 0 && centre[i] != static_cast<float>(x[i] - gr);
                    });
                    wrong += (without & 4) == 0 && !near(c[row], sum + hr, 1e-12);
                });
                CHECK(wrong == 0);
            }
}

// Reductions of one pass; nothing but values per row is written, or elements
// too.
template <bool Elements>
constexpr stage_builder extremes() {
    stage_builder b(true);
    const int x = b.load(dtype::f32), n = b.load(dtype::i64), k = b.row_load(dtype::i64, 1);
    b.store(b.reduce<red::max>(x));
    b.store(b.op<op::mul>(b.reduce<red::argmax>(x), k));
    b.store(b.reduce<red::max>(n));
    b.store(b.reduce<red::argmax>(n));
    b.store(b.reduce<red::sum>(b.op<op::relu>(x)));
    if (Elements) b.store(b.op<op::relu>(x));
    return b;
}
template <bool Elements>
void check_extremes(const space& s, layout l, int64 kind) {
    test_array<float> x(s.all, l), relu(s.all, l);
    test_array<int64> n(s.all, l), k(s.all, l, s.outer_axes());
    test_array<float> top(s.all, l, s.outer_axes()), sum = top;
    test_array<int64> at(s.all, l, s.outer_axes()), top_n = at, at_n = at;
    pseudo_random r;
    x.fill([&](int64 i) {  // ties abound; NaN in some rows, in every one, or in none
        const float v = static_cast<float>(r.number());
        return kind > 0 && i % kind == kind - 1 ? nan : kind < 0 ? -1.0F : v;
    });
    n.fill([&](int64) { return static_cast<int64>(r.next() % 5) - 9; });
    k.fill([&](int64) { return static_cast<int64>(r.next() % 3); });
    binding b(s.all, s.row_rank);
    b.load = {x.bound(), n.bound(), k.bound()};
    b.store = {top.bound(), at.bound(), top_n.bound(), at_n.bound(), sum.bound()};
    if (Elements) b.store.push_back(relu.bound());
    sinter::cpu::run(loops_for<stage<extremes<Elements>>, here>(), b.done());
    int64 wrong = 0;
    for_each_row(s, [&](const extents& row) {
        float m = -1e30F;
        int64 best = 0, m_n = -100, best_n = 0;
        double total = 0;
        bool found_nan = false;
        for_each_in_row(s, row, [&](const extents& i, int64 p) {
            const bool is_nan = x[i] != x[i];
            if (!found_nan && (is_nan || x[i] > m)) m = x[i], best = p;
            found_nan = found_nan || is_nan;
            if (n[i] > m_n) m_n = n[i], best_n = p;
            total += x[i] > 0 ? x[i] : 0;
            if (Elements && !is_nan) wrong += relu[i] != (x[i] > 0 ? x[i] : 0.0F);
            if (Elements && is_nan) wrong += relu[i] == relu[i];
        });
        wrong += found_nan ? top[row] == top[row] : top[row] != m;
        wrong += at[row] != best * k[row];
        wrong += top_n[row] != m_n || at_n[row] != best_n;
        wrong += found_nan ? sum[row] == sum[row] : sum[row] != static_cast<float>(total);
    });
    CHECK(wrong == 0);
}

TEST_CASE(
    "max and argmax: the first of ties wins, NaN above all, along rows "
    "and columns") {
    for (const space& s : spaces)
        for (const layout l : layouts)
            for (const int64 kind : {0L, -1L, 1L, 7L, 97L}) {
                check_extremes<false>(s, l, kind);
                check_extremes<true>(s, l, kind);
            }
}

constexpr stage_builder sums() {
    stage_builder b(true);
    b.store(b.reduce<red::sum>(b.load(dtype::boolean)));
    b.store(b.reduce<red::sum>(b.load(dtype::i64)));
    b.store(b.reduce<red::sum>(b.load(dtype::bf16)));
    b.store(b.reduce<red::sum>(b.load(dtype::f32)));
    b.store(b.reduce<red::sum>(b.load(dtype::f64)));
    return b;
}

TEST_CASE("sums of every type, along rows and columns, also of nothing") {
    std::vector<space> all(std::begin(spaces), std::end(spaces));
    all.push_back({{5, 0}, 1});
    all.push_back({{100, 0}, 1});
    all.push_back({{5, 3, 0}, 2});
    all.push_back({{0}, 1});
    for (const space& s : all)
        for (const layout l : layouts) {
            const unsigned outer = s.outer_axes();
            test_array<bool> m(s.all, l);
            test_array<int64> n(s.all, l), sum_m(s.all, l, outer), sum_n = sum_m;
            test_array<bfloat16> h(s.all, l), sum_h(s.all, l, outer);
            test_array<float> f(s.all, l), sum_f(s.all, l, outer);
            test_array<double> d(s.all, l), sum_d(s.all, l, outer);
            pseudo_random r;
            m.fill([&](int64) { return r.next() % 2 == 0; });
            n.fill([&](int64) { return static_cast<int64>(r.next()); });  // overflow wraps
            h.fill([&](int64) { return bfloat16(r.number()); });
            f.fill([&](int64) { return static_cast<float>(r.number()); });
            d.fill([&](int64) { return r.number(); });
            sum_d.fill([](int64) { return -77.0; });
            binding b(s.all, s.row_rank);
            b.load = {m.bound(), n.bound(), h.bound(), f.bound(), d.bound()};
            b.store = {sum_m.bound(), sum_n.bound(), sum_h.bound(), sum_f.bound(), sum_d.bound()};
            sinter::cpu::run(loops_for<stage<sums>, here>(), b.done());
            int64 wrong = 0;
            for_each_row(s, [&](const extents& row) {
                int64 tm = 0;
                sinter::uint64 tn = 0;
                double th = 0, tf = 0, td = 0;  // numbers are eighths: sums are exact
                for_each_in_row(s, row, [&](const extents& i, int64) {
                    tm += m[i];
                    tn += static_cast<sinter::uint64>(n[i]);
                    th += double(float(h[i]));
                    tf += double(f[i]);
                    td += d[i];
                });
                wrong += sum_m[row] != tm || sum_n[row] != static_cast<int64>(tn);
                wrong += sum_h[row].bits != bfloat16(th).bits;
                wrong += sum_f[row] != static_cast<float>(tf) || sum_d[row] != td;
            });
            CHECK(wrong == 0);
        }
}

template <dtype D>
constexpr stage_builder products_summed() {
    stage_builder b(true);
    const int s = b.reduce<red::sum>(b.op<op::mul>(b.load(D), b.load(D)));
    b.store(s);
    b.store(b.op<op::mul>(s, b.row_load(D, 1)));
    return b;
}
// One factor is the same along some axes: all, none, or those around the lanes.
template <dtype D>
void check_products_summed(const space& s, layout lx, layout ly, unsigned y_moves, bool swapped) {
    using T = sinter::storage_t<D>;
    const unsigned outer = s.outer_axes();
    test_array<T> x(s.all, lx), y(s.all, ly, y_moves), scale(s.all, lx, outer & y_moves);
    test_array<T> sum(s.all, lx, outer), scaled(s.all, ly, outer);
    pseudo_random r;
    for (test_array<T>* a : {&x, &y, &scale}) a->fill([&](int64) { return T(r.number()); });
    binding b(s.all, s.row_rank);
    b.load = {(swapped ? y : x).bound(), (swapped ? x : y).bound(), scale.bound()};
    b.store = {sum.bound(), scaled.bound()};
    sinter::cpu::run(loops_for<stage<products_summed<D>>, here>(), b.done());
    int64 wrong = 0;
    for_each_row(s, [&](const extents& row) {
        double t = 0;  // exact
        for_each_in_row(s, row, [&](const extents& i, int64) { t += double(x[i]) * double(y[i]); });
        wrong += sum[row] != T(t) || scaled[row] != T(t * double(scale[row]));
    });
    CHECK(wrong == 0);
}
TEST_CASE("sums of a few products, whatever one factor moves along") {
    const space some[] = {{{1, 5}, 1},
                          {{33, 7, 2, 3, 6}, 1},
                          {{7, 40, 3, 3}, 2},
                          {{700, 3, 2, 9}, 1},
                          {{2100, 2, 3}, 1},
                          {{3, 11, 2}, 1},
                          {{4, 30, 20}, 1},
                          {{17, 9, 5, 5, 5}, 2},
                          {{6, 3, 0}, 1},
                          {{100, 7, 600}, 1}};
    for (const space& s : some) {
        const unsigned all = (1U << s.all.size()) - 1, outer = s.outer_axes();
        for (const unsigned moves : {all, all & ~outer, (all & ~outer) | 1U, all & ~1U, all & ~2U})
            for (const layout lx : layouts)
                for (const layout ly : {layout::plain, layout::reversed_axes}) {
                    check_products_summed<dtype::f32>(s, lx, ly, moves, false);
                    check_products_summed<dtype::f32>(s, lx, ly, moves, true);
                    check_products_summed<dtype::f64>(s, lx, ly, moves, false);
                }
    }
}

constexpr stage_builder plain_sum() {
    stage_builder b(true);
    b.store(b.reduce<red::sum>(b.load(dtype::f32)));
    return b;
}

TEST_CASE("long sums of floats stay accurate along rows and columns") {
    const int64 n = 1 << 18;
    for (const layout l : {layout::plain, layout::reversed_axes}) {
        const space s{{8, n}, 1};
        test_array<float> x(s.all, l), sum(s.all, l, 1U);
        x.fill([](int64) { return 0.1F; });
        binding b(s.all, 1);
        b.load = {x.bound()};
        b.store = {sum.bound()};
        sinter::cpu::run(loops_for<stage<plain_sum>, here>(), b.done());
        for (int64 i = 0; i < 8; ++i)
            CHECK(near(sum[{i, 0}], static_cast<double>(0.1F) * double(n), 2e-6));
    }
}

constexpr stage_builder centred_sum() {
    stage_builder b(true);
    const int x = b.load(dtype::f32), g = b.row_load(dtype::f32);
    b.store(b.reduce<red::sum>(b.op<op::sub>(x, g)));
    return b;
}

TEST_CASE(
    "a sum of values that depend on the row, and a sum for every element "
    "of the row") {
    for (const space& s : spaces)
        for (const layout l : layouts) {
            test_array<float> x(s.all, l), g(s.all, layout::plain, s.outer_axes());
            test_array<float> centred(s.all, l, s.outer_axes()), spread(s.all, l);
            x.fill([](int64 i) { return static_cast<float>(i % 17); });
            g.fill([](int64 i) { return static_cast<float>(i % 5); });
            binding b(s.all, s.row_rank), c(s.all, s.row_rank);
            b.load = {x.bound(), g.bound()};
            b.store = {centred.bound()};
            c.load = {x.bound()};
            c.store = {spread.bound()};
            sinter::cpu::run(loops_for<stage<centred_sum>, here>(), b.done());
            sinter::cpu::run(loops_for<stage<plain_sum>, here>(), c.done());
            int64 wrong = 0;
            for_each_row(s, [&](const extents& row) {
                float sum = 0, total = 0;
                for_each_in_row(s, row, [&](const extents& i, int64) {
                    sum += x[i] - g[row];
                    total += x[i];
                });
                wrong += centred[row] != sum;
                for_each_in_row(
                    s, row, [&](const extents& i, int64) { wrong += spread[i] != total; });
            });
            CHECK(wrong == 0);
        }
}

// What is reduced is one value per row, a scalar or a constant.
constexpr stage_builder of_row_values() {
    stage_builder b(true);
    const int g = b.row_load(dtype::f32), s = b.scalar(dtype::f32), x = b.load(dtype::f32);
    b.store(b.reduce<red::sum>(g));
    b.store(b.reduce<red::sum>(s));
    b.store(b.reduce<red::sum>(b.constant_int(2)));
    b.store(b.op<op::add>(x, g));
    b.store(s);
    return b;
}

TEST_CASE("reductions of values per row count them once per element") {
    const space s{{3, 600}, 1};
    test_array<float> g(s.all, layout::plain, 1U), x(s.all, layout::plain), y = x, spread = x;
    test_array<float> sum_g(s.all, layout::plain, 1U), sum_s = sum_g;
    test_array<int64> sum_c(s.all, layout::plain, 1U);
    g.fill([](int64 i) { return static_cast<float>(i); });
    x.fill([](int64 i) { return static_cast<float>(i % 50); });
    binding b(s.all, 1);
    b.load = {g.bound(), x.bound()};
    b.store = {sum_g.bound(), sum_s.bound(), sum_c.bound(), y.bound(), spread.bound()};
    b.floating(0.5);
    sinter::cpu::run(loops_for<stage<of_row_values>, here>(), b.done());
    for (int64 i = 0; i < 3; ++i) {
        CHECK(sum_g[{i, 0}] == static_cast<float>(600 * i));
        CHECK(sum_s[{i, 0}] == 300.0F);
        CHECK(sum_c[{i, 0}] == 1200);
        int64 wrong = 0;
        for (int64 j = 0; j < 600; ++j) {
            wrong += y[{i, j}] != x[{i, j}] + static_cast<float>(i);
            wrong += spread[{i, j}] != 0.5F;
        }
        CHECK(wrong == 0);
    }
}

}  // namespace
