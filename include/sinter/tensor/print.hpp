// Printing as NumPy does.
#pragma once

#include <cmath>
#include <cstdio>
#include <ostream>
#include <string>
#include <vector>

#include "sinter/tensor/tensor.hpp"

namespace sinter {

namespace detail {

/// How the numbers of one array are written: 4 decimals at most, as few as they need, in one width.
class number_format {
public:
    template <class T>
    static std::string text(T v, int decimals) {
        if constexpr (same_v<T, bool>) {
            return v ? "True" : "False";
        } else if constexpr (same_v<T, int64>) {
            return std::to_string(v);
        } else {
            const double d = static_cast<double>(v);
            if (std::isnan(d)) return "nan";
            if (std::isinf(d)) return d < 0 ? "-inf" : "inf";
            char b[64];
            const bool plain = d == 0 || (std::fabs(d) < 1e8 && std::fabs(d) >= 1e-4);
            if (plain)
                std::snprintf(b, sizeof b, "%.*f", decimals, d);
            else
                std::snprintf(b, sizeof b, "%.4e", d);
            std::string s = b;
            if (plain && decimals == 0) s += '.';
            return s;
        }
    }
    /// Decimals that the value needs, up to 4.
    static int decimals(double v) {
        if (!std::isfinite(v)) return 0;
        for (int k = 0; k < 4; ++k) {
            const double scaled = v * std::pow(10, k);
            if (std::fabs(scaled - std::nearbyint(scaled)) < 1e-4 * std::pow(10, k - 4)) return k;
        }
        return 4;
    }
};

// More elements than this are shown by the first and last three of every axis.
inline constexpr int64 print_threshold = 1000, print_edge = 3;

template <class T, int R>
class printer {
public:
    explicit printer(const tensor<T, R>& t)
        : host_(t.to(device::host())), summary_(t.size() > print_threshold) {
        visit(0, 0, [&](T v) {
            if constexpr (!same_v<T, bool> && !same_v<T, int64>)
                decimals_ = std::max(decimals_, number_format::decimals(static_cast<double>(v)));
        });
        visit(0, 0, [&](T v) {
            width_ = std::max(width_, number_format::text(v, decimals_).size());
        });
    }
    std::string text() {
        return R == 0 ? number_format::text(*host_.data(), decimals_) : rows(0, 0);
    }

private:
    bool skips(int axis, int64 i) const {
        const int64 e = host_.extent(axis);
        return summary_ && e > 2 * print_edge && i >= print_edge && i < e - print_edge;
    }
    int64 step(int axis) const { return host_.strides()[static_cast<std::size_t>(axis)]; }
    template <class F>
    void visit(int axis, int64 at, F f) const {
        if (axis == R) return f(host_.data()[at]);
        for (int64 i = 0; i < host_.extent(axis); ++i)
            if (!skips(axis, i)) visit(axis + 1, at + i * step(axis), f);
    }
    std::string rows(int axis, int64 at) const {
        if (axis == R) {
            const std::string s = number_format::text(host_.data()[at], decimals_);
            return std::string(width_ - s.size(), ' ') + s;
        }
        const std::string between =
            axis == R - 1 ? " "
                          : std::string(static_cast<std::size_t>(R - 1 - axis), '\n') +
                                std::string(static_cast<std::size_t>(axis + 1), ' ');
        std::string s = "[";
        for (int64 i = 0; i < host_.extent(axis); ++i) {
            if (skips(axis, i)) {
                if (!skips(axis, i - 1)) s += between + "...";
                continue;
            }
            s += (i ? between : "") + rows(axis + 1, at + i * step(axis));
        }
        return s + "]";
    }

    tensor<T, R> host_;
    bool summary_;
    int decimals_ = 0;
    std::size_t width_ = 0;
};

}  // namespace detail

/// Writes the values in nested brackets; long arrays by the first and last three of every axis.
/// Expressions are evaluated first.
template <expression E, class B = backend>
std::ostream& operator<<(std::ostream& out, const E& e) {
    const tensor<storage_t<symbol_of<E>::type>, symbol_of<E>::rank> t(e);
    if (!t.memory()) return out << "[]";
    return out << detail::printer<storage_t<symbol_of<E>::type>, symbol_of<E>::rank>(t).text();
}

}  // namespace sinter
