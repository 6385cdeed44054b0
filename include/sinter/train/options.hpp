// What `fit` can be told.
#pragma once

#include <functional>
#include <optional>

#include "sinter/io/array.hpp"
#include "sinter/optim/schedule.hpp"
#include "sinter/train/progress.hpp"

namespace sinter::train {

/// Any schedule of `sinter/optim/schedule.hpp`, or function of the first rate and the number of
/// schedule steps.
class any_schedule {
public:
    any_schedule() = default;
    template <class S>
        requires(!same_v<std::remove_cvref_t<S>, any_schedule>)
    any_schedule(S s) : rate_(s) {
        if constexpr (requires { s.momentum(int64{}); })
            momentum_ = [s](int64 t) { return s.momentum(t); };
    }
    explicit operator bool() const { return static_cast<bool>(rate_); }
    double operator()(double base, int64 t) const { return rate_(base, t); }
    double momentum(int64 t) const { return momentum_ ? momentum_(t) : NAN; }

private:
    std::function<double(double, int64)> rate_;
    std::function<double(int64)> momentum_;
};

/// When a schedule takes a step; `batch`: with each step of the optimiser.
enum class each { epoch, batch };

/// The figure by which epochs are compared. `automatic`: val_loss, without validation loss.
enum class figure { automatic, loss, accuracy, val_loss, val_accuracy };

/// Ends training when the figure that is watched has not become better, by more than `min_delta`,
/// for `patience` epochs.
struct early_stopping {
    int64 patience = 3;
    double min_delta = 0;
    bool restore_best = true;  ///< at the end, also without a stop, take the best epoch's weights
};

/// Checkpoints: everything that training needs to go on as if it had not stopped. They are
/// safetensors files: include <sinter/train/checkpoint.hpp> in one file of the program. Each is
/// there whole or not at all, whenever the program is killed.
struct checkpoint_options {
    std::filesystem::path folder{};  ///< made when it is not there; empty: no checkpoints
    bool resume = false;             ///< go on from the newest one in the folder, if there is one
    int64 every_epochs = 1;          ///< 0: only the best epochs
    int64 every_batches = 0;         ///< also within epochs, after the optimiser's step; 0: not
    int64 keep = 3;                  ///< the newest ones that stay, beside that of the best epoch
};

/// What callbacks see of a run.
struct fit_state {
    int64 epoch = 0, epochs = 0;   ///< from 1
    int64 batch = 0, batches = 0;  ///< done in this epoch, and of an epoch
    int64 step = 0;                ///< batches in all
    const history* past = nullptr;
    io::array loss{};   ///< of the last batch, on its device; float, double, half or bfloat16
    bool stop = false;  ///< set it to end training after this batch's step, or this epoch
};

/// Clips gradients before each step of the optimiser: `.clip = train::clip_norm(optimizer, 1.0)`.
using clipping = std::function<void()>;
/// By the norm of all together.
template <class O, class B = backend>
clipping clip_norm(O& optimizer, double max_norm) {
    return [&optimizer, max_norm] { optimizer.template clip_grad_norm<B>(max_norm); };
}
/// Each element to +-limit.
template <class O, class B = backend>
clipping clip_value(O& optimizer, double limit) {
    return [&optimizer, limit] { optimizer.template clip_grad_value<B>(limit); };
}

/// Options of `fit`; Set is the type of a data set of the arrays that it learns from.
template <class Set>
struct fit_options {
    int64 epochs = 1;
    int64 batch = 32;  ///< rows of a step; those of a loader are its own
    /// Batches whose gradients, weighted by their rows, make one step of the optimiser: as many
    /// rows as `accumulate` times `batch` at once, in the memory of one batch.
    int64 accumulate = 1;
    bool shuffle = true;     ///< every epoch in another order; a loader does so by its own options
    bool drop_last = false;  ///< leave out the last batch if it is not full
    uint64 seed = 0;         ///< with the epoch's number it decides the order, and augmentation
    std::optional<Set> validation{};
    int64 validation_batch = 256;
    any_schedule schedule{};
    each schedule_step = each::epoch;
    std::optional<optim::reduce_lr_on_plateau_options> plateau{};  ///< its mode follows `watch`
    clipping clip{};
    figure watch = figure::automatic;
    std::optional<early_stopping> early_stop{};
    checkpoint_options checkpoint{};
    std::filesystem::path folder{};  ///< for metrics.csv, loss.svg, accuracy.svg; empty: none
    progress_options progress{};
    std::function<void(fit_state&)> on_batch{}, on_epoch{};
};

}  // namespace sinter::train
