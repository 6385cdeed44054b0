// Reductions, softmax and products of half and of the integers other than int64.
#include "expr/types_support.hpp"

namespace {

using namespace types_test;

template <class T>
void check_reductions() {
    using V = exact_t<T>;
    on_each_device([](device d) {
        for (const extents& e : {extents{4, 5}, extents{1, 1}, extents{3, 300}, extents{200, 3}})
            for (const layout l : {layout::plain, layout::mixed}) {
                values<V> v(e);
                if constexpr (std::is_integral_v<T>) {
                    v = anywhere<T>(e, 5);
                } else {
                    v = random(e, 5);
                }
                const auto a = put<T, 2>(v, d, l);
                const auto check = [&](auto axes, int k) {
                    tensor<T, 1> most, least, negated;
                    tensor<int64, 1> first;
                    sn::evaluate(out(most) = max(a, axes),
                                 out(least) = min(a, axes),
                                 out(negated) = max(-a, axes),
                                 out(first) = argmax(a, axes));
                    const auto top = [](const std::vector<V>& r) {
                        return *std::max_element(r.begin(), r.end());
                    };
                    CHECK(difference(get(most), fold(v, {k}, false, top)) == "");
                    CHECK(difference(get(least), fold(v, {k}, false, [](const std::vector<V>& r) {
                                         return *std::min_element(r.begin(), r.end());
                                     })) == "");
                    const auto minus = map([](V x) { return as_stored<T>(-x); }, v);
                    CHECK(difference(get(negated), fold(minus, {k}, false, top), 0, 1e-300) == "");
                    CHECK(difference(get(first), fold(v, {k}, false, [](const std::vector<V>& r) {
                                         return static_cast<int64>(
                                             std::max_element(r.begin(), r.end()) - r.begin());
                                     })) == "");
                    const auto sums = eval(sum(a, axes));
                    const auto means = eval(mean(a, axes));
                    const auto total = [](const std::vector<V>& r) {
                        V s = 0;
                        for (const V x : r) s += x;
                        return s;
                    };
                    const auto want = fold(v, {k}, false, total);
                    const double unit = std::is_integral_v<T> ? 0 : 2e-3;
                    CHECK(difference(get(sums), want, unit, unit) == "");
                    const double n = static_cast<double>(e[at(k)]);
                    const auto average = map([n](V s) { return static_cast<double>(s) / n; }, want);
                    CHECK(difference(get(means),
                                     average,
                                     std::is_integral_v<T> ? 1e-4 : 2e-3,
                                     std::is_same_v<T, int> ? 1e3 : 2e-2) == "");
                };
                // Values of which there is one for each row, computed and read from memory.
                values<V> w({e[0], 1});
                for (std::size_t i = 0; i < w.of.size(); ++i) w.of[i] = static_cast<V>(i % 4);
                const auto c = put<T, 2>(w, d, l);
                const tensor<T, 2> below = max(a * c, sn::axis<1>, sn::keepdims) - a;
                const auto scaled = map([](V x, V y) { return as_stored<T>(x * y); }, v, w);
                const auto tops = fold(scaled, {1}, true, [](const std::vector<V>& r) {
                    return *std::max_element(r.begin(), r.end());
                });
                CHECK(difference(get(below),
                                 map([](V t, V x) { return as_stored<T>(t - x); }, tops, v),
                                 0,
                                 1e-300) == "");
                check(sn::axis<1>, 1);
                check(sn::axis<0>, 0);
            }
        const auto v = put<T, 1>(values<V>({3}, {2, 3, 50}), d);
        CHECK(eval(prod(v)).item() == 300);
        CHECK(eval(any(v)).item());
        CHECK(eval(count_nonzero(v)).item() == 3);
    });
}
TEST_CASE("reductions: integers sum and multiply as int64 and average as float") {
    check_reductions<int8_t>();
    check_reductions<half>();
    if constexpr (all_types) {
        check_reductions<uint8_t>();
        check_reductions<int>();
    }
}

TEST_CASE("softmax of half") {
    on_each_device([](device d) {
        for (const extents& e : {extents{3, 5}, extents{7, 130}, extents{1, 1}})
            for (const layout l : layouts) {
                const auto v = random(e, 21);
                const auto a = put<half, 2>(v, d, l);
                sn::launch_counter ran;
                const tensor<half, 2> r = softmax(a);
                CHECK(ran.launches() == 1);
                CHECK(ran.temporaries() == 0);
                const auto sums = fold(v, {1}, true, [](const std::vector<double>& row) {
                    double s = 0;
                    for (const double x : row) s += std::exp(x);
                    return s;
                });
                const auto want = map([](double x, double s) { return std::exp(x) / s; }, v, sums);
                CHECK(difference(get(r), want, 2e-3, 1e-7) == "");
            }
    });
}

template <class T>
void check_product() {
    using V = exact_t<T>;
    on_each_device([](device d) {
        for (const extents& s : {extents{1, 1, 1},
                                 extents{3, 5, 7},
                                 extents{65, 66, 17},
                                 extents{9, 130, 33},
                                 extents{3, 2, 0},
                                 extents{0, 3, 2}})
            for (const layout l : layouts) {
                values<V> x({s[0], s[2]}), y({s[2], s[1]}), z({s[1]});
                if constexpr (std::is_integral_v<T>) {
                    x = anywhere<T>(x.shape, 1);
                    y = anywhere<T>(y.shape, 2);
                    z = anywhere<T>(z.shape, 3);
                } else {
                    x = random(x.shape, 1);
                    y = random(y.shape, 2);
                    z = random(z.shape, 3);
                }
                const auto a = put<T, 2>(x, d, l);
                const auto b = put<T, 2>(y, d, l == layout::plain ? layout::reversed_axes : l);
                const auto c = put<T, 1>(z, d, layout::spaced);
                sn::launch_counter ran;
                const tensor<T, 2> plain = matmul(a, b);
                const tensor<T, 2> fused = maximum(matmul(a * 3, b) + c, 0);
                CHECK(ran.launches() == (s[0] * s[1] > 0 || d.is_host() ? 2 : 0));
                CHECK(ran.temporaries() == 0);
                // Wrapping in 64 bits wraps in every shorter type; reals are small and exact.
                const auto times = [](const values<V>& p, const values<V>& q) {
                    values<V> r({p.shape[0], q.shape[1]});
                    for (int64 i = 0; i < r.shape[0]; ++i)
                        for (int64 j = 0; j < r.shape[1]; ++j)
                            for (int64 k = 0; k < p.shape[1]; ++k) {
                                V& to = r.of[at(i * r.shape[1] + j)];
                                to = to +
                                     p.of[at(i * p.shape[1] + k)] * q.of[at(k * r.shape[1] + j)];
                                if constexpr (std::is_integral_v<T>) to = wrapped<T>(to);
                            }
                    return r;
                };
                CHECK(difference(get(plain), map(as_stored<T, V>, times(x, y))) == "");
                const auto inner = times(map([&](V v) { return as_stored<T>(3 * v); }, x), y);
                const auto want = map(
                    [&](V p, V q) {
                        if constexpr (std::is_integral_v<T>) {
                            return std::max<V>(wrapped<T>(p + q), 0);
                        } else {
                            return as_stored<T>(std::max(p + q, 0.0));
                        }
                    },
                    inner,
                    z);
                CHECK(difference(get(fused), want) == "");
                // The maximum of a product that wraps, taken where it is computed.
                if (s[0] * s[1] > 0) {
                    const auto top = [](const std::vector<V>& r) {
                        return *std::max_element(r.begin(), r.end());
                    };
                    const tensor<T, 1> most = max(matmul(a, b), sn::axis<1>);
                    CHECK(difference(get(most),
                                     fold(map(as_stored<T, V>, times(x, y)), {1}, false, top)) ==
                          "");
                }
            }
    });
}
TEST_CASE("matmul: half sums in float, integers wrap") {
    check_product<half>();
    check_product<int8_t>();
    if constexpr (all_types) {
        check_product<uint8_t>();
        check_product<int16_t>();
        check_product<int>();
    }
}
TEST_CASE("matmul of half rounds what is computed for it to half") {
    on_each_device([](device d) {
        const auto a = put<half, 2>(reals({1, 2}, {1.0009765625, 3}), d);
        const auto b = put<half, 2>(reals({2, 1}, {1, 0}), d);
        // 1.0009765625 squared is 1.001954078674316 in float, 1.001953125 as a half.
        tensor<float, 2> r = sn::astype<float>(matmul(a * a, b));
        CHECK(get(r).of[0] == 1.001953125);
    });
}

}  // namespace
