// A generative adversarial network: two networks that make each other better. The generator turns
// random numbers into images; the discriminator tells real digits from made ones. Each learns
// from the other's mistakes, until what is made looks like a digit. Writes a picture of samples.
//
//     gan_digits [--data DIR] [--device auto|host|cuda] [--epochs N] [--batch N] [--lr R] [--seed
//     N]
//     [--rows N] [--out FILE]

#include <sinter/io/png.hpp>
#include <sinter/nn.hpp>
#include <sinter/optim.hpp>

#include "support/learning.hpp"

namespace sn = sinter;
namespace nn = sinter::nn;
namespace io = sinter::io;

constexpr std::int64_t noise_size = 64;

/// Noise (rows, 64) to logits of pixels (rows, 784).
struct generator {
    nn::linear<> first{noise_size, 128}, second{128, 256}, pixels{256, 784};
    nn::batch_norm<> first_norm{128}, second_norm{256};

    template <class V>
    void members(V&& v) {
        v("first", first);
        v("first_norm", first_norm);
        v("second", second);
        v("second_norm", second_norm);
        v("pixels", pixels);
    }
    sn::variable<float, 2> operator()(const sn::variable<float, 2>& noise) {
        sn::variable<float, 2> h = relu(first_norm(first(noise)));
        h = relu(second_norm(second(h)));
        return sn::variable(sigmoid(pixels(h)));
    }
};

/// Images (rows, 784) to a logit each (rows, 1): above 0 for what it takes to be real.
struct discriminator {
    nn::linear<> first{784, 256}, second{256, 128}, answer{128, 1};
    nn::dropout forget{0.3};

    template <class V>
    void members(V&& v) {
        v("first", first);
        v("second", second);
        v("answer", answer);
        v("forget", forget);
    }
    auto operator()(const sn::variable<float, 2>& images) {
        // Without dropout it would know the training set by heart long before the generator can
        // draw.
        sn::variable<float, 2> h = forget(leaky_relu(first(images), 0.2));
        h = forget(leaky_relu(second(h), 0.2));
        return answer(h);
    }
};

namespace {

void train(const examples::training_options& o) {
    sn::set_default_device(o.where());
    sn::manual_seed(o.seed);
    const auto digits = o.load();
    const auto rows = static_cast<std::int64_t>(digits.train.rows());
    sn::data::dataset training(
        sn::from(digits.train.images, sn::shape<2>{rows, examples::image_pixels}));

    generator make;
    discriminator judge;
    std::cout << nn::parameter_count(make) << " + " << nn::parameter_count(judge)
              << " parameters\n";
    // Less momentum than usual: each chases a target that moves.
    sn::optim::adam make_better(sn::optim::parameters_of(make),
                                {.lr = o.lr, .betas = {0.5, 0.999}});
    sn::optim::adam judge_better(sn::optim::parameters_of(judge),
                                 {.lr = o.lr, .betas = {0.5, 0.999}});
    const auto noise = [](std::int64_t n) {
        return sn::constant(sn::tensor<float, 2>(sn::normal<float>(sn::shape{n, noise_size})));
    };
    // How wrong the discriminator is: -log(sigmoid(z)) for images that are to be real, `sign` -1,
    // and -log(1 - sigmoid(z)) for others, `sign` 1. Both are softplus, which does not overflow.
    const auto loss_of = [&](const sn::variable<float, 2>& images, float sign) {
        return sn::variable(mean(softplus(sign * judge(images))));
    };
    const float real = -1, not_real = 1;

    examples::for_each_batch(training, o, [&](const auto& x) {
        const sn::variable<float, 2> made = make(noise(x.extent(0)));
        // The discriminator's turn: detach() keeps the generator out of it, and the gradients of
        // both losses add up.
        judge_better.zero_grad();
        loss_of(sn::constant(sn::tensor<float, 2>(x)), real).backward();
        loss_of(sn::constant(made.detach()), not_real).backward();
        judge_better.step();
        // The generator's turn: the same images, as if they had to be real. The gradient flows
        // through the discriminator, which itself stays as it is.
        make_better.zero_grad();
        const sn::variable loss = loss_of(made, real);
        loss.backward();
        make_better.step();
        return loss;
    });

    nn::evaluation(make);
    nn::evaluation(judge);
    const sn::no_grad scope;
    const sn::tensor<float, 2> samples = make(noise(100)).detach();
    const sn::tensor<float, 3> images = reshape(samples, sn::shape{100, 28, 28});
    io::write_png(o.out, io::image_grid(images, {.columns = 10, .background = 0.35}));
    std::cout << "wrote " << o.out << '\n';
    std::printf("test loss %.3f\n",
                static_cast<double>(loss_of(sn::constant(samples), real).item()));
}

}  // namespace

int main(int argc, char** argv) {
    examples::training_options o;
    o.epochs = 60;
    o.lr = 5e-4F;
    o.out = "gan_digits.png";
    return examples::run("gan_digits", "A generative adversarial network", argc, argv, o, train);
}
