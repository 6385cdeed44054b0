// Reductions over the rows of a row kernel, in its own launch.
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

/// True when a and b are the same up to `ulps` roundings of numbers as large as `size`.
bool near(double a, double b, double size, double ulps = 64) {
    return (std::isnan(a) && std::isnan(b)) || a == b ||
           std::fabs(a - b) <= ulps * 6e-8 * (size + std::fabs(b));
}

TEST_CASE("a loss per row and its mean are one launch") {
    on_each_device([](device d) {
        for (const shape_case& c : cases) {
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

}  // namespace
