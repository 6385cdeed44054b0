// Schedules of the learning rate against PyTorch's.
#include "sinter/optim/schedule.hpp"

#include "golden.hpp"

namespace {

namespace optim = sinter::optim;
using optim_test::difference;
using optim_test::golden;
using optim_test::numbers;

/// What a scheduler sees of an optimiser.
struct options {
    double lr = 0.5, momentum = 0.9;
};
struct groups {
    std::vector<options> all{1};
    std::size_t group_count() const { return all.size(); }
    options& group(std::size_t i) { return all[i]; }
};

template <class S>
void check(const char* name, S schedule) {
    CAPTURE(name);
    const auto& want = golden().at(name);
    groups g;
    optim::scheduler s(g, schedule);
    numbers rates, momenta;
    for (std::size_t t = 0; t < want[0].size(); ++t) {
        rates.push_back(s.last_lr());
        momenta.push_back(g.group(0).momentum);
        if (t + 1 < want[0].size()) s.step();
    }
    CHECK(difference(rates, want[0]) < 1e-12);
    if (want.size() > 1) CHECK(difference(momenta, want[1]) < 1e-12);
    // What resumes goes on the same.
    groups again;
    optim::scheduler later(again, schedule);
    later.resume(static_cast<sinter::int64>(want[0].size()) - 1);
    CHECK(later.last_lr() == s.last_lr());
}

}  // namespace

TEST_CASE("schedules give PyTorch's rates") {
    check("constant", optim::constant_lr{.factor = 0.25, .total_iters = 3});
    check("step", optim::step_lr{.step_size = 3, .gamma = 0.5});
    check("multi_step", optim::multi_step_lr{.milestones = {2, 5, 5, 9}, .gamma = 0.5});
    check("exponential", optim::exponential_lr{.gamma = 0.9});
    check("cosine", optim::cosine_annealing_lr{.T_max = 10, .eta_min = 0.01});
    check("linear", optim::linear_lr{.start_factor = 0.2, .end_factor = 0.9, .total_iters = 5});
    check("one_cycle", optim::one_cycle_lr{.max_lr = 1, .total_steps = 20});
    check("one_cycle_linear",
          optim::one_cycle_lr{.max_lr = 1,
                              .total_steps = 20,
                              .pct_start = 0.4,
                              .anneal_strategy = optim::anneal::linear,
                              .base_momentum = 0.8,
                              .max_momentum = 0.9,
                              .div_factor = 10,
                              .final_div_factor = 100,
                              .three_phase = true});
    check("sequence",
          optim::sequential_lr{{optim::linear_lr{.start_factor = 0.1, .total_iters = 4},
                                optim::cosine_annealing_lr{.T_max = 10}},
                               {4}});
}

TEST_CASE("reduce_lr_on_plateau gives PyTorch's rates") {
    struct row {
        const char* name;
        optim::reduce_lr_on_plateau_options options;
        numbers figures;
    };
    const row table[] = {
        {"plateau",
         {.factor = 0.5, .patience = 2, .cooldown = 1},
         {5, 4, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2}},
        {"plateau_max",
         {.mode = optim::plateau_mode::max,
          .factor = 0.1,
          .patience = 1,
          .threshold = 0.5,
          .threshold_mode = optim::threshold_mode::abs,
          .min_lr = 1e-3},
         {1, 1.25, 1.75, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3}},
    };
    for (const row& r : table) {
        CAPTURE(r.name);
        groups g;
        optim::reduce_lr_on_plateau s(g, r.options);
        numbers rates;
        for (const double figure : r.figures) {
            rates.push_back(g.group(0).lr);
            s.step(figure);
        }
        CHECK(difference(rates, golden().at(r.name)[0]) < 1e-12);
    }
}

TEST_CASE("a schedule sets every group from its own rate, and any function is one") {
    groups g;
    g.all = {{.lr = 1}, {.lr = 0.1}};
    optim::scheduler s(g, [](double base, sinter::int64 t) { return base / double(1 + t); });
    s.step();
    CHECK(g.group(0).lr == 0.5);
    CHECK(g.group(1).lr == 0.05);
    CHECK(g.group(1).momentum == 0.9);
}

TEST_CASE("schedules that make no sense are errors") {
    groups g;
    optim::scheduler cycle(g, optim::one_cycle_lr{.total_steps = 2});
    cycle.step();
    cycle.step();
    CHECK_THROWS_WITH_AS(
        cycle.step(), "one_cycle_lr: step 3 comes after the 2 steps of the cycle.", sinter::error);
    CHECK_THROWS_WITH_AS(optim::scheduler(g, optim::sequential_lr{{optim::step_lr{}}, {1, 2}}),
                         "sequential_lr: 1 schedules need one milestone less, not 2.",
                         sinter::error);
    CHECK_THROWS_AS(optim::reduce_lr_on_plateau(g, {.factor = 1}), sinter::error);
}
