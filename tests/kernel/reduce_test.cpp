// The reduce kernel against plain loops: sums over columns, rows, everything and any axes.
#include <algorithm>

#include "kernel/stages.hpp"
#include "kernel/support.hpp"

namespace kernel_test {
namespace {

enum class walk { columns, rows, strided };
template <class T>
void check(int64 rows, int64 length, walk w, const kernel::device_limits& d, int64 offset = 0) {
    constexpr dtype t = sinter::dtype_v<T>;
    using C = stage<statistics<t>>;
    CAPTURE(rows);
    CAPTURE(length);
    CAPTURE(static_cast<int>(w));
    CAPTURE(sinter::name_of(t));
    const int64 n = rows * length;
    const int64 outer = w == walk::columns ? 1 : w == walk::rows ? length : -2;
    const int64 inner = w == walk::columns ? rows : w == walk::rows ? 1 : 2 * rows;
    const int64 scale = w == walk::strided ? 2 : 1;
    array<T> x(n * scale + 1, offset), y(n * scale + 1), mean(rows), top(rows);
    array<int64> at(rows);
    array<bool> positive(rows);
    const int64 first = w == walk::strided ? std::max<int64>(2 * (rows - 1), 0) : 0;
    fill_samples(x, 1);
    fill_samples(y, 2);
    binding b({rows}, {length});
    b.load(x.data() + first, {outer, inner}).load(y.data() + first, {outer, inner});
    if constexpr (sinter::same_v<T, int64>) {
        b.integer(length);
    } else {
        b.scalar(static_cast<double>(length));
    }
    b.store(mean.data(), {1, 0}).store(top.data(), {1, 0});
    b.store(at.data(), {1, 0}).store(positive.data(), {1, 0});
    const auto r = run<C>(b, d);
    bool same = true;
    for (int64 i = 0; i < rows; ++i) {
        decltype(number_of(T())) sum{}, best{};
        int64 position = -1;
        for (int64 j = 0; j < length; ++j) {
            const auto v = number_of(x[first + i * outer + j * inner]);
            sum += v * number_of(y[first + i * outer + j * inner]);
            if (position < 0 || v > best) {
                best = v;
                position = j;
            }
        }
        same &= close(mean[i], sum / static_cast<decltype(sum)>(length), 64);
        same &= number_of(top[i]) == best && at[i] == position && positive[i] == (sum > 0);
    }
    CHECK(same);
    CHECK(r.stats.bytes_loaded >= 2 * static_cast<std::uint64_t>(n) * sizeof(T));
    // The states of a split are little beside the arrays.
    const auto plan = kernel::plan_launch<C>(b.stage(), d);
    const std::uint64_t states =
        static_cast<std::uint64_t>(plan.workspace_bytes - plan.zeroed_bytes);
    CHECK(r.stats.bytes_loaded == 2 * static_cast<std::uint64_t>(n) * sizeof(T) + states);
}

constexpr kernel::device_limits wide_device{16, 48 * 1024, 100 * 1024};

TEST_CASE("reduce: every type, along rows, columns and neither, split and whole") {
    struct extents {
        int64 rows, length;
    };
    constexpr extents all[] = {{1, 1},
                               {1, 7},
                               {1, 20011},
                               {3, 5},
                               {5, 3},
                               {33, 2},
                               {100, 1},
                               {2, 997},
                               {37, 101},
                               {300, 40},
                               {70, 1500}};
    for (const extents& e : all)
        for (const walk w : {walk::columns, walk::rows, walk::strided}) {
            check<float>(e.rows, e.length, w, small_device);
            check<float>(e.rows, e.length, w, wide_device, 3);
            check<double>(e.rows, e.length, w, wide_device);
            check<bfloat16>(e.rows, e.length, w, small_device, 1);
            check<int64>(e.rows, e.length, w, wide_device);
        }
}
TEST_CASE("reduce: under every schedule") {
    under_all_schedules([] {
        check<float>(1, 9001, walk::rows, wide_device);
        check<double>(40, 800, walk::columns, wide_device);
        check<float>(9, 300, walk::rows, small_device);
    });
}

TEST_CASE("reduce: a split has the same bits in every schedule, and is split") {
    const int64 n = 100003;
    array<float> x(n);
    for (int64 i = 0; i < n; ++i) x[i] = std::sin(static_cast<float>(i));
    std::vector<float> seen;
    under_all_schedules([&] {
        array<float> out(1);
        binding b({}, {n});
        b.load(x.data(), {1}).load(x.data(), {1}).scalar(1).store(out.data(), {0});
        b.store<float>(nullptr, {0}).store<int64>(nullptr, {0}).store<bool>(nullptr, {0});
        using C = stage<statistics<dtype::f32>>;
        CHECK(kernel::plan_launch<C>(b.stage(), wide_device).grid.y > 4);
        run<C>(b, wide_device);
        seen.push_back(out[0]);
    });
    for (const float v : seen) CHECK(std::memcmp(&v, seen.data(), sizeof v) == 0);
}

TEST_CASE("reduce: results per element on the way, row constants stored everywhere") {
    struct extents {
        int64 rows, length;
        bool columns;
    };
    constexpr extents all[] = {{3, 5, true}, {1, 3000, false}, {50, 70, false}, {33, 900, true}};
    for (const extents& e : all) {
        under_all_schedules([&] {
            CAPTURE(e.rows);
            const int64 n = e.rows * e.length;
            const int64 outer = e.columns ? 1 : e.length, inner = e.columns ? e.rows : 1;
            array<float> x(n), r(e.rows), z(e.length), terms(n), more(n), sum(e.rows), spread(n);
            fill_samples(x, 1);
            fill_samples(r, 2);
            fill_samples(z, 3);
            binding b({e.rows}, {e.length});
            b.load(x.data(), {outer, inner}).load(r.data(), {1, 0}).load(z.data(), {0, 1});
            b.store(terms.data(), {outer, inner}).store(more.data(), {outer, inner});
            b.store(sum.data(), {1, 0}).store(spread.data(), {outer, inner});
            run<stage<running>>(b, wide_device);
            bool same = true;
            for (int64 i = 0; i < e.rows; ++i) {
                double s = 0;
                for (int64 j = 0; j < e.length; ++j) {
                    const int64 o = i * outer + j * inner;
                    const double t = static_cast<double>(x[o]) * r[i];
                    s += t;
                    same &= close(terms[o], t) && close(more[o], x[o] + t + z[j]);
                    same &= spread[o] == r[i];
                }
                same &= close(sum[i], s + r[i], 256);
            }
            CHECK(same);
        });
    }
}

TEST_CASE("reduce: several outer and reduced axes; bool sums count") {
    under_all_schedules([] {
        const int64 a = 3, p = 4, c = 6, q = 5;  // x[a][p][c][q] reduced over p and q
        array<bool> x(a * p * c * q);
        array<int64> out(a * c);
        fill_samples(x, 1);
        binding b({a, c}, {p, q});
        b.load(x.data(), {p * c * q, q, c * q, 1}).store(out.data(), {1, a, 0, 0});
        run<stage<count>>(b);
        bool same = true;
        for (int64 i = 0; i < a; ++i)
            for (int64 k = 0; k < c; ++k) {
                int64 s = 0;
                for (int64 e = 0; e < p * q; ++e) s += x[((i * p + e / q) * c + k) * q + e % q];
                same &= out[i + k * a] == s;
            }
        CHECK(same);
    });
}

TEST_CASE("reduce: nothing to sum gives zero") {
    array<int64> out(5);
    out.fill(3);
    binding b({5}, {0});
    b.load<bool>(nullptr, {0, 1}).store(out.data(), {1, 0});
    run<stage<count>>(b);
    for (int64 i = 0; i < 5; ++i) CHECK(out[i] == 0);
    binding none({0}, {7});
    none.load<bool>(nullptr, {7, 1}).store<int64>(nullptr, {1, 0});
    CHECK(kernel::plan_launch<stage<count>>(none.stage(), small_device).nothing);
}

TEST_CASE("reduce: states that do not fit take fewer threads") {
    using C = stage<many_sums>;
    const int64 n = 700;
    array<double> x(n), out(1);
    fill_samples(x, 1);
    binding b({}, {n});
    b.load(x.data(), {1}).store(out.data(), {0});
    const auto plan = kernel::plan_launch<C>(b.stage(), small_device);
    CHECK(plan.block.x == 128);
    CHECK(plan.shared_bytes <= 48 * 1024);
    run<C>(b);
    std::vector<double> v(x.data(), x.data() + n);
    double want = 0;
    for (int k = 0; k < 14; ++k) {
        want += static_cast<double>(std::max_element(v.begin(), v.end()) - v.begin());
        for (double& e : v) e = std::sin(e);
    }
    CHECK(out[0] == want);
}

}  // namespace
}  // namespace kernel_test
