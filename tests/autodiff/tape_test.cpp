// The tape: what is recorded, when it runs, what it frees and what it refuses.
#include "autodiff/support.hpp"

using namespace autodiff_test;

namespace {

using fvar2 = sn::variable<float, 2>;
using fvar1 = sn::variable<float, 1>;
using fvar0 = sn::variable<float, 0>;

std::string what_of(const std::function<void()>& f) {
    try {
        f();
    } catch (const sn::error& e) {
        return e.what();
    }
    return "nothing was thrown";
}
bool says(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("gradients add up over uses and over calls") {
    on_each_device([](device) {
        const fvar1 x(sn::tensor<float, 1>{1, 2, 3});
        const fvar0 loss = sum(x * x);
        CHECK(loss.item() == 14);
        loss.backward();
        CHECK(get(x.grad()).of == std::vector<double>{2, 4, 6});
        const fvar0 again = sum(x);
        again.backward();
        CHECK(get(x.grad()).of == std::vector<double>{3, 5, 7});
        fvar1 y = x;
        y.zero_grad();
        CHECK_FALSE(x.has_grad());
        CHECK(get(x.grad()).of == std::vector<double>{0, 0, 0});
    });
}

TEST_CASE("a loop records one step per assignment") {
    on_each_device([](device) {
        const var<2> a = normal<2>({{3, 4}});
        std::vector<var<2>> w;
        for (int i = 0; i < 4; ++i) w.push_back(normal<2>({{4, 4}}));
        const var<1> b = normal<1>({{4}});
        const auto net = [&](auto& x, auto& w0, auto& bias) {
            var<2> h = tanh(x);
            for (std::size_t i = 0; i < w.size(); ++i)
                h = tanh(matmul(h, i == 1 ? w0 : w[i]) + bias) + h;
            return sum(h * h);
        };
        CHECK(agrees(net, a, w[1], b));
    });
}

TEST_CASE("what backward used is freed, and a second one is refused") {
    on_each_device([](device) {
        const fvar1 x(sn::tensor<float, 1>{1, 2, 3});
        const fvar1 h = exp(x);
        const fvar0 loss = sum(h * h);
        loss.backward(sn::retain_graph);
        loss.backward();
        CHECK(get(x.grad()).of[0] == doctest::Approx(4 * std::exp(2.0)));
        CHECK(says(what_of([&] { loss.backward(); }), "retain_graph"));
    });
}

TEST_CASE("a kept value that was changed in place is refused") {
    on_each_device([](device) {
        const fvar1 x(sn::tensor<float, 1>{1, 2, 3});
        sn::tensor<float, 1> t{4, 5, 6};
        const fvar0 loss = sum(x * t), other = sum(x + t);
        t += 1.0F;
        CHECK(says(what_of([&] { loss.backward(); }), "changed in place"));
        other.backward();  // needs no value of t
        CHECK(get(x.grad()).of == std::vector<double>{1, 1, 1});
    });
}

TEST_CASE("no_grad, detach and constants pass no gradient") {
    on_each_device([](device) {
        const fvar1 x(sn::tensor<float, 1>{1, 2, 3}),
            c = sn::constant(sn::tensor<float, 1>{2, 2, 2});
        {
            const sn::no_grad scope;
            const fvar0 y = sum(x * x);
            CHECK_FALSE(y.requires_grad());
            CHECK(says(what_of([&] { y.backward(); }), "no_grad"));
        }
        const fvar0 loss = sum(x * detach(x) * c * stop_gradient(exp(x)));
        loss.backward();
        CHECK(get(x.grad()).of[1] == doctest::Approx(2 * 2 * std::exp(2.0)));
        CHECK_FALSE(c.has_grad());
        const sn::tensor<float, 1> plain = detach(x * 2.0F);
        CHECK(get(plain).of == std::vector<double>{2, 4, 6});
        fvar0 constant_result = loss;
        constant_result = sum(c * c);
        CHECK_FALSE(constant_result.requires_grad());
    });
}

TEST_CASE("hooks see gradients and may replace them") {
    const fvar1 x(sn::tensor<float, 1>{1, 2, 3});
    fvar1 h = x * 2.0F;
    h.retain_grad();
    int seen = 0;
    h.register_hook([&](const sn::tensor<float, 1>&) { ++seen; });
    h.register_hook([](const sn::tensor<float, 1>& g) { return eval(g * 10.0F); });
    const fvar0 loss = sum(h * h);
    loss.backward();
    CHECK(seen == 1);
    CHECK(get(h.grad()).of == std::vector<double>{40, 80, 120});
    CHECK(get(x.grad()).of == std::vector<double>{80, 160, 240});
}

TEST_CASE("backward from an array takes a seed of its shape") {
    const fvar1 x(sn::tensor<float, 1>{1, 2, 3});
    const fvar1 y = x * x;
    CHECK(says(what_of([&] { y.backward(sn::tensor<float, 1>{1, 2}); }), "shape (2,)"));
    y.backward(sn::tensor<float, 1>{1, 0, 2});
    CHECK(get(x.grad()).of == std::vector<double>{2, 0, 12});
}

TEST_CASE("a long chain of assignments is freed without recursion") {
    const fvar0 x(sn::tensor<float, 0>(1.0F));
    fvar0 y = x * 1.0F;
    for (int i = 0; i < 20000; ++i) y = y * 1.0F;
    y.backward(sn::retain_graph);
    CHECK(x.grad().item() == 1);
    y = x * 2.0F;
    CHECK(y.item() == 2);
}

TEST_CASE("grad of an expression records nothing") {
    on_each_device([](device) {
        const fvar1 x(sn::tensor<float, 1>{1, 2, 3}), y(sn::tensor<float, 1>{4, 5, 6}),
            z(sn::tensor<float, 1>{4, 5, 6});
        const auto [gx, gy, gz] = grad(sum(x * x * y), x, y, z);
        CHECK(get(gx).of == std::vector<double>{8, 20, 36});
        CHECK(get(gy).of == std::vector<double>{1, 4, 9});
        CHECK(get(gz).of == std::vector<double>{0, 0, 0});
        CHECK_FALSE(x.has_grad());
    });
}

TEST_CASE("a leaf's gradient is one array however it is used") {
    on_each_device([](device) {
        const fvar2 x(sn::tensor<float, 2>{{1, 2}, {3, 4}});
        const fvar0 loss = sum(x * transpose(x)) + sum(slice(x, range(0, 1)));
        loss.backward();
        CHECK(get(x.grad()).of == std::vector<double>{3, 7, 4, 8});
    });
}

TEST_CASE("two layers and a cross entropy: the launches of a training step") {
    on_each_device([](device) {
        const sn::tensor<float, 2> x = sn::ones<float>(13, 7);
        const sn::tensor<float, 2> y =
            softmax(sn::reshape(sn::arange<float>(65), sn::shape{13, 5}));
        const fvar2 w1{sn::tensor<float, 2>(sn::ones<float>(7, 11) * 0.1F)},
            w2{sn::tensor<float, 2>(sn::ones<float>(11, 5) * 0.1F)};
        const fvar1 b1{sn::tensor<float, 1>(sn::zeros<float>(11))},
            b2{sn::tensor<float, 1>(sn::zeros<float>(5))};
        const auto z = matmul(relu(matmul(x, w1) + b1), w2) + b2;
        const auto e = -mean(sum(y * log_softmax(z), axis<-1>));
        static_assert(sn::gradient_kernel_count_v<decltype(e)> == 4);
        sn::launch_counter ran;
        const fvar0 loss = e;
        // Two products, the rows of the loss with their mean.
        CHECK(ran.launches() == 3);
        ran.reset();
        loss.backward();
        // Back through the loss with the second bias, through the first layer's relu with its bias,
        // two weights.
        CHECK(ran.launches() == 4);
        CHECK(w1.has_grad());
        CHECK(b1.has_grad());
        CHECK(b2.has_grad());
    });
}

TEST_CASE("a checkpoint keeps its inputs alone and computes the rest again") {
    on_each_device([](device) {
        var<2> a = normal<2>({{3, 4}}), w = normal<2>({{4, 4}});
        const auto block = [&](auto& x) {
            var<2> h = tanh(matmul(x, w));
            h = tanh(matmul(h, w));
            return h * h;
        };
        CHECK(agrees([&](auto& x) { return sn::checkpoint(block, x) * x; }, a));
        w.zero_grad();
        const var<0> loss = sum(sn::checkpoint(block, a));
        loss.backward();
        const auto of_a = get(a.grad()), of_w = get(w.grad());
        a.zero_grad();
        w.zero_grad();
        const var<2> y = block(a);
        const var<0> plain = sum(y);
        plain.backward();
        CHECK(get(a.grad()).of == of_a.of);
        CHECK(get(w.grad()).of == of_w.of);
    });
}

TEST_CASE("indexing a variable is part of the expression") {
    on_each_device([](device) {
        const fvar2 x(sn::tensor<float, 2>{{1, 2, 3}, {4, 5, 6}});
        const fvar0 loss = sum(x(1) * x(0)) + sum(x(_, -1)) * 2.0F + sum(x(_, range(0, 1)));
        CHECK(loss.item() == 32 + 18 + 5);
        loss.backward();
        CHECK(get(x.grad()).of == std::vector<double>{5, 5, 8, 2, 2, 5});
    });
}

TEST_CASE("types: half and bfloat16 gradients keep their type") {
    on_each_device([](device) {
        const sn::variable<half, 1> x(sn::tensor<half, 1>{half(1.0F), half(2.0F)});
        const sn::variable<float, 0> loss = sum(astype<float>(x * x));
        loss.backward();
        CHECK(get(x.grad()).of == std::vector<double>{2, 4});
    });
}

TEST_CASE("explain_gradient says what runs back, and the count holds it") {
    const fvar2 x(sn::tensor<float, 2>{{1, 2}, {3, 4}}), w(sn::tensor<float, 2>{{1, 0}, {0, 1}});
    const auto e = tanh(matmul(x, w));
    static_assert(sn::gradient_kernel_count_v<decltype(e)> == 3);  // tanh, both products
    sn::launch_counter ran;
    CHECK(says(sn::explain_gradient(e), "3 kernels"));
    CHECK(ran.launches() == 0);
    fvar2 y = e;
    ran.reset();
    y.backward(sn::tensor<float, 2>{{1, 1}, {1, 1}});
    CHECK(ran.launches() == 3);
    CHECK(x.has_grad());
}

TEST_CASE("where tf32 is allowed, the gradients of a product are rounded too") {
    on_each_device([](device d) {
        const sn::tensor<float, 2> numbers = sn::ones<float>(40, 40) * (1 + 0x1p-11F);  // in a tie
        const fvar2 x(numbers), w(numbers);
        const fvar2 y = sn::allow_tf32(matmul(x, w));
        y.backward(numbers);
        // On devices both factors of both products are rounded outwards.
        const double one = d.is_host() ? 1 + 0x1p-11 : 1 + 0x1p-10;
        for (const double v : get(x.grad()).of)
            CHECK(v == doctest::Approx(40 * one * one).epsilon(1e-6));
        for (const double v : get(w.grad()).of)
            CHECK(v == doctest::Approx(40 * one * one).epsilon(1e-6));
    });
}

TEST_CASE("equal elements share the gradient of a maximum or minimum") {
    const fvar1 x(sn::tensor<float, 1>{3, 1, 3, 3});
    const fvar0 y = max(x) * 6.0F;
    y.backward();
    CHECK(get(x.grad()).of == std::vector<double>{2, 0, 2, 2});
    const fvar2 u(sn::tensor<float, 2>{{-1, -1}, {2, -3}});
    const fvar1 v = min(u, axis<1>);
    v.backward(sn::tensor<float, 1>{4, 1});
    CHECK(get(u.grad()).of == std::vector<double>{2, 2, 0, 1});
}

TEST_CASE("two layers and labels: the plan's launches are those that run") {
    on_each_device([](device) {
        const sn::tensor<float, 2> x = sn::ones<float>(13, 7);
        const sn::tensor<int64, 1> y{0, 1, 2, 3, 4, 0, 1, 2, -100, 4, 0, 1, 2};
        const fvar2 w1{sn::tensor<float, 2>(sn::ones<float>(7, 11) * 0.1F)},
            w2{sn::tensor<float, 2>(sn::ones<float>(11, 5) * 0.1F)};
        const fvar1 b1{sn::tensor<float, 1>(sn::zeros<float>(11))},
            b2{sn::tensor<float, 1>(sn::zeros<float>(5))};
        const auto e = cross_entropy(matmul(relu(matmul(x, w1) + b1), w2) + b2, y);
        sn::launch_counter ran;
        const fvar0 loss = e;
        CHECK(ran.launches() == 3);  // the number of labels that count ends with the rows too
        CHECK(loss.item() == doctest::Approx(std::log(5.0)));
        ran.reset();
        loss.backward();
        CHECK(ran.launches() == sn::gradient_kernel_count_v<decltype(e)>);
        CHECK(get(b2.grad()).of[0] == doctest::Approx(0.2 - 3.0 / 12));
    });
}
