// The line that tells how `fit` goes.
#pragma once

#include <chrono>
#include <iostream>

#include "sinter/train/history.hpp"
#include "sinter/train/line.hpp"
#include "sinter/train/totals.hpp"

namespace sinter::train {

/// What `fit` prints.
struct progress_options {
    bool quiet = false;
    std::ostream* to = nullptr;  ///< instead of standard output, in plain lines
    double every = 0;            ///< seconds between lines; 0: 0.1 on a terminal, 10 elsewhere
};

namespace detail {

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
    if (style.terminal) line += text::bar(share, 16, style.colour) + " ";
    line += std::to_string(s.batch) + "/" + std::to_string(s.batches);
    const auto add = [&](const char* name, double value) {
        if (!std::isnan(value))
            line += std::string(" - ") + name + ": " + text::format("%.4f", value);
    };
    add("loss", r.loss);
    add("accuracy", r.accuracy);
    add("val_loss", r.val_loss);
    add("val_accuracy", r.val_accuracy);
    if (r.samples_per_second > 0)
        line += " - " + text::short_number(r.samples_per_second) + " samples/s";
    if (left >= 0) {
        line += " - ETA " + text::minutes(left);
    } else if (!std::isnan(r.seconds)) {
        line += text::format(" - %.1f s", r.seconds);
    }
    return line;
}

/// Prints the progress of one training run.
class progress {
public:
    using clock = std::chrono::steady_clock;

    explicit progress(const progress_options& o)
        : o_(o),
          line_(o.to ? *o.to : std::cout, o.to ? line_style{} : line_style::of_stdout()),
          every_(o.every > 0              ? o.every
                 : line_.style().terminal ? 0.1
                                          : 10) {}

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
        line_.show(progress_line(s, r, left, line_.style()));
    }
    /// The line of a whole epoch, which stays.
    void end_epoch(const standing& s, const epoch_record& r) {
        if (o_.quiet) return;
        line_.show(progress_line(s, r, -1, line_.style()));
        line_.finish();
    }
    /// A sentence on a line of its own.
    void say(const std::string& text) {
        if (!o_.quiet) line_.say(text);
    }

private:
    static double seconds_since(clock::time_point t) {
        return std::chrono::duration<double>(clock::now() - t).count();
    }

    progress_options o_;
    status_line line_;
    double every_;
    clock::time_point began_ = clock::now(), epoch_began_ = began_, shown_ = began_;
};

}  // namespace detail
}  // namespace sinter::train
