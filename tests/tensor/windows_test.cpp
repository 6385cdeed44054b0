// Sliding windows, padding and pooling beside loops.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis;
using sn::padding;
using sn::shape;
using sn::tensor;
using sn::window;

template <class V>
void check_same(const values<V>& got, const values<V>& want, double relative = 0) {
    CHECK(difference(got, want, relative, relative) == "");
}

// ---- references

struct widths {
    int64 before, after, between = 0;
};
template <class V>
values<V> padded(const values<V>& v, const std::vector<widths>& w) {
    extents e;
    for (std::size_t d = 0; d < w.size(); ++d)
        e.push_back(w[d].before + w[d].after + v.shape[d] +
                    (v.shape[d] > 0 ? (v.shape[d] - 1) * w[d].between : 0));
    values<V> r(e);
    std::size_t n = 0;
    for_each_index(v.shape, [&](const extents& i) {
        int64 k = 0;
        for (std::size_t d = 0; d < w.size(); ++d)
            k = k * e[d] + w[d].before + i[d] * (w[d].between + 1);
        r.of[at(k)] = v.of[n++];
    });
    return r;
}
/// The windows along axes 1 and 2 of (n, h, w, c), as two more axes.
template <class V>
values<V> windowed(const values<V>& v, const window& y, const window& x) {
    const auto count = [](const window& w, int64 n) {
        return (n - w.dilation * (w.size - 1) - 1) / w.stride + 1;
    };
    values<V> r(
        {v.shape[0], count(y, v.shape[1]), count(x, v.shape[2]), v.shape[3], y.size, x.size});
    std::size_t n = 0;
    for_each_index(r.shape, [&](const extents& i) {
        r.of[n++] = element_at(
            v,
            {i[0], i[1] * y.stride + i[4] * y.dilation, i[2] * x.stride + i[5] * x.dilation, i[3]});
    });
    return r;
}
double largest(const std::vector<double>& v) { return *std::max_element(v.begin(), v.end()); }
double average(const std::vector<double>& v) {
    double s = 0;
    for (const double x : v) s += x;
    return s / static_cast<double>(v.size());
}
reals halved_and_up(const reals& v) {
    return map([](double x) { return x * 0.5 + 1; }, v);
}

struct pool_case {
    extents shape;
    window y, x;
};
const pool_case pool_cases[] = {{{2, 6, 8, 3}, {2, 2}, {2, 2}},
                                {{1, 7, 5, 1}, {3, 2}, {2, 1}},
                                {{3, 5, 9, 4}, {3, 1}, {3, 2, 2}},
                                {{2, 1, 4, 5}, {1, 1}, {4, 3}},
                                {{2, 13, 11, 2}, {3, 3, 4}, {5, 2, 2}},
                                {{2, 14, 19, 8}, {3, 1}, {3, 1}},
                                {{2, 34, 27, 5}, {2, 2, 2}, {3, 2}},
                                {{0, 6, 6, 3}, {2, 2}, {2, 2}},
                                {{2, 6, 6, 0}, {2, 2}, {2, 2}}};

// ---- windows

TEST_CASE("windows are views of arrays in every layout, and of expressions") {
    on_each_device([](device d) {
        for (const pool_case& c : pool_cases) {
            CAPTURE(sn::shape_text(c.shape.data(), 4));
            const reals v = random(c.shape, 3);
            for (const layout l : layouts) {
                const tensor<float, 4> x = put<float, 4>(v, d, l);
                const tensor<float, 6> w = windows(x * 0.5f + 1.f, axis<1, 2>, {c.y, c.x});
                check_same(get(w), windowed(halved_and_up(v), c.y, c.x));
            }
        }
    });
}

TEST_CASE("windows of an array cost one kernel, of a costly value or a sum two") {
    on_each_device([](device d) {
        const reals v = random({2, 6, 8, 3}, 3);
        const tensor<float, 4> x = put<float, 4>(v, d);
        const window two{.size = 2};
        tensor<float, 6> r;
        {
            sn::launch_counter ran;
            r = windows(-x, axis<1, -2>, {two, two});
            CHECK(ran.launches() == 1);
        }
        check_same(get(r), windowed(map([](double a) { return -a; }, v), two, two));
        {
            sn::launch_counter ran;
            r = windows(exp(x), axis<1, 2>, {two, two});
            CHECK(ran.launches() == 2);
        }
        check_same(get(r), windowed(map([](double a) { return std::exp(a); }, v), two, two), 1e-6);
        {
            sn::launch_counter ran;
            tensor<float, 4> s = windows(sum(x, axis<3>), axis<2>, {{.size = 3, .stride = 2}});
            CHECK(ran.launches() == 2);
            const reals rows =
                fold(v, {3}, true, [](const std::vector<double>& a) { return a[0] + a[1] + a[2]; });
            reals want = windowed(rows, {1}, {3, 2});
            want.shape = {2, 6, 3, 3};
            check_same(get(s), want);
        }
    });
}

TEST_CASE("windows: what does not fit is said") {
    const tensor<float, 2> x = put<float, 2>(random({4, 5}), device::host());
    CHECK_THROWS_WITH_AS(windows(x, axis<1>, {{.size = 6}}),
                         "windows: a window of 6 elements, 1 apart, does not fit an axis of 5.",
                         sn::shape_error);
    CHECK_THROWS_WITH_AS(windows(x, axis<1>, {{.size = 3, .dilation = 3}}),
                         "windows: a window of 3 elements, 3 apart, does not fit an axis of 5.",
                         sn::shape_error);
    CHECK_THROWS_WITH_AS(windows(x, axis<0>, {{.size = 0}}),
                         "windows: size, stride and dilation of a window must be at least 1, not "
                         "0, 1 and 1.",
                         sn::shape_error);
    CHECK_THROWS_WITH_AS(windows(x, axis<0, 1>, {{.size = 1}, {.size = 1}}, padding(1, 1, 1)),
                         "windows: the padding must name one number or 2, one for each axis of "
                         "the windows.",
                         sn::shape_error);
    CHECK_THROWS_WITH_AS(pad(x, {{1, 1}, {-1, 0}}),
                         "pad: the zeros around axis 1 of shape (4, 5) are -1, 0 and 0, but none "
                         "may be negative.",
                         sn::shape_error);
}

// ---- padding

TEST_CASE("pad puts zeros around and between, in every layout") {
    on_each_device([](device d) {
        const widths cases[][2] = {
            {{0, 0}, {0, 0}}, {{1, 2}, {0, 3}}, {{2, 0, 1}, {1, 1, 2}}, {{0, 0, 4}, {5, 0}}};
        const extents shapes[] = {{3, 4}, {1, 5}, {7, 1}, {0, 3}, {2, 0}};
        for (const auto& w : cases)
            for (const extents& e : shapes) {
                const reals v = random(e, 5);
                const reals want = padded(v, {w[0], w[1]});
                for (const layout l : layouts) {
                    const tensor<float, 2> x = put<float, 2>(v, d, l);
                    const tensor<float, 2> r = pad(x,
                                                   {{w[0].before, w[0].after, w[0].between},
                                                    {w[1].before, w[1].after, w[1].between}}) +
                                               0.f;
                    check_same(get(r), want);
                }
            }
    });
}

TEST_CASE("a value can be padded in two ways and used as it is") {
    on_each_device([](device d) {
        const reals v = random({3, 4}, 5);
        const tensor<float, 2> x = put<float, 2>(v, d);
        const auto y = share(x * 0.5f + 1.f);
        const tensor<float, 2> r = pad(y, {{1, 0}, {0, 1}}) + pad(y, {{0, 1}, {1, 0}}) + sum(y);
        const reals h = halved_and_up(v);
        double all = 0;
        for (const double a : h.of) all += a;
        check_same(get(r),
                   map([&](double a, double b) { return a + b + all; },
                       padded(h, {{1, 0}, {0, 1}}),
                       padded(h, {{0, 1}, {1, 0}})));
    });
}

// ---- pooling

TEST_CASE("max_pool and avg_pool fold every window in one kernel") {
    on_each_device([](device d) {
        for (const pool_case& c : pool_cases) {
            CAPTURE(sn::shape_text(c.shape.data(), 4));
            const reals v = random(c.shape, 7);
            const reals w = windowed(halved_and_up(v), c.y, c.x);
            const tensor<float, 4> x = put<float, 4>(v, d);
            sn::launch_counter ran;
            const tensor<float, 4> largest_of = max_pool(x * 0.5f + 1.f, {c.y, c.x});
            const tensor<float, 4> mean_of = avg_pool(x * 0.5f + 1.f, {c.y, c.x});
            CHECK(ran.launches() <= 2);
            // One thread folds a window where there are many.
            const bool many = !d.is_host() && largest_of.size() >= 1000;
            for (const auto& r : ran.records()) CHECK((r.kernel == std::string("window")) == many);
            CHECK(contains(sn::explain(max_pool(x * 0.5f + 1.f, {c.y, c.x})), "window kernel") ==
                  many);
            check_same(get(largest_of), fold(w, {4, 5}, false, largest));
            check_same(get(mean_of), fold(w, {4, 5}, false, average), 1e-6);
        }
    });
}

TEST_CASE("a padding is never the maximum, and counts in the mean") {
    on_each_device([](device d) {
        const reals v = map([](double a) { return a - 100; }, random({2, 5, 6, 3}, 7));
        const tensor<float, 4> x = put<float, 4>(v, d);
        const window three{3, 2};
        const tensor<float, 4> m = max_pool(x, {three, three}, padding(1));
        const reals low = map([](double a) { return a == 0 ? -1e30 : a; },
                              padded(v, {{0, 0}, {1, 1}, {1, 1}, {0, 0}}));
        check_same(get(m), fold(windowed(low, three, three), {4, 5}, false, largest));
        // 5 gives 3 windows of 3 by steps of 2 with one zero on either side, 6 with one behind.
        const tensor<float, 4> a = avg_pool(x, {three, three}, sn::same);
        check_same(get(a),
                   fold(windowed(padded(v, {{0, 0}, {1, 1}, {0, 1}, {0, 0}}), three, three),
                        {4, 5},
                        false,
                        average),
                   1e-6);
    });
}

TEST_CASE("pooling of integers, of sequences and of volumes") {
    on_each_device([](device d) {
        const integers v = random<int64>({2, 7, 3}, 9);
        const tensor<int, 3> s = put<int, 3>(v, d);
        const tensor<int, 3> m = max_pool(s, {{.size = 3, .stride = 2}}, padding(1));
        integers want({2, 4, 3});
        std::size_t n = 0;
        for_each_index(want.shape, [&](const extents& i) {
            int64 best = -1000;
            for (int64 k = -1; k < 2; ++k)
                if (const int64 p = 2 * i[1] + k; p >= 0 && p < 7)
                    best = std::max(best, element_at(v, {i[0], p, i[2]}));
            want.of[n++] = best;
        });
        check_same(get(m), want);

        const reals u = random({1, 4, 4, 4, 2}, 9);
        const window two{2, 2};
        const tensor<float, 5> p = avg_pool(put<float, 5>(u, d), {two, two, two});
        reals sums({1, 2, 2, 2, 2});
        for_each_index(u.shape, [&](const extents& i) {
            const int64 k = ((i[1] / 2 * 2 + i[2] / 2) * 2 + i[3] / 2) * 2 + i[4];
            sums.of[at(k)] += element_at(u, i) / 8;
        });
        check_same(get(p), sums, 1e-6);
    });
}

}  // namespace
