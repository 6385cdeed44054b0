// Matrix products: sizes, types, layouts, and what becomes part of their kernels. Inputs are
// multiples of 1/8, so that sums are exact in any order.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis;
using sn::keepdims;
using sn::out;
using sn::range;
using sn::tensor;

struct size {
    int64 m, n, k;
};
constexpr size sizes[] = {{1, 1, 1},
                          {3, 5, 7},
                          {65, 64, 17},
                          {2, 130, 33},
                          {129, 3, 40},
                          {0, 3, 2},
                          {3, 0, 2},
                          {3, 2, 0}};

template <class T>
reals as_reals(const values<T>& v) {
    return map([](T x) { return static_cast<double>(x); }, v);
}
template <class T>
values<exact_t<T>> stored(const reals& v) {
    using V = exact_t<T>;
    return map([](double x) { return static_cast<V>(element_of<T>(x)); }, v);
}

template <class T>
void check_matmul() {
    using V = exact_t<T>;
    on_each_device([](device d) {
        for (const size& s : sizes)
            for (const layout l : layouts) {
                if (s.m * s.n * s.k > 40000 && l != layout::mixed && l != layout::plain) continue;
                CAPTURE(s.m);
                CAPTURE(s.n);
                CAPTURE(s.k);
                const auto va = random<V>({s.m, s.k}, 1), vb = random<V>({s.k, s.n}, 2);
                const auto vc = random<V>({s.n}, 3), vr = random<V>({s.m, s.n}, 4);
                const auto a = put<T, 2>(va, d, l), r = put<T, 2>(vr, d, l);
                // The other operand once as it is, once transposed in memory.
                const auto b = put<T, 2>(vb, d, l == layout::plain ? layout::reversed_axes : l);
                const auto c = put<T, 1>(vc, d, layout::spaced);
                sn::launch_counter ran;
                const tensor<T, 2> plain = matmul(a, b);
                const tensor<T, 2> fused = relu(matmul(a * 2, b - 1) + c) + r * 2;
                const tensor<T, 2> turned = matmul(transpose(b), transpose(a));
                CHECK(ran.launches() == (s.m * s.n > 0 || d.is_host() ? 3 : 0));
                CHECK(ran.temporaries() == 0);
                const reals pa = as_reals(va), pb = as_reals(vb);
                const auto ab = product(pa, pb);
                CHECK(difference(get(plain), stored<T>(ab)) == "");
                CHECK(difference(get(turned), stored<T>(transposed(ab))) == "");
                const auto inner = product(map([](double x) { return 2 * x; }, pa),
                                           map([](double x) { return x - 1; }, pb));
                const auto want =
                    map([](double x, double y, double z) { return std::max(x + y, 0.0) + 2 * z; },
                        inner,
                        as_reals(vc),
                        as_reals(vr));
                CHECK(difference(get(fused), stored<T>(want)) == "");
            }
    });
}
// Values that are not exact, shapes at random: no element is further from the sum in double than
// k roundings of the sum of magnitudes, and one of the element.
template <class T>
void check_bound(double type_rounding, double sum_rounding) {
    using V = exact_t<T>;
    on_each_device([&](device d) {
        constexpr int64 extents_of[] = {1, 2, 3, 5, 7, 11, 16, 31, 37, 53, 64, 67, 101, 131, 257};
        random_numbers numbers(7);
        const auto pick = [&] { return extents_of[numbers.below(std::size(extents_of))]; };
        const auto thirds = [&](const extents& e) {
            values<V> v(e);
            for (V& x : v.of) x = static_cast<double>(numbers.below(2001)) / 3000.0 - 0.31;
            return as_reals(stored<T>(v));
        };
        for (int i = 0; i < 12; ++i) {
            const size s{pick(), pick(), pick()};
            CAPTURE(s.m);
            CAPTURE(s.n);
            CAPTURE(s.k);
            const layout l = layouts[numbers.below(std::size(layouts))];
            const reals va = thirds({s.m, s.k}), vb = thirds({s.k, s.n}), vc = thirds({s.n}),
                        vr = thirds({s.m, s.n});
            const auto a = put<T, 2>(va, d, l), b = put<T, 2>(vb, d), r = put<T, 2>(vr, d, l);
            const auto c = put<T, 1>(vc, d);
            const reals plain = get(tensor<T, 2>(matmul(a, b))),
                        fused = get(tensor<T, 2>(relu(matmul(a * 2, b - 1) + c) + r * 2));
            // What the product's operands are rounded to.
            const reals less = as_reals(stored<T>(map([](double x) { return x - 1; }, vb)));
            const auto magnitude = [](double x) { return std::fabs(x); };
            const reals ab = product(va, vb),
                        sum_ab = product(map(magnitude, va), map(magnitude, vb)),
                        inner = product(va, less),
                        sum_inner = product(map(magnitude, va), map(magnitude, less));
            const double k = static_cast<double>(s.k);
            int64 wrong = 0;
            for (std::size_t j = 0; j < plain.of.size(); ++j) {
                wrong += std::fabs(plain.of[j] - ab.of[j]) >
                         k * sum_rounding * sum_ab.of[j] + type_rounding * std::fabs(ab.of[j]);
                const double shift = vc.of[j % at(s.n)], add = 2 * vr.of[j];
                const double want = std::max(2 * inner.of[j] + shift, 0.0) + add;
                const double all = 2 * sum_inner.of[j] + std::fabs(shift) + std::fabs(add);
                wrong += std::fabs(fused.of[j] - want) >
                         (k + 3) * sum_rounding * all + type_rounding * std::fabs(want);
            }
            CHECK(wrong == 0);
        }
    });
}
TEST_CASE("matmul: sums of what is not exact stay within their bound") {
    check_bound<float>(0, 0x1p-23);
    check_bound<double>(0, 0x1p-52);
    check_bound<bfloat16>(0x1p-8, 0x1p-23);
}
TEST_CASE("matmul: float") { check_matmul<float>(); }
TEST_CASE("matmul: double") { check_matmul<double>(); }
TEST_CASE("matmul: bfloat16") { check_matmul<bfloat16>(); }
TEST_CASE("matmul: int64") { check_matmul<int64>(); }

TEST_CASE("matmul: mixed types, special values") {
    on_each_device([](device d) {
        const auto va = random({9, 20}, 1), vb = random({20, 7}, 2);
        const auto vi = random<int64>({20, 7}, 3);
        const auto h = put<bfloat16, 2>(va, d);
        const auto f = put<float, 2>(vb, d);
        const auto i = put<int64, 2>(vi, d);
        const tensor<float, 2> hf = matmul(h, f), hi = matmul(sn::astype<float>(h), i);
        const tensor<double, 2> wide = matmul(sn::astype<double>(h), sn::astype<double>(f));
        CHECK(difference(get(hf), product(va, vb)) == "");
        CHECK(difference(get(hi), product(va, as_reals(vi))) == "");
        CHECK(difference(get(wide), product(va, vb)) == "");
        // int64 wraps.
        const auto big = put<int64, 2>(integers({1, 2}, {1L << 62, 1L << 62}), d);
        const auto ones = put<int64, 2>(integers({2, 1}, {1, 3}), d);
        const tensor<int64, 2> wrapped = matmul(big, ones);
        CHECK(get(wrapped).of[0] == 0);
        // NaN and infinities reach their row and column, and no other.
        auto v = random({70, 70}, 4);
        v.of[3 * 70 + 5] = sn::not_a_number;
        v.of[66 * 70 + 1] = sn::infinity;
        const auto x = put<float, 2>(v, d);
        const tensor<float, 2> p = matmul(x, sn::ones<float>(70, 70));
        const auto got = get(p);
        int64 strange = 0;
        for (const double g : got.of) strange += !std::isfinite(g);
        CHECK(strange == 2 * 70);
        CHECK(std::isnan(got.of[3 * 70 + 69]));
        CHECK(got.of[66 * 70] == sn::infinity);
    });
}

TEST_CASE("products beside each other and in each other") {
    on_each_device([](device d) {
        const auto va = random({20, 12}, 1), vb = random({12, 30}, 2), vc = random({30, 5}, 3);
        const auto vd = random({20, 12}, 4), vg = random({12}, 5);
        const auto a = put<double, 2>(va, d), b = put<double, 2>(vb, d), c = put<double, 2>(vc, d);
        const auto e = put<double, 2>(vd, d);
        const auto g = put<double, 1>(vg, d);
        const auto ab = product(va, vb);
        const auto plus = [](double x, double y) { return x + y; };
        const auto sums = [](const std::vector<double>& row) {
            double t = 0;
            for (const double x : row) t += x;
            return t;
        };
        sn::launch_counter ran;
        const auto launches = [&ran] {
            const int n = ran.launches();
            ran.reset();
            return n;
        };
        const tensor<double, 2> chain = matmul(matmul(a, b), c);
        CHECK(launches() == 2);
        CHECK(difference(get(chain), product(ab, vc)) == "");
        const tensor<double, 2> two = matmul(a, b) + matmul(e, b);
        CHECK(launches() == 2);
        CHECK(difference(get(two), map(plus, ab, product(vd, vb))) == "");
        const tensor<double, 2> square = matmul(a, transpose(a)) + 1;
        CHECK(difference(get(square),
                         map([](double x) { return x + 1; }, product(va, transposed(va)))) == "");
        launches();
        const tensor<double, 1> rows = sum(matmul(a, b) * 2, axis<1>);
        CHECK(launches() == 1);
        CHECK(difference(get(rows),
                         map([](double x) { return 2 * x; }, fold(ab, {1}, false, sums))) == "");
        // A reduction in an operand is computed before.
        const tensor<double, 2> scaled = matmul(a / sum(a * a + 1, axis<1>, keepdims), b);
        const auto squares = fold(map([](double x) { return x * x + 1; }, va), {1}, true, sums);
        const auto unit = map([](double x, double y) { return x / y; }, va, squares);
        CHECK(difference(get(scaled), product(unit, vb), 1e-12, 1e-13) == "");
        launches();
        const tensor<double, 2> soft = softmax(matmul(a, b) * 0.125);
        CHECK(launches() == 2);
        const auto parts = map([](double x) { return std::exp(x * 0.125); }, ab);
        const auto want =
            map([](double x, double y) { return x / y; }, parts, fold(parts, {1}, true, sums));
        CHECK(difference(get(soft), want, 1e-12) == "");
        launches();
        // Two results of one product are outputs of its kernel.
        tensor<double, 2> pre, post;
        sn::evaluate(out(pre) = matmul(a * g, b), out(post) = relu(matmul(a * g, b)) * 3);
        CHECK(launches() == 1);
        const auto agb = product(map([](double x, double y) { return x * y; }, va, vg), vb);
        CHECK(difference(get(pre), agb) == "");
        CHECK(difference(
                  get(post), map([](double x) { return 3 * std::max(x, 0.0); }, agb), 0, 1e-300) ==
              "");
        // The same types with other arrays: the guess that both are one product is wrong.
        sn::evaluate(out(pre) = matmul(a * g, b), out(post) = relu(matmul(e * g, b)) * 3);
        CHECK(launches() == 2);
        const auto egb = product(map([](double x, double y) { return x * y; }, vd, vg), vb);
        CHECK(difference(get(pre), agb) == "");
        CHECK(difference(
                  get(post), map([](double x) { return 3 * std::max(x, 0.0); }, egb), 0, 1e-300) ==
              "");
        const tensor<double, 2> part =
            matmul(slice(a, range(18, 1, -3)), slice(b, sn::_, range(1, 29, 9)));
        reals some({6, 4});
        for (int64 i = 0; i < 6; ++i)
            for (int64 j = 0; j < 4; ++j)
                some.of[at(i * 4 + j)] = ab.of[at((18 - 3 * i) * 30 + 1 + 9 * j)];
        CHECK(difference(get(part), some) == "");
    });
}

template <class T>
void check_broadcast_product(device d) {
    const auto plus = [](double x, double y) { return x + y; };
    for (const auto& [m, n] : {std::pair<int64, int64>{1, 30}, {20, 1}, {1, 1}, {20, 30}}) {
        const auto va = random({m, 12}, 1), vb = random({12, n}, 2), vr = random({20, 30}, 3);
        const auto a = put<T, 2>(va, d), b = put<T, 2>(vb, d), r = put<T, 2>(vr, d);
        const auto ab = product(va, vb);
        const tensor<T, 2> wide = matmul(a, b) + r;
        CHECK(difference(get(wide), stored<T>(map(plus, ab, vr))) == "");
        // Together with the product itself, which is smaller.
        tensor<T, 2> alone, beside;
        sn::evaluate(out(alone) = matmul(a, b), out(beside) = matmul(a, b) + r);
        CHECK(difference(get(alone), stored<T>(ab)) == "");
        CHECK(difference(get(beside), stored<T>(map(plus, ab, vr))) == "");
    }
}
// exp of the column is computed once, not for every element of either.
TEST_CASE("a costly function of a column before and behind a product") {
    on_each_device([](device d) {
        const auto va = random<float>({70, 33}, 1), vb = random<float>({33, 45}, 2),
                   vc = random<float>({70, 1}, 3);
        const auto a = put<float, 2>(va, d, layout::plain), b = put<float, 2>(vb, d, layout::plain);
        const auto c = put<float, 2>(vc, d, layout::plain);
        const tensor<float, 2> both = matmul(a * exp(c), b) * exp(c), e = exp(c), p = a * e,
                               q = matmul(p, b), parts = q * e;
        CHECK(sn::allclose(both, parts, 1e-5, 1e-4));
    });
}

TEST_CASE("a product whose only row or column is broadcast") {
    on_each_device([](device d) {
        check_broadcast_product<float>(d);
        check_broadcast_product<bfloat16>(d);
    });
}

}  // namespace
