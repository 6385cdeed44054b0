// Elements by index arrays, and indexing of expressions, against loops over indices.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::_;
using sn::axes;
using sn::axis;
using sn::range;
using sn::shape;
using sn::tensor;

/// numpy.take(v, indices, axis)
template <class V>
values<V> taken(const values<V>& v, const integers& indices, std::size_t along) {
    extents e(v.shape.begin(), v.shape.begin() + static_cast<long>(along));
    e.insert(e.end(), indices.shape.begin(), indices.shape.end());
    e.insert(e.end(), v.shape.begin() + static_cast<long>(along) + 1, v.shape.end());
    values<V> r(e);
    std::size_t k = 0;
    const std::size_t q = indices.shape.size();
    for_each_index(e, [&](const extents& i) {
        extents from(i.begin(), i.begin() + static_cast<long>(along));
        const extents name(i.begin() + static_cast<long>(along),
                           i.begin() + static_cast<long>(along + q));
        const int64 at_index = element_at(indices, name);
        from.push_back(at_index < 0 ? at_index + v.shape[along] : at_index);
        from.insert(from.end(), i.begin() + static_cast<long>(along + q), i.end());
        r.of[k++] = element_at(v, from);
    });
    return r;
}
integers indices_below(const extents& e, int64 n) {
    random_numbers r(11);
    integers v(e);
    for (int64& x : v.of) x = r.below(2 * n) - n;
    return v;
}

TEST_CASE("take and gather") {
    on_each_device([](device d) {
        for (const extents& e : {extents{1, 1}, {7, 5}, {40, 66}, {3, 300}}) {
            const auto v = random(e, 2);
            const auto rows = indices_below({4, 9}, e[0]), columns = indices_below({33}, e[1]);
            for (const layout l : layouts) {
                const auto x = put<float, 2>(v, d, l);
                const auto i = put<int64, 2>(rows, d, l);
                const auto j = put<int, 1>(columns, d, l);
                sn::launch_counter ran;
                const tensor<float, 3> table = sn::take(x, i) * 2 + 1;
                CHECK(ran.launches() == 1);
                CHECK(ran.bytes_loaded() == 36 * (8 + 4 * e[1]));
                CHECK(difference(get(table),
                                 map([](double a) { return 2 * a + 1; }, taken(v, rows, 0))) == "");
                CHECK(difference(get(sn::take(x, j, axis<-1>)), taken(v, columns, 1)) == "");
                // Into rows that are folded, and seen through views.
                const auto some = taken(v, columns, 1);
                const tensor<float, 1> sums = sum(sn::take(x, j, axis<1>), axis<1>);
                CHECK(
                    difference(get(sums), fold(some, {1}, false, [](const std::vector<double>& r) {
                                   double s = 0;
                                   for (const double a : r) s += a;
                                   return s;
                               })) == "");
                CHECK(difference(get(transpose(sn::take(x, j, axis<1>))), transposed(some)) == "");
                const auto places = indices_below({2, e[1]}, e[0]);
                const auto k = put<int64, 2>(places, d, l);
                values<double> want(places.shape);
                std::size_t n = 0;
                for_each_index(places.shape, [&](const extents& at_) {
                    const int64 p = element_at(places, at_);
                    want.of[n++] = element_at(v, {p < 0 ? p + e[0] : p, at_[1]});
                });
                CHECK(difference(get(sn::gather(x, k, axis<0>)), want) == "");
            }
        }
        auto x = put<half, 1>(reals({4}, {0, 1, 2, 3}), d);
        x = sn::take(x, put<int64, 1>(integers({4}, {3, 3, 0, 1}), d));  // in place would be wrong
        CHECK(difference(get(x), reals({4}, {3, 3, 0, 1})) == "");
        const auto one = put<int64, 0>(integers(extents{}, {2}), d);
        CHECK(difference(get(sn::take(x, one)), reals(extents{}, {0})) == "");
        CHECK(difference(get(sn::take(x, put<int64, 1>(integers({0}), d))), reals({0})) == "");
        CHECK(contains(error_of<sn::shape_error>([&] {
                           sn::gather(put<float, 2>(reals({2, 2}), d),
                                      put<int64, 2>(integers({1, 3}), d),
                                      axis<0>);
                       }),
                       "gather: indices of shape (1, 3) are longer"));
    });
}

/// What using an array that `make` gives throws, on a device when the host waits.
template <class Make>
std::string index_error_of(Make make) {
    return error_of<sn::index_error>([&] { get(eval(make())); });
}
TEST_CASE("an index outside is an error, on a device at the next wait") {
    on_each_device([](device d) {
        const auto x = put<float, 2>(random({7, 5}, 2), d);
        const std::string shape = " of shape (7, 5).";
        // The last element of an odd number, of a long one, and several.
        for (const int64 n : {int64{1}, int64{3}, int64{131}}) {
            integers v({n});
            v.of.back() = 7;
            const auto late = put<int64, 1>(v, d);
            CHECK(index_error_of([&] { return sn::take(x, late); }) ==
                  "take: index 7 is outside axis 0" + shape);
            v.of.back() = -6;
            const auto early = put<int64, 1>(v, d);
            CHECK(index_error_of([&] { return sn::take(x, early, axis<1>); }) ==
                  "take: index -6 is outside axis 1" + shape);
            CHECK(index_error_of([&] { return sum(sn::take(x, early, axis<1>), axis<1>); }) ==
                  "take: index -6 is outside axis 1" + shape);
            CHECK(index_error_of([&] { return sn::one_hot(late, 7); }) ==
                  "one_hot: index 7 is outside axis 1 of shape (" + std::to_string(n) + ", 7).");
        }
        const auto places = put<int, 2>(integers({2, 5}, {0, 1, 2, 3, 4, 5, 6, 0, -8, 2}), d);
        CHECK(index_error_of([&] { return sn::gather(x, places, axis<0>); }) ==
              "gather: index -8 is outside axis 0" + shape);
        // Kernels of others follow; then it is thrown once, and what comes after is right.
        const auto i = put<int64, 1>(integers({2}, {9, 1}), d);
        const auto use = [&] {
            const tensor<float, 2> bad = sn::take(x, i);
            const tensor<float, 2> good = x + 1;
            sn::synchronize(d);
        };
        CHECK(error_of<sn::index_error>(use) == "take: index 9 is outside axis 0" + shape);
        sn::synchronize(d);
        CHECK(error_of<sn::index_error>([&] {
                  sn::take(x, i + 2);
                  sn::synchronize(d);
              }) == (d.is_host() ? "take: index 11 is outside axis 0" + shape : ""));
        const auto right = put<int64, 1>(integers({2}, {6, -7}), d);
        CHECK(difference(get(sn::take(x, right)),
                         taken(random({7, 5}, 2), integers({2}, {6, 0}), 0)) == "");
    });
}
TEST_CASE("elements that do not exist tell of no index") {
    on_each_device([](device d) {
        // A lane beyond the edge computes from zeros: here that is an index far outside.
        for (const extents& e : {extents{1, 1}, {3, 5}, {33, 67}, {2, 1037}}) {
            const auto x = put<float, 1>(random({4}, 2), d);
            integers v(e);
            for (int64& k : v.of) k = 100;
            const auto i = put<int64, 2>(v, d);
            const auto lazy = sn::take(x, i - 98);
            const double two = get(x).of[2];
            CHECK(get(eval(lazy)).of.back() == two);
            CHECK(std::abs(get(eval(max(lazy, axis<1>))).of.back() - two) == 0);
            CHECK(std::abs(get(eval(max(lazy, axis<0>))).of.back() - two) == 0);
            CHECK(get(eval(max(lazy))).of[0] == two);
            const tensor<float, 2> rows = lazy - max(lazy, axis<1>, sn::keepdims);
            CHECK(get(rows).of.back() == 0);
            const tensor<float, 2> product = matmul(lazy, transpose(lazy));
            CHECK(get(product).of.size() == std::size_t(e[0] * e[0]));
        }
    });
}

TEST_CASE("expressions by index") {
    static_assert(decltype(sn::take(tensor<bool, 1>(), tensor<int, 1>()))::type ==
                  sn::dtype::boolean);
    static_assert(decltype(sn::tril(tensor<bool, 2>()))::type == sn::dtype::boolean);
    on_each_device([](device d) {
        const auto v = random({4, 5, 6}, 3);
        for (const layout l : layouts) {
            const auto x = put<float, 3>(v, d, l);
            const tensor<float, 3> y = x * 2 + sn::arange<float>(6);
            const auto lazy = x * 2 + sn::arange<float>(6);
            CHECK(difference(get(lazy(1)), get(y(1))) == "");
            CHECK(difference(get(lazy(_, range(3, 0, -2), -2)), get(y(_, range(3, 0, -2), -2))) ==
                  "");
            CHECK(difference(get(lazy(range(1, 3))), get(y(range(1, 3)))) == "");
            CHECK(get(lazy(3, 4, 5)).of[0] == get(y(3, 4, _)).of[5]);
            static_assert(sn::kernel_count_v<decltype(lazy(_, 2))> == 1);
        }
        const auto m = put<float, 2>(random({3, 4}, 5), d);
        CHECK(difference(get(softmax(m)(1)), get(tensor<float, 2>(softmax(m))(1))) == "");
        CHECK(contains(error_of<sn::shape_error>([&] { (m + m)(0, 4); }),
                       "Indexing: index 4 is outside axis 1 of shape (3, 4)."));
    });
}

}  // namespace
