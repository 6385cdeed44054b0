// Images changed at random while they are read: lazy expressions, which fuse into what follows.
//
// Traffic: an element of the result reads one element of the image. Its random number is a function
// of the key and the image's place, so nothing is stored.
#pragma once

#include "sinter/random.hpp"
#include "sinter/tensor/take.hpp"

namespace sinter::data {

/// What `augment` does with each image on its own.
struct augment_options {
    int64 shift = 0;    ///< up to so many pixels in each direction; zeros come in
    bool flip = false;  ///< left and right change places with probability 1/2
    int64 height = 0;   ///< size of a part that is cut out at a random place; 0: all
    int64 width = 0;
};

namespace detail {

/// The pixels of images (n, h, w, c) from which a part begins: at y.first or one of the y.count - 1
/// places behind it, x alike.
struct moved_part {
    struct range_of_places {
        int64 first = 0, count = 1;
    };
    int64 height = 0, width = 0;
    range_of_places y, x;
    bool flip = false;

    int64 choices() const { return y.count * x.count * (flip ? 2 : 1); }
};

template <class X>
struct moved {
    const X& images;
    moved_part part;

    // `r` (n, 1, 1, 1) chooses the place and whether to flip, both at once.
    template <class I>
    auto operator()(I r) const {
        using sinter::detail::before_axes;
        using sinter::detail::numbers_to;
        const int64 h = images.extent(1), w = images.extent(2);
        const auto row = before_axes<2>(numbers_to(part.height, {}));
        const auto column = before_axes<1>(numbers_to(part.width, {}));
        const auto y = row + (remainder(r, part.y.count) + part.y.first);
        const auto rest = floor_divide(r, part.y.count);
        const auto turned = where(rest >= part.x.count, part.width - 1 - column, column + int64{0});
        const auto x = turned + (remainder(rest, part.x.count) + part.x.first);
        const auto& s = images.strides();
        const sinter::detail::offset_range range(images.as_array());
        const auto channel = numbers_to(images.extent(3), {});
        // Pixels outside are not read.
        const auto offset =
            clamp(coordinate(r, axis<0>) * s[0] + y * s[1] + x * s[2] + channel * s[3],
                  range.low,
                  range.high);
        using taken = sym::taken<typename X::symbol, symbol_of<decltype(offset)>>;
        return where(y >= 0 && y < h && x >= 0 && x < w,
                     sinter::detail::make<taken>(images, offset),
                     sinter::detail::zero_beside<X::type>());
    }
};

}  // namespace detail

/// Images (n, height, width, channels) of which each is shifted, flipped or cut at random, as the
/// options say: a function of the key and the image's place in the batch, so that equal keys give
/// equal results. Zeros stand where a shift leaves nothing. Lazy: fuses into what follows. Throws
/// shape_error when the part is larger than an image.
template <element T>
auto augment(const tensor<T, 4>& x, const augment_options& o, const random_key& key) {
    const int64 h = x.extent(1), w = x.extent(2);
    if (o.shift < 0 || o.height < 0 || o.width < 0 || o.height > h || o.width > w)
        throw shape_error("augment: a shift of " + std::to_string(o.shift) + " and a part of " +
                          std::to_string(o.height) + " x " + std::to_string(o.width) +
                          " make no sense for images of shape " + shape_text(x.extents()) + ".");
    detail::moved_part p;
    p.height = o.height ? o.height : h;
    p.width = o.width ? o.width : w;
    p.y = {-o.shift, h - p.height + 2 * o.shift + 1};
    p.x = {-o.shift, w - p.width + 2 * o.shift + 1};
    p.flip = o.flip;
    return with(detail::moved<tensor<T, 4>>{x, p},
                randint(0, p.choices(), shape<4>{{x.extent(0), 1, 1, 1}}, key));
}
/// Each image moved by up to `pixels` in each direction; zeros come in.
template <element T>
auto random_shift(const tensor<T, 4>& x, int64 pixels, const random_key& key) {
    return augment(x, {.shift = pixels}, key);
}
/// Each image mirrored, left and right, with probability 1/2.
template <element T>
auto random_flip(const tensor<T, 4>& x, const random_key& key) {
    return augment(x, {.flip = true}, key);
}
/// A part (height, width) of each image at a random place; with `padding` zeros around it before.
template <element T>
auto random_crop(
    const tensor<T, 4>& x, int64 height, int64 width, const random_key& key, int64 padding = 0) {
    return augment(x, {.shift = padding, .height = height, .width = width}, key);
}

/// (x - mean) / deviation, where these are numbers, or arrays that broadcast, as one for each
/// channel. Lazy.
template <expression X, class Mean, class Deviation>
auto normalize(const X& x, const Mean& mean, const Deviation& deviation) {
    return (x - mean) / deviation;
}

}  // namespace sinter::data
