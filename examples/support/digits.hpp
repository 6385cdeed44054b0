// Draws digits: the data of the examples when the user brings none. The same seed gives the same
// images on every platform, so there are no library distributions and no transcendental functions
// here, and pixels are rounded to 256 levels.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "dataset.hpp"
#include "glyphs.hpp"

namespace examples {

/// A small random number generator (SplitMix64).
class random_source {
public:
    explicit random_source(std::uint64_t seed) : state_(seed) {}

    std::uint64_t bits() {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }
    /// Uniform in [low, high).
    double uniform(double low, double high) {
        return low + (high - low) * (static_cast<double>(bits() >> 11) * 0x1p-53);
    }
    /// Uniform in 0 to n - 1, for small n.
    std::size_t below(std::size_t n) {
        return static_cast<std::size_t>(uniform(0, static_cast<double>(n)));
    }
    /// Nearly normal with mean 0 and deviation 1, within +-3.5: the sum of four 16-bit uniforms.
    double normal() {
        const std::uint64_t b = bits();
        const std::uint64_t sum =
            (b & 0xffffU) + ((b >> 16) & 0xffffU) + ((b >> 32) & 0xffffU) + (b >> 48);
        return (static_cast<double>(sum) - 131070.0) * (1.7320508075688772 / 65536.0);
    }

private:
    std::uint64_t state_;
};

/// How far the drawn digits differ from each other. Lengths are in pixels. With these values a
/// nearest-mean classifier gets about 0.72 of them right and softmax regression about 0.91.
struct digit_style {
    double shift = 2.0;    ///< largest move in x and in y
    double turn = 0.22;    ///< range of the rotation in radians
    double shear = 0.25;   ///< largest slant to the right; to the left less
    double wobble = 0.65;  ///< deviation of the smooth distortion
    double thin = 0.6;     ///< smallest half width of the pen
    double thick = 1.8;    ///< largest half width of the pen
    double faint = 0.6;    ///< lowest contrast; the highest is 1
    double noise = 0.1;    ///< largest deviation of the pixel noise
};

namespace detail {

/// Where the points of a glyph land in one image: rotation, slant, scale and shift, then a smooth
/// distortion. The distortion depends on the place, so strokes that share a point stay joined.
class placement {
public:
    placement(random_source& random, const digit_style& style) {
        const double height = random.uniform(15.0, 21.0);
        const double width = height * random.uniform(0.5, 0.85);
        const double slant = random.uniform(-0.4, 1.0) * style.shear;
        // With t the tangent of half the angle, cosine and sine need no library function.
        const double t = random.uniform(-0.5, 0.5) * style.turn;
        const double cosine = (1 - t * t) / (1 + t * t);
        const double sine = 2 * t / (1 + t * t);
        across_ = {width * cosine, width * sine};
        down_ = {height * (-slant * cosine - sine), height * (-slant * sine + cosine)};
        centre_ = {image_side / 2.0 + random.uniform(-style.shift, style.shift),
                   image_side / 2.0 + random.uniform(-style.shift, style.shift)};
        for (point& p : wobble_)
            p = {random.normal() * style.wobble, random.normal() * style.wobble};
    }

    point operator()(point p) const {
        const point w = distortion(p);
        const double x = p.x - 0.5;
        const double y = p.y - 0.5;
        return {centre_.x + across_.x * x + down_.x * y + w.x,
                centre_.y + across_.y * x + down_.y * y + w.y};
    }

private:
    static constexpr int cells = 3;

    point distortion(point p) const {
        const double gx = std::clamp(p.x, 0.0, 1.0) * cells;
        const double gy = std::clamp(p.y, 0.0, 1.0) * cells;
        const int column = std::min(static_cast<int>(gx), cells - 1);
        const int row = std::min(static_cast<int>(gy), cells - 1);
        const double fx = gx - column;
        const double fy = gy - row;
        const auto at = [&](int r, int c) {
            return wobble_[static_cast<std::size_t>(r * (cells + 1) + c)];
        };
        const auto mix = [](point a, point b, double f) {
            return point{a.x + (b.x - a.x) * f, a.y + (b.y - a.y) * f};
        };
        return mix(mix(at(row, column), at(row, column + 1), fx),
                   mix(at(row + 1, column), at(row + 1, column + 1), fx),
                   fy);
    }

    point across_{};
    point down_{};
    point centre_{};
    std::array<point, std::size_t{(cells + 1) * (cells + 1)}> wobble_{};
};

/// The squared distance of every pixel to the nearest stroke, as far as the pen reaches.
class ink {
public:
    explicit ink(double reach) : reach_(reach) {
        distance_.fill(std::numeric_limits<double>::infinity());
    }

    void line(point a, point b) {
        const int left = pixel(std::min(a.x, b.x) - reach_);
        const int right = pixel(std::max(a.x, b.x) + reach_);
        const int top = pixel(std::min(a.y, b.y) - reach_);
        const int bottom = pixel(std::max(a.y, b.y) + reach_);
        const point ab{b.x - a.x, b.y - a.y};
        const double length = ab.x * ab.x + ab.y * ab.y;
        const double scale = length > 0 ? 1 / length : 0;
        for (int y = top; y <= bottom; ++y) {
            for (int x = left; x <= right; ++x) {
                const point ap{x + 0.5 - a.x, y + 0.5 - a.y};
                const double t = std::clamp((ap.x * ab.x + ap.y * ab.y) * scale, 0.0, 1.0);
                const point d{ap.x - t * ab.x, ap.y - t * ab.y};
                double& nearest = distance_[static_cast<std::size_t>(y * image_side + x)];
                nearest = std::min(nearest, d.x * d.x + d.y * d.y);
            }
        }
    }

    /// A Catmull-Rom spline through the placed points.
    void curve(const stroke& points, const placement& place) {
        constexpr int pieces = 5;
        const auto at = [&](std::size_t i) { return points[std::min(i, points.size() - 1)]; };
        point from = place(points.front());
        for (std::size_t i = 0; i + 1 < points.size(); ++i) {
            const point p0 = at(i == 0 ? 0 : i - 1);
            const point p1 = at(i);
            const point p2 = at(i + 1);
            const point p3 = at(i + 2);
            for (int k = 1; k <= pieces; ++k) {
                const double t = static_cast<double>(k) / pieces;
                const auto along = [t](double a, double b, double c, double d) {
                    return 0.5 * (2 * b + t * (c - a +
                                               t * (2 * a - 5 * b + 4 * c - d +
                                                    t * (3 * b - a - 3 * c + d))));
                };
                const point to =
                    place({along(p0.x, p1.x, p2.x, p3.x), along(p0.y, p1.y, p2.y, p3.y)});
                line(from, to);
                from = to;
            }
        }
    }

    double squared_distance(std::size_t i) const { return distance_[i]; }

private:
    static int pixel(double v) {
        return static_cast<int>(std::clamp(v, 0.0, static_cast<double>(image_side - 1)));
    }

    double reach_;
    std::array<double, image_pixels> distance_{};
};

}  // namespace detail

/// Draws one image of `digit` into 784 floats, each a multiple of 1/255 from 0 to 1.
inline void draw_digit(int digit, random_source& random, const digit_style& style, float* image) {
    const std::vector<glyph>& hands = glyphs_of(digit);
    const glyph& strokes = hands[random.below(hands.size())];
    const detail::placement place(random, style);
    const double half = random.uniform(style.thin, style.thick);
    const double soft = random.uniform(0.5, 0.8);
    const double contrast = random.uniform(style.faint, 1.0);
    const double noise = random.uniform(0.0, style.noise);
    detail::ink drawn(half + soft);
    for (const stroke& s : strokes) drawn.curve(s, place);
    for (std::size_t i = 0; i < image_pixels; ++i) {
        const double distance = std::sqrt(drawn.squared_distance(i));
        const double cover = std::clamp((half + soft - distance) / (2 * soft), 0.0, 1.0);
        const double value = std::clamp(contrast * cover + noise * random.normal(), 0.0, 1.0);
        image[i] = static_cast<float>(static_cast<int>(value * 255.0 + 0.5)) / 255.0F;
    }
}

/// Draws `rows` digits: images (rows, 784) with values 0 to 1, labels (rows,). Every ten rows in
/// turn hold each digit once, in random order. The first rows do not depend on how many follow.
inline labelled_images draw_digits(std::size_t rows,
                                   std::uint64_t seed,
                                   const digit_style& style = {}) {
    labelled_images r;
    r.images.resize(rows * image_pixels);
    r.labels.resize(rows);
    random_source random(random_source(seed).bits());
    std::array<int, class_count> order{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (std::size_t row = 0; row < rows; ++row) {
        const std::size_t place = row % order.size();
        if (place == 0) {
            for (std::size_t i = order.size() - 1; i > 0; --i) {
                std::swap(order[i], order[random.below(i + 1)]);
            }
        }
        draw_digit(order[place], random, style, r.images.data() + row * image_pixels);
        r.labels[row] = order[place];
    }
    return r;
}

}  // namespace examples
