// scatter_add against a loop.
#include <sinter/scatter.hpp>

#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::tensor;

template <class T>
void check_scatter() {
    using V = exact_t<T>;
    on_each_device(
        [](device d) {
            for (const extents& e : {extents{1, 1}, {7, 5}, {33, 66}, {3, 0}}) {
                for (const int64 m : {0, 1, 4, 100}) {
                    random_numbers r(static_cast<unsigned long>(m) + 5);
                    integers rows({m});
                    for (int64& x : rows.of) x = r.below(2 * e[0]) - e[0];
                    const auto v = random<V>(e, 1), w = random<V>({m, e[1]}, 2);
                    auto want = v;
                    for (int64 i = 0; i < m; ++i)
                        for (int64 j = 0; j < e[1]; ++j) {
                            const int64 row = rows.of[at(i)] + (rows.of[at(i)] < 0 ? e[0] : 0);
                            want.of[at(row * e[1] + j)] += w.of[at(i * e[1] + j)];
                        }
                    for (const layout l : {layout::plain, layout::mixed}) {
                        tensor<T, 2> x = put<T, 2>(v, d, l);
                        const tensor<T, 2> other = x;
                        sn::scatter_add(x, put<int64, 1>(rows, d, l), put<T, 2>(w, d, l));
                        CHECK(difference(get(x), want) == "");
                        CHECK(x.shares_memory(other));
                    }
                }
            }
            tensor<T, 1> line = put<T, 1>(values<V>({4}), d);
            const auto places = put<int, 1>(integers({3}, {1, 1, 5}), d);
            const auto ones = put<T, 1>(values<V>({3}, {1, 2, 3}), d);
            if (d.is_host()) {
                CHECK(contains(
                    error_of<sn::shape_error>([&] { sn::scatter_add(line, places, ones); }),
                    "scatter_add: index 5 is outside axis 0 of shape (4,)."));
                CHECK(difference(get(line), values<V>({4})) == "");
            } else {
                sn::scatter_add(line, places, ones);
                CHECK(contains(error_of<sn::index_error>([&] { sn::synchronize(d); }),
                               "scatter_add: index 5 is outside axis 0 of shape (4,)."));
                CHECK(difference(get(line), values<V>({4}, {0, 3, 0, 0})) == "");
            }
            CHECK(contains(error_of<sn::shape_error>([&] {
                               sn::scatter_add(line, places, put<T, 1>(values<V>({2}), d));
                           }),
                           "scatter_add: "));
        },
        false);
}

TEST_CASE("scatter_add: float") { check_scatter<float>(); }
TEST_CASE("scatter_add: int64") { check_scatter<int64>(); }

}  // namespace
