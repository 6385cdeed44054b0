// Adagrad.
#pragma once

#include "sinter/optim/optimizer.hpp"

namespace sinter::optim {

struct adagrad_options {
    double lr = 1e-2;
    double lr_decay = 0;
    double weight_decay = 0;
    double initial_accumulator_value = 0;
    double eps = 1e-10;
};

struct adagrad_rule {
    using options = adagrad_options;
    static constexpr const char* name = "adagrad";
    static constexpr std::size_t count = 3;
    static int states(const options&) { return 1; }
    static const char* state_name(const options&, std::size_t) { return "sum"; }
    static double start(const options& o) { return o.initial_accumulator_value; }
    static void check(const options& o) {
        detail::require(o.lr >= 0, name, "lr must not be negative.");
        detail::require(o.lr_decay >= 0, name, "lr_decay must not be negative.");
        detail::require(o.weight_decay >= 0, name, "weight_decay must not be negative.");
        detail::require(o.initial_accumulator_value >= 0,
                        name,
                        "initial_accumulator_value must not be negative.");
        detail::require(o.eps >= 0, name, "eps must not be negative.");
    }
    static bool same_step(const options&, const options&) { return true; }
    template <class F>
    static void each_option(options& o, F f) {
        f("lr", o.lr);
        f("lr_decay", o.lr_decay);
        f("weight_decay", o.weight_decay);
        f("initial_accumulator_value", o.initial_accumulator_value);
        f("eps", o.eps);
    }
    static std::array<double, count> numbers(const options& o, int64 step) {
        return {-o.lr / (1 + static_cast<double>(step - 1) * o.lr_decay), o.weight_decay, o.eps};
    }
    template <class B, class A, class C, class N>
    static void update(A& a, const C& clip, const N& n, const options&) {
        const auto& [rate, decay, eps] = n;
        auto& sum = a.state[0];
        const auto p = detail::part<0, B>(a.value);
        const auto g = detail::part<1, B>(clip(a.gradient) + decay * p);
        const auto all = detail::part<2, B>(sum + g * g);
        sinter::detail::write_all<B>(std::index_sequence<0, 1>{},
                                     out(a.value) = p + rate * (g / (sqrt(all) + eps)),
                                     out(sum) = all);
    }
};

/// Adagrad (Duchi and others):
///     g = gradient + weight_decay * p,  s = s + g * g
///     p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)
template <element T>
class adagrad : public optimizer<T, adagrad_rule> {
public:
    using optimizer<T, adagrad_rule>::optimizer;
};
template <element T>
adagrad(const parameters<T>&, const adagrad_options&) -> adagrad<T>;
template <element T>
adagrad(const parameters<T>&) -> adagrad<T>;

}  // namespace sinter::optim
