// A checkpoint that PyTorch made: the same network gives the same logits.
#include <sinter/io/safetensors.hpp>
#include <sinter/nn.hpp>
#include <sinter/nn/state.hpp>

#include "tensor/support.hpp"

TEST_CASE("a PyTorch checkpoint of a convolutional network gives PyTorch's logits") {
    namespace sn = sinter;
    namespace nn = sinter::nn;
    const tensor_test::default_device_scope on(sn::device::host());
    auto net = nn::sequential{nn::conv2d(1, 4, {.kernel = 3}),
                              nn::relu(),
                              nn::max_pool2d(2),
                              nn::conv2d(4, 6, {.kernel = 3}),
                              nn::relu(),
                              nn::batch_norm(6),
                              nn::max_pool2d(2),
                              nn::flatten(),
                              nn::linear(6 * 5 * 5, 10)};
    const auto file = sn::io::load_safetensors("tests/io/pytorch.safetensors");
    sn::io::named_arrays parameters;
    for (const auto& [name, a] : file)
        if (name != "images" && name != "logits") parameters.add(name, a);
    nn::load_state_dict(net, parameters, {.flattened = {{"8.weight", {6, 5, 5}}}});
    nn::evaluation(net);
    const sn::no_grad scope;
    // (n, channels, height, width) there, (n, height, width, channels) here.
    const sn::tensor<float, 4> images =
        permute(file.at("images").as<float, 4>(), sn::axes<0, 2, 3, 1>).clone();
    const sn::tensor<float, 2> logits = sn::variable(net(images)).detach();
    CHECK(logits.extents() == sn::shape{3, 10});
    CHECK(tensor_test::difference(tensor_test::get(logits),
                                  tensor_test::get(file.at("logits").as<float, 2>()),
                                  1e-5,
                                  1e-5) == "");
    // And back: what is saved is what PyTorch saved.
    const auto again = nn::state_dict(net, {.flattened = {{"8.weight", {6, 5, 5}}}});
    for (const auto& [name, a] : again) {
        CAPTURE(name);
        const auto p = a.on_host(), q = file.at(name).on_host();
        REQUIRE(p.text() == q.text());
        CHECK(std::memcmp(p.data(), q.data(), p.bytes()) == 0);
    }
}
