// What modules save and load: PyTorch's names, shapes and order of elements.
#include <sinter/nn/state.hpp>

#include <sinter/nn/conv.hpp>
#include <sinter/nn/norm.hpp>

#include "tensor/support.hpp"

namespace {

namespace sn = sinter;
namespace nn = sinter::nn;
namespace io = sinter::io;
using sn::device;
using sn::int64;
using tensor_test::error_of;

struct network {
    nn::conv2d<> conv{2, 3, {.kernel = 2}};
    nn::batch_norm<> norm{3};
    nn::linear<> fc{12, 2};  // behind images of 3 channels, 2 x 2
    template <class V>
    void members(V&& v) {
        v("conv", conv);
        v("norm", norm);
        v("fc", fc);
    }
};
/// Other numbers for every array.
void number(network& net) {
    int k = 0;
    nn::for_each_member(net, [&](const std::string&, auto& m) {
        const auto t = [&] {
            if constexpr (requires { m.detach(); }) {
                return m.detach();
            } else {
                return m;
            }
        }();
        for (int64 i = 0; i < t.size(); ++i) t.data()[i] = static_cast<float>(100 * k + i);
        ++k;
    });
}
const nn::state_options flat{.flattened = {{"fc.weight", {3, 2, 2}}}};

}  // namespace

TEST_CASE("a module's state has PyTorch's names, shapes and order") {
    const tensor_test::default_device_scope on(device::host());
    network net;
    number(net);
    const io::named_arrays s = nn::state_dict(net, flat);
    std::vector<std::string> names;
    for (const auto& [name, a] : s) names.push_back(name + " " + a.text());
    CHECK(names == std::vector<std::string>{"conv.weight float (3, 2, 2, 2)",
                                            "conv.bias float (3,)",
                                            "norm.weight float (3,)",
                                            "norm.bias float (3,)",
                                            "norm.running_mean float (3,)",
                                            "norm.running_var float (3,)",
                                            "fc.weight float (2, 12)",
                                            "fc.bias float (2,)"});
    const auto filters = s.at("conv.weight").as<float, 4>();
    const auto dense = s.at("fc.weight").as<float, 2>();
    const auto w = net.conv.weight.value();
    const auto f = net.fc.weight.value();
    for (int64 o = 0; o < 3; ++o)
        for (int64 i = 0; i < 2; ++i)
            for (int64 y = 0; y < 2; ++y)
                for (int64 x = 0; x < 2; ++x) CHECK(filters(o, i, y, x) == w(o, y, x, i));
    for (int64 o = 0; o < 2; ++o)
        for (int64 c = 0; c < 3; ++c)
            for (int64 y = 0; y < 2; ++y)
                for (int64 x = 0; x < 2; ++x)
                    CHECK(dense(o, c * 4 + y * 2 + x) == f(o, (y * 2 + x) * 3 + c));

    network other;
    const float* const before = other.conv.weight.value().data();
    nn::load_state_dict(other, s, flat);
    CHECK(other.conv.weight.value().data() == before);
    const io::named_arrays again = nn::state_dict(other, flat);
    for (const auto& [name, a] : s) {
        CAPTURE(name);
        const io::array p = a.on_host(), q = again.at(name).on_host();
        CHECK(std::memcmp(p.data(), q.data(), p.bytes()) == 0);
    }
    CHECK(other.fc.weight.value()(1, 5) == f(1, 5));
}

TEST_CASE("a state that does not fit changes nothing") {
    const tensor_test::default_device_scope on(device::host());
    network net, good;
    number(net);
    number(good);
    const io::named_arrays s = nn::state_dict(good);
    const auto without = [&](const std::string& gone, const io::array* instead = nullptr) {
        io::named_arrays r;
        for (const auto& [name, a] : s)
            if (name != gone)
                r.add(name, a);
            else if (instead)
                r.add(name, *instead);
        return r;
    };
    net.conv.bias.value() = 7.0F;
    const auto said = [&](const io::named_arrays& a, const nn::state_options& o = {}) {
        const std::string r = error_of([&] { nn::load_state_dict(net, a, o); });
        CHECK(net.conv.bias.value()(0) == 7);
        return r;
    };
    CHECK(said(without("fc.bias")) == "load_state_dict: there is no array 'fc.bias'.");
    const io::array ours = good.conv.weight.detach(), wrong(sn::zeros<double>(3));
    CHECK(said(without("norm.bias", &wrong)) ==
          "load_state_dict: 'norm.bias' is double (3,), but float (3,) is needed.");
    const io::array turned = ours.permuted({3, 0, 1, 2});
    CHECK(
        said(without("conv.weight", &turned)) ==
        "load_state_dict: 'conv.weight' is float (2, 3, 2, 2), but float (3, 2, 2, 2) is needed.");
    io::named_arrays more = s;
    more.add("head.weight", wrong);
    CHECK(said(more) == "load_state_dict: nothing takes the array 'head.weight'.");
    CHECK(said(s, {.flattened = {{"fc.weight", {3, 2, 3}}}}) ==
          "state_dict: 'fc.weight' is float (2, 12), which is no dense layer behind images of 3 x "
          "2 x "
          "3.");
    more = s;
    more.add("norm.num_batches_tracked", sn::zeros<int64>(sn::shape<0>{}));
    nn::load_state_dict(net, more);
    CHECK(net.conv.bias.value()(0) == 100);
}
