// Reductions over the rows of a row kernel, in its own launch.
#if defined(_OPENMP)
#include <omp.h>
#endif

#include "support/schedules.hpp"
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis;
using sn::keepdims;
using sn::tensor;

struct shape_case {
    int64 rows, length;
};
// Rows that share a warp, a block, several blocks; more rows than a wave of blocks, and none.
constexpr shape_case cases[] = {{0, 5},
                                {1, 1},
                                {5, 2},
                                {1, 70},
                                {3, 1000},
                                {300, 7},
                                {67, 33},
                                {1000, 130},
                                {40, 1025},
                                {9, 5003},
                                {2, 100000}};

constexpr bool plain_flavour = !sinter_test::asan_flavour && !sinter_test::race_flavour;

/// True when a and b are the same up to `ulps` roundings of numbers as large as `size`.
bool near(double a, double b, double size, double ulps = 64) {
    return (std::isnan(a) && std::isnan(b)) || a == b ||
           std::fabs(a - b) <= ulps * 6e-8 * (size + std::fabs(b));
}

TEST_CASE("a loss per row and its mean are one launch") {
    on_each_device([](device d) {
        for (const shape_case& c : cases) {
            if (c.length > 6000 && !plain_flavour) continue;
            CAPTURE(c.rows);
            CAPTURE(c.length);
            const auto x = put<float, 2>(random({c.rows, c.length}, 1), d);
            auto labels = random<int64>({c.rows}, 2);
            for (int64& l : labels.of) l = l < -3 ? -100 : (l + 4) % c.length;
            const auto y = put<int64, 1>(labels, d);
            const tensor<float, 1> rows = sn::cross_entropy<sn::reduction::none>(x, y);
            sn::launch_counter ran;
            const tensor<float, 0> mean = sn::cross_entropy(x, y);
            CHECK(ran.launches() == 1);
            CHECK(ran.temporaries() == 0);
            double sum = 0, count = 0;
            const reals each = get(rows);
            for (std::size_t i = 0; i < each.of.size(); ++i) {
                sum += each.of[i];
                count += labels.of[i] != -100;
            }
            CHECK(near(get(mean).of[0], sum / count, 10));
        }
    });
}

TEST_CASE("a loss and its gradient by rows are one launch") {
    on_each_device([](device d) {
        for (const shape_case& c : cases) {
            if (c.length > 6000 && !plain_flavour) continue;
            CAPTURE(c.rows);
            CAPTURE(c.length);
            const auto x = put<float, 2>(random({c.rows, c.length}, 1), d);
            auto labels = random<int64>({c.rows}, 2);
            for (int64& l : labels.of) l = (l + 4) % c.length;
            if (c.rows == 0) continue;  // has no least loss
            const auto y = put<int64, 1>(labels, d);
            const auto p = softmax(x);
            const auto hot = astype<float>(sn::coordinate(x, axis<-1>) == unsqueeze(y, axis<-1>));
            const auto row = -sum(log(p) * hot, axis<-1>, keepdims);
            tensor<float, 0> loss, least;
            tensor<float, 2> gradient;
            sn::launch_counter ran;
            evaluate(out(loss) = mean(row),
                     out(least) = min(row) * 2,
                     out(gradient) = (p - hot) / static_cast<float>(c.rows));
            CHECK(ran.launches() == 1);
            const tensor<float, 1> rows = sn::cross_entropy<sn::reduction::none>(x, y);
            const tensor<float, 2> apart = (p - hot) / static_cast<float>(c.rows);
            double sum = 0, low = sn::infinity;
            for (const double r : get(rows).of) sum += r, low = std::min(low, 2 * r);
            CHECK(near(get(loss).of[0], sum / static_cast<double>(c.rows), 10));
            CHECK(near(get(least).of[0], low, 10));
            CHECK(get(gradient).of == get(apart).of);
        }
    });
}

TEST_CASE("elements of rows are summed in the launch that computes them") {
    on_each_device([](device d) {
        for (const shape_case& c : cases) {
            if (c.length > 6000 && !plain_flavour) continue;
            CAPTURE(c.rows);
            CAPTURE(c.length);
            const auto x = put<float, 2>(random({c.rows, c.length}, 1), d);
            const auto w = put<float, 2>(random({c.rows, c.length}, 2), d);
            sn::launch_counter ran;
            const tensor<float, 0> all = sum(softmax(x) * w);
            CHECK(ran.launches() == 1);
            const tensor<float, 2> p = softmax(x);
            const reals a = get(p), b = get(w);
            double sum = 0;
            for (std::size_t i = 0; i < a.of.size(); ++i) sum += a.of[i] * b.of[i];
            CHECK(near(get(all).of[0], sum, 4 * static_cast<double>(c.rows)));
        }
    });
}

TEST_CASE("the gradients of a layer norm are one launch, sums of columns included") {
    on_each_device([](device d) {
        for (const shape_case& c : cases) {
            if (c.length > 6000 && !plain_flavour) continue;
            CAPTURE(c.rows);
            CAPTURE(c.length);
            const auto x = put<float, 2>(random({c.rows, c.length}, 1), d);
            // Of another type than x: the compiler sees that they differ.
            const auto dy16 = put<sn::bfloat16, 2>(random({c.rows, c.length}, 2), d);
            const auto dy = astype<float>(dy16);
            const auto gamma = put<float, 1>(random({c.length}, 3), d);
            const auto m = x - mean(x, axis<-1>, keepdims);
            const auto s = 1 / sqrt(mean(m * m, axis<-1>, keepdims) + 1);
            const auto hat = m * s;
            const auto g = dy * gamma;
            const auto back =
                s * (g - mean(g, axis<-1>, keepdims) - hat * mean(g * hat, axis<-1>, keepdims));
            tensor<float, 2> dx;
            tensor<float, 1> dgamma, dbeta;
            sn::launch_counter ran;
            evaluate(out(dx) = back,
                     out(dgamma) = sum(dy * hat, axis<0>),
                     out(dbeta) = sum(dy, axis<0>));
            CHECK(ran.launches() == 1);
            const tensor<float, 2> apart = back, stored = hat;
            CHECK(difference(get(dx), get(apart), 1e-5, 1e-5) == "");
            const reals a = get(dy16), b = get(stored), of_gamma = get(dgamma),
                        of_beta = get(dbeta);
            bool right = true;
            for (int64 j = 0; j < c.length; ++j) {
                double scale = 0, shift = 0;
                for (int64 i = 0; i < c.rows; ++i) {
                    scale += a.of[at(i * c.length + j)] * b.of[at(i * c.length + j)];
                    shift += a.of[at(i * c.length + j)];
                }
                const double size = 4 * static_cast<double>(c.rows);
                right &=
                    near(of_gamma.of[at(j)], scale, size) && near(of_beta.of[at(j)], shift, size);
            }
            CHECK(right);
        }
    });
}

TEST_CASE("a softmax, its gradient and the sums of its columns are one launch") {
    on_each_device([](device d) {
        for (const shape_case& c : cases) {
            if (c.length > 6000 && !plain_flavour) continue;
            CAPTURE(c.rows);
            CAPTURE(c.length);
            if (c.rows == 0) continue;  // has no largest
            const auto x = put<double, 2>(random({c.rows, c.length}, 1), d);
            const auto p = softmax(x);
            const auto gradient = (p - tril(x)) / 8;
            tensor<double, 2> dx;
            tensor<double, 1> db;
            tensor<double, 2> largest;
            sn::launch_counter ran;
            evaluate(out(dx) = gradient,
                     out(db) = sum(gradient, axis<0>) / 2,
                     out(largest) = max(gradient, axis<0>, keepdims));
            CHECK(ran.launches() == 1);
            const reals g = get(dx), sums = get(db), most = get(largest);
            bool right = true;
            for (int64 j = 0; j < c.length; ++j) {
                double sum = 0, top = -sn::infinity;
                for (int64 i = 0; i < c.rows; ++i) {
                    sum += g.of[at(i * c.length + j)];
                    top = std::max(top, g.of[at(i * c.length + j)]);
                }
                right &= near(sums.of[at(j)], sum / 2, 1e-6) && most.of[at(j)] == top;
            }
            CHECK(right);
#if defined(_OPENMP)
            const int threads = omp_get_max_threads();
            for (int n = 1; d.is_host() && n <= 3; ++n) {
                omp_set_num_threads(n);
                tensor<double, 1> again;
                evaluate(out(dx) = gradient,
                         out(again) = sum(gradient, axis<0>) / 2,
                         out(largest) = max(gradient, axis<0>, keepdims));
                CHECK(get(again).of == sums.of);
                CHECK(get(largest).of == most.of);
            }
            omp_set_num_threads(threads);
#endif
        }
    });
}

#if defined(_OPENMP)
// Threads share rows, and the last columns are few enough to be folded several rows at a time.
TEST_CASE("columns of a few long rows have the same bits in any number of threads") {
    for (const shape_case& c : {shape_case{2, 97 * 1024 + 64}, {13, 64 * 1024 + 17}}) {
        const auto x = put<float, 2>(random({c.rows, c.length}, 1), device::host());
        const auto w = put<float, 2>(random({c.rows, c.length}, 2), device::host());
        const tensor<float, 2> p = softmax(x);
        const reals a = get(p), b = get(w);
        std::vector<double> one;
        const int threads = omp_get_max_threads();
        for (int n = 1; n <= 3; ++n) {
            omp_set_num_threads(n);
            const tensor<float, 1> columns = sum(softmax(x) * w, axis<0>);
            const reals sums = get(columns);
            bool right = true;
            for (int64 j = 0; j < c.length; ++j) {
                double sum = 0;
                for (int64 i = 0; i < c.rows; ++i)
                    sum += a.of[at(i * c.length + j)] * b.of[at(i * c.length + j)];
                right &= near(sums.of[at(j)], sum, 1e-4);
            }
            CHECK(right);
            if (n == 1) one = sums.of;
            CHECK(sums.of == one);
        }
        omp_set_num_threads(threads);
    }
}
#endif

#if SINTER_EMULATOR

TEST_CASE("totals of rows have the same bits under every schedule") {
    using namespace sinter::emulator;
    const default_device_scope scope(device::emulator());
    for (const shape_case& c : {shape_case{67, 33}, shape_case{9, 5003}, shape_case{3, 70000}}) {
        if (c.length > 6000 && !plain_flavour) continue;
        CAPTURE(c.rows);
        CAPTURE(c.length);
        const auto x = put<float, 2>(random({c.rows, c.length}, 1), device::emulator());
        const auto e = exp(x - max(x, axis<-1>, keepdims));
        const auto p = e / sum(e, axis<-1>, keepdims);
        reals sums, columns;
        std::vector<options> all(4);
        all[1].schedule = order::reverse;
        all[1].resident_blocks = 2;
        all[2].schedule = order::lifo;
        all[3].schedule = order::random;
        sinter_test::under(all, [&] {
            tensor<float, 0> total;
            tensor<float, 1> column;
            evaluate(out(column) = sum(p, axis<0>));
            evaluate(out(total) = sum(p * p));
            if (sums.of.empty()) sums = get(total), columns = get(column);
            CHECK(get(total).of == sums.of);
            CHECK(get(column).of == columns.of);
        });
    }
}

#endif

}  // namespace
