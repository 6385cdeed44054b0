// Each barrier, fence and shuffle of the kernels is taken away in turn: the checks of the other
// tests must notice. The race flavour notices all of them; wrong values or a stuck block show most
// of them in every flavour.
#include <algorithm>
#include <tuple>

#include "kernel/stages.hpp"
#include "kernel/support.hpp"

namespace kernel_test {
namespace {

enum class site { none, block, fence, shuffle, broadcast, copies, counter };

// The real calls but for one.
template <site Kind, int Number>
struct without {
    template <int Site>
    static void block() {
        if constexpr (Kind != site::block || Site != Number) simt::sync_block();
    }
    template <int Site>
    static void fence() {
        if constexpr (Kind != site::fence || Site != Number) simt::fence();
    }
    template <int Site, class T>
    static T shfl_down(T v, int delta) {
        if constexpr (Kind == site::shuffle && Site == Number) {
            return v;
        } else {
            return simt::shfl_down(v, delta);
        }
    }
    template <int Site, class T>
    static T shfl(T v, int source) {
        if constexpr (Kind == site::broadcast && Site == Number) {
            return v;
        } else {
            return simt::shfl(v, source);
        }
    }
    template <int Site, int Pending = 0>
    static void copies() {
        if constexpr (Kind != site::copies || Site != Number) simt::cp_async_wait<Pending>();
    }
    template <int Site>
    static void counter(const unsigned* p, unsigned value) {
        if constexpr (Kind != site::counter || Site != Number) simt::wait_until(p, value);
    }
};

constexpr kernel::device_limits wide_device{16, 48 * 1024, 100 * 1024};
constexpr kernel::device_limits narrow_device{1, 48 * 1024, 100 * 1024};

// Each returns true when the run was clean and its result right.
template <class Sync>
bool map_runs() {
    const int64 rows = 40, n = 70;
    array<float> x(rows * n), y(rows * n), out(rows * n);
    fill_samples(x, 1);
    fill_samples(y, 2);
    binding b({rows, n});
    b.load(x.data(), {n, 1}).load(y.data(), {1, rows}).scalar(1);
    b.store(out.data(), {n, 1}).store<bool>(nullptr, {});
    bool right = try_run<stage<chain<dtype::f32>>, Sync>(b.stage()).errors.empty();
    for (int64 i = 0; i < rows * n; ++i)
        right &= close(out[i], static_cast<double>(x[i]) * y[i / n + i % n * rows] + 1);
    return right;
}
template <class Sync>
bool softmax_runs(int64 rows, int64 n, const kernel::device_limits& d, unsigned team) {
    using C = stage<softmax<dtype::f32>>;
    array<float> z(rows * n), out(rows * n);
    fill_samples(z, 1);
    binding b({rows}, {n});
    b.load(z.data(), {n, 1}).store(out.data(), {n, 1});
    CHECK(kernel::plan_launch<C, Sync>(b.stage(), d).kernel.g.team == team);
    bool right = try_run<C, Sync>(b.stage(), d).errors.empty();
    for (int64 i = 0; i < rows; ++i) {
        double sum = 0;
        for (int64 j = 0; j < n; ++j) sum += std::exp(static_cast<double>(z[i * n + j]));
        for (int64 j = 0; j < n; ++j)
            right &= close(out[i * n + j], std::exp(static_cast<double>(z[i * n + j])) / sum, 16);
    }
    return right;
}
// Rows of some lanes of a warp and of several warps; each block has several rows one after another.
template <class Sync>
bool row_runs() {
    return softmax_runs<Sync>(40 * 32, 9, narrow_device, 1) &&
           softmax_runs<Sync>(9, 4000, narrow_device, 1);
}
// Teams of three blocks, which have several rows one after another.
template <class Sync>
bool team_runs() {
    return softmax_runs<Sync>(5, 4096, {3, 8 * 1024, 20 * 1024}, 3);
}

// What follows the rows: totals of everything, or down the columns.
template <class Sync, bool Columns>
bool totals_run(int64 rows, int64 n, const kernel::device_limits& d) {
    using C = stage<std::conditional_t<Columns, row_columns<dtype::f32>, row_totals<dtype::f32>>>;
    const int64 results = Columns ? n : 1, step = Columns ? 1 : 0;
    array<float> z(rows * n), p(rows * n), sum(results), top(results);
    fill_samples(z, 1);
    binding b({rows}, {n});
    b.load(z.data(), {n, 1}).scalar(2);
    b.store(p.data(), {n, 1}).store(sum.data(), {0, step}).store(top.data(), {0, step});
    if (!try_run<C, Sync>(b.stage(), d).errors.empty()) return false;
    std::vector<double> sums(static_cast<std::size_t>(results)), most(sums);
    bool right = true;
    for (int64 i = 0; i < rows; ++i) {
        double top_here = z[i * n], all = 0;
        for (int64 j = 1; j < n; ++j) top_here = std::max<double>(top_here, z[i * n + j]);
        for (int64 j = 0; j < n; ++j) all += std::exp(z[i * n + j] - top_here);
        if (!Columns) sums[0] += 2 * std::log(all);
        for (int64 j = 0; j < n; ++j) {
            const double want = std::exp(z[i * n + j] - top_here) / all;
            const auto at = static_cast<std::size_t>(j * step);
            right &= close(p[i * n + j], want, 16);
            if (Columns) sums[at] += 2 * want;
            most[at] = std::max(most[at], want);
        }
    }
    for (int64 j = 0; j < results; ++j) {
        const auto at = static_cast<std::size_t>(j);
        right &= close(sum[j], sums[at], 256) && close(top[j], most[at], 16);
    }
    return right;
}
// Several blocks of several rows, and of one row that several warps share.
template <class Sync>
bool row_totals_run() {
    return totals_run<Sync, false>(16 * 40, 9, small_device) &&
           totals_run<Sync, false>(2, 4000, small_device);
}
// States of columns in shared memory, in device memory, and of teams.
template <class Sync>
bool row_columns_run() {
    return totals_run<Sync, true>(16 * 20, 9, small_device) &&
           totals_run<Sync, true>(30, 900, {2, 8 * 1024, 20 * 1024}) &&
           totals_run<Sync, true>(5, 4096, {3, 8 * 1024, 20 * 1024});
}

template <class Sync>
bool sums_run(int64 rows, int64 length, bool columns, const kernel::device_limits& d) {
    const int64 outer = columns ? 1 : length, inner = columns ? rows : 1;
    array<float> x(rows * length), r(rows), z(length), sum(rows), spread(rows * length);
    fill_samples(x, 1);
    fill_samples(r, 2);
    binding b({rows}, {length});
    b.load(x.data(), {outer, inner}).load(r.data(), {1, 0}).load(z.data(), {0, 1});
    b.store<float>(nullptr, {outer, inner}).store<float>(nullptr, {outer, inner});
    b.store(sum.data(), {1, 0}).store(spread.data(), {outer, inner});
    bool right = try_run<stage<spread_sum>, Sync>(b.stage(), d).errors.empty();
    for (int64 i = 0; i < rows; ++i) {
        double s = r[i];
        for (int64 j = 0; j < length; ++j)
            s += static_cast<double>(x[i * outer + j * inner]) * r[i];
        right &= close(sum[i], s, 256);
        for (int64 j = 0; j < length; ++j) right &= close(spread[i * outer + j * inner], s, 256);
    }
    return right;
}
template <class Sync>
bool reduce_runs() {
    return sums_run<Sync>(32 * 40, 8, true, narrow_device) &&
           sums_run<Sync>(3, 9000, false, wide_device) &&
           sums_run<Sync>(8, 5000, true, wide_device);
}
// Sums of columns, a strip of them per thread, whole and split; several tiles per block.
template <class Sync>
bool wide_runs() {
    for (const auto& [columns, length, d] :
         {std::tuple{int64{128 * 40}, int64{9}, narrow_device}, {256, 2000, wide_device}}) {
        using C = stage<column_sum>;
        array<float> x(columns * length), sum(columns);
        fill_samples(x, 1);
        binding b({columns}, {length});
        b.load(x.data(), {1, columns}).store(sum.data(), {1, 0});
        const auto plan = kernel::plan_launch<C, Sync>(b.stage(), d);
        CHECK(plan.kernel.g.wide_outputs);
        CHECK((plan.grid.y > 1) == (columns == 256));
        if (!try_run<C, Sync>(b.stage(), d).errors.empty()) return false;
        for (int64 i = 0; i < columns; ++i) {
            double s = 0;
            for (int64 j = 0; j < length; ++j) s += static_cast<double>(x[j * columns + i]);
            if (!close(sum[i], s, 256)) return false;
        }
    }
    return true;
}

template <class Sync, class T>
bool product_runs(int64 m, int64 n, int64 k, const kernel::device_limits& d = small_device) {
    array<T> a(m * k), b(k * n), c(m * n);
    fill_samples(a, 1);
    fill_samples(b, 2);
    binding s({m, n}, {k});
    s.load(a.data(), {k, 0, 1}).load(b.data(), {0, 1, n}).store(c.data(), {n, 1, 0});
    bool right = try_run<stage<plain<sinter::dtype_v<T>>>, Sync>(s.stage(), d).errors.empty();
    for (int64 i = 0; i < m; ++i)
        for (int64 j = 0; j < n; ++j) {
            double sum = 0;
            for (int64 q = 0; q < k; ++q)
                sum += static_cast<double>(a[i * k + q]) * static_cast<double>(b[q * n + j]);
            right &= close(c[i * n + j], sum, 64);
        }
    return right;
}
template <class Sync>
bool matmul_runs() {
    return product_runs<Sync, float>(64, 50, 70);
}
template <class Sync>
bool mma_runs() {
    return product_runs<Sync, bfloat16>(128, 104, 136);
}
// Tiles of 128 x 128, whose products leave in four parts.
template <class Sync>
bool large_runs() {
    return product_runs<Sync, float>(100, 90, 20, narrow_device);
}
// Blocks that share a tile; sums long enough for both kinds of kernel.
template <class Sync>
bool shared_runs() {
    return product_runs<Sync, float>(30, 40, 300, wide_device) &&
           product_runs<Sync, bfloat16>(30, 40, 520, wide_device);
}

// Sums of a product's columns, rows, of all of it, and over two products that a block takes in
// turn.
template <class Sync>
bool folded_runs() {
    // Two tiles each way: with one, no block waits for another.
    const int64 p = 2, m = 130, n = 131, k = 5;
    array<float> a(p * m * k), b(k * n), bias(n);
    fill_samples(a, 1);
    fill_samples(b, 2);
    fill_samples(bias, 3);
    for (const unsigned what : {2U, 4U, 7U, 1U}) {
        const int64 step_n = what & 4 ? 0 : 1, of_n = what & 4 ? 1 : n;
        const int64 step_m = what & 2 ? 0 : of_n, of_m = what & 2 ? 1 : m;
        const int64 step_p = what & 1 ? 0 : of_m * of_n, results = (what & 1 ? 1 : p) * of_m * of_n;
        array<float> sum(results), top(results);
        binding s({p, m, n}, {k});
        s.load(a.data(), {m * k, k, 0, 1}).load(b.data(), {0, 0, 1, n});
        s.load(bias.data(), {0, 0, 1, 0}).store<float>(nullptr, {m * n, n, 1, 0});
        s.store(sum.data(), {step_p, step_m, step_n, 0});
        s.store(top.data(), {step_p, step_m, step_n, 0});
        s.b.folded = what;
        if (!try_run<stage<folded<dtype::f32>>, Sync>(s.stage()).errors.empty()) return false;
        std::vector<double> want(static_cast<std::size_t>(results));
        for (int64 i = 0; i < p * m * n; ++i) {
            double x = static_cast<double>(bias[i % n]);
            for (int64 q = 0; q < k; ++q)
                x += static_cast<double>(a[i / n * k + q]) * static_cast<double>(b[q * n + i % n]);
            want[static_cast<std::size_t>(i / n / m * step_p + i / n % m * step_m +
                                          i % n * step_n)] += std::max(x, 0.0);
        }
        for (int64 i = 0; i < results; ++i)
            if (!close(sum[i], 2 * want[static_cast<std::size_t>(i)], 256)) return false;
    }
    return true;
}

// Short sums along two axes: several tiles for each block, columns for more than one tile; sums
// that are taken in several passes.
template <class Sync>
bool short_product_runs(int64 m, int64 n, int64 k, const kernel::device_limits& d) {
    using C = stage<among_zeros<dtype::f32, true>>;
    array<float> a(m * 2 * k), b(2 * k * n), c(m * n);
    fill_samples(a, 1);
    fill_samples(b, 2);
    const ir::bound_guard everywhere[2] = {{{}, 0, 1, 0, 0, 1}, {{}, 0, 1, 0, 0, 1}};
    binding s({m, n}, {2, k});
    s.load(a.data(), {k, 0, m * k, 1}).load(b.data(), {0, 1, k * n, n});
    s.store(c.data(), {n, 1, 0, 0});
    s.b.guard = everywhere;
    s.b.guards = 2;
    CHECK(kernel::plan_launch<C, Sync>(s.stage(), d).direct);
    bool right = try_run<C, Sync>(s.stage(), d).errors.empty();
    for (int64 i = 0; i < m; ++i)
        for (int64 j = 0; j < n; ++j) {
            double sum = 0;
            for (int64 q = 0; q < 2 * k; ++q)
                sum += static_cast<double>(a[q / k * m * k + i * k + q % k]) *
                       static_cast<double>(b[q * n + j]);
            right &= close(c[i * n + j], sum, 64);
        }
    return right;
}
template <class Sync>
bool direct_runs() {
    return short_product_runs<Sync>(300, 70, 5, narrow_device) &&
           short_product_runs<Sync>(200, 20, 20, {1, 30000, 100 * 1024});
}

struct mutant {
    const char* name;
    bool (*runs)();
    bool by_value;  // shows without the race checker
    bool stops_asan = false;
};
constexpr mutant mutants[] = {
    {"map: barrier 0", map_runs<without<site::block, 0>>, true},
    {"row: barrier 0", row_runs<without<site::block, 0>>, true},
    {"row: shuffle 0", row_runs<without<site::shuffle, 0>>, true},
    {"row: broadcast 0", row_runs<without<site::broadcast, 0>>, true},
    {"row: copies 0", row_runs<without<site::copies, 0>>, true, true},
    {"row, teams: barrier 0", team_runs<without<site::block, 0>>, true},
    {"row, teams: barrier 1", team_runs<without<site::block, 1>>, true},
    {"row, teams: shuffle 0", team_runs<without<site::shuffle, 0>>, true},
    {"row, teams: shuffle 1", team_runs<without<site::shuffle, 1>>, true},
    {"row, teams: broadcast 1", team_runs<without<site::broadcast, 1>>, true},
    {"row, teams: fence 0", team_runs<without<site::fence, 0>>, false},
    {"row, teams: fence 1", team_runs<without<site::fence, 1>>, false},
    {"row, teams: counter 0", team_runs<without<site::counter, 0>>, true},
    {"row, totals: barrier 6", row_totals_run<without<site::block, 6>>, false},
    {"row, totals: barrier 8", row_totals_run<without<site::block, 8>>, true},
    {"row, totals: fence 7", row_totals_run<without<site::fence, 7>>, false},
    {"row, totals: fence 8", row_totals_run<without<site::fence, 8>>, false},
    {"row, columns: barrier 9", row_columns_run<without<site::block, 9>>, true},
    {"row, columns: barrier 10", row_columns_run<without<site::block, 10>>, false},
    {"row, columns: barrier 11", row_columns_run<without<site::block, 11>>, true},
    {"row, columns: barrier 12", row_columns_run<without<site::block, 12>>, true},
    {"row, columns: fence 9", row_columns_run<without<site::fence, 9>>, false},
    {"row, columns: fence 10", row_columns_run<without<site::fence, 10>>, false},
    {"row, columns: counter 1", row_columns_run<without<site::counter, 1>>, true},
    {"reduce: barrier 0", reduce_runs<without<site::block, 0>>, true},
    {"reduce: shuffle 0", reduce_runs<without<site::shuffle, 0>>, true},
    {"reduce: barrier 2", reduce_runs<without<site::block, 2>>, false},
    {"reduce: barrier 3", reduce_runs<without<site::block, 3>>, true},
    {"reduce: fence 2", reduce_runs<without<site::fence, 2>>, false},
    {"reduce: fence 3", reduce_runs<without<site::fence, 3>>, false},
    {"reduce, wide: barrier 2", wide_runs<without<site::block, 2>>, false},
    {"reduce, wide: barrier 3", wide_runs<without<site::block, 3>>, false},
    {"reduce, wide: barrier 4", wide_runs<without<site::block, 4>>, true},
    {"reduce, wide: barrier 5", wide_runs<without<site::block, 5>>, false},
    {"reduce, wide: fence 2", wide_runs<without<site::fence, 2>>, false},
    {"reduce, wide: fence 3", wide_runs<without<site::fence, 3>>, false},
    {"matmul: barrier 1", matmul_runs<without<site::block, 1>>, true},
    {"matmul: barrier 2", matmul_runs<without<site::block, 2>>, true},
    {"matmul, large tiles: barrier 3", large_runs<without<site::block, 3>>, true},
    {"matmul, shared tiles: barrier 4", shared_runs<without<site::block, 4>>, false},
    {"matmul, shared tiles: barrier 5", shared_runs<without<site::block, 5>>, true},
    {"matmul, shared tiles: fence 0", shared_runs<without<site::fence, 0>>, false},
    {"matmul, shared tiles: fence 1", shared_runs<without<site::fence, 1>>, false},
    {"matmul, folded: barrier 6", folded_runs<without<site::block, 6>>, true},
    {"matmul, folded: barrier 7", folded_runs<without<site::block, 7>>, false},
    {"matmul, folded: barrier 8", folded_runs<without<site::block, 8>>, false},
    {"matmul, folded: barrier 9", folded_runs<without<site::block, 9>>, true},
    {"matmul, folded: barrier 10", folded_runs<without<site::block, 10>>, true},
    {"matmul, folded: barrier 11", folded_runs<without<site::block, 11>>, false},
    {"matmul, folded: shuffle 2", folded_runs<without<site::shuffle, 2>>, true},
    {"matmul, folded: fence 2", folded_runs<without<site::fence, 2>>, false},
    {"matmul, folded: fence 3", folded_runs<without<site::fence, 3>>, false},
    {"matmul, direct: barrier 0", direct_runs<without<site::block, 0>>, true, true},
    {"matmul, direct: barrier 1", direct_runs<without<site::block, 1>>, true},
    {"matmul, direct: barrier 2", direct_runs<without<site::block, 2>>, true},
    {"matmul, direct: barrier 3", direct_runs<without<site::block, 3>>, true},
    {"matmul, direct: barrier 4", direct_runs<without<site::block, 4>>, true},
    {"matmul, tensor cores: barrier 0", mma_runs<without<site::block, 0>>, true},
    {"matmul, tensor cores: barrier 1", mma_runs<without<site::block, 1>>, true},
    {"matmul, tensor cores: barrier 2", mma_runs<without<site::block, 2>>, true},
    {"matmul, tensor cores: barrier 3", mma_runs<without<site::block, 3>>, true},
    {"matmul, tensor cores: copies 0", mma_runs<without<site::copies, 0>>, true, true},
};

// How many schedules notice.
int noticed(bool (*runs)()) {
    int n = 0;
    for (const auto& o : schedules()) {
        const emulator::scoped_options scope(o);
        n += !runs();
    }
    return n;
}

TEST_CASE("mutation: with all sites in place every schedule is clean") {
    for (bool (*runs)() : {map_runs<without<site::none, 0>>,
                           row_runs<without<site::none, 0>>,
                           team_runs<without<site::none, 0>>,
                           row_totals_run<without<site::none, 0>>,
                           row_columns_run<without<site::none, 0>>,
                           reduce_runs<without<site::none, 0>>,
                           wide_runs<without<site::none, 0>>,
                           matmul_runs<without<site::none, 0>>,
                           large_runs<without<site::none, 0>>,
                           shared_runs<without<site::none, 0>>,
                           folded_runs<without<site::none, 0>>,
                           direct_runs<without<site::none, 0>>,
                           mma_runs<without<site::none, 0>>})
        CHECK(noticed(runs) == 0);
}
TEST_CASE("mutation: each barrier, fence and shuffle is missed") {
    for (const mutant& m : mutants) {
        // ASan notices in its own way.
        if (m.stops_asan && !plain_flavour && !race_flavour) continue;
        const int n = noticed(m.runs);
        const std::string name = m.name;
        CAPTURE(name);
        if (race_flavour || m.by_value) CHECK(n > 0);
        // The race checker does not depend on luck.
        if (race_flavour) CHECK(n == static_cast<int>(schedules().size()));
    }
}

}  // namespace
}  // namespace kernel_test
