// The row kernel against plain loops: every way to lay rows over a device, and how often it reads.
#include <algorithm>

#include "kernel/stages.hpp"
#include "kernel/support.hpp"

namespace kernel_test {
namespace {

// Devices that make rows of ordinary length short, long, or longer than all shared memory.
constexpr kernel::device_limits roomy{4, 99 * 1024, 164 * 1024};
constexpr kernel::device_limits cramped{3, 8 * 1024, 20 * 1024};
constexpr kernel::device_limits tiny{1, 3 * 1024, 4 * 1024};

struct wanted_layout {
    unsigned lanes, rows, team;
    bool vectors;
};
struct row_case {
    int64 rows, length, offset;
    kernel::device_limits device;
    wanted_layout layout;
    int reads;  // of an array that is read in two walks
};
// Of float; `vectors` is false where a row is shorter than a strip.
constexpr row_case cases[] = {
    {0, 5, 0, roomy, {0, 0, 0, false}, 0},        {1, 1, 0, roomy, {8, 16, 1, false}, 1},
    {3, 2, 1, roomy, {8, 16, 1, false}, 1},       {40, 7, 0, roomy, {8, 16, 1, true}, 1},
    {9, 31, 2, roomy, {8, 16, 1, true}, 1},       {2, 32, 1, roomy, {8, 16, 1, true}, 1},
    {67, 33, 3, roomy, {8, 16, 1, true}, 1},      {300, 100, 0, roomy, {16, 8, 1, true}, 1},
    {40, 127, 15, roomy, {16, 8, 1, true}, 1},    {70, 1000, 0, roomy, {32, 4, 1, true}, 1},
    {1, 1021, 1, roomy, {128, 1, 1, true}, 1},    {20, 4096, 2, roomy, {128, 1, 1, true}, 1},
    {3, 4099, 1, roomy, {512, 1, 1, true}, 1},    {2, 40000, 3, roomy, {256, 1, 2, true}, 1},
    {3, 70000, 2, roomy, {256, 1, 4, true}, 1},   {1, 70001, 1, roomy, {256, 1, 4, true}, 1},
    {5, 4096, 1, cramped, {256, 1, 3, true}, 1},  {4, 10000, 0, cramped, {256, 1, 6, true}, 1},
    {9, 700, 3, tiny, {64, 2, 1, true}, 2},       {2, 2500, 7, tiny, {256, 1, 1, true}, 2},
    {3, 50000, 1, cramped, {256, 1, 2, true}, 2},
};

template <class C>
void check_layout(const kernel::launch_plan<C>& p, const row_case& c) {
    CHECK(p.kernel.g.lanes == c.layout.lanes);
    CHECK(p.kernel.g.rows == c.layout.rows);
    CHECK(p.kernel.g.team == c.layout.team);
    CHECK(p.kernel.g.vectors == c.layout.vectors);
    CHECK(p.cooperative == (c.layout.team > 1));
}

template <class T>
void check_softmax(const row_case& c) {
    constexpr dtype d = sinter::dtype_v<T>;
    using C = stage<softmax<d>>;
    CAPTURE(c.rows);
    CAPTURE(c.length);
    CAPTURE(c.offset);
    CAPTURE(sinter::name_of(d));
    const int64 n = c.rows * c.length;
    array<T> z(n, c.offset), out(n, c.offset);
    fill_samples(z, 1);
    binding b({c.rows}, {c.length});
    b.load(z.data(), {c.length, 1}).store(out.data(), {c.length, 1});
    if constexpr (sinter::same_v<T, float>) {
        if (n > 0) check_layout<C>(kernel::plan_launch<C>(b.stage(), c.device), c);
    }
    emulator::traffic read(z.data(), z.bytes()), written(out.data(), out.bytes());
    run<C>(b, c.device);
    bool same = true;
    for (int64 i = 0; i < c.rows; ++i) {
        double top = -1e30, sum = 0;
        for (int64 j = 0; j < c.length; ++j) top = std::max<double>(top, z[i * c.length + j]);
        for (int64 j = 0; j < c.length; ++j) sum += std::exp(z[i * c.length + j] - top);
        for (int64 j = 0; j < c.length; ++j)
            same &= close(out[i * c.length + j], std::exp(z[i * c.length + j] - top) / sum);
    }
    CHECK(same);
    if constexpr (sinter::same_v<T, float>)
        CHECK(read.loaded() == z.bytes() * static_cast<std::size_t>(c.reads));
    CHECK(read.loaded() <= 2 * z.bytes());
    CHECK(written.stored() == out.bytes());
}
TEST_CASE("row: softmax of every length; one read where rows fit on chip, else two") {
    for (const row_case& c : cases) {
        if (!plain_flavour && c.length > 40000) continue;
        check_softmax<float>(c);
        check_softmax<double>(c);
        check_softmax<bfloat16>(c);
    }
    under_all_schedules([] {
        check_softmax<float>(cases[6]);
        check_softmax<float>(cases[16]);
        check_softmax<float>(cases[18]);
        check_softmax<bfloat16>(cases[11]);
    });
}
TEST_CASE("row: a million elements") {
    if (!plain_flavour) return;
    check_softmax<float>({1, 1000000, 1, roomy, {256, 1, 8, true}, 2});
    check_softmax<bfloat16>({1, 1000000, 0, {132, 227 * 1024, 228 * 1024}, {}, 1});
}

template <class T>
void check_layer_norm(const row_case& c, bool want_mean, bool want_above) {
    constexpr dtype d = sinter::dtype_v<T>;
    using C = stage<layer_norm<d>>;
    CAPTURE(c.rows);
    CAPTURE(c.length);
    const int64 n = c.rows * c.length;
    array<T> z(n, c.offset), gamma(c.length), beta(c.length, 1), shift(c.rows), out(n),
        mean(c.rows);
    array<bool> above(n);
    fill_samples(z, 1);
    fill_samples(gamma, 2);
    fill_samples(beta, 3);
    fill_samples(shift, 4);
    // A common distance that squares would drown in.
    for (int64 i = 0; i < n; ++i) z[i] += T(100);
    binding b({c.rows}, {c.length});
    b.load(z.data(), {c.length, 1}).load(z.data(), {c.length, 1});
    b.load(gamma.data(), {0, 1}).load(beta.data(), {0, 1}).load(shift.data(), {1, 0});
    b.scalar(static_cast<double>(c.length)).store(out.data(), {c.length, 1});
    b.store(want_mean ? mean.data() : nullptr, {1, 0});
    b.store(want_above ? above.data() : nullptr, {c.length, 1});
    emulator::traffic of_z(z.data(), z.bytes()), of_gamma(gamma.data(), gamma.bytes());
    run<C>(b, c.device);
    bool same = true;
    const double noise = 100 * (sinter::same_v<T, double> ? 2.3e-16 : 1.2e-7) * 100;
    for (int64 i = 0; i < c.rows; ++i) {
        const T* x = &z[i * c.length];
        double sum = 0, squares = 0;
        for (int64 j = 0; j < c.length; ++j) sum += x[j];
        const double m = sum / static_cast<double>(c.length);
        for (int64 j = 0; j < c.length; ++j) squares += (x[j] - m) * (x[j] - m);
        const double s = std::sqrt(squares / static_cast<double>(c.length) + 1e-5);
        for (int64 j = 0; j < c.length; ++j) {
            const double y = (x[j] - m) / s * gamma[j] + beta[j] + x[j] + shift[i];
            // A row of one element divides the error of its mean by sqrt(eps).
            same &=
                std::fabs(static_cast<double>(out[i * c.length + j]) - y) <= noise * (1 + 1 / s);
            same &=
                above[i * c.length + j] == (want_above && x[j] > m) || std::fabs(x[j] - m) < noise;
        }
        same &= want_mean ? close(mean[i], m, 100) : mean[i] == T(0);
    }
    CHECK(same);
    // z comes as two loads, which the last walk both wants.
    const bool kept = kernel::plan_launch<C>(b.stage(), c.device).kernel.g.kept > 0;
    if (sinter::same_v<T, float> && n > 0) CHECK(kept == (c.reads == 1));
    CHECK(of_z.loaded() == z.bytes() * (kept ? 1U : 2U));
    CHECK(of_gamma.loaded() == gamma.bytes() * static_cast<std::size_t>(c.rows));
}
TEST_CASE("row: layer norm with several results and a row constant operand") {
    for (const row_case& c : cases) {
        if (c.length > 40000) continue;
        check_layer_norm<float>(c, true, true);
        check_layer_norm<double>(c, true, false);
    }
    under_all_schedules([] {
        check_layer_norm<float>(cases[6], true, true);
        check_layer_norm<float>(cases[11], false, true);
        check_layer_norm<float>(cases[16], true, false);
        check_layer_norm<float>(cases[19], false, true);
    });
}

TEST_CASE("row: sums of squares and exponentials of rows that are hard to add up") {
    const int64 n = 5000;
    using N = stage<layer_norm<dtype::f32>>;
    using S = stage<softmax<dtype::f32>>;
    const float inf = INFINITY;
    struct hard {
        const char* name;
        float (*at)(int64 i);
    };
    const hard rows[] = {
        {"far from zero", [](int64 i) { return 1e6F + static_cast<float>(i % 3); }},
        {"one far away", [](int64 i) { return i == 77 ? 1e4F : static_cast<float>(i % 5); }},
        {"the first far away", [](int64 i) { return i == 0 ? -1e5F : static_cast<float>(i % 7); }},
        {"rising", [](int64 i) { return static_cast<float>(i) * 0.01F; }},
        {"falling", [](int64 i) { return static_cast<float>(-i) * 3.0F; }},
        {"mostly -inf", [](int64 i) { return i == 4321 ? 1.0F : -INFINITY; }},
        {"all -inf", [](int64) { return -INFINITY; }},
        {"an inf", [](int64 i) { return i == 99 ? INFINITY : 0.0F; }},
        {"a nan", [](int64 i) { return i == 99 ? NAN : 0.0F; }},
    };
    for (const auto& device : {roomy, tiny, cramped})
        for (const hard& h : rows) {
            CAPTURE(h.name);
            array<float> z(n), out(n), gamma(n), beta(n), shift(1);
            for (int64 i = 0; i < n; ++i) z[i] = h.at(i);
            gamma.fill(1);
            double top = -inf, sum = 0, mean = 0, squares = 0;
            for (int64 i = 0; i < n; ++i)
                top = std::isnan(z[i]) || std::isnan(top) ? NAN : std::max<double>(top, z[i]);
            for (int64 i = 0; i < n; ++i) sum += std::exp(z[i] - top);
            for (int64 i = 0; i < n; ++i) mean += z[i];
            mean /= static_cast<double>(n);
            for (int64 i = 0; i < n; ++i) squares += (z[i] - mean) * (z[i] - mean);
            binding s({}, {n}), l({}, {n});
            s.load(z.data(), {1}).store(out.data(), {1});
            run<S>(s, device);
            bool same = true;
            for (int64 i = 0; i < n; ++i) same &= close(out[i], std::exp(z[i] - top) / sum, 16);
            CHECK(same);
            l.load(z.data(), {1}).load(z.data(), {1}).load(gamma.data(), {1});
            l.load(beta.data(), {1}).load(shift.data(), {0}).scalar(static_cast<double>(n));
            l.store(out.data(), {1}).store<float>(nullptr, {0}).store<bool>(nullptr, {1});
            run<N>(l, device);
            same = true;
            const double deviation = std::sqrt(squares / static_cast<double>(n) + 1e-5);
            for (int64 i = 0; i < n; ++i) {
                const double y = (z[i] - mean) / deviation + z[i];
                // The mean is rounded to float before it is subtracted.
                const double slack = 1e-4 + std::fabs(mean) * 1e-6 / deviation;
                same &= std::isnan(y) ? std::isnan(out[i])
                                      : std::fabs(out[i] - y) <= slack * (1 + std::fabs(y) * 1e-3);
            }
            CHECK(same);
        }
}

TEST_CASE("row: walks that cannot be joined are read one by one; two pairs are two walks") {
    const int64 rows = 4, n = 3000;
    for (const auto& device : {roomy, tiny}) {
        const bool fits = device.shared_per_block > 12000;
        array<float> x(rows * n, 1), out(rows * n), variance(rows);
        fill_samples(x, 5);
        binding b({rows}, {n}), c({rows}, {n});
        b.load(x.data(), {n, 1}).scalar(static_cast<double>(n)).store(out.data(), {n, 1});
        emulator::traffic read(x.data(), x.bytes());
        run<stage<range_norm<dtype::f32>>>(b, device);
        CHECK(read.loaded() == x.bytes() * (fits ? 1U : 3U));
        bool same = true;
        for (int64 i = 0; i < rows; ++i) {
            double mean = 0, most = 0;
            for (int64 j = 0; j < n; ++j) mean += x[i * n + j];
            mean /= static_cast<double>(n);
            for (int64 j = 0; j < n; ++j) most = std::max(most, std::fabs(x[i * n + j] - mean));
            for (int64 j = 0; j < n; ++j)
                same &= close(out[i * n + j], (x[i * n + j] - mean) / most, 64);
        }
        CHECK(same);
        read.reset();
        c.load(x.data(), {n, 1}).scalar(static_cast<double>(n));
        c.store(out.data(), {n, 1}).store(variance.data(), {1, 0});
        run<stage<norm_softmax>>(c, device);
        CHECK(read.loaded() == x.bytes() * (fits ? 1U : 3U));
        same = true;
        for (int64 i = 0; i < rows; ++i) {
            double mean = 0, squares = 0, top = -1e30, sum = 0;
            for (int64 j = 0; j < n; ++j) mean += x[i * n + j];
            mean /= static_cast<double>(n);
            for (int64 j = 0; j < n; ++j) squares += (x[i * n + j] - mean) * (x[i * n + j] - mean);
            squares /= static_cast<double>(n);
            const auto y = [&](int64 j) {
                return (x[i * n + j] - mean) / std::sqrt(squares + 1e-5);
            };
            for (int64 j = 0; j < n; ++j) top = std::max(top, y(j));
            for (int64 j = 0; j < n; ++j) sum += std::exp(y(j) - top);
            for (int64 j = 0; j < n; ++j)
                same &= close(out[i * n + j], std::exp(y(j) - top) / sum, 64);
            same &= close(variance[i], squares, 64);
        }
        CHECK(same);
    }
}

template <class T>
void check_peaks(int64 rows, int64 length, bool with_nan, const kernel::device_limits& device) {
    constexpr dtype d = sinter::dtype_v<T>;
    using C = stage<peaks<d>>;
    CAPTURE(sinter::name_of(d));
    CAPTURE(length);
    array<T> x(rows * length), top(rows);
    array<int64> at(rows), count(rows);
    array<bool> is(rows * length);
    fill_samples(x, 7);
    if constexpr (sinter::is_floating(d)) {
        if (with_nan) x[length / 2] = x[length - 1] = T(std::nanf(""));
    }
    binding b({rows}, {length});
    b.load(x.data(), {length, 1}).store(at.data(), {1, 0}).store(is.data(), {length, 1});
    b.store(count.data(), {1, 0}).store(top.data(), {1, 0});
    run<C>(b, device);
    bool same = true;
    for (int64 i = 0; i < rows; ++i) {
        int64 best = 0, equal = 0;
        for (int64 j = 1; j < length; ++j) {
            const auto v = number_of(x[i * length + j]), w = number_of(x[i * length + best]);
            if (v > w || (v != v && w == w)) best = j;
        }
        for (int64 j = 0; j < length; ++j) {
            const bool e = number_of(x[i * length + j]) == number_of(x[i * length + best]);
            equal += e;
            same &= is[i * length + j] == e;
        }
        same &= at[i] == best && count[i] == equal;
        same &= std::memcmp(&top[i], &x[i * length + best], sizeof(T)) == 0;
    }
    CHECK(same);
}
TEST_CASE("row: argmax and max of every type; the first maximum, NaN above all") {
    under_all_schedules([] {
        for (const int64 length : {1, 5, 64, 1000}) {
            check_peaks<float>(3, length, false, small_device);
            check_peaks<float>(3, length, true, small_device);
            check_peaks<double>(3, length, true, small_device);
            check_peaks<bfloat16>(3, length, true, small_device);
            check_peaks<int64>(3, length, false, small_device);
            check_peaks<bool>(3, length, false, small_device);
        }
        check_peaks<float>(2, 5000, true, cramped);
        check_peaks<double>(2, 2500, false, cramped);
        check_peaks<bool>(17, 33, false, roomy);
    });
}

// Softmax of rows that lie in memory with strides (outer, inner).
void check_strided(int64 rows,
                   int64 n,
                   int64 outer,
                   int64 inner,
                   int64 out_outer,
                   int64 out_inner,
                   const kernel::device_limits& device,
                   bool across) {
    CAPTURE(rows);
    CAPTURE(n);
    CAPTURE(outer);
    CAPTURE(inner);
    using C = stage<softmax<dtype::f32>>;
    const auto extent = [&](int64 p, int64 q) {
        return std::abs(p) * (rows - 1) + std::abs(q) * (n - 1) + 1;
    };
    const auto first = [&](int64 p, int64 q) {
        return (p < 0 ? -p * (rows - 1) : 0) + (q < 0 ? -q * (n - 1) : 0);
    };
    array<float> z(extent(outer, inner)), out(extent(out_outer, out_inner));
    fill_samples(z, 3);
    const float* x = z.data() + first(outer, inner);
    float* y = out.data() + first(out_outer, out_inner);
    binding b({rows}, {n});
    b.load(x, {outer, inner}).store(y, {out_outer, out_inner});
    const auto plan = kernel::plan_launch<C>(b.stage(), device);
    CHECK(plan.kernel.g.across == across);
    const auto r = run<C>(b, device);
    bool same = true;
    for (int64 i = 0; i < rows; ++i) {
        double sum = 0;
        for (int64 j = 0; j < n; ++j) sum += std::exp(x[i * outer + j * inner]);
        for (int64 j = 0; j < n; ++j)
            same &= close(
                y[i * out_outer + j * out_inner], std::exp(x[i * outer + j * inner]) / sum, 16);
    }
    CHECK(same);
    const auto bytes = static_cast<std::uint64_t>(rows * n) * sizeof(float);
    if (plan.kernel.g.team == 1) CHECK(r.stats.bytes_loaded == bytes);
    if (across) CHECK(r.stats.shared_conflicts <= r.stats.shared_accesses);
}
TEST_CASE("row: rows across memory, backwards, spread out, broadcast, and no two alike") {
    under_all_schedules([] {
        // Columns of a matrix: 32, 16 and 8 at a time.
        check_strided(40, 33, 1, 40, 1, 40, roomy, true);
        check_strided(70, 100, 1, 70, 1, 70, cramped, true);
        check_strided(9, 200, 1, 9, 1, 9, {2, 12 * 1024, 24 * 1024}, true);
        check_strided(64, 1, 1, 64, 1, 64, roomy, false);
        check_strided(7, 50, 1, 7, 1, 7, roomy, false);
        check_strided(6, 101, -101, -1, -101, -1, roomy, false);
        check_strided(6, 101, 101, -1, 101, 1, roomy, false);
        check_strided(5, 64, 128, 2, 64, 1, roomy, false);
        check_strided(5, 64, 0, 1, 64, 1, roomy, false);
        check_strided(5, 64, 1, 0, 64, 1, roomy, false);
        check_strided(12, 90, 1, 12, 90, 1, roomy, false);
        check_strided(2, 5000, 5003, 1, 5001, 1, cramped, false);
        check_strided(2, 5000, -5000, -1, 5000, 1, cramped, false);
    });
}

TEST_CASE("row: int64 rows of several axes, strided; a row constant stored to every element") {
    struct extents {
        int64 m, p, q, r;
        bool vectors;
    };
    under_all_schedules([] {
        for (const extents& e : {extents{3, 4, 5, 7, false},
                                 extents{3, 4, 6, 7, true},
                                 extents{2, 70, 16, 3, true},
                                 extents{1, 60, 333, 2, false}}) {
            const int64 m = e.m, p = e.p, q = e.q, r = e.r;  // x[p][m][r][q], reduced over p and q
            CAPTURE(q);
            using C = stage<whole_sum>;
            array<int64> x(m * p * q * r), out(m * p * q * r), once(m * r), every(m * p * q * r);
            fill_samples(x, 3);
            binding b({m, r}, {p, q});
            const std::vector<int64> strides = {r * q, q, m * r * q, 1};
            b.load(x.data(), strides).store(out.data(), strides);
            b.store(once.data(), {r, 1, 0, 0}).store(every.data(), strides);
            const auto plan = kernel::plan_launch<C>(b.stage(), roomy);
            CHECK(plan.kernel.g.vectors == e.vectors);
            CHECK((plan.kernel.g.team > 1) == (e.p * e.q > 15000));
            run<C>(b, roomy);
            bool same = true;
            for (int64 i = 0; i < m; ++i)
                for (int64 k = 0; k < r; ++k) {
                    int64 sum = 0;
                    for (int64 j = 0; j < p * q; ++j)
                        sum += x[i * r * q + k * q + j / q * m * r * q + j % q];
                    for (int64 j = 0; j < p * q; ++j) {
                        const int64 o = i * r * q + k * q + j / q * m * r * q + j % q;
                        same &= out[o] == x[o] - sum && every[o] == sum;
                    }
                    same &= once[i * r + k] == sum;
                }
            CHECK(same);
        }
    });
}

TEST_CASE("row: places in rows of several axes, of any size") {
    const int64 extents[] = {1, 2, 3, 7, 1000, 65535, 65537, 1 << 30, 0x7fffffff, int64{1} << 33};
    for (const int64 e : extents)
        for (const int64 i : extents)
            for (const int64 j : {int64{0}, int64{1}, e - 1, e, e + 1}) {
                const int64 index = i > (int64{1} << 50) / e ? j : i * e + j;
                uint64 rest = 0;
                const uint64 q = kernel::divide_axis(static_cast<uint64>(index),
                                                     static_cast<uint64>(e),
                                                     1.0 / static_cast<double>(e),
                                                     rest);
                CHECK(q == static_cast<uint64>(index / e));
                CHECK(rest == static_cast<uint64>(index % e));
            }
    for (const int64 s : {int64{0}, int64{1}, int64{-1}, int64{1} << 33, -(int64{3} << 40)})
        for (const uint32 c : {0U, 1U, 12345U, 0xfffffU})
            CHECK(kernel::scaled(c, s) == static_cast<int64>(c) * s);
}

TEST_CASE("row: rows of no elements still have their sum; no rows, no launch") {
    using C = stage<whole_sum>;
    array<int64> sum(3);
    sum.fill(9);
    binding b({3}, {0});
    b.load<int64>(nullptr, {0, 1}).store<int64>(nullptr, {0, 1});
    b.store(sum.data(), {1, 0}).store<int64>(nullptr, {0, 1});
    run<C>(b);
    for (int64 i = 0; i < 3; ++i) CHECK(sum[i] == 0);
    binding none({0}, {4});
    none.load<int64>(nullptr, {4, 1}).store<int64>(nullptr, {4, 1});
    none.store<int64>(nullptr, {1, 0}).store<int64>(nullptr, {4, 1});
    CHECK(kernel::plan_launch<C>(none.stage(), small_device).nothing);
}

TEST_CASE("row: in place, and with the same bits in every schedule") {
    struct shape {
        int64 rows, n;
        kernel::device_limits device;
    };
    for (const shape& s : {shape{6, 100, roomy},
                           shape{3, 4000, cramped},
                           shape{2, 3001, tiny},
                           shape{40, 9, roomy}}) {
        std::vector<float> first;
        under_all_schedules([&] {
            using C = stage<softmax<dtype::f32>>;
            array<float> z(s.rows * s.n), w(s.rows * s.n), out(s.rows * s.n);
            fill_samples(z, 1);
            fill_samples(w, 1);
            binding apart({s.rows}, {s.n}), same({s.rows}, {s.n});
            apart.load(w.data(), {s.n, 1}).store(out.data(), {s.n, 1});
            same.load(z.data(), {s.n, 1}).store(z.data(), {s.n, 1});
            run<C>(apart, s.device);
            run<C>(same, s.device);
            CHECK(std::memcmp(z.data(), out.data(), out.bytes()) == 0);
            if (first.empty()) first.assign(out.data(), out.data() + out.size());
            CHECK(std::memcmp(first.data(), out.data(), out.bytes()) == 0);
        });
    }
}

}  // namespace
}  // namespace kernel_test
