// One line that tells how training goes: redrawn in place on a terminal, plain lines elsewhere.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <ostream>
#include <string>
#include <string_view>

namespace examples {

/// Where training stands. `step` counts over all epochs, 1 to `steps`. A negative `accuracy` is
/// unknown and not shown.
struct training_state {
    int epoch = 1;
    int epochs = 1;
    std::int64_t step = 0;
    std::int64_t steps = 1;
    double loss = 0;
    double accuracy = -1;
};

/// How a progress line looks.
struct line_style {
    bool terminal = false;  ///< redraw one line with a bar, else one plain line per report
    bool colour = false;    ///< a coloured bar; for terminals only

    /// What suits standard output: plain where it is no terminal; no colour under NO_COLOR.
    static line_style of_stdout() {
        const auto variable = [](const char* name) {
            const char* value = std::getenv(name);
            return std::string_view(value ? value : "");
        };
        const bool terminal = isatty(STDOUT_FILENO) != 0 && variable("TERM") != "dumb";
        return {terminal, terminal && variable("NO_COLOR").empty()};
    }
};

namespace detail {

template <class... T>
std::string format(const char* pattern, T... values) {
    char text[96];
    std::snprintf(text, sizeof text, pattern, values...);
    return text;
}

/// 950, 41.2k, 3.4M
inline std::string short_number(double v) {
    if (v >= 999.5e3) return format("%.1fM", v / 1e6);
    if (v >= 999.5) return format("%.1fk", v / 1e3);
    return format("%.0f", v);
}

inline std::string bar(double share, bool colour) {
    constexpr int width = 12;
    const int halves = static_cast<int>(std::clamp(share, 0.0, 1.0) * 2 * width);
    std::string s = colour ? "\x1b[32m" : "";
    for (int i = 0; i < halves / 2; ++i) s += "━";
    if (halves % 2 != 0) s += "╸";
    if (colour) s += "\x1b[0m";
    return s + std::string(static_cast<std::size_t>(width - (halves + 1) / 2), ' ');
}

}  // namespace detail

/// The line for a state: `seconds` since training began and the images seen in that time.
inline std::string progress_line(const training_state& s,
                                 double seconds,
                                 double images,
                                 const line_style& style) {
    const auto done = static_cast<double>(s.step);
    const auto all = static_cast<double>(s.steps);
    std::string line = detail::format("Epoch %d/%d ", s.epoch, s.epochs);
    if (style.terminal) line += detail::bar(all > 0 ? done / all : 1, style.colour) + " ";
    line += std::to_string(s.step) + "/" + std::to_string(s.steps);
    line += detail::format(" loss %.3f", s.loss);
    if (s.accuracy >= 0) line += detail::format(" acc %.3f", s.accuracy);
    if (seconds > 0) line += " " + detail::short_number(images / seconds) + " img/s";
    if (done > 0 && s.step < s.steps) {
        const double left = std::min(std::ceil(seconds * (all - done) / done), 359999.0);
        const int whole = static_cast<int>(left);
        line += detail::format(" ETA %d:%02d", whole / 60, whole % 60);
    }
    return line;
}

/// Prints the progress of one training run; the clock starts with the object.
class progress {
public:
    explicit progress(double images_per_step,
                      std::ostream& out = std::cout,
                      line_style style = line_style::of_stdout())
        : images_per_step_(images_per_step), out_(out), style_(style) {}
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;
    /// Leaves the last line standing.
    ~progress() { finish(); }

    /// Shows a state.
    void report(const training_state& state) {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
        const double images = images_per_step_ * static_cast<double>(state.step);
        const std::string line = progress_line(state, spent.count(), images, style_);
        // Back to the first column; what a longer line left behind is erased.
        if (style_.terminal) {
            out_ << '\r' << line << "\x1b[K" << std::flush;
        } else {
            out_ << line << '\n' << std::flush;
        }
        open_ = style_.terminal;
    }

    /// Ends the redrawn line, so that what is printed next begins its own.
    void finish() {
        if (open_) out_ << '\n' << std::flush;
        open_ = false;
    }

private:
    double images_per_step_;
    std::ostream& out_;
    line_style style_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    bool open_ = false;
};

}  // namespace examples
