// Lion.
#pragma once

#include "sinter/optim/optimizer.hpp"

namespace sinter::optim {

struct lion_options {
    double lr = 1e-4;
    std::array<double, 2> betas{0.9, 0.99};
    double weight_decay = 0;
};

struct lion_rule {
    using options = lion_options;
    static constexpr const char* name = "lion";
    static constexpr std::size_t count = 5;
    static int states(const options&) { return 1; }
    static const char* state_name(const options&, std::size_t) { return "exp_avg"; }
    static double start(const options&) { return 0; }
    static void check(const options& o) {
        detail::require(o.lr >= 0, name, "lr must not be negative.");
        detail::require(o.betas[0] >= 0 && o.betas[0] < 1 && o.betas[1] >= 0 && o.betas[1] < 1,
                        name,
                        "both betas must be in [0, 1).");
        detail::require(o.weight_decay >= 0, name, "weight_decay must not be negative.");
    }
    static bool same_step(const options&, const options&) { return true; }
    template <class F>
    static void each_option(options& o, F f) {
        f("lr", o.lr);
        f("beta1", o.betas[0]);
        f("beta2", o.betas[1]);
        f("weight_decay", o.weight_decay);
    }
    static std::array<double, count> numbers(const options& o, int64) {
        return {-o.lr, 1 - o.lr * o.weight_decay, 1 - o.betas[0], o.betas[1], 1 - o.betas[1]};
    }
    template <class B, class A, class C, class N>
    static void update(A& a, const C& clip, const N& n, const options&) {
        const auto& [rate, decay, new1, old2, new2] = n;
        auto& m = a.state[0];
        const auto g = detail::part<0, B>(clip(a.gradient));
        const auto m0 = detail::part<1, B>(m);
        // Written in two ways, since sums of one form with other numbers look like one value.
        sinter::detail::write_all<B>(
            std::index_sequence<0, 1>{},
            out(a.value) = a.value * decay + rate * sign(m0 + new1 * (g - m0)),
            out(m) = m0 * old2 + g * new2);
    }
};

/// Lion (Chen and others, 2023), which keeps one state and moves by the sign:
///     p = p * (1 - lr * weight_decay) - lr * sign(beta1 * m + (1 - beta1) * g)
///     m = beta2 * m + (1 - beta2) * g
template <element T>
class lion : public optimizer<T, lion_rule> {
public:
    using optimizer<T, lion_rule>::optimizer;
};
template <element T>
lion(const parameters<T>&, const lion_options&) -> lion<T>;
template <element T>
lion(const parameters<T>&) -> lion<T>;

}  // namespace sinter::optim
