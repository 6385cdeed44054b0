// The host engine in several threads: results are those of one thread, bit for
// bit.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "sinter/cpu/run.hpp"
#include "support/arrays.hpp"
#include "support/stage_builder.hpp"

#if SINTER_OPENMP
using namespace sinter_test;
using sinter::cpu::loops_for;
namespace op = sinter::ir::op;
namespace red = sinter::ir::red;

namespace {

struct alone {};
struct together {
    static constexpr bool threads = true;
};
const int thread_counts[] = {1, 2, 3, 7};

/// An array of floats in memory, and how a stage walks it.
struct array {
    std::vector<float> memory;
    extents stride;
    int64 first = 0;
    explicit array(int64 size, const extents& s, int64 at = 0)
        : memory(static_cast<std::size_t>(size)), stride(s), first(at) {
        pseudo_random r;
        for (float& x : memory) x = static_cast<float>(r.next() % 20011) / 20011.0F - 0.5F;
    }
    sinter::ir::bound_operand bound() {
        sinter::ir::bound_operand b;
        b.data = memory.data() + first;
        for (std::size_t d = 0; d < stride.size(); ++d) b.stride[d] = stride[d];
        return b;
    }
};

/// Runs stage S on `space` in one thread, then in several: all results agree to
/// the bit.
template <class S>
void check_threads(const extents& space,
                   int row_rank,
                   std::vector<array>& loads,
                   const std::vector<array>& stores) {
    const auto results = [&](auto tag) {
        std::vector<array> to = stores;
        binding b(space, row_rank);
        for (array& a : loads) b.load.push_back(a.bound());
        for (array& a : to) b.store.push_back(a.bound());
        sinter::cpu::run(loops_for<S, decltype(tag)>(), b.done());
        return to;
    };
    const std::vector<array> expected = results(alone{});
    bool changed = false;
    for (std::size_t k = 0; k < stores.size(); ++k)
        changed = changed || expected[k].memory != stores[k].memory;
    CHECK(changed);
    const int before = omp_get_max_threads();
    for (const int n : thread_counts) {
        omp_set_num_threads(n);
        const std::vector<array> found = results(together{});
        for (std::size_t k = 0; k < stores.size(); ++k)
            CHECK(std::memcmp(found[k].memory.data(),
                              expected[k].memory.data(),
                              expected[k].memory.size() * sizeof(float)) == 0);
    }
    omp_set_num_threads(before);
}

constexpr stage_builder chain() {
    stage_builder b;
    const int x = b.load(dtype::f32), y = b.load(dtype::f32);
    b.store(b.op<op::exp>(b.op<op::sub>(b.op<op::mul>(x, y), b.constant(0.5))));
    return b;
}
constexpr stage_builder softmax() {
    stage_builder b(true);
    const int x = b.load(dtype::f32);
    const int m = b.reduce<red::max>(x);
    const int e = b.op<op::exp>(b.op<op::sub>(x, m));
    const int s = b.reduce<red::sum>(e);
    b.store(b.op<op::div>(e, s));
    b.store(s);
    return b;
}
// softmax(sin(x * exp(c)) * tanh(d)), where c and d may turn out to be broadcast.
constexpr stage_builder dear_softmax() {
    stage_builder b(true);
    const int x = b.load(dtype::f32), c = b.load(dtype::f32), d = b.load(dtype::f32);
    const int e = b.spread(b.op<op::exp>(c));
    const int t = b.spread(b.op<op::tanh>(d));
    const int v = b.op<op::mul>(b.op<op::sin>(b.op<op::mul>(x, e)), t);
    const int f = b.op<op::exp>(b.op<op::sub>(v, b.reduce<red::max>(v)));
    b.store(b.op<op::div>(f, b.reduce<red::sum>(f)));
    return b;
}
constexpr stage_builder folds() {
    stage_builder b(true);
    const int x = b.load(dtype::f32);
    b.store(b.reduce<red::sum>(x));
    b.store(b.cast(b.reduce<red::argmax>(x), dtype::f32));
    b.store(b.reduce<red::sum>(b.op<op::mul>(x, x)));
    return b;
}
constexpr stage_builder product() {
    stage_builder b;
    const int x = b.load(dtype::f32), y = b.load(dtype::f32), bias = b.load(dtype::f32);
    b.store(b.op<op::add>(b.core(x, y, dtype::f32), bias));
    return b;
}

TEST_CASE("threads: elementwise, in lines and in squares") {
    std::vector<array> lines{array(700001, {1}, 1), array(700000, {1})};
    check_threads<stage<chain>>({700000}, 0, lines, {array(700003, {1}, 3)});
    const int64 m = 701, n = 1003;
    std::vector<array> squares{array(m * n, {n, 1}), array(m * n, {1, m})};
    check_threads<stage<chain>>({m, n}, 0, squares, {array(m * n, {n, 1})});
    std::vector<array> deep{array(3 * m * 301, {301, 1, m * 301}), array(301, {0, 1, 0})};
    check_threads<stage<chain>>({m, 301, 3}, 0, deep, {array(3 * m * 301, {903, 3, 1})});
}

TEST_CASE("threads: many rows, few long rows and columns") {
    for (const auto& [rows, n] :
         {std::pair<int64, int64>{60001, 10}, {1000, 701}, {3, 200003}, {1, 600001}, {131, 5003}}) {
        const extents space{rows, n};
        std::vector<array> in_rows{array(rows * n, {n, 1})};
        check_threads<stage<softmax>>(
            space, 1, in_rows, {array(rows * n, {n, 1}), array(rows, {1, 0})});
        check_threads<stage<folds>>(
            space, 1, in_rows, {array(rows, {1, 0}), array(rows, {1, 0}), array(2 * rows, {2, 0})});
        std::vector<array> in_columns{array(rows * n, {1, rows})};
        check_threads<stage<softmax>>(
            space, 1, in_columns, {array(rows * n, {1, rows}), array(rows, {1, 0})});
        check_threads<stage<folds>>(
            space,
            1,
            in_columns,
            {array(rows, {1, 0}), array(rows, {1, 0}), array(2 * rows, {2, 0})});
    }
}

TEST_CASE("threads: dear functions of rows and columns are the same for all of them") {
    for (const auto& [rows, n] :
         {std::pair<int64, int64>{60001, 10}, {1000, 701}, {3, 200003}, {131, 5003}}) {
        const extents space{rows, n};
        const auto results = [&](const extents& of_c, const extents& of_d, bool whole) {
            array x(rows * n, {n, 1}), c(rows * n, of_c), d(rows * n, of_d), out(rows * n, {n, 1});
            array full_c(rows * n, {n, 1}), full_d(rows * n, {n, 1});
            for (int64 i = 0; i < rows * n; ++i) {
                const auto at = [&](const array& a) {
                    return a.memory[static_cast<std::size_t>(i / n * a.stride[0] +
                                                             i % n * a.stride[1])];
                };
                full_c.memory[static_cast<std::size_t>(i)] = at(c);
                full_d.memory[static_cast<std::size_t>(i)] = at(d);
            }
            binding b(space, 1);
            b.load = {x.bound(), (whole ? full_c : c).bound(), (whole ? full_d : d).bound()};
            b.store = {out.bound()};
            if (whole)
                sinter::cpu::run(loops_for<stage<dear_softmax>, alone>(), b.done());
            else
                sinter::cpu::run(loops_for<stage<dear_softmax>, together>(), b.done());
            return out.memory;
        };
        const extents column{1, 0}, row{0, 1}, all{n, 1};
        CHECK(results(column, row, false) == results(column, row, true));
        CHECK(results(row, column, false) == results(row, column, true));
        CHECK(results(all, column, false) == results(all, column, true));
    }
}

TEST_CASE("threads: products") {
    for (const extents& e : {extents{257, 129, 301},
                             extents{3, 5000, 130},
                             extents{5000, 7, 90},
                             extents{64, 4500, 40}}) {
        const int64 m = e[0], n = e[1], k = e[2];
        std::vector<array> loads{
            array(m * k, {k, 0, 1}), array(k * n, {0, 1, n}), array(n, {0, 1, 0})};
        check_threads<stage<product>>(e, 1, loads, {array(m * n, {n, 1, 0})});
    }
}

TEST_CASE("threads: none inside a parallel region, and callers of many threads") {
    constexpr int64 n = 600000;
    std::vector<array> out(4, array(n, {1}));
    const array x(n, {1}), y(n, {1});
    int sizes = 0;
#pragma omp parallel for num_threads(2) reduction(+ : sizes)
    for (int i = 0; i < 4; ++i) {
        array a = x, c = y;
        binding b({n}, 0);
        b.load = {a.bound(), c.bound()};
        b.store = {out[static_cast<std::size_t>(i)].bound()};
        sinter::cpu::run(loops_for<stage<chain>, together>(), b.done());
        sizes += sinter::cpu::openmp_threads::size(int64{1} << 40);
    }
    if (omp_get_max_threads() > 1) CHECK(sizes == 4);
    for (const array& a : out) CHECK(a.memory == out[0].memory);
    CHECK(out[0].memory != x.memory);
}

}  // namespace
#endif
