// Variables as parameters: gradients arrive in the arena, and training goes as by hand.
#include <sinter/autodiff.hpp>
#include <sinter/optim/sgd.hpp>
#include <sinter/optim/variable.hpp>

#include "tensor/support.hpp"

namespace {

namespace sn = sinter;
namespace optim = sinter::optim;
using sn::device;
using sn::int64;
using tensor_test::on_each_device;
using tensor_test::put;
using tensor_test::random;

/// A linear model: w is used twice, so that its gradient has two parts.
struct line_model {
    sn::variable<float, 2> w;
    sn::variable<float, 1> b;
    sn::tensor<float, 2> x, y;

    explicit line_model(device d)
        : w(put<float, 2>(random({3, 3}, 1), d).clone()),
          b(put<float, 1>(random({3}, 2), d).clone()),
          x(put<float, 2>(random({8, 3}, 3), d)),
          y(put<float, 2>(random({8, 3}, 4), d)) {}
    sn::variable<float, 0> loss(bool twice = false) const {
        sn::variable<float, 2> h = matmul(x, w) + b;
        if (twice) h = matmul(h, w);
        return sn::variable<float, 0>(mean((h - y) * (h - y)));
    }
};

}  // namespace

TEST_CASE("backward writes gradients into the arena, and a step is one launch") {
    on_each_device([](device d) {
        line_model m(d), by_hand(d);
        optim::sgd opt(optim::parameters<float>().add("w", m.w).add("b", m.b), {.lr = 0.1});
        const float* const g = opt.memory().gradients.data();
        CHECK(m.w.value().data() == opt.memory().values.data());
        for (int step = 0; step < 4; ++step) {
            const bool twice = step == 2;
            CAPTURE(step);
            opt.zero_grad();
            CHECK(!m.w.has_grad());
            m.loss(twice).backward();
            CHECK(m.w.grad().data() == g);
            CHECK(m.b.grad().data() == g + 32);
            sn::launch_counter c;
            opt.step();
            CHECK(c.launches() == 1);
            CHECK(c.records()[0].kernel == std::string("map"));

            by_hand.w.zero_grad();
            by_hand.b.zero_grad();
            by_hand.loss(twice).backward();
            by_hand.w.value() -= 0.1F * by_hand.w.grad();
            by_hand.b.value() -= 0.1F * by_hand.b.grad();
            CHECK(tensor_test::difference(tensor_test::get(m.w.detach()),
                                          tensor_test::get(by_hand.w.detach()),
                                          1e-5,
                                          1e-6) == "");
            CHECK(tensor_test::difference(tensor_test::get(m.b.detach()),
                                          tensor_test::get(by_hand.b.detach()),
                                          1e-5,
                                          1e-6) == "");
        }
        // Without zero_grad gradients add up, in place.
        m.loss().backward();
        const auto sum = tensor_test::get(m.w.grad());
        m.loss().backward();
        CHECK(m.w.grad().data() == g);
        CHECK(tensor_test::difference(tensor_test::get(m.w.grad()),
                                      tensor_test::map([](double a) { return 2 * a; }, sum),
                                      1e-5,
                                      1e-6) !=
              "");  // the first one held that of the last step as well
    });
}

TEST_CASE(
    "a variable may be adopted between forward and backward, and without a gradient it rests") {
    on_each_device([](device d) {
        line_model m(d), same(d);
        const auto loss = m.loss(true);
        optim::sgd opt(optim::parameters<float>().add("w", m.w).add("b", m.b), {.lr = 0.1});
        loss.backward();
        same.loss(true).backward();
        CHECK(tensor_test::difference(
                  tensor_test::get(m.w.grad()), tensor_test::get(same.w.grad()), 1e-6) == "");
        opt.step();
        opt.zero_grad();
        const auto before = tensor_test::get(m.w.detach());
        opt.step();
        CHECK(tensor_test::difference(tensor_test::get(m.w.detach()), before) == "");
        // A hook sees the gradient first; what it gives is copied home.
        m.b.register_hook([](const sn::tensor<float, 1>& g) { return g * 0; });
        const auto b = tensor_test::get(m.b.detach());
        m.loss().backward();
        opt.step();
        CHECK(tensor_test::difference(tensor_test::get(m.b.detach()), b) == "");
        CHECK(m.b.grad().data() == opt.memory().gradients.data() + 32);
    });
}

TEST_CASE("an array that a step has changed is noticed by a gradient that still needs it") {
    line_model m(device::host());
    optim::sgd opt(optim::parameters<float>().add("w", m.w).add("b", m.b), {.lr = 0.1});
    const auto late = m.loss(true);
    m.loss().backward();
    opt.step();
    CHECK(tensor_test::contains(tensor_test::error_of([&] { late.backward(); }),
                                "was changed in place after the assignment that used it"));
}
