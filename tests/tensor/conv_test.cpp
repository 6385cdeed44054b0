// Convolutions and their gradients beside loops, and beside each other: whatever the options, the
// gradients are the transposes of the convolution.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axes;
using sn::axis;
using sn::conv_options;
using sn::padding;
using sn::shape;
using sn::tensor;

struct conv_case {
    extents input, filters;
    int64 stride[2], dilation[2];
    // Zeros before and behind each axis; `same` asks for the padding of that name.
    int64 before[2], after[2];
    bool same = false;
};
const conv_case cases[] = {
    {{2, 7, 8, 3}, {5, 3, 3, 3}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
    {{3, 8, 7, 2}, {4, 3, 2, 2}, {2, 1}, {1, 2}, {1, 1}, {1, 1}},
    {{1, 9, 9, 1}, {1, 1, 1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
    {{2, 5, 6, 1}, {7, 5, 6, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
    {{1, 6, 5, 17}, {2, 3, 3, 17}, {2, 3}, {1, 1}, {2, 2}, {2, 2}},
    {{2, 6, 7, 3}, {4, 3, 3, 3}, {2, 2}, {1, 1}, {0, 1}, {1, 1}, true},
    {{1, 5, 5, 2}, {3, 2, 4, 2}, {1, 1}, {2, 1}, {1, 1}, {1, 2}, true},
    {{0, 5, 5, 2}, {3, 2, 2, 2}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
    {{2, 5, 5, 0}, {3, 2, 2, 0}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
    {{2, 5, 5, 2}, {0, 2, 2, 2}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
};
template <class T>
conv_options<2> options_of(const T& c) {
    return {{c.stride[0], c.stride[1]}, {c.dilation[0], c.dilation[1]}};
}
padding padding_of(const conv_case& c) {
    return c.same ? sn::same : padding(c.before[0], c.before[1]);
}

/// Calls f(input, filter, output positions) for every product of the convolution.
template <class F>
void for_each_product(const conv_case& c, const extents& out, F f) {
    for_each_index(out, [&](const extents& o) {
        for_each_index({c.filters[1], c.filters[2], c.filters[3]}, [&](const extents& k) {
            const int64 y = o[1] * c.stride[0] + k[0] * c.dilation[0] - c.before[0],
                        x = o[2] * c.stride[1] + k[1] * c.dilation[1] - c.before[1];
            if (y < 0 || x < 0 || y >= c.input[1] || x >= c.input[2]) return;
            const int64 in = ((o[0] * c.input[1] + y) * c.input[2] + x) * c.input[3] + k[2],
                        filter =
                            ((o[3] * c.filters[1] + k[0]) * c.filters[2] + k[1]) * c.filters[3] +
                            k[2],
                        to = ((o[0] * out[1] + o[1]) * out[2] + o[2]) * out[3] + o[3];
            f(at(in), at(filter), at(to));
        });
    });
}
extents result_of(const conv_case& c) {
    extents e{c.input[0], 0, 0, c.filters[0]};
    for (std::size_t k = 0; k < 2; ++k)
        e[k + 1] = (c.input[k + 1] + c.before[k] + c.after[k] -
                    c.dilation[k] * (c.filters[k + 1] - 1) - 1) /
                       c.stride[k] +
                   1;
    return e;
}

// Eighths up to 4: products and their sums are exact.
TEST_CASE("conv2d and its gradients are exact where sums are, for every type and layout") {
    on_each_device([](device d) {
        for (const conv_case& c : cases) {
            CAPTURE(sn::shape_text(c.input.data(), 4));
            CAPTURE(sn::shape_text(c.filters.data(), 4));
            const extents out = result_of(c);
            const reals x = random(c.input, 1), w = random(c.filters, 2), g = random(out, 3);
            reals y(out), dx(c.input), dw(c.filters);
            for_each_product(c, out, [&](std::size_t i, std::size_t f, std::size_t o) {
                y.of[o] += x.of[i] * w.of[f];
                dx.of[i] += g.of[o] * w.of[f];
                dw.of[f] += g.of[o] * x.of[i];
            });
            const conv_options<2> o = options_of(c);
            for (const layout l : {layout::plain, layout::mixed}) {
                const auto a = put<float, 4>(x, d, l), b = put<float, 4>(w, d, l),
                           h = put<float, 4>(g, d, l);
                const tensor<float, 4> r = conv2d(a, b, o, padding_of(c));
                CHECK(difference(get(r), y) == "");
                const tensor<float, 4> p =
                    conv2d_input_gradient(h, b, a.extents(), o, padding_of(c));
                CHECK(difference(get(p), dx) == "");
                const tensor<float, 4> q =
                    conv2d_filter_gradient(a, h, b.extents(), o, padding_of(c));
                CHECK(difference(get(q), dw) == "");
            }
        }
    });
}

// The three modes of every case with values that are not exact.
template <class T>
void check_bounds(double type_rounding, double sum_rounding) {
    on_each_device([&](device d) {
        for (const conv_case& c : cases) {
            CAPTURE(sn::shape_text(c.input.data(), 4));
            CAPTURE(sn::shape_text(c.filters.data(), 4));
            const reals x = inexact<T>(c.input, 1), w = inexact<T>(c.filters, 2),
                        g = inexact<T>(result_of(c), 3);
            product_sums y(g.shape), dx(c.input), dw(c.filters);
            for_each_product(c, g.shape, [&](std::size_t i, std::size_t f, std::size_t o) {
                y.add(o, x.of[i], w.of[f]);
                dx.add(i, g.of[o], w.of[f]);
                dw.add(f, g.of[o], x.of[i]);
            });
            const conv_options<2> o = options_of(c);
            const padding p = padding_of(c);
            const auto a = put<T, 4>(x, d), b = put<T, 4>(w, d), h = put<T, 4>(g, d);
            const tensor<T, 4> r = conv2d(a, b, o, p);
            CHECK(y.exceeded(get(r), type_rounding, sum_rounding) == "");
            const tensor<T, 4> q = conv2d_input_gradient(h, b, a.extents(), o, p);
            CHECK(dx.exceeded(get(q), type_rounding, sum_rounding) == "");
            const tensor<T, 4> f = conv2d_filter_gradient(a, h, b.extents(), o, p);
            CHECK(dw.exceeded(get(f), type_rounding, sum_rounding) == "");
        }
    });
}
TEST_CASE("conv2d and its gradients stay within k roundings of the sum of magnitudes") {
    check_bounds<float>(0, 0x1p-23);
    check_bounds<bfloat16>(0x1p-8, 0x1p-23);
}

TEST_CASE("conv2d of bfloat16 and integers; an NCHW array enters by permute") {
    on_each_device([](device d) {
        const conv_case& c = cases[0];
        const integers x = random<int64>({2, 3, 7, 8}, 1), w = random<int64>(c.filters, 2);
        integers y(result_of(c)), nhwc(c.input);
        std::size_t n = 0;
        for_each_index(c.input, [&](const extents& i) {
            nhwc.of[n++] = element_at(x, {i[0], i[3], i[1], i[2]});
        });
        for_each_product(c, y.shape, [&](std::size_t i, std::size_t f, std::size_t o) {
            y.of[o] += nhwc.of[i] * w.of[f];
        });
        const tensor<int, 4> r =
            conv2d(permute(put<int, 4>(x, d), axes<0, 2, 3, 1>), put<int, 4>(w, d));
        CHECK(difference(get(r), y) == "");
        const tensor<bfloat16, 4> s =
            conv2d(permute(put<bfloat16, 4>(x, d), axes<0, 2, 3, 1>), put<bfloat16, 4>(w, d));
        CHECK(difference(
                  get(s),
                  map([](int64 v) { return rounded<bfloat16>(static_cast<double>(v)); }, y)) == "");
    });
}

TEST_CASE("scale, bias and relu are part of a convolution's kernel; a padding is not stored") {
    on_each_device([](device d) {
        const conv_case& c = cases[0];
        const reals x = random(c.input, 1), w = random(c.filters, 2), b = random({5}, 3);
        reals y(result_of(c));
        for_each_product(c, y.shape, [&](std::size_t i, std::size_t f, std::size_t o) {
            y.of[o] += x.of[i] * 2 * w.of[f];
        });
        const reals want = map([](double v, double z) { return std::max(v + z, 0.0); }, y, b);
        const auto a = put<float, 4>(x, d), k = put<float, 4>(w, d);
        const auto z = put<float, 1>(b, d);
        const auto e = relu(conv2d(a * 2.f, k) + z);
        static_assert(sn::kernel_count(e) == 1);
        {
            sn::launch_counter ran;
            const tensor<float, 4> r = e;
            // A host packs arrays several times faster than what it computes.
            CHECK(ran.launches() == (d.is_host() ? 2 : 1));
            CHECK(ran.temporaries() == (d.is_host() ? 1 : 0));
            CHECK(difference(get(r), want) == "");
        }
        sn::launch_counter ran;
        const tensor<float, 4> r = relu(conv2d(a * 2.f, k, {}, sn::same) + z);
        CHECK(ran.launches() == (d.is_host() ? 2 : 1));
        CHECK(ran.temporaries() == (d.is_host() ? 1 : 0));
        CHECK(r.extents() == shape<4>{2, 7, 8, 5});
        CHECK(difference(get(tensor<float, 4>(slice(r, sn::_, sn::range(1, -1), sn::range(1, -1)))),
                         want) == "");
    });
}

TEST_CASE("zeros around an operand reach tensor cores without being stored") {
    struct image {
        int64 height, width, channels, kernel, stride, around;
    };
    on_each_device([](device d) {
        // Chunks of 8 channels, channels that share steps, odd ones, and a step for itself.
        for (const image& c : {image{5, 6, 8, 3, 1, 1},
                               image{5, 4, 16, 3, 2, 2},
                               image{6, 5, 3, 5, 1, 2},
                               image{4, 4, 32, 3, 1, 1},
                               image{1, 1, 8, 3, 1, 1}}) {
            CAPTURE(c.channels);
            conv_case v{{1, c.height, c.width, c.channels},
                        {5, c.kernel, c.kernel, c.channels},
                        {c.stride, c.stride},
                        {1, 1},
                        {c.around, c.around},
                        {c.around, c.around}};
            const integers x = random<int64>(v.input, 1), w = random<int64>(v.filters, 2);
            integers y(result_of(v));
            for_each_product(v, y.shape, [&](std::size_t i, std::size_t f, std::size_t o) {
                y.of[o] += x.of[i] * w.of[f];
            });
            const auto want =
                map([](int64 n) { return rounded<bfloat16>(static_cast<double>(n)); }, y);
            for (const layout l : {layout::plain, layout::mixed}) {
                const auto a = put<bfloat16, 4>(x, d, l), b = put<bfloat16, 4>(w, d, l);
                sn::launch_counter ran;
                const tensor<bfloat16, 4> r =
                    conv2d(a, b, {{c.stride, c.stride}}, padding(c.around));
                CHECK(ran.launches() == 1);
                CHECK(difference(get(r), want) == "");
            }
        }
    });
}

TEST_CASE("a convolution among zeros over its own operand") {
    on_each_device([](device d) {
        const reals x = random({1, 4, 5, 3}, 1), w = random({3, 3, 3, 3}, 2);
        auto a = put<float, 4>(x, d);
        const auto k = put<float, 4>(w, d);
        const tensor<float, 4> want = conv2d(a, k, {}, sn::same);
        a = conv2d(a, k, {}, sn::same);
        CHECK(difference(get(a), get(want)) == "");
        auto b = put<float, 4>(x, d);
        const tensor<float, 4> twice = conv2d(relu(b) * 2.F, k, {}, sn::same) + b,
                               stored = eval(relu(b) * 2.F);
        const tensor<float, 4> apart = conv2d(stored, k, {}, sn::same) + b;
        CHECK(difference(get(twice), get(apart)) == "");
    });
}

TEST_CASE("conv_transpose2d enlarges what conv2d with its filters shrinks") {
    on_each_device([](device d) {
        const reals g = random({2, 3, 4, 5}, 3), w = random({5, 3, 2, 2}, 2);
        const auto y = put<float, 4>(g, d), k = put<float, 4>(w, d);
        const conv_options<2> o{{2, 3}, {1, 2}};
        const tensor<float, 4> r = conv_transpose2d(y, k, o, padding(1), {1, 2});
        REQUIRE(r.extents() == shape<4>{2, 6, 12, 2});
        const tensor<float, 4> same = conv2d_input_gradient(y, k, r.extents(), o, padding(1));
        CHECK(difference(get(r), get(same)) == "");
        const tensor<float, 4> doubled = conv_transpose2d(y, k, {{2, 2}}, sn::same);
        CHECK(doubled.extents() == shape<4>{2, 6, 8, 2});
    });
}

TEST_CASE("conv1d and its gradients") {
    on_each_device([](device d) {
        const int64 n = (9 + 2 - 2 * 2 - 1) / 2 + 1;
        const extents of_x{2, 9, 3}, of_w{4, 3, 3}, of_g{2, n, 4};
        for (const bool exact : {true, false}) {
            CAPTURE(exact);
            const reals x = exact ? random(of_x, 1) : inexact<float>(of_x, 1),
                        w = exact ? random(of_w, 2) : inexact<float>(of_w, 2),
                        g = exact ? random(of_g, 3) : inexact<float>(of_g, 3);
            product_sums y(of_g), dx(of_x), dw(of_w);
            for_each_index({2, n, 4, 3, 3}, [&](const extents& i) {
                const int64 p = i[1] * 2 + i[3] * 2 - 1;
                if (p < 0 || p >= 9) return;
                const std::size_t in = at((i[0] * 9 + p) * 3 + i[4]),
                                  to = at((i[0] * n + i[1]) * 4 + i[2]),
                                  f = at((i[2] * 3 + i[3]) * 3 + i[4]);
                y.add(to, x.of[in], w.of[f]);
                dx.add(in, g.of[to], w.of[f]);
                dw.add(f, g.of[to], x.of[in]);
            });
            const auto a = put<float, 3>(x, d), b = put<float, 3>(w, d), h = put<float, 3>(g, d);
            const conv_options<1> o{{2}, {2}};
            const padding p(1);
            const tensor<float, 3> r = conv1d(a, b, o, p),
                                   q = conv1d_input_gradient(h, b, a.extents(), o, p),
                                   f = conv1d_filter_gradient(a, h, b.extents(), o, p);
            const double rounding = exact ? 0 : 0x1p-23;
            CHECK(y.exceeded(get(r), 0, rounding) == "");
            CHECK(dx.exceeded(get(q), 0, rounding) == "");
            CHECK(dw.exceeded(get(f), 0, rounding) == "");
        }
    });
}

TEST_CASE("convolutions say what does not fit") {
    const auto x = put<float, 4>(random({2, 7, 8, 3}), device::host());
    const auto w = put<float, 4>(random({5, 3, 3, 4}), device::host());
    const auto y = put<float, 4>(random({2, 5, 6, 5}), device::host());
    CHECK(error_of([&] { conv2d(x, w); }) ==
          "conv2d: shapes (2, 7, 8, 3) and (5, 3, 3, 4) do not fit: 3 channels are not 4.");
    CHECK(error_of([&] { conv2d_input_gradient(x, w, x.extents()); }) ==
          "conv2d_input_gradient: shapes (2, 7, 8, 3) and (5, 3, 3, 4) do not fit: 3 channels are "
          "not 5 filters.");
    CHECK(error_of([&] {
              conv2d_filter_gradient(x, y, shape<4>{5, 2, 3, 3});
          }) ==
          "conv2d_filter_gradient: shapes (2, 7, 8, 3) and (2, 5, 6, 5) do not fit: such filters "
          "give another shape than that of the gradient.");
    CHECK(error_of([&] {
              conv2d_filter_gradient(x, y, shape<4>{5, 3, 3, 4});
          }) ==
          "conv2d_filter_gradient: shapes (2, 7, 8, 3) and (2, 5, 6, 5) do not fit: the filters "
          "are to be (5, 3, 3, 4).");
    const auto large = put<float, 4>(random({1, 9, 3, 3}), device::host());
    CHECK(error_of([&] { conv2d(x, large); }) ==
          "conv2d: a window of 9 elements, 1 apart, does not fit an axis of 7.");
}

}  // namespace
