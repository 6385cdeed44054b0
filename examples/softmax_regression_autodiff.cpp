// Softmax regression on digits as in softmax_regression.cpp, with gradients derived by the library:
// the loss of a batch is one assignment, and backward() computes what the other example writes out.
//
//     softmax_regression_autodiff [--data DIR] [--device auto|host|cuda] [--epochs N] [--batch N]
//     [--lr R] [--seed N]

#include <cstdio>
#include <sinter/autodiff.hpp>

#include "support/progress.hpp"
#include "support/training.hpp"

namespace sn = sinter;
using sn::axis;

namespace {

using options = examples::training_options;

/// Images and labels as arrays on a device.
struct arrays {
    sn::tensor<float, 2> images;         // (rows, 784)
    sn::tensor<std::int64_t, 1> labels;  // (rows)

    arrays(const examples::labelled_images& from, sn::device where)
        : images(sn::from(
              from.images,
              sn::shape<2>{{static_cast<std::int64_t>(from.rows()), examples::image_pixels}},
              where)),
          labels(sn::from(from.labels, where)) {}
};

struct model {
    sn::variable<float, 2> w;  // (784, 10)
    sn::variable<float, 1> b;  // (10)

    explicit model(sn::device where)
        : w(sn::zeros<float>(sn::shape{examples::image_pixels, examples::class_count}, where)),
          b(sn::zeros<float>(sn::shape{examples::class_count}, where)) {}

    auto logits(const sn::tensor<float, 2>& x) const { return matmul(x, w) + b; }

    /// One step of gradient descent; gives the loss from before it.
    sn::variable<float, 0> step(const sn::tensor<float, 2>& x,
                                const sn::tensor<std::int64_t, 1>& y,
                                float lr) {
        const sn::variable<float, 0> loss = cross_entropy(logits(x), y);
        loss.backward();
        w.value() -= lr * w.grad();
        b.value() -= lr * b.grad();
        w.zero_grad();
        b.zero_grad();
        return loss;
    }
    float accuracy(const arrays& set) const {
        const sn::tensor<float, 2> z = detach(logits(set.images));
        return eval(mean(sn::astype<float>(argmax(z, axis<-1>) == set.labels)));
    }
};

void train(const options& o) {
    const sn::device where = o.where();
    const auto data = o.load();
    const arrays training(data.train, where), test(data.test, where);

    model net(where);
    const auto rows = static_cast<int>(data.train.rows());
    const int steps = (rows + o.batch - 1) / o.batch, all = steps * o.epochs;
    examples::progress line(o.batch);
    double loss = 0;
    for (int i = 0; i < all; ++i) {
        const int first = i % steps * o.batch, last = std::min(rows, first + o.batch);
        const auto x = slice(training.images, sn::range(first, last));
        const auto y = slice(training.labels, sn::range(first, last));
        const sn::variable<float, 0> of_batch = net.step(x, y, o.lr);
        if ((i + 1) % 100 != 0 && i + 1 != all) continue;
        loss = of_batch.item();
        line.report({i / steps + 1, o.epochs, i + 1, all, loss, -1});
    }
    line.finish();
    std::printf(
        "final loss %.3f\ntest accuracy %.3f\n", loss, static_cast<double>(net.accuracy(test)));
}

}  // namespace

int main(int argc, char** argv) {
    options o;
    o.epochs = 13;
    o.batch = 100;
    return examples::run("softmax_regression_autodiff",
                         "Softmax regression on digits, with gradients by the library",
                         argc,
                         argv,
                         o,
                         train);
}
