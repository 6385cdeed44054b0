// A convolutional network on digits: two convolutions with relu and pooling, then a dense layer,
// with Adam. A step computes the loss, walks back and updates all parameters in one launch.
//
//     mnist_cnn [--data DIR] [--device auto|host|cuda] [--epochs N] [--batch N] [--lr R] [--seed N]
//     [--rows N]

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <sinter/nn.hpp>
#include <sinter/optim.hpp>
#include <sinter/sinter.hpp>

#include "support/digits.hpp"
#include "support/mnist.hpp"
#include "support/progress.hpp"

namespace sn = sinter;
namespace nn = sinter::nn;
using sn::axis;

namespace {

struct options {
    std::string data, device = "auto";
    int epochs = 5, batch = 32, rows = 8000;
    double lr = 1e-3;
    std::uint64_t seed = 1;
};

/// Images and labels as arrays on a device.
struct arrays {
    sn::tensor<float, 4> images;         // (rows, 28, 28, 1)
    sn::tensor<std::int64_t, 1> labels;  // (rows)

    arrays(const examples::labelled_images& from, sn::device where)
        : images(sn::from(from.images, sn::shape<4>{rows_of(from), 28, 28, 1}, where)),
          labels(sn::from(from.labels, sn::shape<1>{rows_of(from)}, where)) {}
    std::int64_t rows() const { return labels.extent(0); }

private:
    static std::int64_t rows_of(const examples::labelled_images& from) {
        return static_cast<std::int64_t>(from.rows());
    }
};

auto make_network() {
    return nn::sequential(nn::conv2d(1, 32, {.kernel = 3}),
                          nn::relu(),
                          nn::max_pool2d(2),
                          nn::conv2d(32, 64, {.kernel = 3}),
                          nn::relu(),
                          nn::max_pool2d(2),
                          nn::flatten(),
                          nn::linear(5 * 5 * 64, 10));
}

struct result {
    double loss, accuracy;
};
/// Loss and accuracy over a whole set.
template <class Network>
result judge(Network& net, const arrays& set) {
    const sn::no_grad scope;
    double loss = 0, right = 0;
    const std::int64_t part = 500;
    for (std::int64_t first = 0; first < set.rows(); first += part) {
        const sn::range rows(first, first + part);
        const auto y = slice(set.labels, rows);
        const sn::tensor<float, 2> z = sn::variable(net(slice(set.images, rows))).detach();
        const auto n = static_cast<double>(y.extent(0));
        loss += n * static_cast<double>(sn::eval(cross_entropy(z, y)).item());
        right += n * static_cast<double>(
                         sn::eval(mean(sn::astype<float>(argmax(z, axis<-1>) == y))).item());
    }
    const auto all = static_cast<double>(set.rows());
    return {loss / all, right / all};
}

void train(const options& o) {
    const sn::device where = o.device == "host"   ? sn::device::host()
                             : o.device == "cuda" ? sn::device::cuda()
                                                  : sn::default_device();
    sn::set_default_device(where);
    sn::manual_seed(o.seed);
    auto data = o.data.empty() ? examples::split(examples::draw_digits(10000, o.seed), 8000)
                               : examples::load_mnist(o.data);
    const arrays training(data.train, where), test(data.test, where);
    std::cout << (o.data.empty() ? "drawn digits" : "digits from " + o.data) << ": "
              << training.rows() << " to train, " << test.rows() << " to test, on " << where.name()
              << '\n';

    auto net = make_network();
    std::cout << nn::parameter_count(net) << " parameters\n";
    sn::optim::adam optimizer(sn::optim::parameters_of(net), {.lr = o.lr});
    const auto rows = std::min(o.rows, static_cast<int>(training.rows()));
    const int steps = (rows + o.batch - 1) / o.batch, all = steps * o.epochs;
    examples::progress line(o.batch);
    sn::tensor<std::int64_t, 1> order;  // of the images in this epoch
    for (int i = 0; i < all; ++i) {
        const int epoch = i / steps, first = i % steps * o.batch;
        if (first == 0) order = sn::permutation(rows);
        const auto chosen = slice(order, sn::range(first, first + o.batch));
        const sn::tensor<float, 4> x = take(training.images, chosen, axis<0>);
        const sn::tensor<std::int64_t, 1> y = take(training.labels, chosen, axis<0>);
        optimizer.zero_grad();
        const sn::variable loss = cross_entropy(net(x), y);
        loss.backward();
        optimizer.step();
        if ((i + 1) % 50 != 0 && i + 1 != all) continue;
        line.report({epoch + 1, o.epochs, i + 1, all, static_cast<double>(loss.item()), -1});
    }
    line.finish();
    const result r = judge(net, test);
    std::printf("test loss %.3f\ntest accuracy %.3f\n", r.loss, r.accuracy);
}

}  // namespace

int main(int argc, char** argv) {
    options o;
    CLI::App app{"A convolutional network on digits"};
    app.add_option(
        "--data", o.data, "folder with MNIST files (IDX, gz or plain); default: drawn digits");
    app.add_option("--device", o.device, "auto, host or cuda")
        ->check(CLI::IsMember({"auto", "host", "cuda"}));
    app.add_option("--epochs", o.epochs, "passes over the training set")
        ->check(CLI::PositiveNumber);
    app.add_option("--batch", o.batch, "rows of one step")->check(CLI::PositiveNumber);
    app.add_option("--lr", o.lr, "learning rate")->check(CLI::PositiveNumber);
    app.add_option("--rows", o.rows, "train with so many images at most")
        ->check(CLI::PositiveNumber);
    app.add_option("--seed", o.seed, "seed of the parameters and of the order");
    CLI11_PARSE(app, argc, argv);
    try {
        train(o);
    } catch (const sn::error& e) {
        std::cerr << "mnist_cnn: " << e.what() << '\n';
        return 1;
    }
}
