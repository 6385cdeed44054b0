// The smallest convolutional network that is worth its name, on digits: one convolution with relu,
// then a dense layer. After each epoch it is judged by digits it has not seen, so that one sees
// when it begins to learn its training set by heart.
//
//     mnist_cnn_small [--data DIR] [--device auto|host|cuda] [--epochs N] [--batch N] [--lr R]
//     [--seed N] [--rows N]

#include <sinter/nn.hpp>
#include <sinter/optim.hpp>

#include "support/learning.hpp"

namespace sn = sinter;
namespace nn = sinter::nn;

namespace {

void train(const examples::training_options& o) {
    sn::set_default_device(o.where());
    sn::manual_seed(o.seed);
    const auto data = o.load();
    auto training = examples::on_device(data.train, o.where());
    const auto test = examples::on_device(data.test, o.where());

    // A 3 x 3 filter fits 26 times into 28 pixels: 26 * 26 * 32 numbers reach the dense layer.
    nn::sequential net{
        nn::conv2d(1, 32, {.kernel = 3}), nn::relu(), nn::flatten(), nn::linear(26 * 26 * 32, 10)};
    std::cout << nn::parameter_count(net) << " parameters\n";
    sn::optim::adam optimizer(sn::optim::parameters_of(net), {.lr = o.lr});

    examples::judgement seen{};
    const auto step = [&](const auto& x, const auto& y) {
        optimizer.zero_grad();
        const sn::variable loss = cross_entropy(net(x), y);
        loss.backward();
        optimizer.step();
        return loss;
    };
    const auto validate = [&](int epoch) {
        seen = examples::judge(net, test);
        std::printf(
            "epoch %d: validation loss %.3f accuracy %.3f\n", epoch, seen.loss, seen.accuracy);
    };
    examples::for_each_batch(training, o, step, validate);
    examples::print(seen);
}

}  // namespace

int main(int argc, char** argv) {
    examples::training_options o;
    o.epochs = 10;
    o.lr = 1e-3F;
    return examples::run(
        "mnist_cnn_small", "A small convolutional network on digits", argc, argv, o, train);
}
