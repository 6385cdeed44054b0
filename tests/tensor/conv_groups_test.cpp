// Convolutions in groups and of each channel, and means over parts, beside loops.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::conv_options;
using sn::groups;
using sn::half;
using sn::padding;
using sn::shape;
using sn::tensor;

// What a case runs on devices: the emulator takes a second for what a host does at once.
enum class on_devices { all, none, depthwise };
struct group_case {
    int64 images, height, width, groups, channels, filters;  // of a group
    int64 kernel[2], stride[2], dilation[2], around;
    on_devices devices = on_devices::all;
};
const group_case group_cases[] = {
    {2, 6, 5, 3, 2, 4, {3, 2}, {2, 1}, {1, 2}, 1},
    {1, 5, 7, 1, 3, 5, {2, 2}, {1, 1}, {1, 1}, 0},  // one group: as without
    {2, 5, 4, 5, 1, 1, {3, 3}, {1, 1}, {1, 1}, 1},  // as many as channels
    {1, 4, 4, 2, 17, 3, {1, 1}, {1, 1}, {1, 1}, 0},
    {0, 4, 4, 2, 3, 3, {2, 2}, {1, 1}, {1, 1}, 0},
    {2, 4, 4, 2, 0, 3, {2, 2}, {1, 1}, {1, 1}, 0},
    {2, 4, 4, 2, 3, 0, {2, 2}, {1, 1}, {1, 1}, 0},
    // several groups in a vector of the host, of 32 bytes and of 64, and one
    {1, 7, 7, 6, 4, 4, {2, 2}, {1, 1}, {1, 1}, 0, on_devices::none},
    {2, 5, 5, 16, 2, 2, {2, 2}, {1, 1}, {1, 1}, 0, on_devices::none},
    {1, 6, 6, 2, 16, 16, {1, 1}, {1, 1}, {1, 1}, 0, on_devices::none},
    {1, 12, 17, 8, 1, 1, {3, 3}, {1, 1}, {1, 1}, 1, on_devices::depthwise},
    {1, 31, 20, 6, 1, 1, {5, 2}, {2, 1}, {1, 2}, 2, on_devices::depthwise},
};
// Eighths up to 4, whose products and sums are exact, or what is not exact.
struct expected {
    using made = reals (*)(const extents&, unsigned long);
    reals x, w, g;
    product_sums y, dx, dw;
    explicit expected(const group_case& c, made values_of = &random<double>)
        : x(values_of({c.images, c.height, c.width, c.groups * c.channels}, 1)),
          w(values_of({c.groups * c.filters, c.kernel[0], c.kernel[1], c.channels}, 2)),
          g(values_of({c.images, windows(c, 0), windows(c, 1), c.groups * c.filters}, 3)),
          y(g.shape),
          dx(x.shape),
          dw(w.shape) {
        const extents k{c.kernel[0], c.kernel[1], c.channels};
        for_each_index(g.shape, [&](const extents& o) {
            for_each_index(k, [&](const extents& i) {
                const int64 row = o[1] * c.stride[0] + i[0] * c.dilation[0] - c.around,
                            column = o[2] * c.stride[1] + i[1] * c.dilation[1] - c.around;
                if (row < 0 || column < 0 || row >= c.height || column >= c.width) return;
                const int64 channel = o[3] / c.filters * c.channels + i[2];
                const auto in = at(((o[0] * c.height + row) * c.width + column) * x.shape[3] +
                                   channel),
                           f = at(((o[3] * k[0] + i[0]) * k[1] + i[1]) * k[2] + i[2]),
                           to = at(((o[0] * g.shape[1] + o[1]) * g.shape[2] + o[2]) * g.shape[3] +
                                   o[3]);
                y.add(to, x.of[in], w.of[f]);
                dx.add(in, g.of[to], w.of[f]);
                dw.add(f, g.of[to], x.of[in]);
            });
        });
    }
    static int64 windows(const group_case& c, int k) {
        const int64 n = k == 0 ? c.height : c.width;
        return (n + 2 * c.around - c.dilation[k] * (c.kernel[k] - 1) - 1) / c.stride[k] + 1;
    }
};

template <class T>
void check_groups(expected::made values_of, double type_rounding, double sum_rounding) {
    on_each_device([&](device d) {
        for (const group_case& c : group_cases) {
            const on_devices runs = d.is_host() ? on_devices::all : c.devices;
            if (runs == on_devices::none) continue;
            CAPTURE(c.groups);
            CAPTURE(c.channels);
            CAPTURE(c.filters);
            const expected e(c, values_of);
            const conv_options<2> o{{c.stride[0], c.stride[1]}, {c.dilation[0], c.dilation[1]}};
            const padding p(c.around);
            const groups n(c.groups);
            const auto exceeded = [&](const tensor<T, 4>& got, const product_sums& want) {
                return want.exceeded(get(got), type_rounding, sum_rounding);
            };
            for (const layout l : {layout::plain, layout::mixed}) {
                if (l == layout::mixed && sum_rounding != 0) continue;
                const auto a = put<T, 4>(e.x, d, l), b = put<T, 4>(e.w, d, l),
                           h = put<T, 4>(e.g, d, l);
                if (runs == on_devices::all) {
                    CHECK(exceeded(conv2d(a, b, o, p, n), e.y) == "");
                    CHECK(exceeded(conv2d_input_gradient(h, b, a.extents(), o, p, n), e.dx) == "");
                    CHECK(exceeded(conv2d_filter_gradient(a, h, b.extents(), o, p, n), e.dw) == "");
                }
                if (c.channels != 1 || c.filters != 1) continue;
                sn::launch_counter ran;
                const tensor<T, 4> each = depthwise_conv2d(a, b, o, p);
                if (!d.is_host() && each.size() >= 1000)
                    CHECK(ran.records().back().kernel == std::string("window"));
                CHECK(exceeded(each, e.y) == "");
            }
        }
    });
}
TEST_CASE("conv2d in groups and its gradients: exact where sums are, else within their bound") {
    check_groups<float>(&random<double>, 0, 0);
    check_groups<float>(&inexact<float>, 0, 0x1p-23);
    check_groups<half>(&inexact<half>, 0x1p-11, 0x1p-23);
}

TEST_CASE("what surrounds a convolution in groups is part of its kernel") {
    on_each_device([](device d) {
        const expected e(group_cases[3]);
        const auto a = put<float, 4>(e.x, d), b = put<float, 4>(e.w, d);
        const auto z = put<float, 1>(random({6}, 4), d);
        const auto layer = relu(conv2d(a * 2.F, b, {}, groups(2)) + z);
        static_assert(sn::kernel_count(layer) == 1);
        sn::launch_counter ran;
        const tensor<float, 4> r = layer;
        CHECK(ran.launches() == (d.is_host() ? 2 : 1));  // which scales before it packs
        CHECK(difference(get(r),
                         map([](double v, double w) { return std::max(2 * v + w, 0.0); },
                             e.y.of,
                             get(z))) == "");
    });
}

TEST_CASE("the sums of a convolution in groups") {
    on_each_device([](device d) {
        const expected e(group_cases[8]);
        const auto a = put<float, 4>(e.x, d), b = put<float, 4>(e.w, d);
        const tensor<float, 1> sums =
            sn::sum(relu(conv2d(a, b, {}, groups(16))), sn::axis<0, 1, 2>);
        reals all({32});
        std::size_t from = 0;
        for_each_index(e.y.of.shape, [&](const extents& i) {
            all.of[at(i[3])] += std::max(e.y.of.of[from++], 0.0);
        });
        CHECK(difference(get(sums), all) == "");
    });
}

TEST_CASE("conv1d in groups") {
    on_each_device([](device d) {
        // A sequence is an image of one row.
        const group_case c{2, 1, 9, 3, 2, 2, {1, 3}, {1, 2}, {1, 2}, 0};
        const expected e(c);
        const auto one_row = [](reals r) {
            r.shape.erase(r.shape.begin() + 1);
            return r;
        };
        const auto a = put<float, 3>(one_row(e.x), d), b = put<float, 3>(one_row(e.w), d),
                   h = put<float, 3>(one_row(e.g), d);
        const conv_options<1> o{{2}, {2}};
        CHECK(difference(get(tensor<float, 3>(conv1d(a, b, o, groups(3)))), one_row(e.y.of)) == "");
        CHECK(difference(get(tensor<float, 3>(
                             conv1d_input_gradient(h, b, a.extents(), o, padding(0), groups(3)))),
                         one_row(e.dx.of)) == "");
        CHECK(difference(get(tensor<float, 3>(
                             conv1d_filter_gradient(a, h, b.extents(), o, padding(0), groups(3)))),
                         one_row(e.dw.of)) == "");
    });
}

TEST_CASE("adaptive_avg_pool: parts of odd extents, also more parts than elements") {
    on_each_device([](device d) {
        const reals x = random({2, 7, 5, 3}, 1);
        const auto a = put<float, 4>(x, d);
        for (const extents& parts : {extents{3, 2}, extents{1, 1}, extents{7, 5}, extents{9, 4}}) {
            reals y({2, parts[0], parts[1], 3});
            std::size_t to = 0;
            for_each_index(y.shape, [&](const extents& i) {
                const auto begin = [&](int k) {
                    return i[at(k)] * x.shape[at(k)] / parts[at(k - 1)];
                };
                const auto end = [&](int k) {
                    return ((i[at(k)] + 1) * x.shape[at(k)] + parts[at(k - 1)] - 1) /
                           parts[at(k - 1)];
                };
                double sum = 0;
                for (int64 r = begin(1); r < end(1); ++r)
                    for (int64 c = begin(2); c < end(2); ++c)
                        sum += element_at(x, {i[0], r, c, i[3]});
                y.of[to++] = sum / static_cast<double>((end(1) - begin(1)) * (end(2) - begin(2)));
            });
            sn::launch_counter ran;
            const tensor<float, 4> r = adaptive_avg_pool(a, {parts[0], parts[1]});
            CHECK(ran.launches() == 1);
            CHECK(difference(get(r), y, 1e-6) == "");
        }
    });
}

TEST_CASE("convolutions in groups say what does not fit") {
    const auto x = put<float, 4>(random({1, 4, 4, 6}), device::host());
    const auto w = put<float, 4>(random({4, 2, 2, 2}), device::host());
    CHECK(error_of([&] { conv2d(x, w, {}, groups(2)); }) ==
          "conv2d: shapes (1, 4, 4, 6) and (4, 2, 2, 2) do not fit: 6 channels are not 2 groups of "
          "2.");
    CHECK(error_of([&] { conv2d(x, w, {}, groups(3)); }) ==
          "conv2d: shapes (1, 4, 4, 6) and (4, 2, 2, 2) do not fit: 4 filters are no multiple of 3 "
          "groups.");
    CHECK(error_of([&] { conv2d(x, w, {}, groups(0)); }) ==
          "conv2d: there must be at least one group, not 0.");
    CHECK(
        error_of([&] { depthwise_conv2d(x, w); }) ==
        "depthwise_conv2d: shapes (1, 4, 4, 6) and (4, 2, 2, 2) do not fit: the filters are to be "
        "(6, height, width, 1).");
    CHECK(error_of([&] {
              adaptive_avg_pool(x, {2, 0});
          }) ==
          "adaptive_avg_pool: an image of shape (1, 4, 4, 6) has at least one part along each "
          "axis, not 0.");
}

}  // namespace
