// Which epoch was the best, and when to stop.
#pragma once

#include <algorithm>
#include <limits>

#include "sinter/train/options.hpp"

namespace sinter::train::detail {

inline double figure_of(const epoch_record& r, figure f) {
    switch (f) {
        case figure::loss: return r.loss;
        case figure::accuracy: return r.accuracy;
        case figure::val_loss: return r.val_loss;
        case figure::val_accuracy: return r.val_accuracy;
        default: return std::isnan(r.val_loss) ? r.loss : r.val_loss;
    }
}

/// Compares epochs by one figure. `best` and `waited` are all it knows: a checkpoint has them.
class watch {
public:
    watch(figure f, const std::optional<early_stopping>& stop) : figure_(f), stop_(stop) {}

    bool higher_is_better() const {
        return figure_ == figure::accuracy || figure_ == figure::val_accuracy;
    }
    /// True when the epoch is the best so far.
    bool better(const epoch_record& r) {
        const double now = figure_of(r, figure_);
        if (std::isnan(now))
            throw error(
                "fit: the figure that `watch` names was not measured: accuracy needs a loss that "
                "counts it, val_ figures need validation data.");
        const double gain = best_epoch == 0      ? std::numeric_limits<double>::infinity()
                            : higher_is_better() ? now - best
                                                 : best - now;
        // Small steps make a better epoch, but do not put the end off.
        const bool first = best_epoch == 0;
        const double mark_gain = first ? gain : higher_is_better() ? now - mark : mark - now;
        if (mark_gain > (stop_ ? stop_->min_delta : 0)) {
            mark = now;
            waited = 0;
        } else {
            ++waited;
        }
        if (!(gain > 0)) return false;
        best = now;
        best_epoch = r.epoch;
        return true;
    }
    bool should_stop() const { return stop_ && best_epoch > 0 && waited >= stop_->patience; }

    double best = 0, mark = 0;
    int64 best_epoch = 0, best_step = 0, waited = 0;

private:
    figure figure_;
    std::optional<early_stopping> stop_;
};

}  // namespace sinter::train::detail
