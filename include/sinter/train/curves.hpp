// Loss and accuracy of a run as pictures.
#pragma once

#include "sinter/train/history.hpp"
#include "sinter/train/svg.hpp"

namespace sinter::train {

namespace detail {

struct curve {
    std::string name;
    const char* colour;
    std::vector<point> points;  // epoch and figure; what is no number is left out
};

/// Lines over the epochs, with their names beside their ends; `best_epoch` is marked.
inline std::string draw_curves(const std::string& title,
                               const std::vector<curve>& curves,
                               int64 best_epoch) {
    const double width = 640, height = 400, left = 64, right = 504, top = 44, bottom = 344;
    double low = INFINITY, high = -INFINITY, first = INFINITY, last = -INFINITY;
    for (const curve& c : curves)
        for (const point& p : c.points) {
            low = std::min(low, p.y);
            high = std::max(high, p.y);
            first = std::min(first, p.x);
            last = std::max(last, p.x);
        }
    svg picture(width, height, title);
    picture.text({left, 26}, title, anchor::start, "#111111", true);
    if (low > high) {
        picture.text({(left + right) / 2, (top + bottom) / 2}, "no epoch yet", anchor::middle);
        return picture.finish();
    }
    const axis_ticks y(low, high);
    const axis_ticks x(first, last, 8, 1);
    // The curves fill the width; round numbers outside are not shown.
    const double x_low = last > first ? first : first - 1, x_high = last > first ? last : last + 1;
    const auto at = [&](const point& p) {
        return point{left + (p.x - x_low) / (x_high - x_low) * (right - left),
                     bottom - (p.y - y.low()) / (y.high() - y.low()) * (bottom - top)};
    };
    for (const double v : y.places()) {
        const double h = at({x_low, v}).y;
        picture.line({left, h}, {right, h}, "#e3e3e3");
        picture.text({left - 8, h + 4.5}, y.label(v), anchor::end);
    }
    for (const double v : x.places()) {
        if (v < first || v > last) continue;
        const double w = at({v, y.low()}).x;
        picture.line({w, bottom}, {w, bottom + 5}, "#777777");
        picture.text({w, bottom + 20}, x.label(v), anchor::middle);
    }
    picture.line({left, bottom}, {right, bottom}, "#777777");
    picture.text({(left + right) / 2, bottom + 42}, "epoch", anchor::middle);
    // Names stand where their curves end, moved apart when they would overlap.
    std::vector<std::pair<double, const curve*>> names;
    for (const curve& c : curves) {
        if (c.points.empty()) continue;
        std::vector<point> drawn;
        for (const point& p : c.points) drawn.push_back(at(p));
        picture.polyline(drawn, c.colour);
        if (drawn.size() <= 40)
            for (const point& p : drawn) picture.dot(p, 2.5, c.colour);
        names.emplace_back(drawn.back().y, &c);
    }
    std::sort(names.begin(), names.end());
    for (std::size_t i = 1; i < names.size(); ++i)
        names[i].first = std::max(names[i].first, names[i - 1].first + 34);
    const double over = names.empty() ? 0 : std::max(0.0, names.back().first + 16 - bottom);
    for (const auto& [h, c] : names) {
        picture.text({right + 10, h - over + 1}, c->name, anchor::start, c->colour, true);
        picture.text({right + 10, h - over + 16}, plain(c->points.back().y, "%.4g"));
    }
    for (const curve& c : curves)
        for (const point& p : c.points)
            if (static_cast<int64>(p.x) == best_epoch && &c == &curves.back()) {
                picture.dot(at(p), 5, c.colour);
                const bool below = at(p).y < top + 30;
                picture.text({at(p).x, at(p).y + (below ? 20 : -10)},
                             "best",
                             at(p).x > right - 20 ? anchor::end : anchor::middle,
                             c.colour);
            }
    return picture.finish();
}

inline std::string draw_figures(const history& h,
                                const char* title,
                                double epoch_record::*training,
                                double epoch_record::*validation) {
    std::vector<curve> curves;
    const auto add = [&](const char* name, const char* colour, double epoch_record::*what) {
        curve c{name, colour, {}};
        for (const epoch_record& e : h.epochs)
            if (std::isfinite(e.*what)) c.points.push_back({static_cast<double>(e.epoch), e.*what});
        if (!c.points.empty()) curves.push_back(std::move(c));
    };
    add("training", "#1668a8", training);
    add("validation", "#c2410c", validation);
    return draw_curves(title, curves, h.best_epoch);
}

}  // namespace detail

/// The losses of a run over its epochs, as an SVG picture.
inline std::string loss_svg(const history& h) {
    return detail::draw_figures(h, "Loss", &epoch_record::loss, &epoch_record::val_loss);
}
/// Its accuracies likewise.
inline std::string accuracy_svg(const history& h) {
    return detail::draw_figures(
        h, "Accuracy", &epoch_record::accuracy, &epoch_record::val_accuracy);
}
/// Writes loss.svg and, where it was measured, accuracy.svg into a folder. Throws io_error.
inline void write_curves(const std::filesystem::path& folder, const history& h) {
    write_text(folder / "loss.svg", loss_svg(h));
    const bool known = std::any_of(h.epochs.begin(), h.epochs.end(), [](const epoch_record& e) {
        return !std::isnan(e.accuracy) || !std::isnan(e.val_accuracy);
    });
    if (known) write_text(folder / "accuracy.svg", accuracy_svg(h));
}

}  // namespace sinter::train
