// What a run leaves behind: tables, curves and confusion matrices, and the line that tells of it.
#include <sinter/sinter.hpp>
#include <sinter/train/confusion.hpp>
#include <sinter/train/curves.hpp>
#include <sinter/train/progress.hpp>

#include <map>
#include <sstream>

#include "tensor/support.hpp"

namespace {

namespace sn = sinter;
namespace train = sinter::train;
namespace detail = sinter::train::detail;
using sn::device;
using sn::int64;
using tensor_test::error_of;

/// How often each element occurs in an XML text; fails where it is not well-formed: tags that do
/// not close in order, attributes without quotes, entities that are not XML's, control characters.
std::map<std::string, int> elements_of(const std::string& xml) {
    std::map<std::string, int> count;
    std::vector<std::string> open;
    const auto check_text = [](std::string_view text) {
        for (std::size_t i = 0; i < text.size(); ++i) {
            REQUIRE(text[i] != '<');
            REQUIRE((static_cast<unsigned char>(text[i]) >= 0x20 || text[i] == '\n'));
            if (text[i] != '&') continue;
            const auto end = text.find(';', i);
            REQUIRE(end != std::string_view::npos);
            const std::string entity(text.substr(i + 1, end - i - 1));
            REQUIRE((entity == "amp" || entity == "lt" || entity == "gt" || entity == "quot" ||
                     entity == "#39"));
        }
    };
    for (std::size_t at = 0; at < xml.size();) {
        const auto tag = xml.find('<', at);
        check_text(std::string_view(xml).substr(at, tag == std::string::npos ? tag : tag - at));
        if (tag == std::string::npos) break;
        REQUIRE((!open.empty() || tag == 0));
        auto end = tag + 1;
        for (bool quoted = false; end < xml.size() && (quoted || xml[end] != '>'); ++end)
            if (xml[end] == '"') quoted = !quoted;
        REQUIRE(end < xml.size());
        std::string inside = xml.substr(tag + 1, end - tag - 1);
        at = end + 1;
        if (inside[0] == '/') {
            REQUIRE(!open.empty());
            REQUIRE(inside.substr(1) == open.back());
            open.pop_back();
            continue;
        }
        const bool closed = inside.back() == '/';
        if (closed) inside.pop_back();
        const std::string name = inside.substr(0, inside.find(' '));
        ++count[name];
        for (auto k = inside.find(' '); k != std::string::npos;) {
            const auto equals = inside.find("=\"", k);
            REQUIRE(equals != std::string::npos);
            const auto quote = inside.find('"', equals + 2);
            REQUIRE(quote != std::string::npos);
            check_text(std::string_view(inside).substr(equals + 2, quote - equals - 2));
            k = quote + 1 < inside.size() ? quote + 1 : std::string::npos;
        }
        if (!closed) open.push_back(name);
    }
    REQUIRE(open.empty());
    return count;
}
train::history run_of(int64 epochs) {
    train::history h;
    for (int64 i = 1; i <= epochs; ++i) {
        const auto t = static_cast<double>(i);
        h.epochs.push_back({i, 2 / t, 1 - 0.5 / t, 2.2 / t, NAN, 1e-3, 12345.6, 2.5});
    }
    h.best_epoch = epochs;
    return h;
}

}  // namespace

TEST_CASE("the table of a run holds its numbers exactly") {
    const auto h = run_of(3);
    CHECK(h.csv().rfind("epoch,loss,accuracy,val_loss,val_accuracy,lr,samples_per_second,seconds\n"
                        "1,2,0.5,2.2000000000000002,,0.001,12345.6,2.5\n",
                        0) == 0);
    std::istringstream lines(h.csv());
    std::string line;
    std::getline(lines, line);
    for (const auto& e : h.epochs) {
        REQUIRE(std::getline(lines, line));
        const auto first = line.find(',');
        CHECK(std::stoll(line) == e.epoch);
        CHECK(std::stod(line.substr(first + 1)) == e.loss);
    }
    CHECK(train::history{}.csv().find('\n') == train::history{}.csv().size() - 1);
    CHECK(error_of([] { train::history{}.last(); }) == "history: no epoch has ended yet.");
}

TEST_CASE("axes have round numbers that enclose the data") {
    struct row {
        double low, high;
        std::vector<std::string> labels;
    };
    for (const row& r : {row{0.11, 1.93, {"0.0", "0.5", "1.0", "1.5", "2.0"}},
                         row{0, 1, {"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}},
                         row{0.971, 0.989, {"0.970", "0.975", "0.980", "0.985", "0.990"}},
                         row{-3, 12, {"-5", "0", "5", "10", "15"}},
                         row{0.5, 0.5, {"0.45", "0.50", "0.55"}},
                         row{0, 0, {"-0.0010", "-0.0005", "0.0000", "0.0005", "0.0010"}},
                         row{100, 123456, {"0", "50000", "100000", "150000"}}}) {
        const detail::axis_ticks t(r.low, r.high);
        std::vector<std::string> labels;
        for (const double v : t.places()) labels.push_back(t.label(v));
        CHECK(labels == r.labels);
        CHECK(t.low() <= r.low);
        CHECK(t.high() >= r.high);
    }
    // Epochs are whole.
    for (const double v : detail::axis_ticks(1, 3, 8, 1).places()) CHECK(v == std::round(v));
}

TEST_CASE("curves and matrices are well-formed pictures, whatever they show") {
    for (const int64 epochs : {0, 1, 2, 12, 300}) {
        auto count = elements_of(train::loss_svg(run_of(epochs)));
        CHECK(count["svg"] == 1);
        CHECK(count["polyline"] == (epochs ? 2 : 0));
        CHECK(elements_of(train::accuracy_svg(run_of(epochs)))["polyline"] == (epochs ? 1 : 0));
    }
    CHECK(train::loss_svg(run_of(4)).find(">best</text>") != std::string::npos);
    auto broken = run_of(3);
    broken.epochs[1].loss = INFINITY;
    CHECK(train::loss_svg(broken).find("inf") == std::string::npos);
    CHECK(detail::escaped("a<b> & \"c\" 'd' \x01\xff\xc3\xb6\xe2\x82") ==
          "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39; \xc3\xb6");

    const auto labels = sn::from(std::vector<int64>{0, 0, 0, 1, 1, 2}, sn::shape{6});
    const auto given = sn::from(std::vector<int64>{0, 0, 1, 1, 1, 0}, sn::shape{6});
    const train::confusion_matrix c(labels, given, 4, {"<cat>", "dog & fox", "\"owl\"", "none"});
    auto count = elements_of(c.svg());
    CHECK(count["rect"] == 17);
    CHECK(c.count(0, 1) == 1);
    CHECK(c.count(2, 0) == 1);
    CHECK(c.rows() == 6);
    CHECK(c.accuracy() == doctest::Approx(4.0 / 6));
    CHECK(c.recall(0) == doctest::Approx(2.0 / 3));
    CHECK(c.precision(1) == doctest::Approx(2.0 / 3));
    CHECK(std::isnan(c.recall(3)));
    CHECK(c.text() ==
          "    label  <cat>  dog & fox  \"owl\"  none  recall\n"
          "    <cat>      2          1      0     0   0.667\n"
          "dog & fox      0          2      0     0   1.000\n"
          "    \"owl\"      1          0      0     0   0.000\n"
          "     none      0          0      0     0       -\n"
          "precision  0.667      0.667      -     -   0.667\n");
    const auto none = sn::from(std::vector<int64>{}, sn::shape{0});
    elements_of(train::confusion_matrix(none, none, 30).svg());
    CHECK(error_of([&] { train::confusion_matrix(labels, none, 3); }) ==
          "confusion_matrix: 6 labels and 0 predictions do not belong together.");
    CHECK(error_of([&] { train::confusion_matrix(labels, given, 2); }) ==
          "confusion_matrix: row 5 is of class 2, outside [0, 2).");
    CHECK(error_of([&] { train::confusion_matrix(labels, given, 3, {"a"}); }) ==
          "confusion_matrix: 1 names for 3 classes.");
}

TEST_CASE("the line of a run") {
    train::epoch_record r;
    r.loss = 0.30124;
    r.accuracy = 0.9105;
    r.samples_per_second = 12340;
    const detail::standing s{2, 5, 125, 250, 375, 1250};
    CHECK(detail::progress_line(s, r, 3.2, {}) ==
          "Epoch 2/5 125/250 - loss: 0.3012 - accuracy: 0.9105 - 12.3k samples/s - ETA 0:04");
    r.val_loss = 1.5;
    r.accuracy = NAN;
    r.seconds = 61.25;
    r.samples_per_second = 999'600;
    CHECK(detail::progress_line(s, r, -1, {}) ==
          "Epoch 2/5 125/250 - loss: 0.3012 - val_loss: 1.5000 - 1.0M samples/s - 61.2 s");
    const auto drawn = detail::progress_line(s, r, -1, {.terminal = true});
    CHECK(drawn.find("━━━━━━━━        ") != std::string::npos);
    CHECK(drawn.find('\x1b') == std::string::npos);
    CHECK(detail::progress_line(s, r, -1, {.terminal = true, .colour = true}).find("\x1b[32m") !=
          std::string::npos);
    std::ostringstream text;
    {
        detail::progress line({.to = &text, .every = 1e-9});
        line.begin_epoch();
        CHECK(line.due());
        line.show(s, r, 10);
        line.end_epoch(s, r);
        line.say("A sentence.");
        detail::progress quiet({.quiet = true, .to = &text});
        CHECK(!quiet.due());
        quiet.end_epoch(s, r);
        quiet.say("nothing");
    }
    const std::string said = text.str();
    CHECK(std::count(said.begin(), said.end(), '\n') == 3);
    CHECK(said.substr(said.size() - 12) == "A sentence.\n");
}
