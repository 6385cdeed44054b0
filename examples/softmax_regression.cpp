// Softmax regression on digits, 784 -> 10, by mini-batch gradient descent. The model, its loss and
// its gradients are lazy expressions; each assignment below is one kernel, on a GPU when there is
// one, else on the host.
//
//     softmax_regression [--data DIR] [--device auto|host|cuda] [--epochs N] [--batch N] [--lr R]
//     [--seed N]

#include <cstdio>
#include <sinter/sinter.hpp>

#include "support/progress.hpp"
#include "support/training.hpp"

namespace sn = sinter;
using sn::axis, sn::keepdims;

namespace {

using options = examples::training_options;

/// Images and labels as arrays on a device.
struct arrays {
    sn::tensor<float, 2> images;  // (rows, 784)
    sn::tensor<std::int64_t, 2>
        labels;  // (rows, 1): a column, so that it compares with a row of classes

    arrays(const examples::labelled_images& from, sn::device where)
        : images(sn::from(from.images, rows_of(from, examples::image_pixels), where)),
          labels(sn::from(from.labels, rows_of(from, 1), where)) {}

private:
    static sn::shape<2> rows_of(const examples::labelled_images& from, std::int64_t columns) {
        return {{static_cast<std::int64_t>(from.rows()), columns}};
    }
};

struct model {
    sn::tensor<float, 2> w;  // (784, 10)
    sn::tensor<float, 1> b;  // (10)
    sn::tensor<std::int64_t, 1> classes;

    explicit model(sn::device where)
        : w(sn::zeros<float>(sn::shape{examples::image_pixels, examples::class_count}, where)),
          b(sn::zeros<float>(sn::shape{examples::class_count}, where)),
          classes(sn::arange(examples::class_count, where)) {}

    auto logits(const sn::tensor<float, 2>& x) const { return matmul(x, w) + b; }
    auto hot(const sn::tensor<std::int64_t, 2>& labels) const { return labels == classes; }

    /// One step of gradient descent; gives the logits from before it.
    sn::tensor<float, 2> step(const sn::tensor<float, 2>& x,
                              const sn::tensor<std::int64_t, 2>& y,
                              float lr) {
        const sn::tensor<float, 2> z = logits(x);
        // The gradient of the mean cross-entropy: (softmax(z) - one_hot(y)) / rows.
        const sn::tensor<float, 2> g =
            (softmax(z) - astype<float>(hot(y))) * (1.0F / static_cast<float>(x.extent(0)));
        w -= lr * matmul(transpose(x), g);
        b -= lr * sum(g, axis<0>);
        return z;
    }
    float loss(const sn::tensor<float, 2>& z, const sn::tensor<std::int64_t, 2>& y) const {
        const sn::tensor<float, 1> rows = -sum(where(hot(y), log_softmax(z), 0), axis<-1>);
        return eval(mean(rows));
    }
    float accuracy(const arrays& set) const {
        const sn::tensor<float, 2> z = logits(set.images);
        return eval(mean(astype<float>(argmax(z, axis<-1>, keepdims) == set.labels)));
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
        const sn::tensor<float, 2> z = net.step(x, y, o.lr);
        if ((i + 1) % 100 != 0 && i + 1 != all) continue;
        loss = net.loss(z, y);
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
    return examples::run(
        "softmax_regression", "Softmax regression on digits", argc, argv, o, train);
}
