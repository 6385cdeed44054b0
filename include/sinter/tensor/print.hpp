// Printing as NumPy does.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdio>
#include <iosfwd>
#include <string>
#include <vector>

#include "sinter/core/std_parts.hpp"
#include "sinter/tensor/tensor.hpp"

namespace sinter {

namespace detail {

// NumPy's defaults: more elements than the threshold are shown by the first and last three of every
// axis.
inline constexpr int64 print_threshold = 1000, print_edge = 3;
inline constexpr std::size_t print_precision = 8, print_width = 75;

/// A number as text, cut where numbers of a column are aligned: "-1", "25", "+08".
struct number_parts {
    std::string whole, fraction, exponent;
    bool special = false;  // inf or nan, all in `whole`
};

/// The decimals that the shortest text of `v` which reads back as `v` has after its first digit,
/// and its decimal exponent.
template <class T>
void shortest_decimal(T v, int& digits, int& exponent) {
    char b[64];
    const std::string s(b, std::to_chars(b, b + sizeof b, v, std::chars_format::scientific).ptr);
    const std::size_t e = s.find('e'), dot = s.find('.');
    digits = dot == std::string::npos ? 0 : static_cast<int>(e - dot - 1);
    exponent = std::stoi(s.substr(e + 1));
}
/// `v` with as many decimals as it needs, at most `precision`.
template <class T>
number_parts parts_of(T v, bool scientific, int precision) {
    if (__builtin_isnan(v)) return {"nan", "", "", true};
    if (__builtin_isinf(v)) return {v < 0 ? "-inf" : "inf", "", "", true};
    int digits = 0, exponent = 0;
    shortest_decimal(v, digits, exponent);
    if (!scientific) digits = std::max(0, digits - exponent);
    char b[512];
    std::snprintf(b,
                  sizeof b,
                  scientific ? "%.*e" : "%.*f",
                  std::min(digits, precision),
                  static_cast<double>(v));
    std::string s = b;
    number_parts p;
    if (scientific) {
        p.exponent = s.substr(s.find('e') + 1);
        s.resize(s.find('e'));
    }
    if (const std::size_t dot = s.find('.'); dot != std::string::npos) {
        p.fraction = s.substr(dot + 1);
        p.fraction.erase(p.fraction.find_last_not_of('0') + 1);
        s.resize(dot);
    }
    p.whole = s;
    return p;
}

/// A rank-0 array: the number alone.
template <class T>
std::string number_text(T v) {
    if constexpr (same_v<T, bool>) {
        return v ? "True" : "False";
    } else if constexpr (integral_v<T>) {
        return std::to_string(v);
    } else if constexpr (is_half_size(dtype_v<T>)) {
        return number_text(static_cast<float>(v));
    } else {
        const T size = v < 0 ? -v : v;
        const bool scientific = size != 0 && (size < T(1e-4) || size >= T(1e16));
        const number_parts p = parts_of(v, scientific, 17);
        if (p.special) return p.whole;
        if (!scientific) return p.whole + '.' + (p.fraction.empty() ? "0" : p.fraction);
        return p.whole + (p.fraction.empty() ? "" : '.' + p.fraction) + 'e' + p.exponent;
    }
}

/// The elements that are shown, in one format and width.
template <class T>
std::vector<std::string> aligned_text(const std::vector<T>& shown) {
    std::vector<std::string> text;
    std::size_t width = same_v<T, bool> ? 5 : 0;
    if constexpr (same_v<T, bool> || integral_v<T>) {
        for (const T v : shown) text.push_back(number_text<T>(v));
    } else {
        using F = compute_t<dtype_v<T>>;
        F low = 0, high = 0;  // the sizes of the smallest and largest finite numbers but 0
        for (const F v : shown)
            if (const F size = v < 0 ? -v : v; __builtin_isfinite(v) && size != 0) {
                low = low == 0 ? size : std::min(low, size);
                high = std::max(high, size);
            }
        const bool scientific =
            high >= F(1e8) || (low != 0 && (low < F(1e-4) || high / low > 1000));
        std::vector<number_parts> parts;
        std::size_t left = 0, right = 0, exponent = 0;
        for (const F v : shown) {
            parts.push_back(parts_of(v, scientific, static_cast<int>(print_precision)));
            const number_parts& p = parts.back();
            if (!p.special) left = std::max(left, p.whole.size());
            right = std::max(right, p.fraction.size());
            exponent = std::max(exponent, p.exponent.size());
        }
        const char fill = scientific ? '0' : ' ';
        for (number_parts& p : parts) {
            if (!p.special) {
                p.whole.insert(0, left - p.whole.size(), ' ');
                p.whole += '.' + p.fraction + std::string(right - p.fraction.size(), fill);
                if (scientific)
                    p.whole += 'e' + p.exponent.substr(0, 1) +
                               std::string(exponent - p.exponent.size(), '0') +
                               p.exponent.substr(1);
            }
            text.push_back(std::move(p.whole));
        }
    }
    for (const std::string& s : text) width = std::max(width, s.size());
    for (std::string& s : text) s.insert(0, width - s.size(), ' ');
    return text;
}

/// Nested brackets around the elements that are shown.
class bracket_writer {
public:
    bracket_writer(std::vector<std::string> shown, const int64* extent, int rank, bool summary)
        : shown_(std::move(shown)), extent_(extent), rank_(rank), summary_(summary) {}
    std::string text() { return rows(0, 1, print_width); }

    /// True when index i of an axis of `extent` elements is not shown.
    static bool skips(bool summary, int64 extent, int64 i) {
        return summary && extent > 2 * print_edge && i >= print_edge && i < extent - print_edge;
    }

private:
    std::string rows(int axis, std::size_t indent, std::size_t width) {
        const bool last = axis == rank_ - 1;
        const std::string margin(indent, ' ');
        std::string all, line = margin;
        for (int64 i = 0; i < extent_[axis]; ++i) {
            const bool skip = skips(summary_, extent_[axis], i);
            if (skip && skips(summary_, extent_[axis], i - 1)) continue;
            const std::string word = skip   ? "..."
                                     : last ? shown_[next_++]
                                            : rows(axis + 1, indent + 1, width - 1);
            if (!last) {
                all += (i ? std::string(static_cast<std::size_t>(rank_ - 1 - axis), '\n') : "") +
                       margin + word;
                continue;
            }
            if (i) line += ' ';
            if (line.size() + word.size() > width - 1 && line.size() > indent) {
                line.erase(line.find_last_not_of(' ') + 1);
                all += line + '\n';
                line = margin;
            }
            line += word;
        }
        if (last) all += line;
        return '[' + all.substr(indent) + ']';
    }

    std::vector<std::string> shown_;
    const int64* extent_;
    int rank_;
    bool summary_;
    std::size_t next_ = 0;
};

/// Calls f(offset) for the elements of `t` that are shown, in row-major order.
template <class T, int R, class F>
void visit_shown(const tensor<T, R>& t, bool summary, int axis, int64 at, F& f) {
    if (axis == R) return f(at);
    for (int64 i = 0; i < t.extent(axis); ++i)
        if (!bracket_writer::skips(summary, t.extent(axis), i))
            visit_shown(
                t, summary, axis + 1, at + i * t.strides()[static_cast<std::size_t>(axis)], f);
}
/// The text of an array in host memory.
template <class T, int R>
std::string array_text(const tensor<T, R>& host) {
    if (host.size() == 0) return "[]";
    if constexpr (R == 0) {
        return number_text<T>(*host.data());
    } else {
        const bool summary = host.size() > print_threshold;
        std::vector<T> shown;
        const auto take = [&](int64 at) { shown.push_back(host.data()[at]); };
        visit_shown(host, summary, 0, 0, take);
        return bracket_writer(aligned_text(shown), host.extents().data(), R, summary).text();
    }
}

}  // namespace detail

/// Writes the values in nested brackets as NumPy's str does: up to 8 decimals in one width, lines
/// of 75 characters, long arrays by the first and last three of every axis. Expressions are
/// evaluated first.
// The traits are a parameter so that <ostream> is needed by those who print.
template <class Traits, expression E, class B = backend>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const E& e) {
    const tensor<storage_t<symbol_of<E>::type>, symbol_of<E>::rank> t(e);
    return out << detail::array_text(t.template to<B>(device::host()));
}

}  // namespace sinter
