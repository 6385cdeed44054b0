// The two models that measure how hard a set of digits is, as plain loops: nothing of the library.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "support/dataset.hpp"

namespace reference {

/// The share of test images whose nearest class mean of the training images is their own.
inline double nearest_mean_accuracy(const examples::train_test& data) {
    using examples::class_count;
    using examples::image_pixels;
    std::vector<double> means(class_count * image_pixels);
    std::array<double, class_count> count{};
    for (std::size_t row = 0; row < data.train.rows(); ++row) {
        const auto label = static_cast<std::size_t>(data.train.labels[row]);
        ++count[label];
        for (std::size_t i = 0; i < image_pixels; ++i) {
            means[label * image_pixels + i] += static_cast<double>(data.train.image(row)[i]);
        }
    }
    for (std::size_t i = 0; i < means.size(); ++i)
        means[i] /= std::max(1.0, count[i / image_pixels]);
    std::size_t right = 0;
    for (std::size_t row = 0; row < data.test.rows(); ++row) {
        std::array<double, class_count> distance{};
        for (std::size_t c = 0; c < class_count; ++c) {
            for (std::size_t i = 0; i < image_pixels; ++i) {
                const double d =
                    static_cast<double>(data.test.image(row)[i]) - means[c * image_pixels + i];
                distance[c] += d * d;
            }
        }
        const auto best = std::min_element(distance.begin(), distance.end()) - distance.begin();
        right += best == data.test.labels[row];
    }
    return static_cast<double>(right) / static_cast<double>(data.test.rows());
}

/// Softmax regression, 784 -> 10, by mini-batch gradient descent from zero weights.
class softmax_regression {
public:
    /// One pass over the rows in order; rows beyond the last full batch are left out. Returns the
    /// mean loss.
    double epoch(const examples::labelled_images& set, std::size_t batch, float rate) {
        double loss = 0;
        const std::size_t batches = set.rows() / batch;
        for (std::size_t b = 0; b < batches; ++b) loss += step(set, b * batch, batch, rate);
        return loss / static_cast<double>(batches * batch);
    }

    double accuracy(const examples::labelled_images& set) const {
        std::size_t right = 0;
        for (std::size_t row = 0; row < set.rows(); ++row) {
            const scores z = forward(set.image(row));
            right += (std::max_element(z.begin(), z.end()) - z.begin()) == set.labels[row];
        }
        return static_cast<double>(right) / static_cast<double>(set.rows());
    }

private:
    static constexpr std::size_t classes = examples::class_count;
    static constexpr std::size_t pixels = examples::image_pixels;
    using scores = std::array<float, classes>;

    scores forward(const float* image) const {
        scores z = bias_;
        for (std::size_t i = 0; i < pixels; ++i) {
            for (std::size_t c = 0; c < classes; ++c) z[c] += image[i] * weights_[i * classes + c];
        }
        return z;
    }

    double step(const examples::labelled_images& set,
                std::size_t first,
                std::size_t batch,
                float rate) {
        std::vector<float> gradient(pixels * classes);
        scores bias_gradient{};
        double loss = 0;
        for (std::size_t row = first; row < first + batch; ++row) {
            scores p = forward(set.image(row));
            const float top = *std::max_element(p.begin(), p.end());
            float sum = 0;
            for (float& v : p) sum += v = std::exp(v - top);
            for (float& v : p) v /= sum;
            const auto label = static_cast<std::size_t>(set.labels[row]);
            loss -= std::log(static_cast<double>(p[label]) + 1e-30);
            p[label] -= 1;
            for (std::size_t c = 0; c < classes; ++c) bias_gradient[c] += p[c];
            for (std::size_t i = 0; i < pixels; ++i) {
                const float x = set.image(row)[i];
                for (std::size_t c = 0; c < classes; ++c) gradient[i * classes + c] += x * p[c];
            }
        }
        const float scale = rate / static_cast<float>(batch);
        for (std::size_t i = 0; i < gradient.size(); ++i) weights_[i] -= scale * gradient[i];
        for (std::size_t c = 0; c < classes; ++c) bias_[c] -= scale * bias_gradient[c];
        return loss;
    }

    std::vector<float> weights_ = std::vector<float>(pixels * classes);
    scores bias_{};
};

}  // namespace reference
