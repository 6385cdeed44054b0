// A network that PyTorch has saved, tests/nn/pytorch_file.py, gives PyTorch's logits here.
#include <sinter/nn.hpp>
#include <sinter/nn/file.hpp>

#include <unistd.h>

#include "tensor/support.hpp"

namespace {

namespace sn = sinter;
namespace nn = sinter::nn;
using sn::int64;

/// The largest difference from the logits in the file, over the largest of these.
double difference_from(const std::string& path) {
    const sn::io::named_arrays saved = sn::io::load_safetensors(path);
    const int64 first = saved.at("0.bias").extents()[0], second = saved.at("3.bias").extents()[0];
    const auto made = [&] {
        return nn::sequential{nn::conv2d(1, first, {.kernel = 3}),
                              nn::relu(),
                              nn::max_pool2d(2),
                              nn::conv2d(first, second, {.kernel = 3}),
                              nn::relu(),
                              nn::max_pool2d(2),
                              nn::flatten(),
                              nn::linear(5 * 5 * second, 10)};
    };
    auto net = made();
    // `logits` is not the network's, so not every array is taken.
    nn::load_state_dict(net, saved, {.strict = false, .flattened = {{"7.weight", {second, 5, 5}}}});
    sn::tensor<float, 4> images(sn::shape{2, 28, 28, 1});
    for (int64 k = 0; k < images.size(); ++k)
        images.data()[k] = static_cast<float>(std::sin(static_cast<double>(k) / 10));
    const sn::tensor<float, 2> ours = sn::variable(net(images)).detach();
    const sn::tensor<float, 2> theirs = saved.at("logits").as<float, 2>();
    REQUIRE(ours.extents() == theirs.extents());
    double worst = 0, largest = 0;
    for (int64 i = 0; i < ours.size(); ++i) {
        const auto a = static_cast<double>(ours.data()[i]),
                   b = static_cast<double>(theirs.data()[i]);
        worst = std::max(worst, std::abs(a - b));
        largest = std::max(largest, std::abs(b));
    }
    CHECK(largest > 0.1);
    // Written and read again, it is the same network.
    const auto file = std::filesystem::temp_directory_path() /
                      ("sinter-nn-" + std::to_string(::getpid()) + ".safetensors");
    const nn::state_options names{.flattened = {{"7.weight", {second, 5, 5}}}};
    nn::save(net, file, names);
    CHECK(allclose(sn::io::load_safetensors(file).at("7.weight").as<float, 2>(),
                   saved.at("7.weight").as<float, 2>(),
                   0,
                   0));
    auto same = made();
    nn::load(same, file, names);
    std::filesystem::remove(file);
    CHECK(allclose(sn::variable(same(images)).detach(), ours, 0, 0));
    CHECK_THROWS_AS(nn::load(same, file, names), sn::io_error);
    return worst / largest;
}

}  // namespace

TEST_CASE("a network saved by PyTorch loads and gives the same logits") {
    const tensor_test::default_device_scope on(sn::device::host());
    CHECK(difference_from("tests/nn/pytorch_file.safetensors") < 1e-5);
}
