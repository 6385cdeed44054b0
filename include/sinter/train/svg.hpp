// A small writer of SVG pictures, and axes with round numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "sinter/core/types.hpp"

namespace sinter::train::detail {

/// The length of the UTF-8 character at the begin of `text`; 0 where there is none.
inline std::size_t character_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char c = byte(0);
    const std::size_t n = c < 0x80   ? 1
                          : c < 0xc2 ? 0
                          : c < 0xe0 ? 2
                          : c < 0xf0 ? 3
                          : c < 0xf5 ? 4
                                     : 0;
    if (n > text.size()) return 0;
    for (std::size_t i = 1; i < n; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    return n;
}
/// Text as XML takes it: what has a meaning there is escaped, what cannot stand there left out.
inline std::string escaped(std::string_view text) {
    std::string r;
    while (!text.empty()) {
        const std::size_t n = character_length(text);
        switch (text[0]) {
            case '&': r += "&amp;"; break;
            case '<': r += "&lt;"; break;
            case '>': r += "&gt;"; break;
            case '"': r += "&quot;"; break;
            case '\'': r += "&#39;"; break;
            default:
                if (n > 1 || (n == 1 && (text[0] >= 0x20 || text[0] == '\t')))
                    r += text.substr(0, n);
        }
        text.remove_prefix(std::max<std::size_t>(n, 1));
    }
    return r;
}
/// A number without needless digits: 0.25, 3, 1e-05. What is no number is an error of the caller.
inline std::string plain(double v, const char* pattern = "%.6g") {
    char text[32];
    std::snprintf(text, sizeof text, pattern, v == 0 ? 0.0 : v);
    return text;
}
/// A place in a picture: hundredths of a pixel are more than anybody sees.
inline std::string place(double v) { return plain(std::round(v * 100) / 100); }

struct point {
    double x = 0, y = 0;
};
enum class anchor { start, middle, end };

/// A picture of a size in pixels, white at first.
class svg {
public:
    svg(double width, double height, std::string_view title) {
        text_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + place(width) +
                "\" height=\"" + place(height) + "\" viewBox=\"0 0 " + place(width) + " " +
                place(height) +
                "\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\">\n<title>" +
                escaped(title) + "</title>\n";
        rectangle({0, 0}, width, height, "#ffffff");
    }
    void rectangle(point at, double width, double height, const char* fill) {
        text_ += "<rect x=\"" + place(at.x) + "\" y=\"" + place(at.y) + "\" width=\"" +
                 place(width) + "\" height=\"" + place(height) + "\" fill=\"" + fill + "\"/>\n";
    }
    void line(point a, point b, const char* colour, double width = 1) {
        text_ += "<line x1=\"" + place(a.x) + "\" y1=\"" + place(a.y) + "\" x2=\"" + place(b.x) +
                 "\" y2=\"" + place(b.y) + "\" stroke=\"" + colour + "\" stroke-width=\"" +
                 place(width) + "\"/>\n";
    }
    void polyline(const std::vector<point>& points, const char* colour) {
        text_ += "<polyline fill=\"none\" stroke=\"";
        text_ += colour;
        text_ += "\" stroke-width=\"2\" stroke-linejoin=\"round\" points=\"";
        for (std::size_t i = 0; i < points.size(); ++i)
            text_ += (i ? " " : "") + place(points[i].x) + "," + place(points[i].y);
        text_ += "\"/>\n";
    }
    void dot(point at, double radius, const char* colour) {
        text_ += "<circle cx=\"" + place(at.x) + "\" cy=\"" + place(at.y) + "\" r=\"" +
                 place(radius) + "\" fill=\"" + colour + "\"/>\n";
    }
    /// A line of text whose baseline is at `at`.
    void text(point at,
              std::string_view what,
              anchor where = anchor::start,
              const char* colour = "#333333",
              bool bold = false,
              bool upwards = false) {
        const char* const names[] = {"start", "middle", "end"};
        text_ += "<text x=\"" + place(at.x) + "\" y=\"" + place(at.y) + "\" text-anchor=\"" +
                 names[static_cast<int>(where)] + "\" fill=\"" + colour + "\"";
        if (bold) text_ += " font-weight=\"bold\"";
        if (upwards) text_ += " transform=\"rotate(-90 " + place(at.x) + " " + place(at.y) + ")\"";
        text_ += ">" + escaped(what) + "</text>\n";
    }
    /// The whole picture.
    std::string finish() const { return text_ + "</svg>\n"; }

private:
    std::string text_;
};

/// Round numbers along an axis: about `wanted` of them, 1, 2 or 5 times a power of ten apart, the
/// first at or below `low`, the last at or above `high`. At least `least` apart.
class axis_ticks {
public:
    axis_ticks(double low, double high, int wanted = 5, double least = 0) {
        if (!(high > low)) {
            const double around = std::max(std::abs(low) * 0.1, least > 0 ? least : 1e-3);
            low -= around;
            high += around;
        }
        const double rough = std::max((high - low) / wanted, least);
        const double power = std::pow(10, std::floor(std::log10(rough)));
        const double scale = rough / power;
        step_ = power * (scale <= 1.0001 ? 1 : scale <= 2 ? 2 : scale <= 5 ? 5 : 10);
        first_ = std::floor(low / step_ + 1e-9);
        last_ = std::ceil(high / step_ - 1e-9);
    }
    double low() const { return first_ * step_; }
    double high() const { return last_ * step_; }
    std::vector<double> places() const {
        std::vector<double> all;
        for (double k = first_; k <= last_; ++k) all.push_back(k * step_);
        return all;
    }
    /// All labels have the same digits behind the point.
    std::string label(double v) const {
        const int digits = std::max(0, static_cast<int>(-std::floor(std::log10(step_) + 1e-9)));
        if (digits > 6 || std::abs(v) >= 1e7) return plain(v, "%.3g");
        char text[48];
        std::snprintf(text, sizeof text, "%.*f", digits, v == 0 ? 0.0 : v);
        return text;
    }

private:
    double step_ = 1, first_ = 0, last_ = 1;
};

}  // namespace sinter::train::detail
