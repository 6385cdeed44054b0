// Stochastic gradient descent.
#pragma once

#include "sinter/optim/optimizer.hpp"

namespace sinter::optim {

struct sgd_options {
    double lr = 1e-3;
    double momentum = 0;
    double dampening = 0;
    double weight_decay = 0;
    bool nesterov = false;
};

struct sgd_rule {
    using options = sgd_options;
    static constexpr const char* name = "sgd";
    static constexpr std::size_t count = 4;
    static int states(const options& o) { return o.momentum != 0; }
    static const char* state_name(const options&, std::size_t) { return "momentum_buffer"; }
    static double start(const options&) { return 0; }
    static void check(const options& o) {
        detail::require(o.lr >= 0, name, "lr must not be negative.");
        detail::require(o.momentum >= 0, name, "momentum must not be negative.");
        detail::require(o.weight_decay >= 0, name, "weight_decay must not be negative.");
        detail::require(!o.nesterov || (o.momentum > 0 && o.dampening == 0),
                        name,
                        "nesterov needs a momentum and no dampening.");
    }
    /// What all groups must have in common: what a step computes, apart from its numbers.
    static bool same_step(const options& a, const options& b) {
        return states(a) == states(b) && a.nesterov == b.nesterov;
    }
    template <class F>
    static void each_option(options& o, F f) {
        f("lr", o.lr);
        f("momentum", o.momentum);
        f("dampening", o.dampening);
        f("weight_decay", o.weight_decay);
        f("nesterov", o.nesterov);
    }
    // The first buffer is the gradient undamped.
    static std::array<double, count> numbers(const options& o, int64 step) {
        return {-o.lr, o.weight_decay, o.momentum, step == 1 ? 1 : 1 - o.dampening};
    }
    template <class B, class A, class C, class N>
    static void update(A& a, const C& clip, const N& n, const options& o) {
        const auto& [rate, decay, momentum, part] = n;
        const auto p = detail::part<0, B>(a.value);
        const auto g = detail::part<1, B>(clip(a.gradient) + decay * p);
        if (a.state.empty()) {
            sinter::detail::write_all<B>(std::index_sequence<0>{}, out(a.value) = p + rate * g);
            return;
        }
        auto& buffer = a.state[0];
        const auto b = detail::part<2, B>(momentum * buffer + part * g);
        using two = std::index_sequence<0, 1>;
        if (o.nesterov) {
            sinter::detail::write_all<B>(
                two{}, out(a.value) = p + rate * (g + momentum * b), out(buffer) = b);
        } else {
            sinter::detail::write_all<B>(two{}, out(a.value) = p + rate * b, out(buffer) = b);
        }
    }
};

/// Gradient descent, with momentum if `momentum` is not 0:
///     g = gradient + weight_decay * p
///     b = momentum * b + (1 - dampening) * g      (the first b is g)
///     p = p - lr * b      (nesterov: p - lr * (g + momentum * b))
template <element T>
class sgd : public optimizer<T, sgd_rule> {
public:
    using optimizer<T, sgd_rule>::optimizer;
};
template <element T>
sgd(const parameters<T>&, const sgd_options&) -> sgd<T>;
template <element T>
sgd(const parameters<T>&) -> sgd<T>;

}  // namespace sinter::optim
