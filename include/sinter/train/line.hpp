// One line that tells how work goes: redrawn in place on a terminal, plain lines elsewhere.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <string>
#include <string_view>

namespace sinter::train {

/// How a progress line looks.
struct line_style {
    bool terminal = false;  ///< redraw one line with a bar, else a plain line now and then
    bool colour = false;    ///< a coloured bar; for terminals only

    /// Redraws on a terminal that can, with colour unless NO_COLOR is set to something.
    static constexpr line_style of(bool terminal,
                                   std::string_view term,
                                   std::string_view no_color) {
        terminal = terminal && term != "dumb";
        return {terminal, terminal && no_color.empty()};
    }
    /// What suits standard output.
    static line_style of_stdout() {
        const auto variable_of = [](const char* name) {
            const char* value = std::getenv(name);
            return std::string_view(value ? value : "");
        };
        return of(isatty(STDOUT_FILENO) != 0, variable_of("TERM"), variable_of("NO_COLOR"));
    }
};

namespace text {

/// Numbers by a pattern of printf, in 95 characters at most.
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
/// 2:08, minutes and seconds; no more than 5999:59
inline std::string minutes(double seconds) {
    const auto whole = static_cast<long>(std::min(std::ceil(seconds), 359999.0));
    return format("%ld:%02ld", whole / 60, whole % 60);
}
/// A bar of `width` characters, of which `share` (0 to 1) is drawn.
inline std::string bar(double share, int width, bool colour) {
    const int halves = static_cast<int>(std::clamp(share, 0.0, 1.0) * 2 * width);
    std::string s = colour ? "\x1b[32m" : "";
    for (int i = 0; i < halves / 2; ++i) s += "━";
    if (halves % 2 != 0) s += "╸";
    if (colour) s += "\x1b[0m";
    return s + std::string(static_cast<std::size_t>(width - (halves + 1) / 2), ' ');
}

}  // namespace text

/// A line that is written again and again.
class status_line {
public:
    status_line(std::ostream& out, const line_style& style) : out_(out), style_(style) {}
    status_line(const status_line&) = delete;
    status_line& operator=(const status_line&) = delete;
    /// Leaves the last line standing.
    ~status_line() { finish(); }

    const line_style& style() const { return style_; }
    /// In place of the line before it on a terminal, else on a line of its own.
    void show(const std::string& text) {
        // Back to the first column; what a longer line left behind is erased.
        if (style_.terminal) {
            out_ << '\r' << text << "\x1b[K" << std::flush;
        } else {
            out_ << text << '\n' << std::flush;
        }
        open_ = style_.terminal;
    }
    /// A sentence on a line of its own, which stays.
    void say(const std::string& text) {
        finish();
        out_ << text << '\n' << std::flush;
    }
    /// Ends the redrawn line, so that what is printed next begins its own.
    void finish() {
        if (open_) out_ << '\n' << std::flush;
        open_ = false;
    }

private:
    std::ostream& out_;
    line_style style_;
    bool open_ = false;
};

}  // namespace sinter::train
