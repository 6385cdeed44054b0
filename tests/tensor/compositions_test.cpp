// The loss of a classifier against a plain reference, and every composition beside the same formula
// written by hand: both must run as the same plan.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis;
using sn::keepdims;
using sn::reduction;
using sn::tensor;

struct settings {
    int64 ignored = -100;
    double smoothing = 0;
};
/// The loss of each row of logits `v`.
reals losses(const reals& v, const integers& labels, settings s = {}) {
    const int64 classes = v.shape[1];
    reals r({v.shape[0]});
    for (int64 i = 0; i < v.shape[0]; ++i) {
        const auto row = v.of.begin() + i * classes;
        const double top = *std::max_element(row, row + classes);
        double all = 0, average = 0;
        for (int64 j = 0; j < classes; ++j) {
            all += std::exp(row[j] - top);
            average += (row[j] - top) / static_cast<double>(classes);
        }
        const int64 label = labels.of[at(i)];
        const bool inside = label >= 0 && label < classes;
        const double own = inside ? std::log(all) + top - row[label] : std::nan("");
        r.of[at(i)] = label == s.ignored
                          ? 0
                          : own * (1 - s.smoothing) + (std::log(all) - average) * s.smoothing;
    }
    return r;
}
double mean_of(const reals& rows, const integers& labels, int64 ignored) {
    double sum = 0, n = 0;
    for (std::size_t i = 0; i < rows.of.size(); ++i) {
        sum += rows.of[i];
        n += labels.of[i] != ignored;
    }
    return sum / n;
}
integers some_labels(int64 rows, int64 classes) {
    random_numbers r(7);
    integers v({rows});
    for (int64& x : v.of) x = r.below(classes);
    return v;
}

template <class T, class L>
void check_loss(double tolerance) {
    on_each_device([&](device d) {
        for (const extents& e : {extents{1, 1}, {5, 10}, {33, 7}, {3, 1001}, {70, 64}}) {
            CAPTURE(e[0]);
            CAPTURE(e[1]);
            auto labels = some_labels(e[0], e[1]);
            const auto v = random(e, 3);
            for (const layout l : {layout::plain, layout::mixed}) {
                const auto x = put<T, 2>(v, d, l);
                const auto y = put<L, 1>(labels, d, l);
                sn::launch_counter ran;
                const tensor<T, 1> rows = sn::cross_entropy<reduction::none>(x, y);
                CHECK(ran.launches() == 1);
                CHECK(difference(get(rows), losses(v, labels), tolerance, tolerance) == "");
                ran.reset();
                const tensor<T, 0> mean = sn::cross_entropy(x, y);
                CHECK(ran.launches() == 1);
                const double want = mean_of(losses(v, labels), labels, -100);
                CHECK(std::abs(get(mean).of[0] - want) <= tolerance * (1 + want));
                // Left-out rows and smoothing.
                const settings s{labels.of[0], 0.125};
                const auto smooth = losses(v, labels, s);
                const auto options = sn::cross_entropy_options{s.ignored, s.smoothing};
                CHECK(difference(get(sn::cross_entropy<reduction::none>(x, y, options)),
                                 smooth,
                                 tolerance,
                                 tolerance) == "");
                const double got = get(sn::cross_entropy(x, y, options)).of[0];
                const double smooth_mean = mean_of(smooth, labels, s.ignored);
                CHECK((std::isnan(smooth_mean) ? std::isnan(got)
                                               : std::abs(got - smooth_mean) <=
                                                     tolerance * (1 + std::abs(smooth_mean))));
            }
        }
    });
}

TEST_CASE("cross_entropy: float") { check_loss<float, int64>(2e-6); }
TEST_CASE("cross_entropy: bfloat16") { check_loss<bfloat16, std::int16_t>(8e-3); }

TEST_CASE("cross_entropy: labels outside, infinite logits, no rows, probabilities") {
    on_each_device([](device d) {
        const double inf = INFINITY;
        const auto x =
            put<double, 2>(reals({4, 3}, {1, 2, 3, -inf, 0, 1, 800, -800, 0, 1, 1, 1}), d);
        const auto rows = get(sn::cross_entropy<reduction::none>(
            x, put<int64, 1>(integers({4}, {2, 0, 1, -100}), d)));
        CHECK(rows.of[1] == inf);
        CHECK(rows.of[2] == 1600);
        CHECK(rows.of[3] == 0);
        for (const int64 outside : {int64{3}, int64{-1}, (int64{1} << 32) + 1}) {
            const auto y = put<int64, 1>(integers({4}, {0, 1, 2, outside}), d);
            CHECK(error_of<sn::index_error>([&] {
                      get(eval(sn::cross_entropy<reduction::none>(x, y)));
                  }) == "cross_entropy: index " + std::to_string(outside) +
                            " is outside axis 1 of shape (4, 3).");
        }
        const auto none = put<double, 2>(reals({0, 3}), d);
        const auto labels = put<int64, 1>(integers({0}), d);
        CHECK(get(sn::cross_entropy<reduction::none>(none, labels)).size() == 0);
        CHECK(std::isnan(get(sn::cross_entropy(none, labels)).of[0]));
        CHECK(get(sn::cross_entropy<reduction::sum>(none, labels)).of[0] == 0);

        const auto v = random({9, 20}, 4), w = random({9, 20}, 5);
        const auto a = put<double, 2>(v, d);
        const tensor<double, 2> p = softmax(put<double, 2>(w, d, layout::mixed));
        const tensor<double, 1> want = -sum(p * log_softmax(a), axis<-1>);
        CHECK(allclose(sn::cross_entropy<reduction::none>(a, p), want, 1e-12));
        CHECK(allclose(sn::cross_entropy(a, p), mean(want), 1e-12));
        const tensor<double, 2> q = p * 0.75 + 0.25 / 20;
        CHECK(allclose(sn::cross_entropy<reduction::sum>(a, p, {.label_smoothing = 0.25}),
                       sn::cross_entropy<reduction::sum>(a, q),
                       1e-12));
        CHECK(contains(
            error_of<sn::error>([&] { sn::cross_entropy(a, p, {.label_smoothing = 1.5}); }),
            "cross_entropy: label_smoothing must lie in [0, 1]"));
    });
}

/// Both are the same kernels over the same arrays, and give the same bits where each operation is
/// the same; with another text up to rounding.
template <class A, class B>
void check_twins(const A& composed, const B& by_hand, bool same_text = true) {
    static_assert(sn::kernel_count_v<A> == sn::kernel_count_v<B>);
    sn::launch_counter one;
    const auto a = get(composed);
    std::vector<sn::runtime::launch_record> first = one.records();
    one.reset();
    const auto b = get(by_hand);
    REQUIRE(one.records().size() == first.size());
    for (std::size_t i = 0; i < first.size(); ++i) {
        CHECK(std::string(one.records()[i].kernel) == first[i].kernel);
        CHECK(one.records()[i].bytes_in == first[i].bytes_in);
        CHECK(one.records()[i].bytes_out == first[i].bytes_out);
    }
    // What comes before the kernels tells what the plan was guessed from.
    const auto kernels = [](const std::string& text) { return text.substr(text.find("kernel 1")); };
    if (same_text) CHECK(kernels(sn::explain(composed)) == kernels(sn::explain(by_hand)));
    CHECK(difference(a, b, same_text ? 0 : 1e-6) == "");
}

TEST_CASE("compositions and their twins written by hand") {
    on_each_device([](device d) {
        const auto x = put<float, 2>(random({12, 37}, 1), d);
        const auto g = put<float, 1>(random({37}, 2), d), b = put<float, 1>(random({37}, 3), d);
        const auto y = put<int64, 1>(some_labels(12, 37), d);
        const auto top = max(x, axis<-1>, keepdims);
        check_twins(softmax(x), exp(x - top) / sum(exp(x - top), axis<-1>, keepdims));
        check_twins(log_softmax(x), (x - top) - log(sum(exp(x - top), axis<-1>, keepdims)));
        const auto c = x - mean(x, axis<-1>, keepdims);
        const auto spread = sqrt(mean(c * c, axis<-1>, keepdims) + 1e-5);
        check_twins(layer_norm(x), c / spread);
        check_twins(layer_norm(x, g, b), c / spread * g + b);
        const auto rms = sqrt(mean(x * x, axis<-1>, keepdims) + 1e-5);
        check_twins(rms_norm(x), x / rms);
        check_twins(rms_norm(x, g), x / rms * g);
        check_twins(normalize(x), x / maximum(sqrt(sum(x * x, axis<-1>, keepdims)), 1e-12));
        const auto label = unsqueeze(y, axis<1>);
        const auto shifted = x - top;
        const auto own =
            sum(where(sn::coordinate(x, axis<-1>) == label, shifted, 0), axis<-1>, keepdims);
        const auto loss = log(sum(exp(shifted), axis<-1>, keepdims)) - own;
        const auto kept =
            where(label == -100, 0, where(label >= 0 && label < 37, loss, __builtin_nan("")));
        // Labels that are mentioned several times are not merged: a load costs less than a guess.
        check_twins(sn::cross_entropy<reduction::none>(x, y), squeeze(kept, axis<1>), false);
    });
}

}  // namespace
