// Reductions beside sum, mean, max and argmax, and those that are made of others, against plain
// loops.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis;
using sn::axis_tag;
using sn::correction;
using sn::keepdims;
using sn::out;
using sn::tensor;

constexpr double inf = sn::infinity, nan = sn::not_a_number;

// ---- references

template <class V>
V product(const std::vector<V>& v) {
    V p = 1;
    for (const V x : v) p *= x;
    return p;
}
template <class V>
std::size_t first_least(const std::vector<V>& v) {
    for (std::size_t i = 0; i < v.size(); ++i)
        if (v[i] != v[i]) return i;
    return static_cast<std::size_t>(std::min_element(v.begin(), v.end()) - v.begin());
}
template <class V>
V least(const std::vector<V>& v) {
    return v[first_least(v)];
}
template <class V>
int64 position_of_least(const std::vector<V>& v) {
    return static_cast<int64>(first_least(v));
}
template <class V>
int64 some(const std::vector<V>& v) {
    return std::any_of(v.begin(), v.end(), [](V x) { return x != 0; });
}
template <class V>
int64 every(const std::vector<V>& v) {
    return std::all_of(v.begin(), v.end(), [](V x) { return x != 0; });
}
template <class V>
int64 nonzero(const std::vector<V>& v) {
    return std::count_if(v.begin(), v.end(), [](V x) { return x != 0; });
}
struct spread {
    double correction;
    template <class V>
    double operator()(const std::vector<V>& v) const {
        double mean = 0, squares = 0;
        const double n = static_cast<double>(v.size());
        for (const V x : v) mean += static_cast<double>(x) / n;
        for (const V x : v) squares += std::pow(static_cast<double>(x) - mean, 2);
        return squares / std::max(n - correction, 0.0);
    }
};
template <class V>
double length(const std::vector<V>& v) {
    double s = 0;
    for (const V x : v) s += static_cast<double>(x) * static_cast<double>(x);
    return std::sqrt(s);
}
template <class V>
double log_of_sum(const std::vector<V>& v) {
    double s = 0;
    for (const V x : v) s += std::exp(static_cast<double>(x));
    return std::log(s);
}
double root(double x) { return std::sqrt(x); }

// ---- the table's reductions

template <class T, class V, int... A>
void check_table(const tensor<T, 3>& a, const values<V>& v, axis_tag<A...> over) {
    using W = std::conditional_t<sn::is_floating(sn::dtype_v<T>), T, int64>;
    const std::vector<int> axes{(A < 0 ? A + 3 : A)...};
    constexpr int left = sizeof...(A) == 0 ? 0 : 3 - static_cast<int>(sizeof...(A));
    tensor<T, 3> m;
    tensor<W, 3> p;
    tensor<int64, 3> i, n;
    tensor<bool, 3> o, e;
    sn::evaluate(out(m) = min(a, over, keepdims),
                 out(p) = prod(a, over, keepdims),
                 out(i) = argmin(a, over, keepdims),
                 out(n) = count_nonzero(a, over, keepdims),
                 out(o) = sn::any(a, over, keepdims),
                 out(e) = sn::all(a, over, keepdims));
    CHECK(difference(get(m), fold(v, axes, true, least<V>)) == "");
    CHECK(difference(get(p), fold(v, axes, true, product<V>), 1e-5) == "");
    CHECK(difference(get(i), fold(v, axes, true, position_of_least<V>)) == "");
    CHECK(difference(get(n), fold(v, axes, true, nonzero<V>)) == "");
    CHECK(difference(get(o), fold(v, axes, true, some<V>)) == "");
    CHECK(difference(get(e), fold(v, axes, true, every<V>)) == "");
    const tensor<T, left> lm = min(a, over);
    const tensor<int64, left> li = argmin(a, over);
    const tensor<bool, left> le = sn::all(a > 0, over);
    CHECK(difference(get(lm), fold(v, axes, false, least<V>)) == "");
    CHECK(difference(get(li), fold(v, axes, false, position_of_least<V>)) == "");
    const auto positive = map([](V x) { return static_cast<int64>(x > 0); }, v);
    CHECK(difference(get(le), fold(positive, axes, false, every<int64>)) == "");
}
template <class T, int... A>
void check_table_layouts(axis_tag<A...> over) {
    using V = exact_t<T>;
    on_each_device([&](device d) {
        for (const extents& e : {extents{3, 4, 5}, extents{1, 1, 1}, extents{2, 70, 3}}) {
            auto v = random<V>(e, 11);
            // Few factors other than 1, and none that rounds.
            for (std::size_t i = 0; i < v.of.size(); ++i)
                if (i % 7 != 0) v.of[i] = 1;
            for (V& x : v.of)
                x = std::is_same_v<T, bool> ? static_cast<V>(x > 0)
                                            : static_cast<V>(x < 0   ? -2
                                                             : x > 2 ? 2
                                                                     : x > 1);
            for (const layout l : layouts) check_table(put<T, 3>(v, d, l), v, over);
        }
    });
}
TEST_CASE("min, argmin, prod, any, all and count_nonzero") {
    check_table_layouts<float>(axis<>);
    check_table_layouts<float>(axis<0, -1>);
    check_table_layouts<double>(axis<1>);
    check_table_layouts<int64>(axis<-1>);
    check_table_layouts<bfloat16>(axis<0>);
    check_table_layouts<bool>(axis<2>);
}

TEST_CASE("no elements, infinities and NaN") {
    on_each_device([](device d) {
        const auto none = put<float, 2>(random({3, 0}), d);
        const auto ones = std::vector<double>(3, 1);
        CHECK(difference(get(tensor<float, 1>(prod(none, axis<1>))), reals({3}, ones)) == "");
        CHECK(difference(get(tensor<bool, 1>(sn::any(none, axis<1>))), integers({3})) == "");
        CHECK(difference(get(tensor<bool, 1>(sn::all(none, axis<1>))), integers({3}, {1, 1, 1})) ==
              "");
        CHECK(get(tensor<float, 1>(min(none, axis<0>))).shape == extents{0});
        for (const auto& why : {error_of<sn::shape_error>([&] { sn::eval(min(none, axis<1>)); }),
                                error_of<sn::shape_error>([&] { sn::eval(argmin(none)); })})
            CHECK(contains(why, "shape (3, 0) has no elements along the reduced axes"));
        CHECK(std::isnan(get(tensor<float, 0>(var(none))).of[0]));
        CHECK(std::isnan(get(tensor<float, 0>(stddev(none))).of[0]));
        CHECK(get(tensor<float, 0>(norm(none))).of[0] == 0);
        CHECK(get(tensor<int64, 0>(count_nonzero(none))).of[0] == 0);
        CHECK(error_of<sn::shape_error>([&] { sn::eval(logsumexp(none)); }) != "");

        const reals v({5, 3}, {nan, 1, -inf, 1, nan, inf, inf, -inf, 0, 0, -0.0, 0, 2, 2, 1});
        const auto a = put<float, 2>(v, d);
        CHECK(difference(get(tensor<float, 1>(min(a, axis<1>))),
                         fold(v, {1}, false, least<double>)) == "");
        CHECK(difference(get(tensor<int64, 1>(argmin(a, axis<1>))),
                         fold(v, {1}, false, position_of_least<double>)) == "");
        CHECK(difference(get(tensor<bool, 1>(sn::any(a, axis<1>))),
                         integers({5}, {1, 1, 1, 0, 1})) == "");
        CHECK(difference(get(tensor<bool, 1>(sn::all(a, axis<1>))),
                         integers({5}, {1, 1, 0, 0, 1})) == "");

        const reals w({4, 2}, {-inf, -inf, inf, 0, -inf, 3, 1000, 1000});
        CHECK(difference(get(tensor<float, 1>(logsumexp(put<float, 2>(w, d), axis<1>))),
                         reals({4}, {-inf, inf, 3, 1000 + std::log(2.0)}),
                         1e-6) == "");
        // Two numbers: with correction 2 nothing is left to divide by.
        const auto two = put<float, 1>(reals({2}, {1, 3}), d),
                   one = put<float, 1>(reals({1}, {4}), d);
        CHECK(get(tensor<float, 0>(var(two, correction(2)))).of[0] == inf);
        CHECK(get(tensor<float, 0>(var(two, correction(0)))).of[0] == 1);
        CHECK(std::isnan(get(tensor<float, 0>(stddev(one))).of[0]));
    });
}

// ---- functions made of reductions

template <class T, int... A>
void check_made(double tolerance, axis_tag<A...> over) {
    using F = std::conditional_t<sn::is_floating(sn::dtype_v<T>), T, float>;
    constexpr int left = sizeof...(A) == 0 ? 0 : 3 - static_cast<int>(sizeof...(A));
    const std::vector<int> axes{(A < 0 ? A + 3 : A)...};
    on_each_device([&](device d) {
        for (const extents& e : {extents{3, 4, 5}, extents{2, 3, 130}, extents{70, 2, 1}})
            for (const layout l : layouts) {
                const auto v = random<exact_t<T>>(e, 7);
                using V = exact_t<T>;
                const auto a = put<T, 3>(v, d, l);
                sn::launch_counter ran;
                const tensor<F, left> s = var(a, over, correction(0)), n = norm(a, over),
                                      g = logsumexp(a, over);
                const tensor<F, 3> w = stddev(a, over, keepdims);
                CHECK(ran.launches() == 4);  // one each
                CHECK(ran.temporaries() == 0);
                const auto same = [&](const auto& is, const auto& want) {
                    return difference(get(is), want, tolerance, tolerance) == "";
                };
                CHECK(same(s, fold(v, axes, false, spread{0})));
                CHECK(same(n, fold(v, axes, false, length<V>)));
                CHECK(same(g, fold(v, axes, false, log_of_sum<V>)));
                auto deviation = map(root, fold(v, axes, true, spread{1}));
                CHECK(same(w, deviation));
            }
    });
}
TEST_CASE("var, stddev, norm and logsumexp are one kernel each") {
    check_made<float>(3e-6, axis<-1>);
    check_made<float>(3e-6, axis<0>);
    check_made<double>(1e-13, axis<>);
    check_made<bfloat16>(1e-2, axis<-1>);
    check_made<int64>(3e-6, axis<1, 2>);
}

TEST_CASE("the variance does not cancel") {
    on_each_device([](device d) {
        auto v = random({1, 1000}, 5);
        for (double& x : v.of) x += 4096;
        const tensor<float, 1> s = var(put<float, 2>(v, d), axis<1>);
        CHECK(difference(get(s), fold(v, {1}, false, spread{1}), 1e-5) == "");
    });
}

TEST_CASE("rms_norm and normalize") {
    on_each_device([](device d) {
        for (const layout l : layouts) {
            const auto v = random({4, 33}, 3), s = random({33}, 4);
            const auto a = put<float, 2>(v, d, l);
            const auto scale = put<float, 1>(s, d);
            sn::launch_counter ran;
            const tensor<float, 2> r = rms_norm(a, 1e-3), q = rms_norm(a, scale), u = normalize(a),
                                   c = normalize(a, axis<0>);
            CHECK(ran.launches() == 4);
            const auto times = [](double x, double y) { return x * y; };
            const auto over = [](double x, double y) { return x / y; };
            const auto squares = map(times, v, v);
            const auto mean = [](const std::vector<double>& x) {
                double t = 0;
                for (const double y : x) t += y;
                return t / static_cast<double>(x.size());
            };
            const auto rms = [&](double epsilon) {
                return map([epsilon](double x) { return std::sqrt(x + epsilon); },
                           fold(squares, {1}, true, mean));
            };
            CHECK(difference(get(r), map(over, v, rms(1e-3)), 1e-5) == "");
            CHECK(difference(get(q), map(times, map(over, v, rms(1e-5)), s), 1e-5) == "");
            CHECK(difference(get(u), map(over, v, fold(v, {1}, true, length<double>)), 1e-5) == "");
            CHECK(difference(get(c), map(over, v, fold(v, {0}, true, length<double>)), 1e-5) == "");
        }
        const auto zero = put<float, 2>(reals({1, 4}), d);
        CHECK(difference(get(tensor<float, 2>(normalize(zero))), reals({1, 4})) == "");
    });
}

TEST_CASE("cosine_similarity") {
    on_each_device([](device d) {
        const auto v = random({4, 33}, 3), w = random({4, 33}, 4);
        reals want({4});
        for (std::size_t i = 0; i < 4; ++i) {
            double xy = 0, xx = 0, yy = 0;
            for (std::size_t k = 33 * i; k < 33 * i + 33; ++k) {
                xy += v.of[k] * w.of[k];
                xx += v.of[k] * v.of[k];
                yy += w.of[k] * w.of[k];
            }
            want.of[i] = xy / std::sqrt(xx * yy);
        }
        for (const layout l : layouts) {
            const auto a = put<float, 2>(v, d, l), b = put<float, 2>(w, d, l);
            sn::launch_counter ran;
            const tensor<float, 1> r = cosine_similarity(a, b);
            CHECK(ran.launches() == 1);
            CHECK(difference(get(r), want, 1e-5, 1e-6) == "");
            const tensor<float, 1> none = cosine_similarity(a * 0.F, b);
            CHECK(difference(get(none), reals({4})) == "");
        }
    });
}

}  // namespace
