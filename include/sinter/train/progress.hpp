// One line that tells how training goes: redrawn in place on a terminal, plain lines elsewhere.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <ostream>
#include <string>
#include <string_view>

#include "sinter/train/history.hpp"
#include "sinter/train/totals.hpp"

namespace sinter::train {

/// How a progress line looks.
struct line_style {
    bool terminal = false;  ///< redraw one line with a bar, else a plain line now and then
    bool colour = false;    ///< a coloured bar; for terminals only

    /// What suits standard output: plain where it is no terminal; no colour under NO_COLOR.
    static line_style of_stdout() {
        const auto variable_of = [](const char* name) {
            const char* value = std::getenv(name);
            return std::string_view(value ? value : "");
        };
        const bool terminal = isatty(STDOUT_FILENO) != 0 && variable_of("TERM") != "dumb";
        return {terminal, terminal && variable_of("NO_COLOR").empty()};
    }
};

/// What `fit` prints.
struct progress_options {
    bool quiet = false;
    std::ostream* to = nullptr;  ///< instead of standard output, in plain lines
    double every = 0;            ///< seconds between lines; 0: 0.1 on a terminal, 10 elsewhere
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
    constexpr int width = 16;
    const int halves = static_cast<int>(std::clamp(share, 0.0, 1.0) * 2 * width);
    std::string s = colour ? "\x1b[32m" : "";
    for (int i = 0; i < halves / 2; ++i) s += "━";
    if (halves % 2 != 0) s += "╸";
    if (colour) s += "\x1b[0m";
    return s + std::string(static_cast<std::size_t>(width - (halves + 1) / 2), ' ');
}

/// Where training stands.
struct standing {
    int64 epoch = 1, epochs = 1;   // from 1
    int64 batch = 0, batches = 1;  // done in this epoch
    int64 step = 0, steps = 1;     // done in all
};

/// `Epoch 2/5 125/250 - loss: 0.3012 - accuracy: 0.9105 - 12.3k samples/s - ETA 0:03`; a negative
/// `left` leaves the time out.
inline std::string progress_line(const standing& s,
                                 const epoch_record& r,
                                 double left,
                                 const line_style& style) {
    std::string line = "Epoch " + std::to_string(s.epoch) + "/" + std::to_string(s.epochs) + " ";
    const double share =
        s.batches > 0 ? static_cast<double>(s.batch) / static_cast<double>(s.batches) : 1;
    if (style.terminal) line += bar(share, style.colour) + " ";
    line += std::to_string(s.batch) + "/" + std::to_string(s.batches);
    const auto add = [&](const char* name, double value) {
        if (!std::isnan(value)) line += std::string(" - ") + name + ": " + format("%.4f", value);
    };
    add("loss", r.loss);
    add("accuracy", r.accuracy);
    add("val_loss", r.val_loss);
    add("val_accuracy", r.val_accuracy);
    if (r.samples_per_second > 0) line += " - " + short_number(r.samples_per_second) + " samples/s";
    if (left >= 0) {
        const auto whole = static_cast<long>(std::min(std::ceil(left), 359999.0));
        line += format(" - ETA %ld:%02ld", whole / 60, whole % 60);
    } else if (!std::isnan(r.seconds)) {
        line += format(" - %.1f s", r.seconds);
    }
    return line;
}

/// Prints the progress of one training run.
class progress {
public:
    using clock = std::chrono::steady_clock;

    explicit progress(const progress_options& o)
        : o_(o),
          style_(o.to ? line_style{} : line_style::of_stdout()),
          out_(o.to ? *o.to : std::cout),
          every_(o.every > 0       ? o.every
                 : style_.terminal ? 0.1
                                   : 10) {}
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;
    /// Leaves the last line standing.
    ~progress() { finish(); }

    /// True when it is time for another line.
    bool due() const { return !o_.quiet && seconds_since(shown_) >= every_; }
    void begin_epoch() { epoch_began_ = shown_ = clock::now(); }
    double epoch_seconds() const { return seconds_since(epoch_began_); }
    /// A line within an epoch. `steps` were done since training began here.
    void show(const standing& s, const epoch_record& r, int64 steps) {
        shown_ = clock::now();
        const double left = steps > 0 ? seconds_since(began_) / static_cast<double>(steps) *
                                            static_cast<double>(s.steps - s.step)
                                      : -1;
        print(progress_line(s, r, left, style_));
    }
    /// The line of a whole epoch, which stays.
    void end_epoch(const standing& s, const epoch_record& r) {
        if (o_.quiet) return;
        print(progress_line(s, r, -1, style_));
        finish();
    }
    /// A sentence on a line of its own.
    void say(const std::string& text) {
        if (o_.quiet) return;
        finish();
        out_ << text << '\n' << std::flush;
    }
    /// Ends the redrawn line, so that what is printed next begins its own.
    void finish() {
        if (open_) out_ << '\n' << std::flush;
        open_ = false;
    }

private:
    static double seconds_since(clock::time_point t) {
        return std::chrono::duration<double>(clock::now() - t).count();
    }
    void print(const std::string& line) {
        // Back to the first column; what a longer line left behind is erased.
        if (style_.terminal) {
            out_ << '\r' << line << "\x1b[K" << std::flush;
        } else {
            out_ << line << '\n' << std::flush;
        }
        open_ = style_.terminal;
    }

    progress_options o_;
    line_style style_;
    std::ostream& out_;
    double every_;
    clock::time_point began_ = clock::now(), epoch_began_ = began_, shown_ = began_;
    bool open_ = false;
};

}  // namespace detail
}  // namespace sinter::train
