// Products whose results are folded by the kernel that computes them, against plain loops.
#include <algorithm>
#include <limits>

#include "kernel/stages.hpp"
#include "kernel/support.hpp"

namespace kernel_test {
namespace {

struct space {
    int64 batch, m, n, k;
};
// Which axes are folded.
enum folding : unsigned { batches = 1, rows = 2, columns = 4, everything = 7 };
constexpr unsigned foldings[] = {
    rows, columns, rows | columns, batches, batches | rows, batches | columns, everything};

constexpr kernel::device_limits many{16, 48 * 1024, 100 * 1024};

template <class T>
emulator::result check(const space& e,
                       unsigned what,
                       bool keeps,
                       int64 offset = 0,
                       const kernel::device_limits& limits = small_device) {
    constexpr dtype d = sinter::dtype_v<T>;
    using sum_type = sinter::select_t<sinter::same_v<T, int64>, int64, T>;
    CAPTURE(e.batch);
    CAPTURE(e.m);
    CAPTURE(e.n);
    CAPTURE(e.k);
    CAPTURE(what);
    CAPTURE(sinter::name_of(d));
    const int64 of_batch = what & batches ? 1 : e.batch, of_m = what & rows ? 1 : e.m,
                of_n = what & columns ? 1 : e.n, results = of_batch * of_m * of_n;
    array<T> a(e.batch * e.m * e.k, offset), b(e.k * e.n), bias(e.n, 1), z(e.batch * e.m * e.n, 1);
    array<sum_type> sum(results);
    array<T> top(results, 1);
    fill_samples(a, 1);
    fill_samples(b, 2);
    fill_samples(bias, 3);
    sum.fill(sum_type(77));
    binding s({e.batch, e.m, e.n}, {e.k});
    s.load(a.data(), {e.m * e.k, e.k, 0, 1}).load(b.data(), {0, 0, 1, e.n});
    s.load(bias.data(), {0, 0, 1, 0});
    s.store(keeps ? z.data() : nullptr, {e.m * e.n, e.n, 1, 0});
    const int64 step_n = what & columns ? 0 : 1, step_m = what & rows ? 0 : of_n,
                step_batch = what & batches ? 0 : of_m * of_n;
    s.store(sum.data(), {step_batch, step_m, step_n, 0});
    s.store(top.data(), {step_batch, step_m, step_n, 0});
    s.b.folded = what;
    const auto r = run<stage<folded<d>>>(s, limits);

    std::vector<double> sums(static_cast<std::size_t>(results)), tops(sums.size()), absolutes(sums);
    for (double& t : tops) t = -std::numeric_limits<double>::infinity();
    bool same = true;
    for (int64 p = 0; p < e.batch; ++p)
        for (int64 i = 0; i < e.m; ++i)
            for (int64 j = 0; j < e.n; ++j) {
                double x = 0;
                for (int64 q = 0; q < e.k; ++q)
                    x += static_cast<double>(number_of(a[(p * e.m + i) * e.k + q])) *
                         static_cast<double>(number_of(b[q * e.n + j]));
                x = std::max(x + static_cast<double>(number_of(bias[j])), 0.0);
                const auto at = static_cast<std::size_t>(p * step_batch + i * step_m + j * step_n);
                sums[at] += x;
                absolutes[at] += std::fabs(x);
                tops[at] = std::max(tops[at], x);
                if (keeps) same &= close(z[(p * e.m + i) * e.n + j], x, 64);
            }
    CHECK(same);
    for (int64 i = 0; i < results; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const bool exists = e.batch * e.m * e.n > 0;
        if (sinter::same_v<T, half> && 2 * sums[at] > 65504) continue;  // overflows
        same &= std::fabs(static_cast<double>(number_of(sum[i])) - 2 * sums[at]) <=
                    1e-5 * absolutes[at] ||
                close(sum[i], 2 * sums[at], 64);
        if (exists) same &= close(top[i], tops[at], 64);
    }
    CHECK(same);
    return r;
}

constexpr space folded_sizes[] = {{1, 1, 1, 1},
                                  {1, 5, 3, 0},
                                  {2, 17, 33, 7},
                                  {1, 64, 64, 16},
                                  {1, 65, 63, 17},
                                  {3, 130, 70, 5},
                                  {1, 1, 150, 20},
                                  {2, 150, 1, 20}};

TEST_CASE("matmul: rows, columns and more folded in its kernel") {
    for (const space& e : folded_sizes)
        for (const unsigned what : foldings) {
            check<float>(e, what, true);
            check<bfloat16>(e, what, what % 2 == 0, 3);
        }
    for (const unsigned what : foldings) {
        check<double>({2, 70, 66, 9}, what, false, 1);
        check<int64>({2, 66, 5, 9}, what, true);
        check<half>({2, 131, 140, 40}, what, true);
    }
}
TEST_CASE("matmul: what is folded has no elements") {
    check<float>({1, 0, 5, 3}, rows, true);
    check<float>({1, 0, 5, 3}, rows | columns, true);
    check<float>({0, 4, 70, 3}, batches | rows, false);
    check<bfloat16>({2, 4, 0, 3}, columns, true);
    check<half>({0, 4, 5, 3}, batches, true);
    using C = stage<folded<dtype::f32>>;
    binding none({1, 4, 0}, {3});
    none.load<float>(nullptr, {0, 3, 0, 1}).load<float>(nullptr, {0, 0, 1, 0});
    none.load<float>(nullptr, {0, 0, 1, 0});
    for (int k = 0; k < 3; ++k) none.store<float>(nullptr, {0, 0, 1, 0});
    none.b.folded = rows;
    CHECK(kernel::plan_launch<C>(none.stage(), small_device).nothing);
}
TEST_CASE("matmul: folded where several blocks share a tile") {
    for (const unsigned what : foldings) {
        check<float>({1, 40, 70, 300}, what, true, 0, many);
        check<half>({1, 130, 20, 600}, what, false, 0, many);
    }
}
TEST_CASE("matmul: folded under every schedule") {
    under_all_schedules([] {
        for (const unsigned what : {unsigned{rows}, unsigned{columns}, unsigned{everything}}) {
            check<float>({2, 70, 65, 20}, what, true);
            check<bfloat16>({1, 140, 130, 40}, what, false);
        }
        check<float>({1, 70, 65, 300}, rows, true, 0, many);
    });
}
TEST_CASE("matmul: large tiles are folded too, and the product need not be stored") {
    for (const unsigned what : {unsigned{rows}, unsigned{columns}, rows | columns}) {
        const auto r = check<float>({1, 260, 130, 9}, what, false);
        CHECK(r.stats.blocks == 3 * 2);
        CHECK(r.stats.shared_conflicts == 0);
        // States of 8 bytes, sum and maximum, for each result of a tile, and the results.
        const int64 of_tile = what == rows ? 128 : what == columns ? 128 : 1;
        const int64 results = what == rows ? 130 : what == columns ? 260 : 1;
        CHECK(r.stats.bytes_stored == static_cast<std::uint64_t>(6 * of_tile * 8 + results * 8));
    }
}

}  // namespace
}  // namespace kernel_test
