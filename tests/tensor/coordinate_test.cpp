// Values that follow from where an element lies: ranges, the identity, triangles, one-hot rows. The
// reference is a loop over indices.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axes;
using sn::axis;
using sn::range;
using sn::shape;
using sn::tensor;

/// f(index) for every index below `e`.
template <class F>
auto made(const extents& e, F f) {
    values<decltype(f(e))> r(e);
    std::size_t k = 0;
    for_each_index(e, [&](const extents& i) { r.of[k++] = f(i); });
    return r;
}
const std::vector<extents> matrices{{1, 1}, {3, 5}, {1, 40}, {40, 1}, {37, 66}, {130, 257}, {0, 4}};

TEST_CASE("arange") {
    on_each_device([](device) {
        for (const int64 n : {0, 1, 5, 128, 1027, 70001}) {
            CAPTURE(n);
            const auto plain = made({n}, [](const extents& i) { return i[0]; });
            CHECK(difference(get(tensor<int64, 1>(sn::arange(n))), plain) == "");
            CHECK(difference(get(tensor<float, 1>(sn::arange<float>(n))),
                             map([](int64 i) { return static_cast<double>(i); }, plain)) == "");
            // 32-bit results of 64-bit numbers, and a first element that is misaligned.
            tensor<int, 1> part = sn::full(shape{n + 3}, -1);
            part(range(2, 2 + n)) = sn::arange<int>(n) * 3 - 1;
            CHECK(difference(get(part), made({n + 3}, [&](const extents& i) {
                                 return i[0] < 2 || i[0] > n + 1 ? int64{-1} : 3 * i[0] - 7;
                             })) == "");
        }
        CHECK(difference(get(tensor<float, 1>(sn::arange(1, 2, 0.25))),
                         reals({4}, {1, 1.25, 1.5, 1.75})) == "");
        CHECK(difference(get(tensor<int64, 1>(sn::arange(5, 0, -2))), integers({3}, {5, 3, 1})) ==
              "");
        CHECK(difference(get(tensor<half, 1>(sn::arange<half>(-1, 1.1))), reals({3}, {-1, 0, 1})) ==
              "");
        const int64 big = int64{1} << 60;
        CHECK(difference(get(tensor<int64, 1>(sn::arange(big + 1, big + 8, 3))),
                         integers({3}, {big + 1, big + 4, big + 7})) == "");
        CHECK(difference(get(tensor<int64, 1>(sn::arange(-3))), integers({0})) == "");
    });
    CHECK(sn::shape_of(sn::arange(INT64_MIN, INT64_MAX, INT64_MAX))[0] == 3);
    CHECK(contains(error_of<sn::shape_error>([] { sn::arange(0.0, 1.0, 0); }),
                   "arange: the step must not be 0."));
    CHECK(contains(error_of<sn::shape_error>([] { sn::arange(0.0, 1.0, 1e-300); }), "2^62"));
    static_assert(decltype(sn::arange(3.0, 5))::type == sn::dtype::f32);
    static_assert(decltype(sn::arange(3, 5))::type == sn::dtype::i64);
}

TEST_CASE("linspace, eye and constants") {
    on_each_device([](device d) {
        CHECK(difference(get(tensor<double, 1>(sn::linspace<double>(-1, 2, 7))),
                         reals({7}, {-1, -0.5, 0, 0.5, 1, 1.5, 2})) == "");
        const tensor<float, 1> tenths = sn::linspace(0, 0.1, 12);
        CHECK(get(tenths).of.back() == rounded<float>(0.1));
        CHECK(difference(get(tensor<float, 1>(sn::linspace(3, 4, 1))), reals({1}, {3})) == "");
        CHECK(difference(get(tensor<float, 1>(sn::linspace(3, 4, 0))), reals({0})) == "");
        CHECK(difference(get(tensor<int64, 1>(sn::linspace<int64>(-2, 1, 5))),
                         integers({5}, {-2, -2, -1, 0, 1})) == "");
        for (const auto& e : matrices) {
            CHECK(difference(get(tensor<float, 2>(sn::eye(e[0], e[1], 1))),
                             made(e, [](const extents& i) {
                                 return i[0] + 1 == i[1] ? 1.0 : 0.0;
                             })) == "");
            const auto v = random<double>(e);
            for (const layout l : layouts) {
                const auto x = put<float, 2>(v, d, l);
                CHECK(difference(get(tensor<float, 2>(sn::tril(x, -1))),
                                 made(e, [&](const extents& i) {
                                     return i[1] <= i[0] - 1 ? element_at(v, i) : 0.0;
                                 })) == "");
                CHECK(difference(get(tensor<float, 2>(sn::triu(x, 2) + sn::full_like(x, 2.5))),
                                 made(e, [&](const extents& i) {
                                     return 2.5 + (i[1] >= i[0] + 2 ? element_at(v, i) : 0.0);
                                 })) == "");
            }
        }
        CHECK(difference(get(tensor<int64, 2>(sn::eye<int64>(2))),
                         integers({2, 2}, {1, 0, 0, 1})) == "");
        const auto labels = put<int64, 2>(integers({2, 2}, {2, 0, 1, 2}), d, layout::mixed);
        CHECK(difference(get(tensor<int64, 3>(sn::one_hot(labels, 3))),
                         integers({2, 2, 3}, {0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1})) == "");
    });
    CHECK(contains(error_of<sn::shape_error>([] { sn::linspace(0, 1, -1); }), "linspace"));
}

TEST_CASE("coordinates through views, in maps, folds, rows and products") {
    on_each_device([](device d) {
        for (const auto& e : matrices) {
            CAPTURE(e[0]);
            CAPTURE(e[1]);
            const auto v = random<double>(e);
            const auto number = [&](const extents& i) {
                return static_cast<double>(i[0] * e[1] + i[1]);
            };
            for (const layout l : layouts) {
                CAPTURE(static_cast<int>(l));
                const auto x = put<float, 2>(v, d, l);
                const auto sum_of_all = x * 2 + sn::coordinate(x, axis<0>) -
                                        sn::coordinate(x, axis<1>) + sn::coordinate(x) * 4;
                static_assert(sn::kernel_count_v<decltype(sum_of_all)> == 1);
                const auto want = made(e, [&](const extents& i) {
                    return element_at(v, i) * 2 + static_cast<double>(i[0] - i[1]) + 4 * number(i);
                });
                CHECK(difference(get(tensor<float, 2>(sum_of_all)), want) == "");
                CHECK(difference(get(tensor<float, 2>(transpose(sum_of_all))), transposed(want)) ==
                      "");
                const auto cut = slice(sum_of_all, range(1, 30, 3), range(-1, -200, -2));
                CHECK(difference(get(tensor<float, 2>(cut)), [&] {
                          const int64 rows =
                              std::max<int64>((std::min<int64>(e[0], 30) + 1) / 3, 0);
                          const int64 columns = (std::min<int64>(e[1], 199) + 1) / 2;
                          return made({e[0] > 1 ? rows : 0, columns}, [&](const extents& i) {
                              return element_at(want, {1 + 3 * i[0], e[1] - 1 - 2 * i[1]});
                          });
                      }()) == "");
                // Folds along rows, columns and everything.
                const auto picked =
                    where(sn::coordinate(x, axis<-1>) > sn::coordinate(x, axis<0>), x, 0);
                const auto upper =
                    made(e, [&](const extents& i) { return i[1] > i[0] ? element_at(v, i) : 0.0; });
                const auto total = [](const std::vector<double>& r) {
                    double s = 0;
                    for (const double y : r) s += y;
                    return s;
                };
                CHECK(difference(get(tensor<float, 1>(sum(picked, axis<1>))),
                                 fold(upper, {1}, false, total)) == "");
                CHECK(difference(get(tensor<float, 1>(sum(picked, axis<0>))),
                                 fold(upper, {0}, false, total)) == "");
                CHECK(difference(get(tensor<float, 0>(sum(picked))),
                                 fold(upper, {}, false, total)) == "");
                // A row program.
                const auto y =
                    x - sum(where(sn::coordinate(x, axis<-1>) < 3, x, 0), axis<-1>, sn::keepdims);
                CHECK(difference(get(tensor<float, 2>(y)), made(e, [&](const extents& i) {
                                     double s = element_at(v, i);
                                     for (int64 j = 0; j < std::min<int64>(e[1], 3); ++j)
                                         s -= element_at(v, {i[0], j});
                                     return s;
                                 })) == "");
            }
            const auto x = put<float, 2>(v, d);
            CHECK(difference(get(tensor<float, 2>(matmul(x, sn::eye<float>(e[1]) * 2))),
                             map([](double a) { return 2 * a; }, v)) == "");
        }
        const auto grid = reshape(sn::arange(60), shape{3, 4, 5});
        CHECK(difference(get(tensor<int64, 3>(permute(grid, axes<2, 0, 1>))),
                         made({5, 3, 4},
                              [](const extents& i) { return i[1] * 20 + i[2] * 5 + i[0]; })) == "");
        CHECK(difference(
                  get(tensor<int64, 1>(argmax(fmod(sn::flip(sn::arange(9), axis<0>), 4), axis<0>) +
                                       sn::arange(2))),
                  integers({2}, {1, 2})) == "");
        const auto twice = [](auto i) {
            return exp(i * 0.5F) / sum(exp(i * 0.5F), axis<0>, sn::keepdims);
        }(sn::arange(4));
        static_assert(sn::kernel_count_v<decltype(twice)> == 1);
        CHECK(std::abs(get(tensor<float, 1>(twice)).of[3] - 0.45505) < 1e-4);
    });
}

TEST_CASE("coordinates cost no memory and take the device of their neighbours") {
    on_each_device([](device d) {
        const auto x = put<float, 2>(random<double>({64, 100}), d);
        const byte_meter bytes(x);
        sn::launch_counter ran;
        const tensor<float, 2> y = sn::tril(x) + sn::arange<float>(100);
        CHECK(ran.launches() == 1);
        CHECK(ran.bytes_loaded() == 64 * 100 * 4);
        CHECK_MESSAGE(bytes.loaded(64 * 100 * 4), bytes.text());
        CHECK(contains(sn::explain(sn::tril(x)), "reads 25.6 KB: x0"));
    });
    for (const device d : devices()) {
        CHECK(tensor<int64, 1>(sn::arange(3, d)).where() == d);
        const auto x = put<float, 1>(reals({3}, {1, 2, 3}), d);
        CHECK(tensor<float, 1>(sn::arange(3) + x).where() == d);
        CHECK(tensor<float, 1>(sn::ones_like(x)).where() == d);
        tensor<float, 1> to(shape{3}, d);
        to(range()) = sn::arange<float>(3);
        CHECK(difference(get(to), reals({3}, {0, 1, 2})) == "");
        if (!d.is_host())
            CHECK(contains(
                error_of<sn::device_error>([&] { eval(sn::arange(3, device::host()) + x); }),
                "mixes arrays on"));
    }
}

}  // namespace
