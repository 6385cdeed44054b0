// Arrays side by side, and products with vectors.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis;
using sn::shape;
using sn::tensor;

/// The arrays one behind the other along axis k.
template <class V>
values<V> joined(const std::vector<values<V>>& parts, std::size_t k) {
    extents e = parts.front().shape;
    e[k] = 0;
    for (const auto& p : parts) e[k] += p.shape[k];
    values<V> r(e);
    std::size_t n = 0;
    for_each_index(e, [&](extents i) {
        for (const auto& p : parts) {
            if (i[k] < p.shape[k]) {
                r.of[n++] = element_at(p, i);
                return;
            }
            i[k] -= p.shape[k];
        }
    });
    return r;
}

TEST_CASE("concat and stack") {
    on_each_device([](device d) {
        const auto v = random({2, 3, 4}, 1), w = random({2, 1, 4}, 2), u = random({2, 3, 4}, 3);
        const auto none = random({2, 0, 4}, 4);
        const auto twice = map([](double x) { return 2 * x; }, w);
        for (const layout l : layouts) {
            const auto a = put<float, 3>(v, d, l), b = put<float, 3>(w, d, l),
                       c = put<float, 3>(u, d), z = put<float, 3>(none, d);
            CHECK(difference(get(concat(axis<1>, a, b * 2, z, c)),
                             joined<double>({v, twice, none, u}, 1)) == "");
            CHECK(difference(get(concat(axis<-3>, a, c)), joined<double>({v, u}, 0)) == "");
            auto s = joined<double>({v, u}, 0);
            s.shape = {2, 2, 3, 4};
            CHECK(difference(get(stack(axis<0>, a, c)), s) == "");
            const auto last = get(stack(axis<-1>, a, a + c));
            CHECK(last.shape == extents{2, 3, 4, 2});
            CHECK(last.of[2 * 5 + 1] == v.of[5] + u.of[5]);
            CHECK(last.of[2 * 5] == v.of[5]);
        }
        const auto a = put<float, 3>(v, d);
        CHECK(!concat(axis<0>, a).shares_memory(a));
        // Types promote.
        const auto n = put<int64, 1>(integers({2}, {7, -1}), d);
        const auto f = put<sn::bfloat16, 1>(reals({1}, {0.5}), d);
        const auto mixed = concat(axis<0>, n, f);
        static_assert(std::is_same_v<decltype(mixed), const tensor<sn::bfloat16, 1>>);
        CHECK(difference(get(mixed), reals({3}, {7, -1, 0.5})) == "");

        sn::launch_counter ran;
        tensor<float, 3> r = concat(axis<0>, a, a * 2, a + 1);  // one shape: one kernel
        CHECK(ran.launches() == 1);
        CHECK(ran.temporaries() == 0);
        const auto b = put<float, 3>(w, d);
        CHECK(
            error_of<sn::shape_error>([&] { concat(axis<2>, a, b); }) ==
            "concat: shapes (2, 3, 4) and (2, 1, 4) differ along axis 1: only axis 2 may differ.");
        CHECK(error_of<sn::shape_error>([&] { stack(axis<0>, a, b); }) ==
              "concat: shapes (1, 2, 3, 4) and (1, 2, 1, 4) differ along axis 2: only axis 0 may "
              "differ.");
        CHECK(ran.launches() == 1);
    });
}

TEST_CASE("tile, repeat, roll") {
    on_each_device([](device d) {
        const auto v = reals({2, 3}, {1, 2, 3, 4, 5, 6});
        for (const layout l : layouts) {
            const auto a = put<float, 2>(v, d, l);
            CHECK(difference(get(tensor<float, 2>(tile(a, 2, axis<0>))),
                             joined<double>({v, v}, 0)) == "");
            CHECK(difference(get(tensor<float, 2>(tile(a * 1, 3, axis<-1>))),
                             joined<double>({v, v, v}, 1)) == "");
            CHECK(difference(get(tensor<float, 2>(repeat(a, 2, axis<1>))),
                             reals({2, 6}, {1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6})) == "");
            const auto turned = reals({2, 3}, {3, 1, 2, 6, 4, 5});
            for (const int64 shift : {1, -2, 4, -300002})
                CHECK(difference(get(roll(a, shift, axis<1>)), turned) == "");
            CHECK(difference(get(roll(a * 1, -1, axis<0>)), reals({2, 3}, {4, 5, 6, 1, 2, 3})) ==
                  "");
        }
        const auto none = put<float, 2>(random({0, 3}), d);
        CHECK(roll(none, 2, axis<0>).extents() == shape{0, 3});
        CHECK(sn::eval(repeat(none, 0, axis<1>)).extents() == shape{0, 0});
        CHECK(error_of<sn::shape_error>([&] { tile(none, -1, axis<0>); }) ==
              "tile: shape (0, 3) cannot be repeated -1 times.");
    });
}

TEST_CASE("diagonals") {
    on_each_device([](device d) {
        const auto v = reals({2, 3}, {1, 2, 3, 4, 5, 6});
        for (const layout l : layouts) {
            const auto a = put<float, 2>(v, d, l);
            const auto on = [&](int64 k) { return get(diagonal(a, k).clone()).of; };
            CHECK(on(0) == std::vector<double>{1, 5});
            CHECK(on(1) == std::vector<double>{2, 6});
            CHECK(on(2) == std::vector<double>{3});
            CHECK(on(-1) == std::vector<double>{4});
            CHECK((on(3).empty() && on(-2).empty() && on(int64{1} << 62).empty()));
            CHECK(sn::eval(trace(a)).item() == 6);
            CHECK(sn::eval(trace(a * 2)).item() == 12);
        }
        const auto batch = put<float, 3>(reals({2, 1, 2}, {1, 2, 3, 4}), d);
        CHECK(difference(get(tensor<float, 2>(diagonal(batch, 1))), reals({2, 1}, {2, 4})) == "");
        const auto a = put<float, 2>(v, d);
        diagonal(a) = 0;
        CHECK(difference(get(a), reals({2, 3}, {0, 2, 3, 4, 0, 6})) == "");
        const auto row = put<float, 1>(reals({2}, {7, 8}), d);
        CHECK(difference(get(tensor<float, 2>(diag(row) + 1)), reals({2, 2}, {8, 1, 1, 9})) == "");
    });
}

template <class T>
void check_products() {
    using V = exact_t<T>;
    const auto as_reals = [](const auto& v) {
        return map([](V x) { return static_cast<double>(x); }, v);
    };
    const auto same = [&](const auto& got, const reals& want) {
        return difference(as_reals(get(got)), map(rounded<T>, want)) == "";
    };
    on_each_device([&](device d) {
        const extents sizes[] = {{3, 5}, {1, 1}, {1, 70}, {200, 3}, {4, 0}, {0, 4}, {33, 1000}};
        for (const extents& e : sizes)
            for (const layout l : layouts) {
                const int64 m = e[0], k = e[1];
                CAPTURE(m);
                CAPTURE(k);
                const auto a = random<V>({m, k}, 1), x = random<V>({k}, 2), y = random<V>({m}, 3);
                const auto A = put<T, 2>(a, d, l);
                const auto X = put<T, 1>(x, d, l), Y = put<T, 1>(y, d, l);
                auto column = as_reals(x), row = as_reals(y);
                column.shape = {k, 1};
                row.shape = {1, m};
                reals ax = product(as_reals(a), column), ya = product(row, as_reals(a));
                ax.shape = {m};
                ya.shape = {k};
                sn::launch_counter ran;
                const tensor<T, 1> p = matmul(A, X), q = matmul(Y, A);
                const tensor<T, 0> s = dot(X, X), t = matmul(X, X);
                const tensor<T, 2> o = outer(Y, X);
                CHECK((m * k == 0 || ran.launches() == 5));
                CHECK(same(p, ax));
                CHECK(same(q, ya));
                double squares = 0;
                for (const V v : x.of) squares += static_cast<double>(v) * static_cast<double>(v);
                CHECK(same(s, reals({}, {squares})));
                CHECK(same(t, reals({}, {squares})));
                row.shape = {m, 1};
                column.shape = {1, k};
                CHECK(same(o, product(row, column)));
            }
    });
}
TEST_CASE("products with vectors: one kernel each") {
    check_products<float>();
    check_products<int64>();
    check_products<bfloat16>();
    on_each_device(
        [](device d) {
            const auto a = put<float, 2>(random({3, 4}), d);
            const auto x = put<float, 1>(random({4}), d), one = put<float, 1>(random({1}), d);
            CHECK(error_of<sn::shape_error>([&] { matmul(x, a); }) ==
                  "matmul: shapes (4,) and (3, 4) do not fit: 4 is not 3.");
            // An extent of 1 does not broadcast here.
            CHECK(error_of<sn::shape_error>([&] { matmul(a, one); }) ==
                  "matmul: shapes (3, 4) and (1,) do not fit: 4 is not 1.");
            CHECK(error_of<sn::shape_error>([&] { dot(x * 2, one); }) ==
                  "dot: shapes (4,) and (1,) do not fit: 4 is not 1.");
            static_assert(sn::kernel_count_v<decltype(relu(matmul(a, x * 2) + 1))> == 1);
        },
        false);
}

}  // namespace
