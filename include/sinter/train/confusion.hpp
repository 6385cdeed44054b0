// Which classes are taken for which others.
#pragma once

#include <numeric>

#include "sinter/tensor/tensor.hpp"
#include "sinter/train/history.hpp"
#include "sinter/train/svg.hpp"

namespace sinter::train {

/// How often rows of each class were given each class: `confusion_matrix c(labels,
/// predict(model, set), 10)`.
class confusion_matrix {
public:
    /// Counts pairs of labels and predictions, which lie in [0, classes); they may be on any
    /// device. Throws shape_error when their numbers differ, error for a class outside. `names` of
    /// the classes, or none.
    confusion_matrix(const tensor<int64, 1>& labels,
                     const tensor<int64, 1>& predictions,
                     int64 classes,
                     std::vector<std::string> names = {})
        : classes_(classes), names_(std::move(names)) {
        if (classes < 1)
            throw error("confusion_matrix: classes must be at least 1, not " +
                        std::to_string(classes) + ".");
        if (labels.extents() != predictions.extents())
            throw shape_error("confusion_matrix: " + std::to_string(labels.size()) +
                              " labels and " + std::to_string(predictions.size()) +
                              " predictions do not belong together.");
        if (!names_.empty() && static_cast<int64>(names_.size()) != classes)
            throw error("confusion_matrix: " + std::to_string(names_.size()) + " names for " +
                        std::to_string(classes) + " classes.");
        counts_.resize(static_cast<std::size_t>(classes * classes));
        const auto y = labels.to(device::host()), p = predictions.to(device::host());
        for (int64 i = 0; i < y.size(); ++i) {
            for (const int64 k : {y(i), p(i)})
                if (k < 0 || k >= classes)
                    throw error("confusion_matrix: row " + std::to_string(i) + " is of class " +
                                std::to_string(k) + ", outside [0, " + std::to_string(classes) +
                                ").");
            ++counts_[place_of(y(i), p(i))];
        }
    }

    int64 classes() const { return classes_; }
    /// The rows of class `label` that were taken for class `predicted`.
    int64 count(int64 label, int64 predicted) const {
        return counts_.at(place_of(label, predicted));
    }
    int64 rows() const { return std::accumulate(counts_.begin(), counts_.end(), int64{0}); }
    /// The part of all rows that is right; NaN without rows.
    double accuracy() const {
        int64 right = 0;
        for (int64 k = 0; k < classes_; ++k) right += count(k, k);
        return ratio(right, rows());
    }
    /// The part of a class that was found; NaN when there is none of it.
    double recall(int64 k) const {
        int64 all = 0;
        for (int64 j = 0; j < classes_; ++j) all += count(k, j);
        return ratio(count(k, k), all);
    }
    /// The part that is right of what was taken for a class; NaN when nothing was.
    double precision(int64 k) const {
        int64 all = 0;
        for (int64 i = 0; i < classes_; ++i) all += count(i, k);
        return ratio(count(k, k), all);
    }
    std::string name(int64 k) const {
        return names_.empty() ? std::to_string(k) : names_[static_cast<std::size_t>(k)];
    }

    /// A table: a row for each class, a column for each it was taken for.
    std::string text() const;
    /// The same as an SVG picture: the darker a cell, the greater the part of its row.
    std::string svg() const;

private:
    std::size_t place_of(int64 label, int64 predicted) const {
        return static_cast<std::size_t>(label * classes_ + predicted);
    }
    static double ratio(int64 part, int64 all) {
        return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : NAN;
    }

    int64 classes_;
    std::vector<std::string> names_;
    std::vector<int64> counts_;
};

inline std::string confusion_matrix::text() const {
    const auto fixed = [](double v) {
        char number[16];
        std::snprintf(number, sizeof number, "%.3f", v);
        return std::isnan(v) ? std::string("-") : std::string(number);
    };
    std::vector<std::vector<std::string>> table;
    table.push_back({"label"});
    for (int64 j = 0; j < classes_; ++j) table[0].push_back(name(j));
    table[0].push_back("recall");
    for (int64 i = 0; i < classes_; ++i) {
        table.push_back({name(i)});
        for (int64 j = 0; j < classes_; ++j) table.back().push_back(std::to_string(count(i, j)));
        table.back().push_back(fixed(recall(i)));
    }
    table.push_back({"precision"});
    for (int64 j = 0; j < classes_; ++j) table.back().push_back(fixed(precision(j)));
    table.back().push_back(fixed(accuracy()));
    std::vector<std::size_t> widths(table[0].size());
    for (const auto& row : table)
        for (std::size_t j = 0; j < row.size(); ++j) widths[j] = std::max(widths[j], row[j].size());
    std::string all;
    for (const auto& row : table) {
        for (std::size_t j = 0; j < row.size(); ++j)
            all += (j ? "  " : "") + std::string(widths[j] - row[j].size(), ' ') + row[j];
        all += '\n';
    }
    return all;
}

inline std::string confusion_matrix::svg() const {
    using detail::anchor;
    std::size_t longest = 1;
    for (int64 k = 0; k < classes_; ++k) longest = std::max(longest, name(k).size());
    const double n = static_cast<double>(classes_), cell = classes_ > 20 ? 26 : 46;
    const double left = 56 + 8 * static_cast<double>(longest), top = 84, side = n * cell;
    const bool turned = 8 * static_cast<double>(longest) > cell;
    const double head = turned ? 8 * static_cast<double>(longest) : 14;
    detail::svg picture(
        std::max(left + side + 24, 300.0), top + head + side + 30, "Confusion matrix");
    picture.text(
        {16, 26},
        "Accuracy " + detail::plain(accuracy(), "%.4g") + " of " + std::to_string(rows()) + " rows",
        anchor::start,
        "#111111",
        true);
    const double first = top + head;
    picture.text({left + side / 2, top - 26}, "predicted", anchor::middle);
    picture.text({22, first + side / 2}, "label", anchor::middle, "#333333", false, true);
    for (int64 i = 0; i < classes_; ++i) {
        const double at = (static_cast<double>(i) + 0.5) * cell;
        picture.text({left - 8, first + at + 4.5}, name(i), anchor::end);
        picture.text({left + at + (turned ? 4.5 : 0), first - 8},
                     name(i),
                     turned ? anchor::start : anchor::middle,
                     "#333333",
                     false,
                     turned);
        int64 all = 0;
        for (int64 j = 0; j < classes_; ++j) all += count(i, j);
        for (int64 j = 0; j < classes_; ++j) {
            // From white to a dark blue by the root of the share, so that rare mistakes show.
            const double share = all > 0 ? std::sqrt(ratio(count(i, j), all)) : 0;
            const auto mixed = [share](int dark) {
                return static_cast<int>(std::lround(255 + (dark - 255) * share));
            };
            char colour[16];
            std::snprintf(colour, sizeof colour, "#%02x%02x%02x", mixed(18), mixed(78), mixed(134));
            const double x = left + static_cast<double>(j) * cell;
            picture.rectangle({x, first + at - cell / 2}, cell - 1, cell - 1, colour);
            if (count(i, j) > 0)
                picture.text({x + cell / 2 - 0.5, first + at + 4},
                             std::to_string(count(i, j)),
                             anchor::middle,
                             share > 0.55 ? "#ffffff" : "#222222");
        }
    }
    return picture.finish();
}

}  // namespace sinter::train
