// A binary classifier from nothing but arrays: one hidden layer with relu, squared error, and
// gradient descent written by hand, 1,000 steps of it. There are no layers and no optimiser here:
// variables are arrays that remember where they come from, and backward() is all that is needed.
//
// Without --data it learns which points of a square lie inside a circle, all of them in every step.
// With digits it tells those below 5 from the others; choose --epochs for 1,000 steps in all.
//
//     binary_classifier [--data DIR] [--device auto|host|cuda] [--epochs N] [--batch N] [--lr R]
//     [--seed N] [--rows N]

#include <sinter/autodiff.hpp>
#include <sinter/random.hpp>

#include "support/learning.hpp"

namespace sn = sinter;

namespace {

/// Points (rows, 2) of the square from -1 to 1, and 1 for those inside a circle of half its area.
auto make_points(std::int64_t rows) {
    const sn::tensor<float, 2> points = sn::uniform<float>(sn::shape<2>{rows, 2}, -1, 1);
    const sn::tensor<float, 1> inside =
        sn::astype<float>(sum(square(points), sn::axis<1>) < 2 / 3.14159F);
    return sn::data::dataset(points, inside);
}

/// Digits as rows of 784 numbers, and 1 for those below 5.
auto as_rows(const examples::labelled_images& digits) {
    const auto rows = static_cast<std::int64_t>(digits.rows());
    const auto labels = sn::from(digits.labels);
    return sn::data::dataset(sn::from(digits.images, sn::shape<2>{rows, examples::image_pixels}),
                             sn::tensor<float, 1>(sn::astype<float>(labels < 5)));
}

struct classifier {
    sn::variable<float, 2> w1, w2;
    sn::variable<float, 1> b1, b2;

    /// `inputs` to `hidden` to one number. Weights begin small and all different, or all hidden
    /// units would learn the same.
    classifier(std::int64_t inputs, std::int64_t hidden)
        : w1(sn::tensor<float, 2>(sn::normal<float>(sn::shape<2>{inputs, hidden}) *
                                  std::sqrt(2.0F / static_cast<float>(inputs)))),
          w2(sn::tensor<float, 2>(sn::normal<float>(sn::shape<2>{hidden, 1}) *
                                  std::sqrt(1.0F / static_cast<float>(hidden)))),
          b1(sn::zeros<float>(hidden)),
          b2(sn::zeros<float>(1)) {}

    /// About 1 for rows of the class, about 0 for others: (rows).
    auto operator()(const sn::tensor<float, 2>& x) const {
        // The hidden layer is a product, its bias and relu: one kernel.
        const sn::variable h = relu(matmul(x, w1) + b1);
        return squeeze(matmul(h, w2) + b2, sn::axis<1>);
    }

    /// Downhill: each parameter against its gradient.
    void descend(float rate) {
        const auto move = [rate](auto& parameter) {
            parameter.value() -= rate * parameter.grad();
            parameter.zero_grad();
        };
        move(w1), move(b1), move(w2), move(b2);
    }
};

void train(const examples::training_options& o) {
    sn::set_default_device(o.where());
    sn::manual_seed(o.seed);
    auto [training, test] = [&] {
        if (o.data.empty()) return std::pair(make_points(1000), make_points(1000));
        const auto digits = o.load();
        return std::pair(as_rows(digits.train), as_rows(digits.test));
    }();

    const auto& [inputs, classes] = test.arrays();
    classifier net(inputs.extent(1), 64);
    examples::for_each_batch(training, o, [&](const auto& x, const auto& y) {
        const sn::variable loss = mean(square(net(x) - y));
        loss.backward();
        net.descend(o.lr);
        return loss;
    });

    // A number above one half says "inside".
    const sn::tensor<float, 1> answers = detach(net(inputs));
    const float right =
        sn::eval(mean(sn::astype<float>((answers > 0.5F) == (classes > 0.5F)))).item();
    std::printf("test accuracy %.3f\n", static_cast<double>(right));
}

}  // namespace

int main(int argc, char** argv) {
    examples::training_options o;
    o.epochs = 1000;
    o.batch = 1000;
    o.lr = 0.1F;
    return examples::run(
        "binary_classifier", "A binary classifier from nothing but arrays", argc, argv, o, train);
}
