// A small residual network on digits, with what makes such networks learn well: batch_norm behind
// every convolution, shortcuts around them, images that are moved a little at random, and a rate
// that falls along a cosine. train::fit runs the loop that the other examples write out.
//
//     resnet_digits [--data DIR] [--device auto|host|cuda] [--epochs N] [--batch N] [--lr R]
//     [--seed N] [--rows N]

#include <sinter/data/augment.hpp>
#include <sinter/train.hpp>

#include "support/learning.hpp"

namespace sn = sinter;
namespace nn = sinter::nn;

using images = sn::variable<float, 4>;  // (n, height, width, channels)

/// A convolution and its norm. The norm takes away whatever a bias would add, so there is none.
struct normed_conv {
    nn::conv2d<float, true, false> conv;
    nn::batch_norm<> norm;

    normed_conv(std::int64_t in, std::int64_t out, std::int64_t size, std::int64_t stride = 1)
        : conv(in, out, {.kernel = size, .stride = stride}, sn::padding(size / 2), nn::no_bias),
          norm(out) {}
    normed_conv(std::int64_t in, std::int64_t out, const nn::conv2d_options& o, nn::no_bias_tag)
        : conv(in, out, o, sn::padding(0), nn::no_bias), norm(out) {}
    template <class V>
    void members(V&& v) {
        v("conv", conv);
        v("norm", norm);
    }
    template <sn::expression X>
    auto operator()(const X& x) {
        return norm(conv(x));
    }
};

/// relu(f(x) + x): two convolutions learn what to change about x. Gradients go past them
/// undisturbed, however many blocks follow each other.
struct block {
    normed_conv first, second;
    std::vector<normed_conv> shortcut;  // where x has another shape than the result: 1 x 1

    block(std::int64_t in, std::int64_t out, std::int64_t stride)
        : first(in, out, 3, stride), second(out, out, 3) {
        if (in != out) shortcut.emplace_back(in, out, 1, stride);
    }
    template <class V>
    void members(V&& v) {
        v("first", first);
        v("second", second);
        v("shortcut", shortcut);
    }
    images operator()(const images& x) {
        const images h = relu(first(x));
        const images past = shortcut.empty() ? x : images(shortcut[0](x));
        // The second norm, the sum and relu are one kernel.
        return images(relu(second(h) + past));
    }
};

struct resnet {
    normed_conv stem{1, 16, {.kernel = 3}, nn::no_bias};  // its zeros come with the images
    std::vector<block> blocks{{16, 16, 1}, {16, 32, 2}, {32, 64, 2}};  // 28, 14, 7 pixels a side
    nn::linear<> head{64, 10};

    template <class V>
    void members(V&& v) {
        v("stem", stem);
        v("blocks", blocks);
        v("head", head);
    }
    /// Logits of images in a border of zeros, or of an expression that makes them: it is part of
    /// the first kernel where that saves time.
    template <sn::expression X>
    auto operator()(const X& x) {
        images h = relu(stem(x));
        for (block& b : blocks) h = b(h);
        const sn::variable<float, 2> features = mean(h, sn::axis<1, 2>);
        return head(features);
    }
};

namespace {

/// A digit that stands two pixels further is the same digit, but the network must be told. The key
/// is another one for every batch; nothing of what is drawn is stored. One more pixel on each side
/// is what the first convolution wants around an image.
struct moved_digits {
    auto operator()(const sn::tensor<float, 4>& x, const sn::random_key& key) const {
        return sn::data::augment(x, {.shift = 2, .border = 1}, key);
    }
    auto operator()(const sn::tensor<float, 4>& x) const {
        return sn::pad(x, {{0, 0}, {1, 1}, {1, 1}, {0, 0}});
    }
};

void train(const examples::training_options& o) {
    sn::set_default_device(o.where());
    sn::manual_seed(o.seed);
    const auto digits = o.load();
    auto training = examples::on_device(digits.train, o.where());
    const auto test = examples::on_device(digits.test, o.where());

    resnet net;
    std::cout << nn::parameter_count(net) << " parameters\n";
    sn::optim::sgd optimizer(sn::optim::parameters_of(net),
                             {.lr = o.lr, .momentum = 0.9, .weight_decay = 5e-4});
    const moved_digits moved;
    const auto steps = o.epochs * training.batches({.batch_size = o.batch}).size();
    sn::train::fit(net,
                   optimizer,
                   sn::train::prepared(training, moved),
                   {.epochs = o.epochs,
                    .batch = o.batch,
                    .seed = o.seed,
                    .validation = test,
                    .schedule = sn::optim::cosine_annealing_lr{.T_max = steps},
                    .schedule_step = sn::train::each::batch});
    const auto seen = sn::train::test(net, sn::train::prepared(test, moved));
    examples::print({seen.loss, seen.accuracy});
}

}  // namespace

int main(int argc, char** argv) {
    examples::training_options o;
    o.epochs = 8;
    o.lr = 0.05F;
    return examples::run(
        "resnet_digits", "A small residual network on digits", argc, argv, o, train);
}
