// Reductions over every set of axes, functions made of them, and extents that only run time knows,
// against plain loops.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis;
using sn::axis_tag;
using sn::keepdims;
using sn::out;
using sn::tensor;

constexpr double inf = sn::infinity, nan = sn::not_a_number;

// ---- references

template <class V>
V total(const std::vector<V>& v) {
    V t = 0;
    for (const V x : v) t += x;
    return t;
}
template <class V>
V largest(const std::vector<V>& v) {
    V m = v.front();
    for (const V x : v)
        if (x > m || x != x) m = x;
    for (const V x : v)
        if (x != x) m = x;
    return m;
}
template <class V>
int64 first_largest(const std::vector<V>& v) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < v.size(); ++i) {
        const bool nan_here = v[i] != v[i], nan_there = v[best] != v[best];
        if (!nan_there && (nan_here || v[i] > v[best])) best = i;
    }
    return static_cast<int64>(best);
}
template <class V>
double average(const std::vector<V>& v) {
    return static_cast<double>(total(v)) / static_cast<double>(v.size());
}

// ---- all axis sets

/// sum, max, mean and argmax over one set of axes, with and without keepdims.
template <class T, class V, int... A>
void check_axes(const tensor<T, 3>& a, const values<V>& v, axis_tag<A...> over) {
    using W = std::conditional_t<std::is_same_v<T, bool>, int64, T>;   // sums
    using F = std::conditional_t<std::is_same_v<V, int64>, float, T>;  // means
    constexpr int left = sizeof...(A) == 0 ? 0 : 3 - static_cast<int>(sizeof...(A));
    const std::vector<int> axes{(A < 0 ? A + 3 : A)...};
    const auto check = [&](const auto& s, const auto& m, const auto& f, const auto& i, bool keep) {
        CAPTURE(keep);
        const auto sums = fold(v, axes, keep, total<V>);
        const auto stored = map([](V x) { return static_cast<V>(element_of<W>(x)); }, sums);
        CHECK(difference(get(s), stored) == "");
        CHECK(difference(get(m), fold(v, axes, keep, largest<V>)) == "");
        CHECK(difference(get(f), fold(v, axes, keep, average<V>), tolerance<F>()) == "");
        CHECK(difference(get(i), fold(v, axes, keep, first_largest<V>)) == "");
    };
    tensor<W, 3> s;
    tensor<T, 3> m;
    tensor<F, 3> f;
    tensor<int64, 3> i;
    sn::evaluate(out(s) = sum(a, over, keepdims),
                 out(m) = max(a, over, keepdims),
                 out(f) = mean(a, over, keepdims),
                 out(i) = argmax(a, over, keepdims));
    check(s, m, f, i, true);
    const tensor<W, left> ls = sum(a, over);
    const tensor<T, left> lm = max(a, over);
    const tensor<F, left> lf = mean(a, over);
    const tensor<int64, left> li = argmax(a, over);
    check(ls, lm, lf, li, false);
}
template <class T, int... A>
void check_layouts(axis_tag<A...> over) {
    using V = exact_t<T>;
    on_each_device([&](device d) {
        for (const extents& e : {extents{3, 4, 5},
                                 extents{1, 1, 1},
                                 extents{2, 70, 3},
                                 extents{33, 1, 34},
                                 extents{2, 3, 300},
                                 extents{600, 2, 2}}) {
            auto v = random<V>(e, 11);
            if constexpr (std::is_same_v<T, bool>)
                for (V& x : v.of) x = x > 0;
            if constexpr (std::is_same_v<T, bfloat16>)  // sums stay exact
                for (V& x : v.of) x = std::floor(x) / 4;
            const bool small = e == extents{3, 4, 5};
            for (const layout l : layouts) {
                if (!small && l != layout::plain && l != layout::mixed) continue;
                check_axes(put<T, 3>(v, d, l), v, over);
            }
            // Steps of 0 along a reduced or a kept axis.
            const values<V> column({e[1], 1}, std::vector<V>(v.of.begin(), v.of.begin() + e[1]));
            const auto wide = map([](V, V x) { return x; }, v, column);
            check_axes<T, V>(
                broadcast_to(put<T, 2>(column, d), sn::shape{e[0], e[1], e[2]}), wide, over);
        }
    });
}

TEST_CASE("float: every set of axes") {
    check_layouts<float>(axis<>);
    check_layouts<float>(axis<0>);
    check_layouts<float>(axis<1>);
    check_layouts<float>(axis<-1>);
    check_layouts<float>(axis<0, 1>);
    check_layouts<float>(axis<2, 0>);
    check_layouts<float>(axis<-2, -1>);
}
TEST_CASE("other types: all axes, the first, the last") {
    check_layouts<double>(axis<>);
    check_layouts<double>(axis<2>);
    check_layouts<int64>(axis<0>);
    check_layouts<int64>(axis<2>);
    check_layouts<bfloat16>(axis<0>);
    check_layouts<bfloat16>(axis<-1>);
    check_layouts<bool>(axis<1>);
}

TEST_CASE("no elements, and special values at every position") {
    on_each_device([](device d) {
        const auto none = put<float, 2>(random({3, 0}), d);
        CHECK(difference(get(tensor<float, 1>(sum(none, axis<1>))), reals({3})) == "");
        CHECK(difference(get(tensor<float, 1>(mean(none, axis<1>))), reals({3}, {nan, nan, nan})) ==
              "");
        CHECK(difference(get(tensor<float, 1>(sum(none, axis<0>))), reals({0})) == "");
        CHECK(get(tensor<float, 0>(sum(none))).of[0] == 0);
        CHECK(get(tensor<int64, 1>(argmax(none, axis<0>))).shape == extents{0});

        for (const int64 n : {1, 2, 31, 33, 70, 300, 1025}) {
            CAPTURE(n);
            const int64 step = std::max<int64>(1, n / 40);
            reals v({(n + step - 1) / step, n});  // one special value in each row
            for (const double special : {nan, inf, -inf}) {
                for (int64 i = 0; i < v.shape[0]; ++i)
                    for (int64 j = 0; j < n; ++j)
                        v.of[at(i * n + j)] = j == i * step ? special : static_cast<double>(j % 7);
                for (const layout l : {layout::plain, layout::reversed_axes}) {
                    const auto a = put<float, 2>(v, d, l);
                    const tensor<float, 1> s = sum(a, axis<1>), m = max(a, axis<1>);
                    const tensor<int64, 1> i = argmax(a, axis<1>);
                    CHECK(difference(get(s), fold(v, {1}, false, total<double>)) == "");
                    CHECK(difference(get(m), fold(v, {1}, false, largest<double>)) == "");
                    CHECK(difference(get(i), fold(v, {1}, false, first_largest<double>)) == "");
                    const auto all = put<float, 2>(transposed(v), d, l);
                    const tensor<float, 1> c = max(all, axis<0>);
                    CHECK(difference(get(c), fold(v, {1}, false, largest<double>)) == "");
                }
            }
        }
    });
}

// ---- functions made of reductions

reals softmax_of(const reals& v, int along) {
    const auto top = fold(v, {along}, true, largest<double>);
    const auto e = map([](double x, double m) { return std::exp(x - m); }, v, top);
    return map([](double x, double s) { return x / s; }, e, fold(e, {along}, true, total<double>));
}
reals normalised(const reals& v, double epsilon) {
    const int last = static_cast<int>(v.shape.size()) - 1;
    const auto c =
        map([](double x, double m) { return x - m; }, v, fold(v, {last}, true, average<double>));
    const auto squares = map([](double x) { return x * x; }, c);
    return map([epsilon](double x, double s) { return x / std::sqrt(s + epsilon); },
               c,
               fold(squares, {last}, true, average<double>));
}

template <class T>
void check_softmax(double relative, double absolute) {
    on_each_device([&](device d) {
        for (const extents& e :
             {extents{3, 4, 5}, extents{2, 1, 1}, extents{2, 3, 130}, extents{1, 2, 26000}})
            for (const layout l : layouts) {
                if (e[2] > 1000 && l != layout::plain) continue;  // more than fits on chip
                const auto v = random(e, 21);
                const auto a = put<T, 3>(v, d, l);
                sn::launch_counter ran;
                const tensor<T, 3> last = softmax(a), logs = log_softmax(a),
                                   first = softmax(a, axis<0>);
                CHECK(ran.launches() == 3);
                CHECK(ran.temporaries() == 0);
                CHECK(difference(get(last), softmax_of(v, 2), relative, absolute) == "");
                CHECK(difference(get(first), softmax_of(v, 0), relative, absolute) == "");
                const auto log_of = map([](double x) { return std::log(x); }, softmax_of(v, 2));
                CHECK(difference(get(logs), log_of, relative, absolute) == "");
            }
    });
}
TEST_CASE("softmax and log_softmax") {
    check_softmax<float>(3e-6, 1e-7);
    check_softmax<double>(1e-13, 1e-15);
    check_softmax<bfloat16>(1.6e-2, 1e-3);
    on_each_device([](device d) {
        const reals v({5, 3},
                      {-inf, -inf, -inf, inf, 1, 2, nan, 1, 2, -inf, 0, -inf, 1000, 1000, -1000});
        const auto a = put<float, 2>(v, d);
        const tensor<float, 2> p = softmax(a), q = log_softmax(a);
        const reals want({5, 3},
                         {nan, nan, nan, nan, nan, nan, nan, nan, nan, 0, 1, 0, 0.5, 0.5, 0});
        CHECK(difference(get(p), want, 1e-6) == "");
        const double half = std::log(0.5);
        reals logs({5, 3}, want.of);
        std::copy_n(std::vector<double>{-inf, 0, -inf, half, half, half - 2000}.begin(),
                    6,
                    logs.of.begin() + 9);
        CHECK(difference(get(q), logs, 1e-6) == "");
        const tensor<float, 1> row = softmax(sn::arange(4));  // integers become float
        CHECK(difference(get(row), softmax_of(reals({4}, {0, 1, 2, 3}), 0), 1e-6) == "");
        const auto of = [d](extents e) {
            return tensor<float, 2>(softmax(put<float, 2>(random(e), d)));
        };
        CHECK(get(of({0, 3})).shape == extents{0, 3});
        CHECK(contains(error_of<sn::shape_error>([&] { of({2, 0}); }), "max: shape (2, 0)"));
    });
}

template <class T>
void check_layer_norm(double relative, double absolute) {
    on_each_device([&](device d) {
        for (const int64 n : {1, 3, 40, 130})
            for (const layout l : layouts) {
                CAPTURE(n);
                const auto v = random({4, n}, 31), g = random({n}, 32), b = random({n}, 33);
                const auto a = put<T, 2>(v, d, l);
                const auto scale = put<T, 1>(g, d, layout::spaced), shift = put<T, 1>(b, d);
                sn::launch_counter ran;
                const tensor<T, 2> plain = layer_norm(a), full = layer_norm(a, scale, shift, 1e-3);
                CHECK(ran.launches() == 2);
                CHECK(difference(get(plain), normalised(v, 1e-5), relative, absolute) == "");
                const auto want = map([](double x, double s, double t) { return x * s + t; },
                                      normalised(v, 1e-3),
                                      g,
                                      b);
                CHECK(difference(get(full), want, relative, absolute) == "");
            }
    });
}
TEST_CASE("layer_norm, with and without scale and shift") {
    check_layer_norm<float>(1e-5, 1e-5);
    check_layer_norm<double>(1e-12, 1e-12);
    check_layer_norm<bfloat16>(2e-2, 5e-2);
}

// ---- extents that differ at run time where the fused plan assumed one row length

TEST_CASE("reductions of other extents than the values beside them") {
    const auto minus = [](double x, double y) { return x - y; };
    const auto over = [](double x, double y) { return x / y; };
    for (const int64 other : {6, 1, 9, 40}) {
        CAPTURE(other);
        const auto v = random({4, 6}, 41), w = random({4, other}, 42);
        on_each_device([&](device d) {
            const auto z = put<float, 2>(v, d), y = put<float, 2>(w, d);
            const tensor<float, 2> a = z - max(y, axis<-1>, keepdims);
            CHECK(difference(get(a), map(minus, v, fold(w, {1}, true, largest<double>))) == "");
            const tensor<float, 2> b = z / sum(exp(y), axis<-1>, keepdims);
            const auto e = map([](double x) { return std::exp(x); }, w);
            CHECK(difference(get(b), map(over, v, fold(e, {1}, true, total<double>)), 1e-5) == "");
            const tensor<float, 2> c = z - sum(y);
            CHECK(difference(get(c), map(minus, v, fold(w, {}, false, total<double>))) == "");
            const tensor<float, 1> s = sum(z, axis<1>) - sum(y, axis<1>);
            CHECK(difference(get(s),
                             map(minus,
                                 fold(v, {1}, false, total<double>),
                                 fold(w, {1}, false, total<double>))) == "");
            // A single row against many, and many against one.
            const auto row = put<float, 2>(random({1, other}, 43), d);
            const tensor<float, 2> f = z - max(row, axis<-1>, keepdims);
            CHECK(difference(
                      get(f),
                      map(minus, v, fold(random({1, other}, 43), {1}, true, largest<double>))) ==
                  "");
        });
    }
}

TEST_CASE("results computed together whose extents turn out to differ") {
    on_each_device([](device d) {
        for (const auto& [p, q] : {std::pair{extents{4, 6}, extents{4, 6}},
                                   std::pair{extents{4, 6}, extents{3, 5}},
                                   std::pair{extents{4, 6}, extents{1, 6}},
                                   std::pair{extents{0, 6}, extents{4, 6}},
                                   std::pair{extents{4, 6}, extents{4, 1}},
                                   std::pair{extents{300, 3}, extents{2, 1025}}}) {
            const auto v = random(p, 51), w = random(q, 52);
            const auto x = put<float, 2>(v, d), y = put<float, 2>(w, d);
            tensor<float, 2> a, b;
            tensor<float, 1> s, t, cs, ct;
            sn::evaluate(out(a) = x * 2, out(b) = y + 1);
            CHECK(difference(get(a), map([](double i) { return i * 2; }, v)) == "");
            CHECK(difference(get(b), map([](double i) { return i + 1; }, w)) == "");
            sn::evaluate(out(s) = sum(x, axis<1>), out(t) = sum(y * y, axis<1>));
            CHECK(difference(get(s), fold(v, {1}, false, total<double>)) == "");
            const auto squares = map([](double i) { return i * i; }, w);
            CHECK(difference(get(t), fold(squares, {1}, false, total<double>)) == "");
            sn::evaluate(out(cs) = sum(x, axis<0>), out(ct) = sum(y, axis<0>));
            CHECK(difference(get(cs), fold(v, {0}, false, total<double>)) == "");
            CHECK(difference(get(ct), fold(w, {0}, false, total<double>)) == "");
            if (p[0] != 0) {
                sn::evaluate(out(a) = softmax(x), out(b) = y - max(y, axis<1>, keepdims));
                CHECK(difference(get(a), softmax_of(v, 1), 1e-5) == "");
                CHECK(difference(get(b),
                                 map([](double i, double m) { return i - m; },
                                     w,
                                     fold(w, {1}, true, largest<double>))) == "");
            }
        }
    });
}

TEST_CASE("results of one array, one of which is broadcast against more rows") {
    on_each_device([](device d) {
        for (const extents& e : {extents{4, 6}, extents{1, 6}, extents{4, 1}, extents{1, 1}}) {
            const auto v = random(e, 61), w = random({4, 6}, 62);
            const auto x = put<float, 2>(v, d), u = put<float, 2>(w, d);
            const auto times = [](double p, double q) { return p * q; };
            tensor<float, 2> a, b;
            tensor<float, 1> s, t;
            sn::evaluate(out(a) = x * 2, out(b) = x * u);
            CHECK(difference(get(a), map([](double p) { return 2 * p; }, v)) == "");
            CHECK(difference(get(b), map(times, v, w)) == "");
            sn::evaluate(out(s) = sum(x * 0.5, axis<1>), out(t) = sum(x * 0.5 * u, axis<1>));
            const auto half = map([](double p) { return p * 0.5; }, v);
            CHECK(difference(get(s), fold(half, {1}, false, total<double>)) == "");
            CHECK(difference(get(t), fold(map(times, half, w), {1}, false, total<double>)) == "");
            sn::evaluate(out(a) = x - max(x, axis<1>, keepdims),
                         out(b) = x * u - sum(x * u, axis<1>, keepdims));
            const auto minus = [](double p, double q) { return p - q; };
            CHECK(difference(get(a), map(minus, v, fold(v, {1}, true, largest<double>))) == "");
            const auto xu = map(times, v, w);
            CHECK(difference(get(b), map(minus, xu, fold(xu, {1}, true, total<double>))) == "");
        }
    });
}

}  // namespace
