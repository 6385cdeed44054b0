// Gradients through windows, padding, convolutions and pooling, losses, random masks and functors
// of one's own.
#include <sinter/random.hpp>
#include <sinter/tensor/conv.hpp>
#include <sinter/tensor/cross_entropy.hpp>
#include <sinter/tensor/windows.hpp>

#include "autodiff/support.hpp"

using namespace autodiff_test;

namespace {

struct cube {
    SINTER_HD double operator()(double x) const { return x * x * x; }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy * (3.0 * (a * a));
    }
};
struct product_of_sines {
    SINTER_HD double operator()(double x, double y) const {
        return sn::math::sin(x) * sn::math::sin(y);
    }
    template <class V>
    static constexpr sn::ir::partials<V> derivative(V a, V b, V, V dy) {
        using namespace sn::ir;
        return {dy * (of<op::cos>(a) * of<op::sin>(b)), dy * (of<op::sin>(a) * of<op::cos>(b))};
    }
};

}  // namespace

TEST_CASE("convolutions and pooling") {
    on_each_device([](device) {
        const var<4> x = normal<4>({{2, 6, 5, 2}}), w = normal<4>({{3, 3, 2, 2}});
        const var<1> b = normal<1>({{3}});
        CHECK(agrees([](auto& i, auto& f) { return conv2d(i, f, {.stride = {2, 1}}); }, x, w));
        CHECK(agrees(
            [](auto& i, auto& f, auto& n) {
                return max_pool(relu(conv2d(i, f, {}, sn::same) + n),
                                {{.size = 2, .stride = 2}, {.size = 2, .stride = 2}});
            },
            x,
            w,
            b));
    });
}

TEST_CASE("windows that overlap, padding") {
    on_each_device([](device) {
        const var<4> x = normal<4>({{1, 5, 4, 2}});
        CHECK(agrees(
            [](auto& i) {
                return avg_pool(i * i, {{.size = 3, .stride = 2}, {.size = 3}}, sn::same);
            },
            x));
        CHECK(agrees(
            [](auto& i) {
                return max_pool(i, {{.size = 3, .stride = 1}, {.size = 2}}, sn::padding(1));
            },
            x));
        const var<1> s = normal<1>({{9}});
        CHECK(agrees(
            [](auto& i) {
                return sn::windows(exp(i), axis<0>, {{.size = 3, .stride = 2, .dilation = 2}}) * 2;
            },
            s));
        CHECK(agrees([](auto& i) { return pad(i, {{1, 0, 1}}) * pad(i, {{0, 1, 1}}); }, s));
    });
}

TEST_CASE("slices of computed values") {
    on_each_device([](device) {
        const var<2> a = normal<2>({{4, 3}});
        CHECK(agrees(
            [](auto& x) {
                const auto m = matmul(x, transpose(x));
                return tanh(slice(m, range(0, 2))) + slice(m, range(1, 3));
            },
            a));
    });
}

TEST_CASE("cross entropy by labels and by probabilities") {
    on_each_device([](device) {
        const var<2> z = normal<2>({{5, 4}});
        const sn::tensor<int64, 1> label{0, 3, 1, 1, 2};
        const sn::tensor<double, 2> p = softmax(detach(normal<2>({{5, 4}})));
        CHECK(agrees([&](auto& x) { return cross_entropy(x, label); }, z));
        CHECK(agrees([&](auto& x) { return cross_entropy(x, p); }, z));
    });
}

TEST_CASE("functors of one's own with a derivative") {
    on_each_device([](device) {
        const var<2> a = normal<2>({{3, 4}}), row = normal<2>({{1, 4}});
        CHECK(agrees([](auto& x) { return sn::elementwise(cube{}, x) * 2.0; }, a));
        CHECK(agrees(
            [](auto& x, auto& y) { return sn::elementwise(product_of_sines{}, x, y); }, a, row));
    });
}

TEST_CASE("dropout takes the same mask forward and back") {
    on_each_device([](device) {
        const var<2> a = normal<2>({{5, 8}});
        const sn::random_key key = sn::next_random_key();
        CHECK(agrees([&](auto& x) { return sn::dropout(x * x, 0.4, key); }, a));
    });
}
