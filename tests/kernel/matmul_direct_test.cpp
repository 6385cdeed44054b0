// The kernel for short sums of windows against plain loops.
#include <algorithm>

#include "kernel/stages.hpp"
#include "kernel/support.hpp"

namespace kernel_test {
namespace {

// Images (n, h, w, c) among zeros, filters (groups, f, kh, kw, c).
struct layer_case {
    int64 n, h, w, c, f, kh, kw, step = 1, zeros = 0, groups = 1;
    int64 height() const { return (h + 2 * zeros - kh) / step + 1; }
    int64 width() const { return (w + 2 * zeros - kw) / step + 1; }
};
constexpr kernel::device_limits direct_device{2, 99 * 1024, 164 * 1024};

// A layer, pooled by 2 x 2 or not, whose arrays begin `offset` elements behind aligned addresses.
template <dtype D, dtype Sum, bool Pooled, bool Short = true, bool Tf32 = false>
emulator::result check_layer(const layer_case& l,
                             bool direct,
                             int64 offset = 0,
                             const kernel::device_limits& d = direct_device) {
    using T = sinter::storage_t<D>;
    using S = sinter::storage_t<Sum>;
    using C = stage<image_layer<D, Sum, Pooled, Short, Tf32>>;
    const int64 oh = l.height(), ow = l.width(), pool = Pooled ? 2 : 1;
    const int64 groups = Pooled ? 1 : l.groups;
    const int64 ph = oh / pool, pw = ow / pool, k = l.kh * l.kw * l.c;
    CAPTURE(l.h);
    CAPTURE(l.w);
    CAPTURE(l.c);
    CAPTURE(l.f);
    CAPTURE(l.kh);
    CAPTURE(std::string(sinter::name_of(D)));
    array<T> x(l.n * l.h * l.w * l.c, offset), r(l.c), w(groups * l.f * k, offset);
    array<S> bias(l.f), residual(l.n * oh * ow * l.f), late(l.f);
    array<S> y(groups * l.n * ph * pw * l.f, offset);
    fill_samples(x, 1);
    fill_samples(w, 2);
    fill_samples(bias, 3);
    fill_samples(residual, 4);
    fill_samples(late, 5);
    for (int64 i = 0; i < l.c; ++i) r[i] = static_cast<T>(static_cast<float>(1 + i % 2));
    // The first element is where the first window begins.
    const T* const corner = x.data() - (l.zeros * l.w + l.zeros) * l.c;
    const int64 sx = l.c * l.step, sy = l.w * sx, image = l.h * l.w * l.c;
    const int64 rx = l.f, ry = ow * l.f, rn = oh * ry;
    ir::bound_guard guards[2];
    const auto layer = [&] {
        if constexpr (Pooled) {
            // Examples, rows of windows, two of rows, two of columns; windows; filters; sums.
            binding s({l.n, ph, 2, 2, pw, l.f}, {l.kh, l.kw * l.c});
            s.b.folded = 4 | 8;
            s.load(corner, {image, 2 * sy, sy, sx, 2 * sx, 0, l.w * l.c, 1});
            // One number for all channels: the summed axes are joined.
            s.load(r.data(), {0, 0, 0, 0, 0, 0, 0, 0});
            s.load(w.data(), {0, 0, 0, 0, 0, k, l.kw * l.c, 1});
            s.load(bias.data(), {0, 0, 0, 0, 0, 1, 0, 0});
            s.load(residual.data(), {rn, 2 * ry, ry, rx, 2 * rx, 1, 0, 0});
            s.load(late.data(), {0, 0, 0, 0, 0, 1, 0, 0});
            s.store(y.data(), {ph * pw * l.f, pw * l.f, 0, 0, l.f, 1, 0, 0});
            guards[0] = {{0, 2 * l.step, l.step, 0, 0, 0, 1, 0}, -l.zeros, l.h, 0, 0, 1};
            guards[1] = {{0, 0, 0, l.step, 2 * l.step, 0, 0, 1},
                         -l.zeros,
                         l.w,
                         0,
                         (uint64{1} << 32) / static_cast<uint64>(l.c) + 1,
                         l.c};
            return s;
        } else {
            binding s({groups, l.n, oh, ow, l.f}, {l.kh, l.kw, l.c});
            s.load(corner, {0, image, sy, sx, 0, l.w * l.c, l.c, 1});
            s.load(r.data(), {0, 0, 0, 0, 0, 0, 0, 1});
            s.load(w.data(), {l.f * k, 0, 0, 0, k, l.kw * l.c, l.c, 1});
            s.load(bias.data(), {0, 0, 0, 0, 1, 0, 0, 0});
            s.load(residual.data(), {0, rn, ry, rx, 1, 0, 0, 0});
            s.store(y.data(), {l.n * rn, rn, ry, rx, 1, 0, 0, 0});
            guards[0] = {{0, 0, l.step, 0, 0, 1, 0, 0}, -l.zeros, l.h, 0, 0, 1};
            guards[1] = {{0, 0, 0, l.step, 0, 0, 1, 0}, -l.zeros, l.w, 0, 0, 1};
            return s;
        }
    };
    binding s = layer();
    s.b.guard = guards;
    s.b.guards = 2;
    CHECK(kernel::plan_launch<C>(s.stage(), d).direct == direct);
    const auto result = run<C>(s, d);
    bool same = true;
    std::vector<double> tops(static_cast<std::size_t>(y.size()), -1e30);
    for (int64 e = 0; e < groups * l.n * oh * ow * l.f; ++e) {
        const int64 f = e % l.f, ox = e / l.f % ow, oy = e / rx / ow % oh, n = e / rn % l.n,
                    g = e / rn / l.n;
        if (oy / pool >= ph || ox / pool >= pw) continue;
        double sum = 0;
        for (int64 q = 0; q < k; ++q) {
            const int64 c = q % l.c, ix = ox * l.step + q / l.c % l.kw - l.zeros,
                        iy = oy * l.step + q / l.c / l.kw - l.zeros;
            if (ix < 0 || iy < 0 || ix >= l.w || iy >= l.h) continue;
            sum += static_cast<double>(number_of(x[((n * l.h + iy) * l.w + ix) * l.c + c])) *
                   (Pooled ? 1.0 : static_cast<double>(1 + c % 2)) *
                   static_cast<double>(number_of(w[(g * l.f + f) * k + q]));
        }
        sum = std::max(sum + static_cast<double>(number_of(bias[f])), 0.0) +
              static_cast<double>(number_of(residual[e % (l.n * rn)]));
        if (!Pooled) {
            same &= close(y[e], sum, 8);
            continue;
        }
        double& top = tops[static_cast<std::size_t>(((n * ph + oy / 2) * pw + ox / 2) * l.f + f)];
        top = std::max(top, sum);
    }
    for (int64 e = 0; Pooled && e < y.size(); ++e)
        same &=
            close(y[e],
                  tops[static_cast<std::size_t>(e)] + static_cast<double>(number_of(late[e % l.f])),
                  8);
    CHECK(same);
    return result;
}

constexpr layer_case direct_cases[] = {{1, 2, 2, 1, 1, 1, 1},
                                       {2, 5, 7, 1, 6, 3, 3, 1, 1},
                                       {1, 12, 13, 3, 40, 3, 3, 2, 1, 2},
                                       {3, 9, 9, 2, 33, 5, 5, 1, 2},
                                       {1, 11, 10, 4, 7, 7, 7, 1, 3, 3},
                                       {2, 3, 11, 1, 70, 1, 9},
                                       {1, 20, 21, 3, 32, 3, 3}};

TEST_CASE("direct: layers of every type, with zeros, strides and groups") {
    using enum dtype;
    for (const layer_case& l : direct_cases) {
        check_layer<f32, f32, false>(l, true);
        check_layer<bf16, bf16, false>(l, true, 3);
        check_layer<f32, f32, true>(l, true, 1);
    }
    const layer_case& l = direct_cases[2];
    check_layer<f64, f64, false>(l, true, 1);
    check_layer<i64, i64, false>(l, true);
    check_layer<i8, i32, false>(l, true, 5);
    check_layer<f32, f32, false, true, true>(l, true);
    check_layer<f16, f16, true>(l, true);
}
TEST_CASE("direct: under every schedule, several passes of a sum among them") {
    under_all_schedules([] {
        check_layer<dtype::f32, dtype::f32, false>(direct_cases[2], true);
        check_layer<dtype::f32, dtype::f32, true>(direct_cases[3], true);
        check_layer<dtype::f32, dtype::f32, false>(
            direct_cases[3], true, 0, {2, 48 * 1024, 80 * 1024});
    });
}
TEST_CASE("direct: no elements, long sums and little shared memory are the business of matmul") {
    check_layer<dtype::f32, dtype::f32, false>({0, 5, 5, 1, 2, 3, 3}, false);
    check_layer<dtype::f32, dtype::f32, false>({1, 5, 5, 1, 0, 3, 3}, false);
    check_layer<dtype::f32, dtype::f32, false>({1, 5, 5, 0, 2, 3, 3}, false);
    check_layer<dtype::f32, dtype::f32, false>({1, 5, 5, 40, 2, 3, 3}, false);
    check_layer<dtype::f32, dtype::f32, false>(
        direct_cases[4], false, 0, {2, 48 * 1024, 64 * 1024});
}

// A convolution among zeros as tensors bind it: the longest axis of places makes the rows, and the
// columns of a window are one axis with the channels.
binding bind_convolution(const layer_case& l, const float* x, const float* w, float* y) {
    const int64 oh = l.height(), ow = l.width(), row = l.w * l.c, k = l.kh * l.kw * l.c;
    struct axis {
        int64 extent, of_image, of_result, down, along;
    } axes[] = {{l.n, l.h * row, oh * ow * l.f, 0, 0},
                {oh, l.step * row, ow * l.f, l.step, 0},
                {ow, l.step * l.c, l.f, 0, l.step}};
    axis* const longest = std::max_element(
        axes, axes + 3, [](const axis& p, const axis& q) { return p.extent < q.extent; });
    std::rotate(longest, longest + 1, axes + 3);
    static ir::bound_guard guards[2];
    guards[0] = {{}, -l.zeros, l.h, 0, 0, 1};
    guards[1] = {{}, -l.zeros, l.w, 0, (uint64{1} << 32) / static_cast<uint64>(l.c) + 1, l.c};
    for (int d = 0; d < 3; ++d) {
        guards[0].stride[d] = axes[d].down;
        guards[1].stride[d] = axes[d].along;
    }
    guards[0].stride[4] = 1;
    guards[1].stride[5] = 1;
    binding s({axes[0].extent, axes[1].extent, axes[2].extent, l.f}, {l.kh, l.kw * l.c});
    s.load(x - (l.zeros * l.w + l.zeros) * l.c,
           {axes[0].of_image, axes[1].of_image, axes[2].of_image, 0, row, 1});
    s.load(w, {0, 0, 0, k, l.kw * l.c, 1});
    s.store(y, {axes[0].of_result, axes[1].of_result, axes[2].of_result, 1, 0, 0});
    s.b.guard = guards;
    s.b.guards = 2;
    return s;
}
using short_sums = stage<among_zeros<dtype::f32, true>>;
using tiled_sums = stage<among_zeros<dtype::f32, false>>;

TEST_CASE("direct: the products of first layers, padding included") {
    struct first_layer {
        layer_case l;
        double direct, tiled;  // products for each one that the convolution needs
    };
    constexpr first_layer all[] = {{{32, 28, 28, 1, 6, 5, 5, 1, 2}, 1.33, 136.5},
                                   {{32, 28, 28, 1, 32, 3, 3}, 1.0, 42.7},
                                   {{1, 224, 224, 3, 64, 3, 3, 1, 1}, 1.0, 4.06},
                                   {{1, 224, 224, 3, 64, 7, 7, 2, 3}, 1.0, 1.74}};
    const kernel::device_limits large_device{132, 227 * 1024, 228 * 1024};
    for (const first_layer& f : all) {
        static float anywhere;
        binding s = bind_convolution(f.l, &anywhere, &anywhere, &anywhere);
        const auto p = kernel::plan_launch<short_sums>(s.stage(), large_device);
        const auto t = kernel::plan_launch<tiled_sums>(s.stage(), large_device).kernel.p;
        REQUIRE(p.direct);
        const auto& d = p.kernel.p.direct;
        const auto wanted = static_cast<double>(f.l.n * f.l.height() * f.l.width() * f.l.f *
                                                f.l.kh * f.l.kw * f.l.c);
        const int64 side = t.large ? 128 : 64, step = t.large ? 8 : 16;
        const int64 rows = std::max({f.l.n, f.l.height(), f.l.width()});
        const int64 products = f.l.n * f.l.height() * f.l.width() / rows;
        const double tiled = static_cast<double>(products * t.tiles * side * side * t.steps * step);
        const int64 columns = std::min<int64>((f.l.f + 7) / 8 * 8, d.resident);
        const double direct = static_cast<double>(d.units * 128 * columns * d.k);
        CHECK(direct / wanted == doctest::Approx(f.direct).epsilon(0.01));
        CHECK(tiled / wanted == doctest::Approx(f.tiled).epsilon(0.01));
    }
}
TEST_CASE("direct: a tile of 32 columns costs two barriers, and less traffic than others") {
    const layer_case l{4, 28, 28, 1, 32, 3, 3};
    array<float> x(l.n * l.h * l.w * l.c), w(l.f * l.kh * l.kw * l.c);
    array<float> y(l.n * l.height() * l.width() * l.f), z(y.size());
    fill_samples(x, 1);
    fill_samples(w, 2);
    binding s = bind_convolution(l, x.data(), w.data(), y.data());
    const auto now = run<short_sums>(s, direct_device).stats;
    binding t = bind_convolution(l, x.data(), w.data(), z.data());
    const auto tiles = run<tiled_sums>(t, direct_device).stats;
    bool same = true;
    for (int64 i = 0; i < y.size(); ++i) same &= y[i] == z[i];
    CHECK(same);
    const auto rows = static_cast<std::uint64_t>(l.n * l.height() * l.width());
    // One more in each block, for the table of sums.
    CHECK(now.barriers == (rows + 127) / 128 * 2 + now.blocks);
    CHECK(now.shared_conflicts == 0);
    // Each element of each window, and the filters once a block.
    CHECK(now.loads == rows * 9 + now.blocks * 32 * 9);
    CHECK(tiles.barriers > 20 * now.barriers);
    CHECK(tiles.loads > 2 * now.loads);
    CHECK(tiles.shared_accesses > 9 * now.shared_accesses);
}

}  // namespace
}  // namespace kernel_test
