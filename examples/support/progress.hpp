// The line that tells how the training of an example goes.
#pragma once

#include <chrono>
#include <cstdint>
#include <iostream>
#include <sinter/train/line.hpp>

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

using sinter::train::line_style;

/// The line for a state: `seconds` since training began and the images seen in that time.
inline std::string progress_line(const training_state& s,
                                 double seconds,
                                 double images,
                                 const line_style& style) {
    namespace text = sinter::train::text;
    const auto done = static_cast<double>(s.step);
    const auto all = static_cast<double>(s.steps);
    std::string line = text::format("Epoch %d/%d ", s.epoch, s.epochs);
    if (style.terminal) line += text::bar(all > 0 ? done / all : 1, 12, style.colour) + " ";
    line += std::to_string(s.step) + "/" + std::to_string(s.steps);
    line += text::format(" loss %.3f", s.loss);
    if (s.accuracy >= 0) line += text::format(" acc %.3f", s.accuracy);
    if (seconds > 0) line += " " + text::short_number(images / seconds) + " img/s";
    if (done > 0 && s.step < s.steps)
        line += " ETA " + text::minutes(seconds * (all - done) / done);
    return line;
}

/// Prints the progress of one training run; the clock starts with the object.
class progress {
public:
    explicit progress(double images_per_step,
                      std::ostream& out = std::cout,
                      const line_style& style = line_style::of_stdout())
        : images_per_step_(images_per_step), line_(out, style) {}

    /// Shows a state.
    void report(const training_state& state) {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
        const double images = images_per_step_ * static_cast<double>(state.step);
        line_.show(progress_line(state, spent.count(), images, line_.style()));
    }
    /// Ends the redrawn line, so that what is printed next begins its own.
    void finish() { line_.finish(); }

private:
    double images_per_step_;
    sinter::train::status_line line_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace examples
