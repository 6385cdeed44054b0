// Which programs and plans an expression is compiled to, when each of them runs, and what `explain`
// says about the choice.
#include <cmath>

#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis, sn::keepdims;
using sn::kernel_count;
using sn::launch_counter;
using sn::out;
using sn::symbol_of;
using sn::tensor;
using vector = tensor<float, 1>;
using matrix = tensor<float, 2>;

// ---- how many tables

struct tables {
    int programs, plans_of_best, plans_of_plain;
    constexpr bool operator==(const tables&) const = default;
};
template <class... S>
constexpr tables count_tables() {
    using best = sn::exec::compiled<sn::exec::source<S...>::guesses, S...>;
    using plain = sn::exec::compiled<false, S...>;
    return {sn::exec::list_programs<sn::host_backend, S...>().count,
            1 + best::has_second,
            1 + plain::has_second};
}
template <class... E>
constexpr tables tables_of(const E&...) {
    return count_tables<symbol_of<E>...>();
}

template <class Z>
auto softmax_by_hand(const Z& z) {
    const auto e = exp(z - max(z, axis<-1>, keepdims));
    return e / sum(e, axis<-1>, keepdims);
}

TEST_CASE("an expression has at most two programs, and each at most two plans") {
    const vector a = sn::ones<float>(2), b = a, c = a;
    const matrix x = sn::ones<float>(2, 2), y = x, w = x;
    // One thing to do: one table.
    constexpr tables one{1, 1, 1}, two_plans{1, 2, 2};
    CHECK(tables_of(a * b + exp(c)) == one);
    CHECK(tables_of(x + a) == one);
    CHECK(tables_of(relu(matmul(x, w) + a)) == one);
    CHECK(tables_of(softmax(x)) == one);
    CHECK(tables_of(sum(x * y, axis<0>)) == one);
    // A costly value that is broadcast; rows that may turn out longer than what they scale; both.
    CHECK(tables_of(x + exp(a)) == two_plans);
    CHECK(tables_of(layer_norm(x, a, b)) == two_plans);
    CHECK(tables_of(softmax(x) * exp(a)) == two_plans);
    // A costly operand, which devices may store; cheap ones never are.
    CHECK(tables_of(matmul(tanh(x), w)) == two_plans);
    CHECK(tables_of(matmul(relu(x) * 2 + a, w * b)) == one);
    // What looks alike may be alike.
    CHECK(tables_of(exp(a) * b + exp(c)) == tables{2, 1, 1});
    CHECK(tables_of(mean((x - y) * (x - y))).programs == 2);
    CHECK(tables_of(softmax_by_hand(x)).programs == 2);
    CHECK(tables_of(softmax_by_hand(x) * exp(a)) == tables{2, 2, 2});
    const auto part = share(x * y);
    CHECK(tables_of(part * part + part) == tables{2, 1, 1});
    CHECK(tables_of(part + x).programs == 1);
    // Several results: that they read the same arrays is one guess together with the others.
    CHECK(tables_of(softmax_by_hand(x), softmax_by_hand(y)).programs == 2);
    CHECK(tables_of(a + 1, c * 2) == tables{2, 1, 1});
}

// ---- which one runs

// The values of x as rows of n, element (i, j) being f(i, j).
template <class F>
matrix fill(int64 rows, int64 n, device d, F f) {
    reals v({rows, n});
    for (int64 i = 0; i < rows; ++i)
        for (int64 j = 0; j < n; ++j) v.of[at(i * n + j)] = f(i, j);
    return put<float, 2>(v, d);
}
matrix ramp(int64 rows, int64 n, device d) {
    return fill(rows, n, d, [n](int64 i, int64 j) {
        return static_cast<double>((i * n + j) % 13) / 8.0 - 0.5;
    });
}
vector slope(int64 n, device d) {
    reals v({n});
    for (int64 j = 0; j < n; ++j) v.of[at(j)] = static_cast<double>(j % 7) / 8.0;
    return put<float, 1>(v, d);
}

/// Evaluates e; checks its values, its launches and temporaries, and the lines of explain.
template <class E>
void check(const E& e,
           const reals& want,
           int launches,
           int temporaries,
           std::initializer_list<const char*> lines) {
    const std::string text = explain(e);
    for (const char* line : lines) {
        CAPTURE(text);
        CHECK(contains(text, line));
    }
    if (lines.size() == 0) CHECK_FALSE((contains(text, "program") || contains(text, "plan")));
    launch_counter ran;
    const tensor<float, E::rank> r = e;
    CHECK(ran.launches() == launches);
    CHECK(ran.temporaries() == temporaries);
    CHECK(difference(get(r), want, 1e-5, 1e-6) == "");
}

reals softmax_of(const reals& v) {
    const auto top = fold(v, {1}, true, [](const std::vector<double>& r) {
        return *std::max_element(r.begin(), r.end());
    });
    const auto parts = map([](double x, double m) { return std::exp(x - m); }, v, top);
    const auto sums = fold(parts, {1}, true, [](const std::vector<double>& r) {
        double s = 0;
        for (const double x : r) s += x;
        return s;
    });
    return map([](double x, double s) { return x / s; }, parts, sums);
}

TEST_CASE("nothing to choose: nothing is said") {
    on_each_device([](device d) {
        const vector a = slope(9, d), b = slope(9, d);
        check(
            a * b + a, map([](double x, double y) { return x * y + x; }, get(a), get(b)), 1, 0, {});
    });
}

TEST_CASE("the guess which operands are the same holds, or the plain program runs") {
    on_each_device([](device d) {
        const vector a = slope(9, d), b = a * 2, c = a + 1;
        const auto f = [](double x, double y, double z) { return std::exp(x) * y + std::exp(z); };
        check(exp(a) * b + exp(a),
              map(f, get(a), get(b), get(a)),
              1,
              0,
              {"operands that look alike are the same, as this program assumes"});
        check(exp(a) * b + exp(c),
              map(f, get(a), get(b), get(c)),
              1,
              0,
              {"plain program, because operands that look alike are not the same"});
    });
}

TEST_CASE("shared parts that differ are evaluated before, each once") {
    on_each_device([](device d) {
        const vector a = slope(9, d), b = a + 1;
        const auto s = share(a * a + a), t = share(b * b + b);
        const auto g = [](double x, double y) { return (x * x + x) * (y * y + y) + (x * x + x); };
        check(s * s + s, map(g, get(a), get(a)), 1, 0, {"as this program assumes"});
        check(s * t + s, map(g, get(a), get(b)), 3, 0, {"plain program"});
        // Beside another part that looks like none of its kind.
        const vector c = a * 3;
        check(exp(s) * s + exp(c),
              map(
                  [](double x, double z) {
                      const double p = x * x + x;
                      return std::exp(p) * p + std::exp(z);
                  },
                  get(a),
                  get(c)),
              1,
              0,
              {"as this program assumes"});
    });
}

TEST_CASE("several results: one array, two arrays") {
    on_each_device([](device d) {
        const matrix x = ramp(5, 7, d), y = x + 1;
        matrix p, q;
        for (const bool same : {true, false}) {
            const matrix& z = same ? x : y;
            launch_counter ran;
            evaluate(out(p) = softmax_by_hand(x), out(q) = softmax_by_hand(z) * 2);
            CHECK(ran.launches() == (same ? 1 : 2));
            CHECK(difference(get(p), softmax_of(get(x)), 1e-5, 1e-6) == "");
            const auto doubled = map([](double v) { return 2 * v; }, softmax_of(get(z)));
            CHECK(difference(get(q), doubled, 1e-5, 1e-6) == "");
        }
    });
}

TEST_CASE("rows that turn out unequal take the split plan") {
    on_each_device([](device d) {
        const matrix z = ramp(5, 7, d), one = ramp(5, 1, d);
        const vector a = slope(7, d), b = slope(7, d);
        const auto norm = [](const reals& v, const reals& g, const reals& h) {
            const auto average = [](const std::vector<double>& r) {
                double s = 0;
                for (const double x : r) s += x;
                return s / static_cast<double>(r.size());
            };
            const auto c =
                map([](double x, double m) { return x - m; }, v, fold(v, {1}, true, average));
            const auto variance = fold(map([](double x) { return x * x; }, c), {1}, true, average);
            return map(
                [](double x, double s, double k, double l) {
                    return x / std::sqrt(s + 1e-5) * k + l;
                },
                c,
                variance,
                g,
                h);
        };
        const auto e = layer_norm(z, a, b);
        static_assert(sn::kernel_count_v<decltype(e)> == 1);
        check(e, norm(get(z), get(a), get(b)), 1, 0, {"fused plan: the rows of each kernel"});
        check(layer_norm(one, a, b),
              norm(get(one), get(a), get(b)),
              3,
              2,
              {"split plan, because the rows of one kernel would differ in length",
               "the lengths of rows differ"});
    });
}

TEST_CASE("a costly value that is broadcast often is stored on the host") {
    on_each_device([](device d) {
        for (const int64 rows : {3, 500}) {
            const matrix x = ramp(rows, 7, d);
            const vector a = slope(7, d);
            const bool often = d.is_host() && rows == 500;
            check(x + exp(a),
                  map([](double v, double w) { return v + std::exp(w); }, get(x), get(a)),
                  often ? 2 : 1,
                  often ? 1 : 0,
                  {often ? "storing plan, because a costly value of 7 elements is read 3500 times"
                   : d.is_host() ? "fused plan: no costly value is read often enough to store it"
                                 : "fused plan: a GPU computes costly values again"});
        }
    });
}

TEST_CASE("rows that may be unequal and a costly value: the second plan serves both") {
    on_each_device([](device d) {
        const auto want = [](const matrix& x, const vector& a) {
            return map(
                [](double p, double w) { return p * std::exp(w); }, softmax_of(get(x)), get(a));
        };
        const vector a = slope(7, d);
        const matrix few = ramp(3, 7, d), many = ramp(900, 7, d), one = ramp(400, 1, d);
        check(softmax(few) * exp(a), want(few, a), 1, 0, {"fused plan: the rows of each kernel"});
        // Storing exp(a) alone would pay, but this plan would store the statistics of rows too.
        check(softmax(many) * exp(a),
              want(many, a),
              1,
              0,
              {d.is_host() ? "is read 6300 times, but to store it would not pay"
                           : "fused plan: the rows of each kernel"});
        // Rows of one element, scaled by seven: the maximum, the sum, exp(a) and the quotient.
        check(softmax(one) * exp(a), want(one, a), 4, 3, {"split plan, because the rows"});
        // Where the value costs more than to pass the rows once more, it is stored.
        const auto tower = sn::lgamma(a + 2) * sn::erf(a) * exp(sn::tanh(a)) * sn::atan(a);
        const auto high = [](double w) {
            return std::lgamma(w + 2) * std::erf(w) * std::exp(std::tanh(w)) * std::atan(w);
        };
        const auto sums = fold(get(many), {1}, true, [](const std::vector<double>& r) {
            double s = 0;
            for (const double x : r) s += x;
            return s;
        });
        check(many * sum(many, axis<-1>, keepdims) * tower,
              map([&](double v, double s, double w) { return v * s * high(w); },
                  get(many),
                  sums,
                  get(a)),
              d.is_host() ? 3 : 1,
              d.is_host() ? 2 : 0,
              {d.is_host() ? "split plan, because a costly value of 7 elements is read 6300 times"
                           : "fused plan"});
    });
}

// What two hundred operations and more compute of an element.
template <class E>
auto tower_of_functions(const E& v) {
    return sn::lgamma(v + 2) * sn::digamma(v + 2) * sn::erfc(v) * pow(v + 2, v) * exp(tanh(v)) *
           sn::atan(v);
}

TEST_CASE("a costly operand is stored where the tiles of its product would compute it too often") {
    on_each_device([](device d) {
        const auto x = put<double, 2>(get(ramp(60, 66, d)), d);
        const tensor<double, 2> high = tower_of_functions(x);
        for (const int64 columns : {70, 3200}) {
            const auto w = put<double, 2>(get(ramp(66, columns, d)), d);
            const auto e = matmul(tower_of_functions(x), w);
            const bool often = !d.is_host() && columns == 3200;
            const std::string text = explain(e);
            CAPTURE(text);
            if (d.is_host()) {
                CHECK_FALSE(contains(text, "plan"));
            } else if (often) {
                CHECK(contains(text,
                               "storing plan, because a costly value of 3960 elements is computed "
                               "by 50 tiles of its product\n"));
                CHECK(contains(text,
                               "t0 is stored: it is costly, and each tile of the product that "
                               "reads it would compute it.\n"));
            } else {
                CHECK(contains(text,
                               "fused plan: a costly value of 3960 elements is computed by 2 tiles "
                               "of its product, but to store it would not pay\n"));
            }
            launch_counter ran;
            const tensor<double, 2> y = e;
            CHECK(ran.launches() == (often ? 2 : 1));
            CHECK(ran.temporaries() == (often ? 1 : 0));
            CHECK(difference(get(y), product(get(high), get(w)), 1e-12, 1e-10) == "");
        }
        // Of the right operand each tile of rows; a cheap one stays where it is.
        const auto long_rows = sn::ones<double>(sn::shape{3200, 66}, d);
        CHECK(contains(explain(matmul(long_rows, tower_of_functions(transpose(x)))),
                       "by 50 tiles") == !d.is_host());
        CHECK_FALSE(contains(explain(matmul(relu(long_rows) * 2, transpose(x))), "plan"));
    });
}

}  // namespace
