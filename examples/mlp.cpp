// A multi-layer perceptron, the "hello world" of neural networks: a dense layer, relu, a dense
// layer. Without --data it is the 128-64-10 network of many tutorials on made-up points, and with
// digits a 784-128-64-10 one. Both are trained by the same few lines.
//
//     mlp [--data DIR] [--device auto|host|cuda] [--epochs N] [--batch N] [--lr R] [--seed N]

#include <sinter/nn.hpp>
#include <sinter/optim.hpp>

#include "support/learning.hpp"

namespace sn = sinter;
namespace nn = sinter::nn;

/// Dense layers of these widths with relu between them. A module of one's own: it names its
/// members, so that optimisers find the parameters ("layers.0.weight", ...), and is ordinary C++
/// otherwise.
struct perceptron {
    std::vector<nn::linear<>> layers;

    explicit perceptron(const std::vector<std::int64_t>& widths) {
        for (std::size_t i = 1; i < widths.size(); ++i)
            layers.emplace_back(widths[i - 1], widths[i]);
    }
    template <class V>
    void members(V&& v) {
        v("layers", layers);
    }
    auto operator()(const sn::tensor<float, 2>& x) const {
        sn::variable<float, 2> h = sn::constant(x);
        // Each assignment is one kernel, which the tape remembers.
        for (std::size_t i = 0; i + 1 < layers.size(); ++i) h = relu(layers[i](h));
        // What is returned is an expression still: the loss becomes part of the last layer's
        // kernel.
        return layers.back()(h);
    }
};

namespace {

/// Points (rows, 128) around ten centres, and which centre each belongs to. The noise is as large
/// as the centres are apart in any one coordinate: only all coordinates together tell them apart.
auto make_points(const sn::tensor<float, 2>& centres, std::int64_t rows) {
    const sn::tensor<std::int64_t, 1> labels = sn::randint(0, 10, sn::shape<1>{rows});
    const sn::tensor<float, 2> noise = sn::normal<float>(sn::shape<2>{rows, centres.extent(1)});
    const sn::tensor<float, 2> points = take(centres, labels, sn::axis<0>) + 3 * noise;
    return sn::data::dataset(points, labels);
}

/// Digits as rows of 784 numbers.
auto as_rows(const examples::labelled_images& digits) {
    const auto rows = static_cast<std::int64_t>(digits.rows());
    return sn::data::dataset(sn::from(digits.images, sn::shape<2>{rows, examples::image_pixels}),
                             sn::from(digits.labels));
}

void train(const examples::training_options& o) {
    sn::set_default_device(o.where());
    sn::manual_seed(o.seed);
    const bool made_up = o.data.empty();
    auto [training, test] = [&] {
        if (!made_up) {
            const auto digits = o.load();
            return std::pair(as_rows(digits.train), as_rows(digits.test));
        }
        const sn::tensor<float, 2> centres = sn::normal<float>(sn::shape{10, 128});
        return std::pair(make_points(centres, 2000), make_points(centres, 1000));
    }();

    perceptron net(made_up ? std::vector<std::int64_t>{128, 64, 10}
                           : std::vector<std::int64_t>{784, 128, 64, 10});
    std::cout << nn::parameter_count(net) << " parameters\n";
    // From here on the parameters lie in one block, so that a step is one kernel.
    sn::optim::adam optimizer(sn::optim::parameters_of(net), {.lr = o.lr});
    examples::for_each_batch(training, o, [&](const auto& x, const auto& y) {
        optimizer.zero_grad();
        const sn::variable loss = cross_entropy(net(x), y);
        loss.backward();
        optimizer.step();
        return loss;
    });
    examples::print(examples::judge(net, test));
}

}  // namespace

int main(int argc, char** argv) {
    examples::training_options o;
    o.epochs = 100;
    o.lr = 1e-3F;
    return examples::run("mlp", "A multi-layer perceptron", argc, argv, o, train);
}
