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
                               {70, 1500},
                               {512, 90},
                               {260, 33},
                               {1024, 3}};
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

struct summed {
    int64 outer, length;  // x[outer][length] is summed over the axis that `columns` says
    bool columns;
};
TEST_CASE("reduce: a split has the same bits in every schedule, and is split") {
    for (const summed& c :
         {summed{1, 100003, false}, summed{3, 40000, false}, summed{512, 1500, true}}) {
        const int64 n = c.outer * c.length;
        array<float> x(n), y(n);
        for (int64 i = 0; i < n; ++i) x[i] = std::sin(static_cast<float>(i));
        std::vector<float> seen;
        under_all_schedules([&] {
            array<float> out(c.outer);
            binding b({c.outer}, {c.length});
            const int64 step = c.columns ? c.outer : 1, apart = c.columns ? 1 : c.length;
            b.load(x.data(), {apart, step}).load(x.data(), {apart, step}).scalar(1);
            b.store(out.data(), {1, 0});
            b.store<float>(nullptr, {1, 0}).store<int64>(nullptr, {1, 0});
            b.store<bool>(nullptr, {1, 0});
            using C = stage<statistics<dtype::f32>>;
            const auto plan = kernel::plan_launch<C>(b.stage(), wide_device);
            CHECK(plan.grid.y > 4);
            CHECK(plan.kernel.g.wide_outputs == c.columns);
            run<C>(b, wide_device);
            if (seen.empty()) seen.assign(out.data(), out.data() + c.outer);
            CHECK(std::memcmp(out.data(), seen.data(), out.bytes()) == 0);
        });
        for (int64 i = 0; i < c.outer; ++i) {
            double want = 0;
            for (int64 j = 0; j < c.length; ++j) {
                const auto v =
                    static_cast<double>(x[c.columns ? j * c.outer + i : i * c.length + j]);
                want += v * v;
            }
            CHECK(close(seen[static_cast<std::size_t>(i)], want, 64));
        }
    }
}

// x[a][c][q] is reduced over a and q, or y[a][q][c] over a: what a layer's statistics need.
TEST_CASE("reduce: mixed axes and columns of views, each array read once") {
    using C = stage<statistics<dtype::f32>>;
    struct shape {
        int64 a, c, q, offset;
        bool vectors;  // of the mixed axes
    };
    under_all_schedules([] {
        for (const shape& s : {shape{7, 5, 16, 0, true},
                               shape{7, 5, 16, 1, false},
                               shape{90, 3, 49, 0, false},
                               shape{40, 2, 300, 0, true}}) {
            CAPTURE(s.q);
            const int64 n = s.a * s.c * s.q;
            array<float> x(n, s.offset), mean(s.c), top(s.c);
            array<int64> at(s.c);
            fill_samples(x, 1);
            binding b({s.c}, {s.a, s.q});
            const std::vector<int64> strides = {s.q, s.c * s.q, 1};
            b.load(x.data(), strides).load(x.data(), strides);
            b.scalar(static_cast<double>(s.a * s.q)).store(mean.data(), {1, 0, 0});
            b.store(top.data(), {1, 0, 0})
                .store(at.data(), {1, 0, 0})
                .store<bool>(nullptr, {1, 0, 0});
            CHECK(kernel::plan_launch<C>(b.stage(), wide_device).kernel.g.vectors == s.vectors);
            emulator::traffic read(x.data(), x.bytes());
            run<C>(b, wide_device);
            CHECK(read.loaded() == 2 * x.bytes());  // it comes as two loads
            bool same = true;
            for (int64 i = 0; i < s.c; ++i) {
                double sum = 0, best = -1e30;
                int64 position = -1;
                for (int64 j = 0; j < s.a * s.q; ++j) {
                    const auto v = static_cast<double>(x[(j / s.q * s.c + i) * s.q + j % s.q]);
                    sum += v * v;
                    if (v > best) {
                        best = v;
                        position = j;
                    }
                }
                same &= close(mean[i], sum / static_cast<double>(s.a * s.q), 64);
                same &= static_cast<double>(top[i]) == best && at[i] == position;
            }
            CHECK(same);
        }
        // Columns `first` to `first + c` of a matrix with `width` columns.
        struct view {
            int64 rows, c, width, first;
            bool wide;
        };
        for (const view& v : {view{50, 128, 128, 0, true},
                              view{50, 300, 304, 3, true},
                              view{1000, 513, 516, 1, true},
                              view{50, 300, 303, 0, false},
                              view{50, 127, 128, 0, false}}) {
            CAPTURE(v.c);
            array<float> x(v.rows * v.width), mean(v.c), top(v.c);
            fill_samples(x, 2);
            binding b({v.c}, {v.rows});
            b.load(x.data() + v.first, {1, v.width}).load(x.data() + v.first, {1, v.width});
            b.scalar(1).store(mean.data(), {1, 0}).store(top.data(), {1, 0});
            b.store<int64>(nullptr, {1, 0}).store<bool>(nullptr, {1, 0});
            CHECK(kernel::plan_launch<C>(b.stage(), wide_device).kernel.g.wide_outputs == v.wide);
            emulator::traffic read(x.data(), x.bytes());
            run<C>(b, wide_device);
            CHECK(read.loaded() == 2 * static_cast<std::uint64_t>(v.rows * v.c) * sizeof(float));
            bool same = true;
            for (int64 i = 0; i < v.c; ++i) {
                double sum = 0, best = -1e30;
                for (int64 j = 0; j < v.rows; ++j) {
                    const auto e = static_cast<double>(x[j * v.width + v.first + i]);
                    sum += e * e;
                    best = std::max(best, e);
                }
                same &= close(mean[i], sum, 64) && static_cast<double>(top[i]) == best;
            }
            CHECK(same);
        }
    });
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
    const int64 n = 700, columns = 64;
    array<double> x(n * columns), out(columns);
    fill_samples(x, 1);
    binding b({columns}, {n});
    b.load(x.data(), {1, columns}).store(out.data(), {1, 0});
    const auto plan = kernel::plan_launch<C>(b.stage(), small_device);
    CHECK(plan.block.x == 64);
    CHECK(plan.shared_bytes <= 48 * 1024);
    run<C>(b);
    for (int64 i = 0; i < columns; ++i) {
        std::vector<double> v;
        for (int64 j = 0; j < n; ++j) v.push_back(x[j * columns + i]);
        double want = 0;
        for (int k = 0; k < 14; ++k) {
            want += static_cast<double>(std::max_element(v.begin(), v.end()) - v.begin());
            for (double& e : v) e = std::sin(e);
        }
        CHECK(out[i] == want);
    }
}

}  // namespace
}  // namespace kernel_test
