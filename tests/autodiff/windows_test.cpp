// Gradients of convolutions, paddings, windows and pooling against differences of values.
#include "autodiff/support.hpp"

using namespace autodiff_test;
using sn::conv_options;
using sn::padding;

TEST_CASE("convolutions: strides, dilations and paddings") {
    on_each_device([](device) {
        const var<4> x = normal<4>({{1, 5, 5, 2}}), w = normal<4>({{2, 2, 3, 2}}),
                     one = normal<4>({{1, 4, 3, 1}}), f = normal<4>({{1, 4, 3, 1}});
        const var<1> b = normal<1>({{2}});
        for (const conv_options<2>& o : {conv_options<2>{},
                                         conv_options<2>{{2, 1}},
                                         conv_options<2>{{1, 3}, {2, 1}},
                                         conv_options<2>{{3, 2}, {1, 2}}}) {
            const auto plain = [&](auto& v, auto& k, auto& z) { return tanh(conv2d(v, k, o) + z); };
            CHECK(agrees(plain, x, w, b));
            const auto among_zeros = [&](auto& v, auto& k) {
                return conv2d(v * v, k, o, padding(1, 2));
            };
            CHECK(agrees(among_zeros, x, w));
        }
        CHECK(agrees([](auto& v, auto& k) { return conv2d(v, k); }, one, f));
        CHECK(agrees([](auto& v, auto& k) { return conv2d(v, k, {{2, 2}}, sn::same); }, x, w));
        CHECK(agrees([](auto& v, auto& k) { return conv2d(v, exp(k)) * conv2d(v, k); }, x, w));
    });
}

TEST_CASE("gradients of convolutions are convolutions: three launches, and nothing overlaps") {
    on_each_device([](device) {
        const var<4> x = normal<4>({{2, 7, 6, 2}}), w = normal<4>({{3, 3, 3, 2}});
        const var<4> y = conv2d(x, w);
        const sn::tensor<double, 4> seed = sn::ones<double>(2, 5, 4, 3);
        sn::launch_counter ran;
        y.backward(seed);
        CHECK(ran.launches() == 3);
        const sn::tensor<double, 4> dx = conv2d_input_gradient(seed, w.detach(), x.extents());
        const sn::tensor<double, 4> dw = conv2d_filter_gradient(x.detach(), seed, w.extents());
        CHECK(difference(get(x.grad()), get(dx), 1e-13) == "");
        CHECK(difference(get(w.grad()), get(dw), 1e-13) == "");
    });
}

TEST_CASE("the gradients of a convolution have gradients, of both operands") {
    on_each_device([](device) {
        const var<4> x = normal<4>({{1, 4, 4, 2}}), w = normal<4>({{2, 2, 2, 2}});
        const sn::shape<4> in = x.extents(), filters = w.extents();
        struct slide {
            conv_options<2> o;
            padding p;
        };
        for (const auto& [o, p] : {slide{{{2, 1}, {1, 2}}, padding(1, 2)},
                                   slide{{{1, 3}, {3, 1}}, padding(1)},
                                   slide{{{3, 2}, {1, 2}}, sn::same}}) {
            const var<4> y = normal<4>(shape_of(conv2d(x, w, o, p)));
            CHECK(agrees(
                [&](auto& g, auto& k) { return tanh(conv2d_input_gradient(g, k, in, o, p)); },
                y,
                w));
            CHECK(agrees(
                [&](auto& v, auto& g) { return conv2d_filter_gradient(v, g * g, filters, o, p); },
                x,
                y));
        }
    });
}

TEST_CASE("transposed convolutions and convolutions of sequences") {
    on_each_device([](device) {
        const var<4> y = normal<4>({{2, 3, 2, 3}}), w = normal<4>({{3, 2, 3, 2}});
        CHECK(agrees(
            [](auto& v, auto& k) {
                return conv_transpose2d(v, k, {{2, 3}, {2, 1}}, padding(1), {1, 2});
            },
            y,
            w));
        const var<3> s = normal<3>({{2, 7, 2}}), f = normal<3>({{3, 3, 2}});
        CHECK(agrees([](auto& v, auto& k) { return conv1d(v, k, {{2}}, padding(1)); }, s, f));
    });
}

TEST_CASE("convolutions in groups and of each channel, and their gradients") {
    using sn::groups;
    on_each_device([](device) {
        const var<4> x = normal<4>({{1, 3, 4, 4}}), w = normal<4>({{4, 2, 2, 2}}),
                     y = normal<4>({{1, 2, 3, 4}}), f = normal<4>({{4, 2, 2, 1}});
        CHECK(agrees(
            [](auto& v, auto& k) {
                return conv2d(v * v, k, {{1, 2}}, sn::same, groups(2));
            },
            x,
            w));
        CHECK(agrees([](auto& v, auto& k) { return conv2d(v * 2.0, k, {}, groups(2)); }, x, w));
        const sn::shape<4> in = x.extents(), filters = w.extents();
        CHECK(agrees(
            [&](auto& g, auto& k) {
                return conv2d_input_gradient(g, k, in, {}, padding(0), groups(2));
            },
            y,
            w));
        CHECK(agrees(
            [&](auto& v, auto& g) {
                return conv2d_filter_gradient(v, g, filters, {}, padding(0), groups(2));
            },
            x,
            y));
        CHECK(agrees(
            [](auto& v, auto& k) {
                return tanh(depthwise_conv2d(v, k, {{2, 1}}, sn::same));
            },
            x,
            f));
        CHECK(agrees([](auto& v) { return adaptive_avg_pool(v * v, {3, 2}); }, x));
    });
}

TEST_CASE("a convolution of what has another shape; one of volumes") {
    on_each_device([](device) {
        const var<4> x = normal<4>({{2, 3, 2, 1}}), w = normal<4>({{2, 2, 2, 1}});
        const sn::shape<4> wide{1, 3, 4, 1};
        CHECK(agrees(
            [&](auto& v, auto& k) { return conv2d(reshape(v, wide), k, {}, sn::same); }, x, w));
        const var<5> u = normal<5>({{1, 2, 2, 3, 2}}), f = normal<5>({{1, 2, 1, 2, 2}});
        CHECK(agrees(
            [](auto& v, auto& k) {
                return conv3d(v * v, k, {{1, 1, 2}}, padding(1));
            },
            u,
            f));
    });
}

TEST_CASE("sums over windows: the gradient is one, however many places a window has") {
    on_each_device([](device) {
        const var<4> x = normal<4>({{2, 7, 6, 3}}), f = normal<4>({{3, 3, 3, 1}});
        const auto launches = [](const var<4>& y) {
            const sn::tensor<double, 4> seed = sn::ones<double>(2, 5, 4, 3);
            sn::launch_counter ran;
            y.backward(seed);
            return ran.launches();
        };
        CHECK(launches(avg_pool(x, {sn::window{3}, sn::window{3}})) <= 3);
        CHECK(launches(depthwise_conv2d(x, f)) <= 5);
    });
}

TEST_CASE("pooling, also where windows overlap; sums over windows") {
    on_each_device([](device) {
        const var<4> x = normal<4>({{1, 5, 4, 2}});
        const sn::window two{2, 2}, three{3, 1}, sparse{2, 1, 2};
        CHECK(agrees([&](auto& v) { return max_pool(v, {two, two}); }, x));
        const var<4> y = max_pool(x, {two, two});
        sn::launch_counter ran;
        y.backward(sn::ones<double>(1, 2, 2, 2));
        CHECK(ran.launches() == 1);  // places in windows that lie apart are written at once
        CHECK(agrees([&](auto& v) { return max_pool(v, {three, two}) * 2.0; }, x));
        CHECK(agrees([&](auto& v) { return avg_pool(v * v, {three, sparse}); }, x));
        CHECK(agrees(
            [&](auto& v) { return sum(tanh(windows(v, axis<1>, {three})), axis<-1>) + 1.0; }, x));
    });
}

TEST_CASE("pad: zeros around and between take no gradient") {
    on_each_device([](device) {
        const var<2> x = normal<2>({{3, 4}});
        CHECK(agrees([](auto& v) { return exp(pad(v * v, {{1, 2, 1}, {0, 3}})); }, x));
    });
}
