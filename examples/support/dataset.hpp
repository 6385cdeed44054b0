// Labelled images as the examples read and draw them: plain vectors on the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace examples {

inline constexpr int image_side = 28;
inline constexpr std::size_t image_pixels = std::size_t{image_side} * image_side;
inline constexpr int class_count = 10;

/// Images and what they show. images: (rows, 784) row-major, values 0 to 1; labels: (rows,), 0
/// to 9.
struct labelled_images {
    std::vector<float> images;
    std::vector<std::int64_t> labels;

    /// The number of images.
    std::size_t rows() const { return labels.size(); }
    /// The first pixel of image `row`.
    const float* image(std::size_t row) const { return images.data() + row * image_pixels; }
};

/// What a model learns from and what it is judged by.
struct train_test {
    labelled_images train;
    labelled_images test;
};

/// Cuts a set in two: rows before `train_rows` train, the rest test. `train_rows` must not exceed
/// the rows that there are.
inline train_test split(labelled_images all, std::size_t train_rows) {
    const auto row = static_cast<std::ptrdiff_t>(train_rows);
    const auto pixel = static_cast<std::ptrdiff_t>(train_rows * image_pixels);
    train_test r;
    r.test.images.assign(all.images.begin() + pixel, all.images.end());
    r.test.labels.assign(all.labels.begin() + row, all.labels.end());
    r.train = std::move(all);
    r.train.images.resize(train_rows * image_pixels);
    r.train.labels.resize(train_rows);
    return r;
}

}  // namespace examples
