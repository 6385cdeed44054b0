// A convolutional network on digits: two convolutions with relu and pooling, then a dense layer,
// with Adam. A step computes the loss, walks back and updates all parameters in one launch.
//
//     mnist_cnn [--data DIR] [--device auto|host|cuda] [--epochs N] [--batch N] [--lr R] [--seed N]
//     [--rows N]

#include <cstdio>
#include <sinter/nn.hpp>
#include <sinter/optim.hpp>
#include <sinter/sinter.hpp>

#include "support/progress.hpp"
#include "support/training.hpp"

namespace sn = sinter;
namespace nn = sinter::nn;
using sn::axis;

namespace {

using options = examples::training_options;

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
    return nn::sequential{nn::conv2d(1, 32, {.kernel = 3}),
                          nn::relu(),
                          nn::max_pool2d(2),
                          nn::conv2d(32, 64, {.kernel = 3}),
                          nn::relu(),
                          nn::max_pool2d(2),
                          nn::flatten(),
                          nn::linear(5 * 5 * 64, 10)};
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
    const sn::device where = o.where();
    sn::set_default_device(where);
    sn::manual_seed(o.seed);
    const auto data = o.load();
    const arrays training(data.train, where), test(data.test, where);

    auto net = make_network();
    std::cout << nn::parameter_count(net) << " parameters\n";
    sn::optim::adam optimizer(sn::optim::parameters_of(net), {.lr = o.lr});
    const auto rows = static_cast<int>(training.rows());
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
    o.epochs = 5;
    o.lr = 1e-3F;
    return examples::run("mnist_cnn", "A convolutional network on digits", argc, argv, o, train);
}
