// RMSprop.
#pragma once

#include "sinter/optim/optimizer.hpp"

namespace sinter::optim {

struct rmsprop_options {
    double lr = 1e-2;
    double alpha = 0.99;
    double eps = 1e-8;
    double weight_decay = 0;
    double momentum = 0;
    bool centered = false;
};

struct rmsprop_rule {
    using options = rmsprop_options;
    static constexpr const char* name = "rmsprop";
    static constexpr std::size_t count = 5;
    static int states(const options& o) { return 1 + (o.momentum != 0) + o.centered; }
    static const char* state_name(const options& o, std::size_t k) {
        return k == 0 ? "square_avg" : k == 1 && o.momentum != 0 ? "momentum_buffer" : "grad_avg";
    }
    static double start(const options&) { return 0; }
    static void check(const options& o) {
        detail::require(o.lr >= 0, name, "lr must not be negative.");
        detail::require(o.alpha >= 0, name, "alpha must not be negative.");
        detail::require(o.eps >= 0, name, "eps must not be negative.");
        detail::require(o.weight_decay >= 0, name, "weight_decay must not be negative.");
        detail::require(o.momentum >= 0, name, "momentum must not be negative.");
    }
    static bool same_step(const options& a, const options& b) {
        return (a.momentum != 0) == (b.momentum != 0) && a.centered == b.centered;
    }
    template <class F>
    static void each_option(options& o, F f) {
        f("lr", o.lr);
        f("alpha", o.alpha);
        f("eps", o.eps);
        f("weight_decay", o.weight_decay);
        f("momentum", o.momentum);
        f("centered", o.centered);
    }
    static std::array<double, count> numbers(const options& o, int64) {
        return {-o.lr, 1 - o.alpha, o.eps, o.weight_decay, o.momentum};
    }
    template <class B, class A, class C, class N>
    static void update(A& a, const C& clip, const N& n, const options& o) {
        const auto& [rate, fresh, eps, decay, momentum] = n;
        auto& square = a.state[0];
        const auto p = detail::part<0, B>(a.value);
        const auto s0 = detail::part<1, B>(square);
        const auto g = detail::part<2, B>(clip(a.gradient) + decay * p);
        const auto s = detail::part<3, B>(s0 + fresh * (g * g - s0));
        using two = std::index_sequence<0, 1>;
        using three = std::index_sequence<0, 1, 2>;
        if (!o.centered && o.momentum == 0) {
            sinter::detail::write_all<B>(
                two{}, out(a.value) = p + rate * (g / (sqrt(s) + eps)), out(square) = s);
        } else if (!o.centered) {
            auto& buffer = a.state[1];
            const auto b = detail::part<4, B>(momentum * buffer + g / (sqrt(s) + eps));
            sinter::detail::write_all<B>(
                three{}, out(a.value) = p + rate * b, out(square) = s, out(buffer) = b);
        } else {
            auto& mean = a.state.back();
            const auto m0 = detail::part<5, B>(mean);
            const auto m = detail::part<6, B>(m0 + fresh * (g - m0));
            const auto d = g / (sqrt(s - m * m) + eps);
            if (o.momentum == 0) {
                sinter::detail::write_all<B>(
                    three{}, out(a.value) = p + rate * d, out(square) = s, out(mean) = m);
            } else {
                auto& buffer = a.state[1];
                const auto b = detail::part<7, B>(momentum * buffer + d);
                sinter::detail::write_all<B>(std::index_sequence<0, 1, 2, 3>{},
                                             out(a.value) = p + rate * b,
                                             out(square) = s,
                                             out(buffer) = b,
                                             out(mean) = m);
            }
        }
    }
};

/// RMSprop (Hinton), with momentum and centred if asked for:
///     g = gradient + weight_decay * p,  s = alpha * s + (1 - alpha) * g * g
///     d = g / (sqrt(s) + eps)      (centered: s - m * m below the root, m the mean gradient)
///     p = p - lr * d      (momentum: b = momentum * b + d, p = p - lr * b)
template <element T>
class rmsprop : public optimizer<T, rmsprop_rule> {
public:
    using optimizer<T, rmsprop_rule>::optimizer;
};
template <element T>
rmsprop(const parameters<T>&, const rmsprop_options&) -> rmsprop<T>;
template <element T>
rmsprop(const parameters<T>&) -> rmsprop<T>;

}  // namespace sinter::optim
