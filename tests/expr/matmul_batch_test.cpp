// Batches of matrix products: shapes, types, layouts, what becomes part of their kernel, errors.
// Inputs are multiples of 1/8 and small, so that sums are exact in any order.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis;
using sn::keepdims;
using sn::out;
using sn::tensor;

/// The product of the last two axes; the others broadcast.
template <class V>
values<V> batched(const values<V>& a, const values<V>& b) {
    const auto batch = [](const values<V>& v) {
        return extents(v.shape.begin(), v.shape.end() - 2);
    };
    extents e = broadcast(batch(a), batch(b));
    const int64 m = a.shape[a.shape.size() - 2], k = a.shape.back(), n = b.shape.back();
    e.push_back(m);
    e.push_back(n);
    values<V> r(e);
    std::size_t at = 0;
    for_each_index(e, [&](const extents& i) {
        V sum{};
        extents p = i, q = i;
        for (int64 l = 0; l < k; ++l) {
            p[p.size() - 1] = q[q.size() - 2] = l;
            sum += element_at(a, p) * element_at(b, q);
        }
        r.of[at++] = sum;
    });
    return r;
}
template <class T>
values<exact_t<T>> stored_exactly(const values<exact_t<T>>& v) {
    using V = exact_t<T>;
    return map([](V x) { return static_cast<V>(element_of<T>(x)); }, v);
}

struct shapes {
    extents a, b;
};
const shapes of_rank_three[] = {{{2, 3, 4}, {2, 4, 5}},
                                {{1, 3, 4}, {6, 4, 5}},
                                {{6, 3, 4}, {1, 4, 5}},
                                {{1, 1, 1}, {1, 1, 1}},
                                {{3, 1, 70}, {3, 70, 1}},
                                {{2, 67, 17}, {2, 17, 66}},
                                {{5, 3, 0}, {5, 0, 2}},
                                {{0, 3, 2}, {1, 2, 4}},
                                {{3, 0, 2}, {1, 2, 4}},
                                {{3, 2, 2}, {3, 2, 0}}};

template <class T>
void check_types() {
    using V = exact_t<T>;
    on_each_device([](device d) {
        for (const shapes& s : of_rank_three)
            for (const layout l : {layout::plain, layout::mixed, layout::reversed_axes}) {
                CAPTURE(s.a[0]);
                CAPTURE(s.a[1]);
                CAPTURE(s.a[2]);
                auto va = random<V>(s.a, 1), vb = random<V>(s.b, 2);
                if (std::is_same_v<T, std::uint8_t>) {
                    for (V& x : va.of) x = std::abs(x);
                    for (V& x : vb.of) x = std::abs(x);
                }
                const auto a = put<T, 3>(va, d, l);
                const auto b =
                    put<T, 3>(vb, d, l == layout::plain ? layout::reversed_axes : layout::plain);
                const auto want = batched(va, vb);
                sn::launch_counter ran;
                const tensor<T, 3> c = matmul(a, b);
                CHECK(ran.launches() == (want.size() > 0 || d.is_host() ? 1 : 0));
                CHECK(ran.temporaries() == 0);
                CHECK(difference(get(c), stored_exactly<T>(want)) == "");
            }
    });
}
TEST_CASE("a batch of products of each floating type") {
    check_types<float>();
    check_types<double>();
    check_types<half>();
    check_types<bfloat16>();
}
TEST_CASE("a batch of products of each integer type, which wraps to it") {
    check_types<int64>();
    check_types<std::int32_t>();
    check_types<std::int16_t>();
    check_types<std::int8_t>();
    check_types<std::uint8_t>();
}

template <int P, int Q>
void check_ranks(device d, const extents& ea, const extents& eb, layout l) {
    constexpr int R = P > Q ? P : Q;
    const auto va = random(ea, 1), vb = random(eb, 2);
    const auto a = put<float, P>(va, d, l);
    const auto b = put<float, Q>(vb, d, l);
    const auto want = batched(va, vb);
    sn::launch_counter ran;
    const tensor<float, R> c = matmul(a, b);
    CHECK(ran.launches() == 1);
    CHECK(ran.temporaries() == 0);
    CHECK(difference(get(c), want) == "");
}
TEST_CASE("batches of different ranks broadcast, in any layout, in one launch") {
    on_each_device([](device d) {
        for (const layout l : layouts) {
            check_ranks<3, 2>(d, {4, 5, 6}, {6, 7}, l);
            check_ranks<2, 3>(d, {5, 6}, {4, 6, 7}, l);
            check_ranks<4, 3>(d, {2, 3, 5, 6}, {3, 6, 7}, l);
            check_ranks<4, 3>(d, {2, 1, 5, 6}, {3, 6, 7}, l);
            check_ranks<3, 4>(d, {3, 5, 6}, {2, 1, 6, 7}, l);
            check_ranks<5, 5>(d, {2, 1, 3, 4, 5}, {1, 3, 1, 5, 2}, l);
            check_ranks<7, 2>(d, {2, 1, 2, 1, 2, 3, 4}, {4, 3}, l);
        }
    });
}

TEST_CASE("prologue, epilogue and a second result of a batch are one launch") {
    on_each_device([](device d) {
        for (const shapes& s : of_rank_three) {
            CAPTURE(s.a[0]);
            CAPTURE(s.a[1]);
            CAPTURE(s.a[2]);
            const int64 m = s.a[1], n = s.b[2];
            const auto va = random(s.a, 1), vb = random(s.b, 2), vg = random({m, 1}, 3);
            const auto vc = random({n}, 4);
            auto ab = batched(map([](double x, double g) { return x * g; }, va, vg),
                              map([](double y) { return y - 1; }, vb));
            const auto vr = random(ab.shape, 5);
            const auto a = put<float, 3>(va, d), b = put<float, 3>(vb, d), r = put<float, 3>(vr, d);
            const auto g = put<float, 2>(vg, d);
            const auto c = put<float, 1>(vc, d);
            tensor<float, 3> z;
            tensor<bool, 3> positive;
            sn::launch_counter ran;
            sn::evaluate(out(z) = relu(matmul(a * g, b - 1) + c) + r,
                         out(positive) = matmul(a * g, b - 1) > 0);
            CHECK(ran.launches() == (ab.size() > 0 || d.is_host() ? 1 : 0));
            CHECK(ran.temporaries() == 0);
            CHECK(difference(
                      get(z),
                      map([](double x, double y, double w) { return std::max(x + y, 0.0) + w; },
                          ab,
                          vc,
                          vr)) == "");
            CHECK(difference(get(positive), map([](double x) { return int64{x > 0}; }, ab)) == "");
        }
    });
}

TEST_CASE("views of a batch and of its result") {
    on_each_device([](device d) {
        const auto va = random({4, 5, 6}, 1), vb = random({4, 7, 6}, 2);
        const auto a = put<float, 3>(va, d), b = put<float, 3>(vb, d);
        const auto turned = [](const reals& v) {
            reals r({v.shape[0], v.shape[2], v.shape[1]});
            std::size_t k = 0;
            for_each_index(r.shape, [&](const extents& i) {
                r.of[k++] = element_at(v, {i[0], i[2], i[1]});
            });
            return r;
        };
        const auto ab = batched(va, turned(vb));
        sn::launch_counter ran;
        // Heads between rows and features, as attention has them: no copy.
        const tensor<float, 3> scores = matmul(a, sn::permute(b, axis<0, 2, 1>));
        CHECK(ran.launches() == 1);
        CHECK(difference(get(scores), ab) == "");
        const tensor<float, 3> back =
            sn::permute(matmul(a, sn::permute(b, axis<0, 2, 1>)), axis<0, 2, 1>);
        CHECK(difference(get(back), turned(ab)) == "");
        ran.reset();
        const tensor<float, 3> soft = softmax(scores * 0.125F);
        const tensor<float, 3> mixed =
            matmul(softmax(matmul(a, sn::permute(b, axis<0, 2, 1>)) * 0.125F), b);
        CHECK(ran.launches() == 1 + 3);
        CHECK(difference(get(mixed), batched(get(soft), vb), 1e-5, 1e-5) == "");
        const tensor<float, 2> sums = sum(matmul(a, sn::permute(b, axis<0, 2, 1>)), axis<0>);
        const auto add = [](const std::vector<double>& x) {
            double t = 0;
            for (const double y : x) t += y;
            return t;
        };
        CHECK(difference(get(sums), fold(ab, {0}, false, add)) == "");
        // A batch that is broadcast in memory, and rows that are not evenly spaced.
        const tensor<float, 3> wide =
            matmul(sn::broadcast_to(a(2), sn::shape{4, 5, 6}), sn::permute(b, axis<0, 2, 1>));
        values<double> two({1, 5, 6});
        std::copy(va.of.begin() + 60, va.of.begin() + 90, two.of.begin());
        CHECK(difference(get(wide), batched(two, turned(vb))) == "");
    });
}

TEST_CASE("products with vectors, vecdot") {
    on_each_device([](device d) {
        const auto va = random({4, 5, 6}, 1), vx = random({6}, 2), vy = random({5}, 3);
        const auto vz = random({5, 6}, 4);
        const auto a = put<float, 3>(va, d);
        const auto x = put<float, 1>(vx, d), y = put<float, 1>(vy, d);
        const auto z = put<float, 2>(vz, d);
        const auto times = [](double p, double q) { return p * q; };
        const auto add = [](const std::vector<double>& v) {
            double t = 0;
            for (const double e : v) t += e;
            return t;
        };
        sn::launch_counter ran;
        const tensor<float, 2> ax = matmul(a, x), ya = matmul(y, a), az = sn::vecdot(a, z);
        CHECK(ran.launches() == 3);
        CHECK(difference(get(ax), fold(map(times, va, vx), {2}, false, add)) == "");
        const values<double> column({5, 1}, vy.of);
        CHECK(difference(get(ya), fold(map(times, va, column), {1}, false, add)) == "");
        CHECK(difference(get(az), fold(map(times, va, vz), {2}, false, add)) == "");
        // Integers keep their type and wrap, as in a product of matrices.
        const auto i = put<std::int8_t, 2>(integers({1, 3}, {100, 100, 100}), d);
        const auto j = put<std::int8_t, 1>(integers({3}, {1, 1, 1}), d);
        const tensor<std::int8_t, 1> wrapped = matmul(i, j);
        CHECK(get(wrapped).of[0] == 300 - 256);
        const tensor<std::int8_t, 0> dotted = sn::dot(j, j);
        CHECK(get(dotted).of[0] == 3);
    });
}

TEST_CASE("errors of batches name both shapes") {
    const tensor<float, 3> a = sn::zeros<float>(3, 5, 7), b = sn::zeros<float>(2, 7, 9),
                           c = sn::zeros<float>(3, 6, 9);
    const tensor<float, 1> v = sn::zeros<float>(4);
    const auto message = [](auto f) { return error_of<sn::shape_error>(f); };
    CHECK(message([&] { const tensor<float, 3> r = matmul(a, b); }) ==
          "matmul: shapes (3, 5, 7) and (2, 7, 9) do not broadcast: 3 is not 2.");
    CHECK(message([&] { const tensor<float, 3> r = matmul(a, c); }) ==
          "matmul: shapes (3, 5, 7) and (3, 6, 9) do not fit: 7 is not 6.");
    CHECK(message([&] { const tensor<float, 2> r = matmul(a, v); }) ==
          "matmul: shapes (3, 5, 7) and (4,) do not fit: 7 is not 4.");
    CHECK(message([&] { const tensor<float, 2> r = matmul(v, a); }) ==
          "matmul: shapes (4,) and (3, 5, 7) do not fit: 4 is not 5.");
    CHECK(message([&] { const tensor<float, 2> r = sn::vecdot(a, v); }) ==
          "vecdot: shapes (3, 5, 7) and (4,) do not fit: 7 is not 4.");
}

TEST_CASE("explain of a batch") {
    const tensor<float, 4> q = sn::zeros<float>(2, 3, 4, 5);
    const tensor<float, 3> k = sn::zeros<float>(3, 5, 6);
    const auto e = matmul(q * 2, k);
    CHECK(sn::explain(e) ==
          "1 kernel\n"
          "kernel 1: matmul\n"
          "    result = matmul(x0 * s0, x1)\n"
          "  fuses 2 operations, 1560 FLOPs\n"
          "  reads 840 B: x0 (2, 3, 4, 5) float, x1 (3, 5, 6) float\n"
          "  writes 576 B: result (2, 3, 4, 6) float\n");
}

}  // namespace
