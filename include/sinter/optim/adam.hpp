// Adam and AdamW.
#pragma once

#include "sinter/optim/optimizer.hpp"

namespace sinter::optim {

struct adam_options {
    double lr = 1e-3;
    std::array<double, 2> betas{0.9, 0.999};
    double eps = 1e-8;
    double weight_decay = 0;
};
struct adamw_options {
    double lr = 1e-3;
    std::array<double, 2> betas{0.9, 0.999};
    double eps = 1e-8;
    double weight_decay = 1e-2;
};

/// Adam adds the decay to the gradient; AdamW (`Apart`) shrinks the parameter before its step.
template <class Options, bool Apart>
struct adam_rule {
    using options = Options;
    static constexpr const char* name = Apart ? "adamw" : "adam";
    static constexpr std::size_t count = 6;
    static int states(const options&) { return 2; }
    static const char* state_name(const options&, std::size_t k) {
        return k == 0 ? "exp_avg" : "exp_avg_sq";
    }
    static double start(const options&) { return 0; }
    static void check(const options& o) {
        detail::require(o.lr >= 0, name, "lr must not be negative.");
        detail::require(o.eps >= 0, name, "eps must not be negative.");
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
        f("eps", o.eps);
        f("weight_decay", o.weight_decay);
    }
    static std::array<double, count> numbers(const options& o, int64 step) {
        const auto t = static_cast<double>(step);
        const double c1 = 1 - std::pow(o.betas[0], t), c2 = 1 - std::pow(o.betas[1], t);
        return {-o.lr / c1,
                1 / std::sqrt(c2),
                1 - o.betas[0],
                1 - o.betas[1],
                o.eps,
                Apart ? 1 - o.lr * o.weight_decay : o.weight_decay};
    }
    template <class B, class A, class C, class N>
    static void update(A& a, const C& clip, const N& n, const options&) {
        const auto p = detail::part<0, B>(a.value);
        const auto& decay = n[5];
        if constexpr (Apart) {
            move<B>(a, n, detail::part<1, B>(clip(a.gradient)), p * decay);
        } else {
            move<B>(a, n, detail::part<2, B>(clip(a.gradient) + decay * p), p);
        }
    }

private:
    // From `q`, by gradient `g`.
    template <class B, class A, class N, class G, class Q>
    static void move(A& a, const N& n, const G& g, const Q& q) {
        const auto& [rate, scale, new1, new2, eps, decay] = n;
        auto &m = a.state[0], &v = a.state[1];
        const auto m0 = detail::part<3, B>(m);
        const auto v0 = detail::part<4, B>(v);
        const auto mean = detail::part<5, B>(m0 + new1 * (g - m0));
        const auto square = detail::part<6, B>(v0 + new2 * (g * g - v0));
        sinter::detail::write_all<B>(
            std::index_sequence<0, 1, 2>{},
            out(a.value) = q + rate * (mean / (sqrt(square) * scale + eps)),
            out(m) = mean,
            out(v) = square);
    }
};

/// Adam (Kingma and Ba):
///     g = gradient + weight_decay * p
///     m = beta1 * m + (1 - beta1) * g,  v = beta2 * v + (1 - beta2) * g * g
///     p = p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
template <element T>
class adam : public optimizer<T, adam_rule<adam_options, false>> {
public:
    using optimizer<T, adam_rule<adam_options, false>>::optimizer;
};
template <element T>
adam(const parameters<T>&, const adam_options&) -> adam<T>;
template <element T>
adam(const parameters<T>&) -> adam<T>;

/// AdamW (Loshchilov and Hutter): Adam without decay in the gradient, after p = p - lr *
/// weight_decay * p.
template <element T>
class adamw : public optimizer<T, adam_rule<adamw_options, true>> {
public:
    using optimizer<T, adam_rule<adamw_options, true>>::optimizer;
};
template <element T>
adamw(const parameters<T>&, const adamw_options&) -> adamw<T>;
template <element T>
adamw(const parameters<T>&) -> adamw<T>;

}  // namespace sinter::optim
