// Sorting, selection and running sums along every axis, against plain loops.
#include <sinter/sort.hpp>

#include <limits>

#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis;
using sn::axis_tag;
using sn::order;
using sn::tensor;

constexpr double inf = sn::infinity, nan = sn::not_a_number;

// ---- references: what is done to one row

template <class V>
bool before(V a, V b) {
    return a < b || (b != b && a == a);
}
template <class V>
std::vector<int64> positions(const std::vector<V>& row, bool down) {
    // Insertion sort: stable, and nothing like what is tested.
    std::vector<int64> p;
    for (std::size_t i = 0; i < row.size(); ++i) {
        const V x = row[i];
        std::size_t k = p.size();
        while (k > 0 && (down ? before(row[at(p[k - 1])], x) : before(x, row[at(p[k - 1])]))) --k;
        p.insert(p.begin() + static_cast<std::ptrdiff_t>(k), static_cast<int64>(i));
    }
    return p;
}
/// f(row) in place of every row of `v` along axis `k`; f may give another length.
template <class V, class F>
auto by_row(const values<V>& v, std::size_t k, F f) {
    using W = typename std::invoke_result_t<F, std::vector<V>>::value_type;
    extents outer = v.shape;
    outer[k] = 1;
    const auto size = static_cast<int64>(f(std::vector<V>(at(v.shape[k]), V(0))).size());
    extents e = v.shape;
    e[k] = size;
    values<W> r(e);
    const auto place = [&](const extents& i) {
        int64 n = 0;
        for (std::size_t d = 0; d < e.size(); ++d) n = n * e[d] + i[d];
        return at(n);
    };
    for_each_index(outer, [&](extents o) {
        std::vector<V> row;
        for (int64 i = 0; i < v.shape[k]; ++i) {
            o[k] = i;
            int64 n = 0;
            for (std::size_t d = 0; d < o.size(); ++d) n = n * v.shape[d] + o[d];
            row.push_back(v.of[at(n)]);
        }
        const auto done = f(row);
        for (int64 i = 0; i < size; ++i) {
            o[k] = i;
            r.of[place(o)] = done[at(i)];
        }
    });
    return r;
}
template <class V>
auto sorted_by(bool down) {
    return [down](const std::vector<V>& row) {
        std::vector<V> r;
        for (const int64 p : positions(row, down)) r.push_back(row[at(p)]);
        return r;
    };
}

template <class T, int A>
void check_axis(const values<exact_t<T>>& v, device d, layout l) {
    using V = exact_t<T>;
    const auto a = put<T, 3>(v, d, l);
    constexpr auto k = static_cast<std::size_t>(A < 0 ? A + 3 : A);
    const auto where = [&](bool down) {
        return by_row(v, k, [down](const std::vector<V>& row) { return positions(row, down); });
    };
    // Equal numbers may not be told apart, so signs of zero are not compared.
    CHECK(difference(get(sort(a, axis<A>)), by_row(v, k, sorted_by<V>(false)), 0, 1e-300) == "");
    CHECK(difference(get(sort(a, axis<A>, order::descending)),
                     by_row(v, k, sorted_by<V>(true)),
                     0,
                     1e-300) == "");
    CHECK(difference(get(argsort(a, axis<A>)), where(false)) == "");
    CHECK(difference(get(argsort(a, axis<A>, order::descending)), where(true)) == "");
    for (const int64 n : {int64{0}, v.shape[k] / 2, v.shape[k]}) {
        const auto first = [n](auto f) {
            return [n, f](const std::vector<V>& row) {
                auto r = f(row);
                r.resize(at(n));
                return r;
            };
        };
        const auto most = topk(a, n, axis<A>);
        const auto least = topk(a, n, axis<A>, order::ascending);
        CHECK(difference(get(most.values), by_row(v, k, first(sorted_by<V>(true))), 0, 1e-300) ==
              "");
        CHECK(difference(get(least.values), by_row(v, k, first(sorted_by<V>(false))), 0, 1e-300) ==
              "");
        const auto place = [](const std::vector<V>& row) { return positions(row, true); };
        CHECK(difference(get(most.indices), by_row(v, k, first(place))) == "");
    }
}
template <class T>
void check_sorting(const std::vector<exact_t<T>>& special) {
    on_each_device([&](device d) {
        for (const extents& e :
             {extents{3, 4, 5}, extents{1, 1, 1}, extents{2, 0, 3}, extents{2, 33, 70}}) {
            auto v = random<exact_t<T>>(e, 17);
            for (std::size_t i = 0; i < v.of.size(); ++i)
                if (std::is_same_v<T, bool>)
                    v.of[i] = v.of[i] > 0;
                else if (i % 3 == 0)
                    v.of[i] = special[i / 3 % special.size()];
            for (const layout l : layouts) {
                if (e[1] == 33 && l != layout::plain) continue;
                check_axis<T, -1>(v, d, l);
                check_axis<T, 0>(v, d, l);
                if (l == layout::plain) check_axis<T, 1>(v, d, l);
            }
        }
    });
}
TEST_CASE("sort, argsort and topk: float") {
    check_sorting<float>({nan, inf, -inf, 0.0, -0.0, 1e-40F, -1e-40F, -nan, 3e38F, 2});
}
TEST_CASE("sort, argsort and topk: int64") {
    check_sorting<int64>(
        {0, -1, 1, std::numeric_limits<int64>::max(), std::numeric_limits<int64>::min(), 7});
}
#if !SINTER_NVCC  // each type costs CUB half a minute
TEST_CASE("sort, argsort and topk: other types") {
    check_sorting<double>({nan, inf, -inf, 0.0, -0.0, 5e-324, 1e308});
    check_sorting<bfloat16>({nan, inf, -inf, 0.0, -0.0, 3, -0.125});
    check_sorting<half>({nan, inf, -inf, 0.0, -0.0, 3, -0.125});
    check_sorting<std::int8_t>({0, -128, 127, -1});
    check_sorting<bool>({0});
}
#endif

TEST_CASE("what is sorted may be an expression, which one launch evaluates") {
    on_each_device([](device d) {
        const auto v = random({5, 9}, 3);
        const auto a = put<float, 2>(v, d);
        const auto twice = map([](double x) { return 1 - 2 * x; }, v);
        sn::launch_counter ran;
        const tensor<float, 2> s = sort(1 - a * 2);
        if (d.has_host_memory()) CHECK(ran.launches() == 1);
        CHECK(difference(get(s), by_row(twice, 1, sorted_by<double>(false))) == "");
        CHECK(difference(get(a), v) == "");  // the operand stays as it is
        const tensor<float, 2> again = sort(a);
        CHECK(!again.shares_memory(a));
        CHECK(difference(get(a), v) == "");
    });
}

TEST_CASE("unique values and their counts") {
    on_each_device([](device d) {
        const reals v({3, 4}, {3, nan, -1, 3, 0, -0.0, -inf, nan, 3, 7, -1, 0});
        for (const layout l : layouts) {
            const auto found = unique_counts(put<float, 2>(v, d, l));
            CHECK(difference(get(found.values), reals({6}, {-inf, -1, 0, 3, 7, nan}), 0, 1e-300) ==
                  "");
            CHECK(difference(get(found.counts), integers({6}, {1, 2, 3, 3, 1, 2})) == "");
        }
        CHECK(get(unique(put<float, 1>(reals({0}), d))).shape == extents{0});
        const auto n = integers({7}, {4, -4, 4, 4, 0, -4, 9});
        CHECK(difference(get(unique(put<int64, 1>(n, d) * 2)), integers({4}, {-8, 0, 8, 18})) ==
              "");
    });
}

template <class T>
void check_running(double relative) {
    using V = exact_t<T>;
    const auto sums = [](const std::vector<V>& row) {
        std::vector<V> r;
        for (const V x : row) r.push_back(r.empty() ? x : r.back() + x);
        return r;
    };
    const auto products = [](const std::vector<V>& row) {
        std::vector<V> r;
        for (const V x : row) r.push_back(r.empty() ? x : r.back() * x);
        return r;
    };
    on_each_device([&](device d) {
        for (const extents& e :
             {extents{3, 4, 5}, extents{1, 1, 1}, extents{2, 3, 0}, extents{2, 3, 1000}})
            for (const layout l : layouts) {
                auto v = random<V>(e, 23);
                for (std::size_t i = 0; i < v.of.size(); ++i)  // products stay small
                    v.of[i] = i % 50 != 0 && e[2] > 5 ? V(1) : v.of[i];
                if (std::is_same_v<T, bool>)
                    for (V& x : v.of) x = x > 0;
                const auto a = put<T, 3>(v, d, l);
                const auto rounded_to = [](const auto& w) {
                    return map(
                        [](V x) {
                            using W = std::conditional_t<std::is_same_v<T, bool>, int64, T>;
                            return static_cast<V>(element_of<W>(x));
                        },
                        w);
                };
                CHECK(difference(
                          get(cumsum(a)), rounded_to(by_row(v, 2, sums)), relative, relative) ==
                      "");
                CHECK(difference(get(cumsum(a, axis<0>)),
                                 rounded_to(by_row(v, 0, sums)),
                                 relative,
                                 relative) == "");
                CHECK(difference(get(cumprod(a, axis<-1>)),
                                 rounded_to(by_row(v, 2, products)),
                                 relative,
                                 relative) == "");
            }
    });
}
TEST_CASE("cumsum and cumprod") {
    check_running<float>(1e-5);
    check_running<int64>(0);
#if !SINTER_NVCC
    check_running<double>(1e-13);
    check_running<bfloat16>(1e-2);
    check_running<half>(2e-3);
    check_running<int>(0);
    check_running<bool>(0);
#endif
    on_each_device([](device d) {
        // float is carried in double or in a tree: a running sum of many does not drift.
        const auto ones = sn::full<float>(sn::shape{1 << 20}, 0.1F, d);
        const double last = cumsum(ones)(sn::range(-1, 1 << 20)).to(device::host())(0);
        CHECK(std::fabs(last - 104857.6) < 0.5);
    });
}

TEST_CASE("what does not fit is an error before anything runs") {
    on_each_device(
        [](device d) {
            const auto a = put<float, 2>(random({3, 4}), d);
            sn::launch_counter ran;
            CHECK(error_of<sn::shape_error>([&] { topk(a, 5); }) ==
                  "topk: 5 values were asked for along an axis of 4 elements.");
            CHECK(error_of<sn::shape_error>([&] { topk(a, -1, axis<0>); }) ==
                  "topk: -1 values were asked for along an axis of 3 elements.");
            CHECK(ran.launches() == 0);
        },
        false);
}

}  // namespace
