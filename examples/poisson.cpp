// A network that solves a differential equation: -u'' = pi^2 sin(pi x) between 0 and 1, where u is
// 0 at both ends. Nobody tells it values of u: the loss is by how much the equation is missed at 65
// points. For that the second derivative of the network by its input is part of the loss, and
// backward() differentiates it once more, by the weights.

#include <cmath>
#include <cstdio>
#include <numbers>
#include <sinter/autodiff.hpp>
#include <sinter/nn.hpp>
#include <sinter/optim.hpp>

namespace sn = sinter;

constexpr float pi = std::numbers::pi_v<float>;

/// u(x) = x (1 - x) net(x): the factor is 0 at both ends, so that u is.
struct solution {
    sn::nn::linear<> hidden{1, 32}, out{32, 1};

    template <class V>
    void members(V&& v) {
        v("hidden", hidden);
        v("out", out);
    }
    template <class X>
    auto operator()(const X& x) const {
        return x * (1 - x) * out(tanh(hidden(x)));
    }
};

int main() {
    sn::manual_seed(1);
    solution u;
    sn::optim::adam optimizer(sn::optim::parameters_of(u), {.lr = 0.01});
    const sn::tensor<float, 2> x = reshape(sn::linspace<float>(0, 1, 65), sn::shape{65, 1});
    const auto slope = [&u](const auto& y) { return sn::gradient(u, y); };

    for (int step = 0; step <= 1500; ++step) {
        const sn::variable<float, 0> missed =
            mean(square(gradient(slope, x) + pi * pi * sin(pi * x)));
        if (step % 300 == 0) std::printf("step %4d, loss %.5f\n", step, double{missed.item()});
        optimizer.zero_grad();
        missed.backward();
        optimizer.step();
    }

    const float off = eval(max(abs(sn::detach(u(x)) - sin(pi * x)), sn::axes<0, 1>)).item();
    std::printf("u is sin(pi x) to %.5f\n", double{off});
    return off < 0.01F ? 0 : 1;
}
