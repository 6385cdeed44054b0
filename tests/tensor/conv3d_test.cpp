// Convolutions of volumes and their gradients beside loops.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::conv_options;
using sn::padding;
using sn::shape;
using sn::tensor;

struct volume_case {
    extents input, filters;
    int64 stride[3], dilation[3], around;
};
const volume_case volume_cases[] = {
    {{2, 4, 5, 6, 3}, {4, 2, 3, 2, 3}, {1, 1, 1}, {1, 1, 1}, 0},
    {{1, 5, 4, 5, 2}, {3, 3, 2, 3, 2}, {2, 1, 2}, {1, 2, 1}, 1},
    {{1, 3, 3, 3, 1}, {1, 1, 1, 1, 1}, {1, 1, 1}, {1, 1, 1}, 0},
    {{1, 3, 3, 3, 0}, {2, 2, 2, 2, 0}, {1, 1, 1}, {1, 1, 1}, 0},
};

// Eighths up to 4: products and their sums are exact.
TEST_CASE("conv3d and its gradients are exact where sums are") {
    on_each_device([](device d) {
        for (const volume_case& c : volume_cases) {
            CAPTURE(sn::shape_text(c.input.data(), 5));
            extents out{c.input[0], 0, 0, 0, c.filters[0]};
            for (std::size_t k = 0; k < 3; ++k)
                out[k + 1] =
                    (c.input[k + 1] + 2 * c.around - c.dilation[k] * (c.filters[k + 1] - 1) - 1) /
                        c.stride[k] +
                    1;
            const reals x = random(c.input, 1), w = random(c.filters, 2), g = random(out, 3);
            reals y(out), dx(c.input), dw(c.filters);
            const auto number = [](const extents& s, const extents& i) {
                int64 n = 0;
                for (std::size_t k = 0; k < s.size(); ++k) n = n * s[k] + i[k];
                return at(n);
            };
            for_each_index(out, [&](const extents& o) {
                for_each_index({c.filters.begin() + 1, c.filters.end()}, [&](const extents& i) {
                    extents p{o[0], 0, 0, 0, i[3]};
                    for (std::size_t k = 0; k < 3; ++k) {
                        p[k + 1] = o[k + 1] * c.stride[k] + i[k] * c.dilation[k] - c.around;
                        if (p[k + 1] < 0 || p[k + 1] >= c.input[k + 1]) return;
                    }
                    const auto in = number(c.input, p), to = number(out, o),
                               f = number(c.filters, {o[4], i[0], i[1], i[2], i[3]});
                    y.of[to] += x.of[in] * w.of[f];
                    dx.of[in] += g.of[to] * w.of[f];
                    dw.of[f] += g.of[to] * x.of[in];
                });
            });
            const conv_options<3> o{{c.stride[0], c.stride[1], c.stride[2]},
                                    {c.dilation[0], c.dilation[1], c.dilation[2]}};
            const padding p(c.around);
            for (const layout l : {layout::plain, layout::mixed}) {
                const auto a = put<float, 5>(x, d, l), b = put<float, 5>(w, d, l),
                           h = put<float, 5>(g, d, l);
                CHECK(difference(get(tensor<float, 5>(conv3d(a, b, o, p))), y) == "");
                if (c.around == 0)
                    CHECK(difference(get(tensor<float, 5>(conv3d(a, b, o))), y) == "");
                const tensor<float, 5> q = conv3d_input_gradient(h, b, a.extents(), o, p);
                CHECK(difference(get(q), dx) == "");
                const tensor<float, 5> r = conv3d_filter_gradient(a, h, b.extents(), o, p);
                CHECK(difference(get(r), dw) == "");
            }
        }
    });
}

TEST_CASE("conv3d of contiguous arrays is one launch with what surrounds it") {
    on_each_device([](device d) {
        const auto a = put<float, 5>(random({1, 3, 4, 4, 2}, 1), d),
                   b = put<float, 5>(random({3, 2, 2, 2, 2}, 2), d);
        sn::launch_counter ran;
        const tensor<float, 5> r = relu(conv3d(a, b) + 1.F);
        CHECK(ran.launches() == 1);
    });
    const auto x = put<float, 5>(random({1, 3, 4, 4, 2}, 1), device::host()),
               w = put<float, 5>(random({3, 2, 2, 2, 2}, 2), device::host());
    CHECK(error_of([&] {
              conv3d(x, w, {{}, {1, 1, 2}});
          }) == "conv3d: the dilation of the last axis of space must be 1, not 2.");
}

}  // namespace
