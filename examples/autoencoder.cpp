// An autoencoder: digits of 784 pixels squeezed into 32 numbers and out again. Nobody tells it
// what the digits are; to bring an image through the narrow place it must find out what digits have
// in common. At the end it writes a picture with test digits above what became of them.
//
//     autoencoder [--data DIR] [--device auto|host|cuda] [--epochs N] [--batch N] [--lr R] [--seed
//     N]
//     [--rows N] [--out FILE]

#include <sinter/io/png.hpp>
#include <sinter/nn.hpp>
#include <sinter/optim.hpp>

#include "support/learning.hpp"

namespace sn = sinter;
namespace nn = sinter::nn;
namespace io = sinter::io;

struct autoencoder {
    nn::linear<> narrow{784, 128}, code{128, 32};   // the encoder
    nn::linear<> widen{32, 128}, pixels{128, 784};  // the decoder, the same backwards

    template <class V>
    void members(V&& v) {
        v("narrow", narrow);
        v("code", code);
        v("widen", widen);
        v("pixels", pixels);
    }
    /// Images (rows, 784) as 32 numbers each.
    sn::variable<float, 2> encode(const sn::tensor<float, 2>& x) const {
        sn::variable<float, 2> h = sn::constant(x);
        h = relu(narrow(h));
        h = code(h);
        return h;
    }
    /// Their logits: the sigmoid of these are pixels. The loss is better computed from logits, for
    /// nothing overflows there, and its gradient does not fade where a pixel is nearly black or
    /// white.
    auto decode(const sn::variable<float, 2>& numbers) const {
        sn::variable<float, 2> h = relu(widen(numbers));
        return pixels(h);
    }
};

namespace {

void train(const examples::training_options& o) {
    sn::set_default_device(o.where());
    sn::manual_seed(o.seed);
    const auto digits = o.load();
    const auto rows_of = [](const examples::labelled_images& from) {
        return sn::from(
            from.images,
            sn::shape<2>{static_cast<std::int64_t>(from.rows()), examples::image_pixels});
    };
    sn::data::dataset training(rows_of(digits.train));
    const sn::tensor<float, 2> test = rows_of(digits.test);

    autoencoder net;
    std::cout << nn::parameter_count(net) << " parameters\n";
    sn::optim::adam optimizer(sn::optim::parameters_of(net), {.lr = o.lr});
    examples::for_each_batch(training, o, [&](const auto& x) {
        optimizer.zero_grad();
        // A pixel is the probability of white: the image is its own label.
        const sn::variable loss =
            nn::binary_cross_entropy_with_logits(net.decode(net.encode(x)), x);
        loss.backward();
        optimizer.step();
        return loss;
    });

    const sn::no_grad scope;
    const sn::tensor<float, 2> back = sigmoid(detach(net.decode(net.encode(test))));
    // Ten digits and below them their reconstructions, then the next ten.
    const auto some = [](const sn::tensor<float, 2>& images) {
        return reshape(slice(images, sn::range(0, 40)), sn::shape{4, 10, 28, 28});
    };
    const sn::tensor<float, 5> pairs = stack(sn::axis<1>, some(test), some(back));
    const sn::tensor<float, 3> images = reshape(pairs, sn::shape{80, 28, 28});
    io::write_png(o.out, io::image_grid(images, {.columns = 10, .background = 0.35}));
    std::cout << "wrote " << o.out << '\n';
    std::printf("test loss %.4f\n",
                static_cast<double>(sn::eval(mean(square(back - test))).item()));
}

}  // namespace

int main(int argc, char** argv) {
    examples::training_options o;
    o.epochs = 20;
    o.lr = 1e-3F;
    o.out = "autoencoder.png";
    return examples::run("autoencoder", "An autoencoder of digits", argc, argv, o, train);
}
