// Samples a second of whole training steps on the host: forward, backward, the optimiser. One
// network and one batch size a run, so that a script can let PyTorch take turns:
//
//     training softmax_regression|mlp|mnist_cnn BATCH [SECONDS [cpu]]
//
// With `cpu`, seconds of the processor count: for one thread on a machine that does other work.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sinter/nn.hpp>
#include <sinter/optim.hpp>
#include <string>

namespace sn = sinter;
namespace nn = sinter::nn;

namespace {

constexpr std::int64_t rows = 2048;

bool processor_time = false;

double now() {
    if (processor_time) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

template <int R, class Network, class Optimizer>
void measure(
    Network net, const sn::shape<R>& one, Optimizer make, std::int64_t batch, double limit) {
    sn::shape<R> all = one;
    all[0] = rows;
    // Labels that can be learned: where units die instead, Adam's moments fade into numbers that
    // processors are slow at.
    const sn::tensor<float, R> x = sn::normal<float>(all, 0, 1, sn::random_key(1));
    const sn::tensor<std::int64_t, 1> y =
        argmax(slice(reshape(x, sn::shape<2>{rows, 784}), sn::_, sn::range(0, 10)), sn::axis<1>);
    auto optimizer = make(sn::optim::parameters_of(net));
    const auto step = [&](std::int64_t i) {
        const std::int64_t first = i % (rows / batch) * batch;
        const sn::range part(first, first + batch);
        optimizer.zero_grad();
        const sn::variable loss = cross_entropy(net(slice(x, part)), slice(y, part));
        loss.backward();
        optimizer.step();
    };
    std::int64_t done = 0;
    for (const double start = now(); done < 5 || now() - start < limit / 4;) step(done++);
    const std::int64_t before = done;
    const double start = now();
    while (done == before || now() - start < limit) step(done++);
    std::printf("%.1f\n", static_cast<double>((done - before) * batch) / (now() - start));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string name = argv[1];
    const std::int64_t batch = std::atol(argv[2]);
    const double limit = argc > 3 ? std::atof(argv[3]) : 1;
    processor_time = argc > 4 && std::string(argv[4]) == "cpu";
    sn::set_default_device(sn::device::host());
    sn::manual_seed(1);
    const auto adam = [](auto p) { return sn::optim::adam(p, {.lr = 1e-3}); };
    if (name == "softmax_regression") {
        measure(
            nn::linear(784, 10),
            sn::shape<2>{1, 784},
            [](auto p) { return sn::optim::sgd(p, {.lr = 0.1}); },
            batch,
            limit);
    } else if (name == "mlp") {
        measure(nn::sequential{nn::linear(784, 128),
                               nn::relu(),
                               nn::linear(128, 64),
                               nn::relu(),
                               nn::linear(64, 10)},
                sn::shape<2>{1, 784},
                adam,
                batch,
                limit);
    } else if (name == "mnist_cnn") {
        measure(nn::sequential{nn::conv2d(1, 32, {.kernel = 3}),
                               nn::relu(),
                               nn::max_pool2d(2),
                               nn::conv2d(32, 64, {.kernel = 3}),
                               nn::relu(),
                               nn::max_pool2d(2),
                               nn::flatten(),
                               nn::linear(5 * 5 * 64, 10)},
                sn::shape<4>{1, 28, 28, 1},
                adam,
                batch,
                limit);
    } else {
        return 2;
    }
    return 0;
}
