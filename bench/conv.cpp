// Convolutions with bias and relu over the layers of LeNet and ResNet-18, and 3 x 3 filters on an
// image. Floor: the multiply-adds over the peak of multiply-adds in registers. Zeros around the
// image are part of what is timed. bench/peers/torch_peer.py runs the same arrays.

#include "support/harness.hpp"

namespace {

using namespace bench;
using images = sn::tensor<float, 4>;

struct layer {
    const char* name;
    int64 examples, extent, channels, filters, window, stride, zeros;
};
// bench/peers/cases.py has the same list.
constexpr layer layers[] = {
    {"lenet_1", 32, 28, 1, 6, 5, 1, 2},
    {"lenet_2", 32, 14, 6, 16, 5, 1, 0},
    {"resnet_stem", 1, 224, 3, 64, 7, 2, 3},
    {"resnet_1", 1, 56, 64, 64, 3, 1, 1},
    {"resnet_2_first", 1, 56, 64, 128, 3, 2, 1},
    {"resnet_2_short", 1, 56, 64, 128, 1, 2, 0},
    {"resnet_2", 1, 28, 128, 128, 3, 1, 1},
    {"resnet_3_first", 1, 28, 128, 256, 3, 2, 1},
    {"resnet_3_short", 1, 28, 128, 256, 1, 2, 0},
    {"resnet_3", 1, 14, 256, 256, 3, 1, 1},
    {"resnet_4_first", 1, 14, 256, 512, 3, 2, 1},
    {"resnet_4_short", 1, 14, 256, 512, 1, 2, 0},
    {"resnet_4", 1, 7, 512, 512, 3, 1, 1},
    {"image", 1, 224, 3, 64, 3, 1, 1},
};

struct operands {
    images x, w;
    vector bias;
    images y, t;
};

void add(const layer& l) {
    const int64 out = (l.extent + 2 * l.zeros - l.window) / l.stride + 1;
    const double flops = 2.0 * static_cast<double>(l.examples * out * out * l.filters) *
                         static_cast<double>(l.window * l.window * l.channels);
    row r("conv2d", l.name, work{0, 0, flops}, [&l, out] {
        const sn::shape<4> result{l.examples, out, out, l.filters};
        return operands{sample(sn::shape<4>{l.examples, l.extent, l.extent, l.channels}),
                        sample(sn::shape<4>{l.filters, l.window, l.window, l.channels}),
                        sample(sn::shape{l.filters}),
                        sn::zeros<float>(result),
                        sn::zeros<float>(result)};
    });
    const sn::conv_options<2> options{.stride = {l.stride, l.stride}, .dilation = {1, 1}};
    const sn::padding zeros(l.zeros);
    r.sinter([=](operands& o) { o.y = relu(sn::conv2d(o.x, o.w, options, zeros) + o.bias); });
    r.unfused([=](operands& o) {
        o.t = sn::conv2d(o.x, o.w, options, zeros);
        o.y = relu(o.t + o.bias);
    });
}

const bool added = [] {
    for (const layer& l : layers) add(l);
    return true;
}();

}  // namespace
