// Convolutions with bias and relu over the layers of LeNet and ResNet-18, and 3 x 3 filters on an
// image. Floor: the multiply-adds over the peak of multiply-adds in registers. Zeros around the
// image are part of what is timed. bench/peers/torch_peer.py runs the same arrays.
//
// Filters of single channels and overlapping pools do little with what they read: on a device their
// floor is each element of the operands read once, each of the result written once. On a host
// the former compute as long as they read, and their floor is the multiply-adds as well.
//
// On a device the first layers of networks come once more, beside the tiles that other products
// take. Their floor is memory too.

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

// The layers of ResNeXt-50, in 32 groups and in one: the same arrays, 32 times the operations.
constexpr layer in_groups[] = {
    {"resnext_1", 1, 56, 128, 128, 3, 1, 1},
    {"resnext_2", 1, 28, 256, 256, 3, 1, 1},
    {"resnext_3", 1, 14, 512, 512, 3, 1, 1},
};
void add_groups(const layer& l) {
    constexpr int64 groups = 32;
    const int64 each = l.channels / groups;
    const double flops = 2.0 * static_cast<double>(l.extent * l.extent * l.filters) *
                         static_cast<double>(l.window * l.window * each);
    const auto made = [&l](int64 channels) {
        return [&l, channels] {
            const sn::shape<4> image{l.examples, l.extent, l.extent, l.channels};
            return operands{sample(image),
                            sample(sn::shape<4>{l.filters, l.window, l.window, channels}),
                            sample(sn::shape{l.filters}),
                            sn::zeros<float>(image),
                            sn::zeros<float>(image)};
        };
    };
    const sn::padding zeros(l.zeros);
    row r("grouped_conv2d", l.name, work{0, 0, flops}, made(each));
    r.sinter([=](operands& o) {
        o.y = relu(sn::conv2d(o.x, o.w, {}, zeros, sn::groups(groups)) + o.bias);
    });
    row all("one_group_conv2d", l.name, work{0, 0, groups * flops}, made(l.channels));
    all.sinter([=](operands& o) { o.y = relu(sn::conv2d(o.x, o.w, {}, zeros) + o.bias); });
}

#if SINTER_NVCC
constexpr layer first_layers[] = {
    {"lenet", 256, 28, 1, 6, 5, 1, 2},
    {"mnist", 256, 28, 1, 32, 3, 1, 0},
    {"imagenet_3x3", 32, 224, 3, 64, 3, 1, 1},
    {"imagenet_7x7", 32, 224, 3, 64, 7, 2, 3},
};
template <class T>
struct typed_operands {
    sn::tensor<T, 4> x, w;
    sn::tensor<T, 1> bias;
    sn::tensor<T, 4> y;
};
template <class T>
void add_first(const char* family, const layer& l) {
    const int64 out = (l.extent + 2 * l.zeros - l.window) / l.stride + 1;
    const double scale = double{sizeof(T)} / float_bytes;
    const work floor{arrays_of(l.examples * l.extent * l.extent * l.channels, scale),
                     arrays_of(l.examples * out * out * l.filters, scale),
                     0};
    row r(family, l.name, floor, [&l, out] {
        return typed_operands<T>{
            sample<T>(sn::shape<4>{l.examples, l.extent, l.extent, l.channels}),
            sample<T>(sn::shape<4>{l.filters, l.window, l.window, l.channels}),
            sample<T>(sn::shape{l.filters}),
            sn::zeros<T>(sn::shape<4>{l.examples, out, out, l.filters})};
    });
    const sn::conv_options<2> options{.stride = {l.stride, l.stride}, .dilation = {1, 1}};
    const sn::padding zeros(l.zeros);
    const auto convolve = [=](typed_operands<T>& o) {
        o.y = relu(sn::conv2d(o.x, o.w, options, zeros) + o.bias);
    };
    r.sinter(convolve);
    r.peer("tiles", [=](typed_operands<T>& o) {
        sn::exec::takes_direct_kernel = false;
        convolve(o);
        sn::exec::takes_direct_kernel = true;
    });
}
#endif

// A filter for each channel; the loop has what a compiler makes of the obvious one.
constexpr layer each_channel[] = {
    {"mobilenet_1", 1, 112, 32, 32, 3, 1, 0},
    {"mobilenet_2", 1, 112, 64, 64, 3, 2, 0},
    {"mobilenet_4", 1, 14, 512, 512, 3, 1, 0},
    {"few_channels", 8, 28, 6, 6, 5, 1, 0},
};
#if !SINTER_NVCC
[[gnu::noinline]] void loop(const layer& l,
                            const float* __restrict x,
                            const float* __restrict w,
                            float* __restrict y) {
    const int64 out = (l.extent - l.window) / l.stride + 1, c = l.channels;
    for (int64 i = 0; i < l.examples * out * out; ++i, y += c) {
        const int64 top = i / out % out * l.stride, left = i % out * l.stride;
        for (int64 k = 0; k < c; ++k) y[k] = 0;
        for (int64 p = 0; p < l.window; ++p)
            for (int64 q = 0; q < l.window; ++q) {
                const float* from =
                    x + ((i / out / out * l.extent + top + p) * l.extent + left + q) * c;
                const float* by = w + (p * l.window + q) * c;
#pragma omp simd
                for (int64 k = 0; k < c; ++k) y[k] += from[k] * by[k];
            }
    }
}
#endif
void add_each_channel(const layer& l) {
    const int64 out = (l.extent - l.window) / l.stride + 1;
    const double flops = 2.0 * static_cast<double>(l.examples * out * out * l.filters) *
                         static_cast<double>(l.window * l.window);
    const int64 results = l.examples * out * out * l.filters,
                elements = l.channels * (l.examples * l.extent * l.extent + l.window * l.window);
    const work floor =
        on_host() ? work{0, 0, flops} : work{arrays_of(elements), arrays_of(results), flops};
    row r("depthwise_conv2d", l.name, floor, [&l, out] {
        const sn::shape<4> result{l.examples, out, out, l.filters};
        return operands{sample(sn::shape<4>{l.examples, l.extent, l.extent, l.channels}),
                        sample(sn::shape<4>{l.filters, l.window, l.window, 1}),
                        sample(sn::shape{l.filters}),
                        sn::zeros<float>(result),
                        sn::zeros<float>(result)};
    });
    const sn::conv_options<2> options{.stride = {l.stride, l.stride}, .dilation = {1, 1}};
    r.sinter([=](operands& o) { o.y = sn::depthwise_conv2d(o.x, o.w, options); });
#if !SINTER_NVCC
    r.peer("loop", [&l](operands& o) { loop(l, o.x.data(), o.w.data(), o.y.data()); });
#endif
}

// Windows that overlap, as after the first layer of a ResNet.
constexpr layer pools[] = {
    {"resnet_stem", 1, 112, 64, 64, 3, 2, 0},
    {"every_place", 1, 56, 128, 128, 3, 1, 0},
};
void add_pool(const layer& l) {
    const int64 out = (l.extent - l.window) / l.stride + 1;
    const work floor{arrays_of(l.examples * l.extent * l.extent * l.channels),
                     arrays_of(l.examples * out * out * l.channels)};
    const auto arrays = [&l, out] {
        return operands{sample(sn::shape<4>{l.examples, l.extent, l.extent, l.channels}),
                        {},
                        {},
                        sn::zeros<float>(sn::shape<4>{l.examples, out, out, l.channels}),
                        {}};
    };
    const sn::window w{.size = l.window, .stride = l.stride};
    row largest("max_pool", l.name, floor, arrays);
    largest.sinter([=](operands& o) { o.y = sn::max_pool(o.x, {w, w}); });
    row mean("avg_pool", l.name, floor, arrays);
    mean.sinter([=](operands& o) { o.y = sn::avg_pool(o.x, {w, w}); });
}

const bool added = [] {
    for (const layer& l : pools) add_pool(l);
    for (const layer& l : layers) add(l);
    for (const layer& l : in_groups) add_groups(l);
    for (const layer& l : each_channel) add_each_channel(l);
#if SINTER_NVCC
    if (!on_host())
        for (const layer& l : first_layers) {
            add_first<float>("first_layer", l);
            add_first<sn::bfloat16>("first_layer_bfloat16", l);
        }
#endif
    return true;
}();

}  // namespace
