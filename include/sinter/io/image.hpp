// Images as bytes, and many images as one.
#pragma once

#include <algorithm>
#include <cmath>

#include "sinter/tensor/tensor.hpp"

namespace sinter::io {

/// Rows of pixels, each of `channels` bytes: 1 is grey, 3 red, green and blue.
struct image_bytes {
    int64 width = 0, height = 0, channels = 1;
    std::vector<unsigned char> bytes{};
};

namespace detail {

/// 0 to 1 as 0 to 255; what is outside is cut off, what is no number is 0.
template <class T>
unsigned char pixel_of(T v) {
    if constexpr (same_v<T, uint8>) {
        return v;
    } else {
        const double x = static_cast<double>(static_cast<compute_t<dtype_v<T>>>(v));
        return x > 0 ? static_cast<unsigned char>(std::lround(std::min(x, 1.0) * 255)) : 0;
    }
}
/// An image (height, width) or (height, width, channels) on any device, in a few words.
template <class T, int R>
void require_image(const char* operation, const tensor<T, R>& x, int first) {
    static_assert(same_v<T, uint8> || is_floating(dtype_v<T>),
                  "Images hold uint8 (0 to 255) or a floating type (0 to 1).");
    const bool colour = R - first == 3;
    const int64 channels = colour ? x.extent(R - 1) : 1;
    if (x.size() == 0 || (channels != 1 && channels != 3))
        throw shape_error(std::string(operation) + ": an array of shape " +
                          shape_text(x.extents()) + " is no " +
                          (first ? "list of images" : "image") + ": " +
                          (first ? "(n, height, width)" : "(height, width)") +
                          ", or with 1 or 3 channels as the last axis.");
}

}  // namespace detail

/// The bytes of an image of shape (height, width), (height, width, 1) or (height, width, 3), on any
/// device: uint8 as they are, floating types from 0 to 1. Throws shape_error for other shapes.
template <element T, int R, class B = backend>
image_bytes pixels(const tensor<T, R>& x) {
    static_assert(R == 2 || R == 3, "pixels: an image has rank 2 or 3.");
    detail::require_image("pixels", x, 0);
    const tensor<T, R> host = x.template to<B>(device::host());
    image_bytes r{x.extent(1), x.extent(0), R == 3 ? x.extent(2) : 1, {}};
    r.bytes.reserve(static_cast<std::size_t>(x.size()));
    const auto& s = host.strides();
    for (int64 i = 0; i < r.height; ++i)
        for (int64 j = 0; j < r.width; ++j)
            for (int64 k = 0; k < r.channels; ++k)
                r.bytes.push_back(detail::pixel_of(
                    host.data()[i * s[0] + j * s[1] + k * (R == 3 ? s[R - 1] : 0)]));
    return r;
}

/// How images stand beside each other.
struct grid_options {
    int64 columns = 0;      ///< 0: as many as rows, or one more
    int64 gap = 2;          ///< pixels between images and around them
    double background = 1;  ///< 0 is black, 1 white
};

/// A contact sheet of images (n, height, width), or (n, height, width, channels): rows of them, of
/// which the last may not be full, as one image in host memory. Throws shape_error for other
/// shapes.
template <element T, int R, class B = backend>
tensor<T, R - 1> image_grid(const tensor<T, R>& x, const grid_options& o = {}) {
    static_assert(R == 3 || R == 4, "image_grid: a list of images has rank 3 or 4.");
    detail::require_image("image_grid", x, 1);
    if (o.columns < 0 || o.gap < 0)
        throw error("image_grid: columns and gap must not be negative.");
    const int64 n = x.extent(0), height = x.extent(1), width = x.extent(2);
    const int64 channels = R == 4 ? x.extent(R - 1) : 1;
    const auto root = static_cast<int64>(std::ceil(std::sqrt(static_cast<double>(n))));
    const int64 columns = std::min(n, o.columns > 0 ? o.columns : root);
    const int64 rows = (n + columns - 1) / columns;
    const tensor<T, R> given = x.template to<B>(device::host());
    const tensor<T, R> host = given.is_contiguous() ? given : given.template clone<B>();
    shape<R - 1> extents{};
    extents[0] = rows * (height + o.gap) + o.gap;
    extents[1] = columns * (width + o.gap) + o.gap;
    if constexpr (R == 4) extents[2] = channels;
    tensor<T, R - 1> sheet(extents, device::host());
    const double paper = std::clamp(o.background, 0.0, 1.0) * (same_v<T, uint8> ? 255 : 1);
    std::fill_n(sheet.data(),
                sheet.size(),
                static_cast<T>(static_cast<compute_t<dtype_v<T>>>(std::round(paper * 255) / 255)));
    for (int64 k = 0; k < n; ++k)
        for (int64 i = 0; i < height; ++i) {
            const int64 row = k / columns * (height + o.gap) + o.gap + i;
            const int64 column = k % columns * (width + o.gap) + o.gap;
            std::copy_n(host.data() + (k * height + i) * width * channels,
                        width * channels,
                        sheet.data() + (row * extents[1] + column) * channels);
        }
    return sheet;
}

}  // namespace sinter::io
