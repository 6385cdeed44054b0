// What a training run was like, epoch by epoch.
#pragma once

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "sinter/core/types.hpp"
#include "sinter/io/file.hpp"

namespace sinter::train {

/// One epoch. What was not measured is NaN.
struct epoch_record {
    int64 epoch = 0;  ///< 1, 2, ...
    double loss = NAN, accuracy = NAN;
    double val_loss = NAN, val_accuracy = NAN;
    double lr = NAN;  ///< of the optimiser's first group, in the last step
    double samples_per_second = NAN, seconds = NAN;
};

/// Why a run ended.
enum class ending { finished, early_stop, callback, diverged };

/// What `fit` returns.
struct history {
    std::vector<epoch_record> epochs;
    ending end = ending::finished;
    int64 best_epoch = 0;   ///< by the figure that was watched; 0: there was none
    int64 first_epoch = 1;  ///< greater than 1 when the run was resumed

    bool empty() const { return epochs.empty(); }
    const epoch_record& last() const {
        if (epochs.empty()) throw error("history: no epoch has ended yet.");
        return epochs.back();
    }

    /// The table as CSV, one line an epoch: its numbers can be read back exactly; what was not
    /// measured is empty.
    std::string csv() const {
        std::string text =
            "epoch,loss,accuracy,val_loss,val_accuracy,lr,samples_per_second,seconds\n";
        for (const epoch_record& e : epochs) {
            text += std::to_string(e.epoch);
            for (const double v : {e.loss,
                                   e.accuracy,
                                   e.val_loss,
                                   e.val_accuracy,
                                   e.lr,
                                   e.samples_per_second,
                                   e.seconds}) {
                text += ',';
                char number[32];
                std::snprintf(number, sizeof number, "%.17g", v);
                if (!std::isnan(v)) text += number;
            }
            text += '\n';
        }
        return text;
    }
};

/// Replaces a file by a text. At any moment there is the old one or the whole new one. Throws
/// io_error.
inline void write_text(const std::filesystem::path& path, const std::string& text) {
    io::write_file(path, [&](auto put) { put(text.data(), text.size()); });
}

}  // namespace sinter::train
