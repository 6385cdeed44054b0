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
        const auto outside = put<int64, 1>(integers({2}, {4, 1}), d);
        if (d.is_host()) {
            CHECK(contains(error_of<sn::shape_error>([&] { sn::take(x, outside); }),
                           "take: index 4 is outside axis 0 of shape (4,)."));
            CHECK(contains(error_of<sn::shape_error>([&] { sn::take(x, outside * -3); }),
                           "take: index -12"));
        } else {
            const auto got = get(sn::take(x, outside)).of;
            CHECK((std::isnan(got[0]) && got[1] == 3));
        }
        CHECK(contains(error_of<sn::shape_error>([&] {
                           sn::gather(put<float, 2>(reals({2, 2}), d),
                                      put<int64, 2>(integers({1, 3}), d),
                                      axis<0>);
                       }),
                       "gather: indices of shape (1, 3) are longer"));
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
