// The drawn digits of the examples, and the progress line.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "reference_models.hpp"
#include "support/digits.hpp"
#include "support/progress.hpp"

namespace {

/// FNV-1a over the pixels as bytes and the labels.
std::uint64_t fingerprint(const examples::labelled_images& set) {
    std::uint64_t h = 0xcbf29ce484222325U;
    const auto add = [&h](std::uint64_t byte) { h = (h ^ byte) * 0x100000001b3U; };
    for (const float v : set.images) add(static_cast<std::uint64_t>(v * 255.0F + 0.5F));
    for (const std::int64_t v : set.labels) add(static_cast<std::uint64_t>(v));
    return h;
}

}  // namespace

TEST_CASE("drawn digits depend on the seed alone") {
    const auto a = examples::draw_digits(500, 3);
    const auto b = examples::draw_digits(500, 3);
    const auto c = examples::draw_digits(500, 4);
    CHECK(a.images == b.images);
    CHECK(a.labels == b.labels);
    CHECK(a.images != c.images);
    CHECK(a.labels != c.labels);
    // Compilers and platforms must agree: this number changes only with the drawing itself.
    CHECK(fingerprint(a) == 17869301699971279243U);

    const auto fewer = examples::draw_digits(123, 3);
    CHECK(fewer.rows() == 123);
    CHECK(std::equal(fewer.images.begin(), fewer.images.end(), a.images.begin()));
    CHECK(std::equal(fewer.labels.begin(), fewer.labels.end(), a.labels.begin()));
    CHECK(examples::draw_digits(0, 3).images.empty());
}

TEST_CASE("drawn digits are balanced images of 256 levels") {
    const auto set = examples::draw_digits(2000, 11);
    REQUIRE(set.images.size() == 2000 * 784);
    for (std::size_t first = 0; first < set.rows(); first += 10) {
        const auto from = set.labels.begin() + static_cast<std::ptrdiff_t>(first);
        CHECK(std::set<std::int64_t>(from, from + 10).size() == 10);
    }
    std::size_t outside = 0;
    for (const float v : set.images) {
        const float level = v * 255.0F;
        outside += !(v >= 0.0F && v <= 1.0F && std::abs(level - std::round(level)) < 1e-3F);
    }
    CHECK(outside == 0);
    // Every image has ink, and not too much of it; no two are the same.
    std::set<std::vector<float>> different;
    for (std::size_t row = 0; row < set.rows(); ++row) {
        const std::vector<float> image(set.image(row), set.image(row) + 784);
        const auto dark =
            std::count_if(image.begin(), image.end(), [](float v) { return v > 0.4F; });
        CHECK(dark >= 8);
        CHECK(dark <= 350);
        different.insert(image);
    }
    CHECK(different.size() == set.rows());
}

TEST_CASE("drawn digits are hard for nearest means and within reach of softmax regression") {
    const auto data = examples::split(examples::draw_digits(10000, 1), 8000);
    REQUIRE(data.train.rows() == 8000);
    REQUIRE(data.test.rows() == 2000);
    const double means = reference::nearest_mean_accuracy(data);
    CHECK(means <= 0.90);
    CHECK(means >= 0.60);
    reference::softmax_regression model;
    double first = 0;
    double last = 0;
    for (int epoch = 0; epoch < 13; ++epoch) {
        last = model.epoch(data.train, 100, 0.1F);
        if (epoch == 0) first = last;
    }
    CHECK(last < first);
    CHECK(model.accuracy(data.test) >= 0.88);
    CHECK(model.accuracy(data.test) <= 0.95);
}

TEST_CASE("split keeps every row in order") {
    const auto all = examples::draw_digits(30, 5);
    const auto parts = examples::split(all, 21);
    CHECK(parts.train.rows() == 21);
    CHECK(parts.test.rows() == 9);
    auto joined = parts.train;
    joined.images.insert(joined.images.end(), parts.test.images.begin(), parts.test.images.end());
    joined.labels.insert(joined.labels.end(), parts.test.labels.begin(), parts.test.labels.end());
    CHECK(joined.images == all.images);
    CHECK(joined.labels == all.labels);
}

TEST_CASE("progress lines") {
    using examples::progress_line;
    const examples::training_state state{3, 10, 412, 938, 0.2134, 0.936};
    CHECK(progress_line(state, 1.0, 41200, {}) ==
          "Epoch 3/10 412/938 loss 0.213 acc 0.936 41.2k img/s ETA 0:02");
    CHECK(progress_line(state, 100.0, 41200, {true, false}) ==
          "Epoch 3/10 ━━━━━        412/938 loss 0.213 acc 0.936 412 img/s ETA 2:08");
    CHECK(progress_line({1, 1, 3, 8, 1, -1}, 0, 0, {true, true}) ==
          "Epoch 1/1 \x1b[32m━━━━╸\x1b[0m        3/8 loss 1.000 ETA 0:00");
    CHECK(progress_line({2, 2, 8, 8, 0.5, 1}, 2, 8e6, {true, false}) ==
          "Epoch 2/2 ━━━━━━━━━━━━ 8/8 loss 0.500 acc 1.000 4.0M img/s");

    const auto style = [](bool terminal, const char* term, const char* no_color) {
        const auto s = examples::line_style::of(terminal, term, no_color);
        return s.terminal ? 1 + s.colour : 0;
    };
    CHECK(style(true, "xterm", "") == 2);
    CHECK(style(true, "xterm", "1") == 1);
    CHECK(style(true, "dumb", "") == 0);
    CHECK(style(false, "xterm", "") == 0);

    std::ostringstream plain;
    std::ostringstream drawn;
    {
        examples::progress to_file(100, plain, {});
        examples::progress to_terminal(100, drawn, {true, false});
        for (examples::progress* p : {&to_file, &to_terminal}) {
            p->report({1, 2, 1, 2, 2.5, -1});
            p->report({2, 2, 2, 2, 1.5, 0.5});
            p->finish();
        }
    }
    const std::string lines = plain.str();
    CHECK(std::count(lines.begin(), lines.end(), '\n') == 2);
    CHECK(lines.find('\r') == std::string::npos);
    CHECK(lines.find('\x1b') == std::string::npos);
    const std::string redrawn = drawn.str();
    CHECK(std::count(redrawn.begin(), redrawn.end(), '\n') == 1);
    CHECK(std::count(redrawn.begin(), redrawn.end(), '\r') == 2);
    CHECK(redrawn.back() == '\n');
}
