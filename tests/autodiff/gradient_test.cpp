// Gradients as lazy expressions: against formulas and differences, and differentiated once more.
#include "autodiff/support.hpp"

using namespace autodiff_test;
using sn::gradient;
using sn::tensor;

namespace {

template <class F>
struct slope {
    F f{};
    template <class X>
    auto operator()(X x) const {
        return gradient(f, x);
    }
};
struct sine_times {
    template <class X>
    auto operator()(X x) const {
        return sin(x) * x;
    }
};
struct cube {
    template <class X>
    auto operator()(X x) const {
        return x * x * x;
    }
};
struct newton_step {
    template <class X>
    auto operator()(X x) const {
        return x - (cube{}(x)-2) / gradient(cube{}, x);
    }
};
struct exponential {
    template <class X>
    auto operator()(X x) const {
        return exp(x);
    }
};
struct value_and_slope {
    template <class X>
    auto operator()(X x) const {
        return exp(x) + gradient(exponential{}, x);
    }
};
struct softmax_entropy {
    template <class X>
    auto operator()(X x) const {
        return sum(softmax(x) * log_softmax(x)) * 1.5;
    }
};
struct first_only {
    template <class X>
    auto operator()(X) const {
        return 2 * sn::ones<double>(3);
    }
};
// What a function uses beside its argument are operands like any other.
template <class W>
struct times {
    const W& other;
    template <class X>
    auto operator()(X x) const {
        return exp(x) * other;
    }
};
template <class W>
struct slope_of_other {
    const W& other;
    template <class X>
    auto operator()(X x) const {
        return x * gradient(sine_times{}, other);
    }
};
template <class W, class U>
struct two_layers {
    const W& w;
    const U& u;
    template <class X>
    auto operator()(X x) const {
        return matmul(tanh(matmul(x, w)), u);
    }
};
template <class W, class U>
two_layers(const W&, const U&) -> two_layers<W, U>;
// The sum of it is the slope along v, the gradient of that the second derivative times v.
template <class F, class V>
struct slope_along {
    F f;
    const V& v;
    template <class X>
    auto operator()(X x) const {
        return gradient(f, x) * v;
    }
};
template <class F, class V>
slope_along(F, const V&) -> slope_along<F, V>;
template <class W>
struct filtered {
    const W& filters;
    template <class X>
    auto operator()(X x) const {
        return tanh(conv2d(x, filters));
    }
};
template <class W>
filtered(const W&) -> filtered<W>;

}  // namespace

TEST_CASE("gradient: derivatives of first, second and third order, one kernel each") {
    on_each_device([](device) {
        const tensor<double, 1> x{0.3, -1.2, 2.5};
        using second = slope<sine_times>;
        static_assert(sn::kernel_count_v<decltype(gradient(sine_times{}, x))> == 1);
        static_assert(sn::kernel_count_v<decltype(gradient(slope<second>{}, x))> == 1);
        CHECK(allclose(gradient(sine_times{}, x), cos(x) * x + sin(x), 1e-14));
        CHECK(allclose(gradient(second{}, x), 2 * cos(x) - x * sin(x), 1e-14));
        CHECK(allclose(gradient(slope<second>{}, x), -3 * sin(x) - x * cos(x), 1e-14));
    });
}

TEST_CASE("gradient: a step of Newton's method reads its array once") {
    on_each_device([](device) {
        tensor<double, 1> x{1.0, 2.0, 3.0};
        sn::launch_counter ran;
        x = with(newton_step{}, x);
        CHECK(ran.launches() == 1);
        CHECK(ran.bytes_loaded() == 24);
        for (int i = 0; i < 20; ++i) x = with(newton_step{}, x);
        CHECK(allclose(x, sn::full<double>(sn::shape<1>{3}, std::cbrt(2.0)), 1e-14));
    });
}

TEST_CASE("gradient: what a function and its gradient have in common is computed once") {
    on_each_device([](device) {
        const tensor<double, 1> x{1.0, 2.0, 3.0};
        const auto both = with(value_and_slope{}, x);
        const std::string plan = sn::explain(both);
        CHECK(plan.find("exp(") != std::string::npos);
        CHECK(plan.find("exp(") == plan.rfind("exp("));
        CHECK(allclose(both, 2 * exp(x), 1e-14));
    });
}

TEST_CASE("gradient: what is not the argument is a constant, even the same array") {
    on_each_device([](device) {
        const tensor<double, 1> x{0.5, -1.0, 2.0};
        CHECK(allclose(gradient(times<tensor<double, 1>>{x}, x), exp(x) * x, 1e-14));
        CHECK(allclose(
            gradient(slope_of_other<tensor<double, 1>>{x}, x), cos(x) * x + sin(x), 1e-14));
        CHECK(array_equal(gradient(first_only{}, x), sn::zeros<double>(3)));
        const var<1> v(x);
        const sn::variable y = gradient(times<var<1>>{v}, v);  // exp(v) v: now all of v counts
        y.backward(sn::ones<double>(3));
        CHECK(allclose(v.grad(), exp(x) * (x + 1), 1e-14));
    });
}

TEST_CASE("gradient: reductions, products and convolutions agree with the tape") {
    on_each_device([](device) {
        const var<2> x = normal<2>({{3, 5}}), w = normal<2>({{5, 4}}), u = normal<2>({{4, 2}});
        CHECK(allclose(
            gradient(softmax_entropy{}, x.detach()), grad(softmax_entropy{}(x), x), 1e-12, 1e-13));
        const two_layers net{w, u};
        CHECK(allclose(sn::detach(gradient(net, x)), grad(sum(net(x)), x), 1e-12, 1e-13));
        const var<4> image = normal<4>({{1, 5, 4, 2}}), filters = normal<4>({{3, 2, 3, 2}});
        CHECK(allclose(sn::detach(gradient(filtered{filters}, image)),
                       grad(sum(filtered{filters}(image)), image),
                       1e-12,
                       1e-13));
    });
}

TEST_CASE("gradient: has gradients by all variables") {
    on_each_device([](device) {
        const var<2> x = normal<2>({{3, 5}}), w = normal<2>({{5, 4}}), u = normal<2>({{4, 2}}),
                     v = normal<2>({{3, 5}});
        CHECK(agrees([](auto& a) { return gradient(softmax_entropy{}, a); }, x));
        // A penalty on the slope, as critics have it.
        CHECK(agrees(
            [](auto& a, auto& b, auto& c) {
                return norm(gradient(two_layers{b, c}, a), axis<-1>) - 1;
            },
            x,
            w,
            u));
        // The second derivative times a vector, and its gradient.
        CHECK(agrees(
            [](auto& a, auto& b, auto& c, auto& d) {
                return gradient(slope_along{two_layers{b, c}, d}, a);
            },
            x,
            w,
            u,
            v));
        const var<4> image = normal<4>({{1, 4, 4, 1}}), filters = normal<4>({{2, 2, 3, 1}});
        CHECK(agrees([](auto& a, auto& f) { return gradient(filtered{f}, a); }, image, filters));
    });
}

TEST_CASE("gradient: an argument that is broadcast against something longer is refused") {
    on_each_device([](device) {
        const tensor<double, 2> row = sn::ones<double>(1, 4), many = sn::ones<double>(3, 4);
        tensor<double, 2> kept = sn::ones<double>(1, 4);
        CHECK_THROWS_WITH_AS(
            kept = gradient(times<tensor<double, 2>>{many}, row),
            "gradient: an argument of shape (1, 4) is broadcast to (3, 4) in the function: "
            "give it that shape with broadcast_to, and sum the gradient over the copies.",
            sn::shape_error);
        CHECK(array_equal(kept, sn::ones<double>(1, 4)));
    });
}
