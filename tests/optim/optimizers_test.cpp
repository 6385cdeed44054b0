// Optimisers against PyTorch's, step by step, and what their steps cost.
#include <sinter/optim.hpp>

#include "golden.hpp"
#include "tensor/support.hpp"

namespace {

namespace sn = sinter;
namespace optim = sinter::optim;
using optim_test::difference;
using optim_test::golden;
using optim_test::numbers;
using sn::device;
using sn::int64;
using tensor_test::error_of;
using tensor_test::on_each_device;

// As in golden.py.
const numbers start{0.5, -1.25, 2.0, 0.125, -0.75, 1.5, -2.5, 0.25, 1.0};
const numbers curve{1.0, 0.5, 2.0, 4.0, 0.25, 1.5, 0.75, 3.0, 0.125};
const numbers goal{0.0, 1.0, -1.0, 0.5, 2.0, -0.5, 0.25, -2.0, 4.0};

struct problem {
    sn::tensor<double, 2> w = sn::from(numbers(start.begin(), start.begin() + 6), sn::shape{3, 2});
    sn::tensor<double, 1> b = sn::from(numbers(start.begin() + 6, start.end()));
    sn::tensor<double, 2> gw;
    sn::tensor<double, 1> gb;

    optim::parameters<double> all() {
        optim::parameters<double> p;
        return p.add("w", w, gw).add("b", b, gb);
    }
    optim::parameters<double> only_w() { return optim::parameters<double>().add("w", w, gw); }
    optim::parameters<double> only_b() { return optim::parameters<double>().add("b", b, gb); }

    numbers values() const {
        numbers v;
        const auto hw = w.to(device::host());
        const auto hb = b.to(device::host());
        for (int64 i = 0; i < 6; ++i) v.push_back(hw(i / 2, i % 2));
        for (int64 i = 0; i < 3; ++i) v.push_back(hb(i));
        return v;
    }
    /// Written from the host, so that the optimiser's launches are the only ones.
    void set_gradients() {
        const numbers v = values();
        numbers g;
        for (std::size_t i = 0; i < v.size(); ++i) g.push_back(curve[i] * (v[i] - goal[i]));
        gw.copy_from(sn::from(numbers(g.begin(), g.begin() + 6), sn::shape{3, 2}),
                     sn::current_stream(gw.where()));
        gb.copy_from(sn::from(numbers(g.begin() + 6, g.end())), sn::current_stream(gb.where()));
    }
};

const auto nothing = [](auto&) {};

/// Ten steps of what `make(problem)` makes; `before(optimiser)` runs before each.
template <class M, class F = decltype(nothing)>
void check(const char* name, int launches, M make, F before = nothing) {
    INFO(std::string(name));
    problem p;
    auto made = make(p);
    auto& opt = *made;
    for (const numbers& want : golden().at(name)) {
        p.set_gradients();
        sn::launch_counter c;
        before(opt);
        opt.step();
        std::string ran;
        for (const auto& r : c.records()) ran += std::string(r.kernel) + " ";
        CAPTURE(ran);
        REQUIRE(c.launches() == launches);
        REQUIRE(c.temporaries() == 0);
        REQUIRE(difference(p.values(), want) < 1e-12);
    }
    CHECK(opt.steps() == 10);
}
template <class O>
auto both(typename O::options o) {
    return [o](problem& p) { return std::make_unique<O>(p.all(), o); };
}
template <class O>
auto groups(typename O::options first, typename O::options second) {
    return [=](problem& p) {
        auto opt = std::make_unique<O>(p.only_w(), first);
        opt->add_group(p.only_b(), second);
        return opt;
    };
}
const auto norm_of = [](double n) { return [n](auto& o) { o.clip_grad_norm(n); }; };

using sgd = optim::sgd<double>;
using adam = optim::adam<double>;
using adamw = optim::adamw<double>;
using rmsprop = optim::rmsprop<double>;
using adagrad = optim::adagrad<double>;
using lion = optim::lion<double>;

}  // namespace

TEST_CASE("optimisers take PyTorch's steps, each in one launch") {
    on_each_device([](device) {
        check("sgd", 1, both<sgd>({.lr = 0.1}));
        check("sgd_decay", 1, both<sgd>({.lr = 0.1, .weight_decay = 0.01}));
        check("sgd_momentum",
              1,
              both<sgd>({.lr = 0.1, .momentum = 0.9, .dampening = 0.5, .weight_decay = 0.01}));
        check("sgd_nesterov", 1, both<sgd>({.lr = 0.1, .momentum = 0.9, .nesterov = true}));
        check("adam", 1, both<adam>({.lr = 0.1}));
        check("adam_decay",
              1,
              both<adam>({.lr = 0.05, .betas = {0.8, 0.95}, .eps = 1e-3, .weight_decay = 0.1}));
        check("adamw", 1, both<adamw>({.lr = 0.1}));
        check(
            "adamw_decay", 1, both<adamw>({.lr = 0.05, .betas = {0.8, 0.95}, .weight_decay = 0.5}));
        check("rmsprop", 1, both<rmsprop>({.lr = 0.05}));
        check("rmsprop_momentum",
              1,
              both<rmsprop>({.lr = 0.05, .alpha = 0.9, .weight_decay = 0.1, .momentum = 0.8}));
        check("rmsprop_centered",
              1,
              both<rmsprop>({.lr = 0.05, .alpha = 0.9, .eps = 1e-4, .centered = true}));
        check("rmsprop_both", 1, both<rmsprop>({.lr = 0.05, .momentum = 0.5, .centered = true}));
        check("adagrad", 1, both<adagrad>({.lr = 0.3}));
        check("adagrad_decay",
              1,
              both<adagrad>({.lr = 0.3,
                             .lr_decay = 0.1,
                             .weight_decay = 0.1,
                             .initial_accumulator_value = 0.5,
                             .eps = 1e-5}));
        check("lion", 1, both<lion>({.lr = 0.1}));
        check("lion_decay", 1, both<lion>({.lr = 0.05, .betas = {0.8, 0.95}, .weight_decay = 0.5}));
    });
}

TEST_CASE("groups with options of their own are still one launch, clipping by norm one more") {
    on_each_device([](device) {
        check("sgd_groups",
              1,
              groups<sgd>({.lr = 0.1, .momentum = 0.9, .dampening = 0.25},
                          {.lr = 0.02, .momentum = 0.5, .weight_decay = 0.1}));
        check("adam_groups",
              1,
              groups<adam>({.lr = 0.1}, {.lr = 0.02, .betas = {0.7, 0.9}, .weight_decay = 0.1}));
        check("adam_norm", 2, both<adam>({.lr = 0.1}), norm_of(1.5));
        check("adam_groups_norm",
              2,
              groups<adam>({.lr = 0.1}, {.lr = 0.02, .eps = 0.01}),
              norm_of(0.5));
        check("sgd_norm", 2, both<sgd>({.lr = 0.1, .momentum = 0.9}), norm_of(1.5));
        check("sgd_value", 1, both<sgd>({.lr = 0.1}), [](auto& o) { o.clip_grad_value(0.75); });
    });
}
