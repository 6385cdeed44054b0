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
    int64 border = 0;  ///< so many zeros around the result, which the padding of a layer would add
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
    int64 border = 0;
    int64 tall() const { return height + 2 * border; }
    int64 wide() const { return width + 2 * border; }
};
/// What becomes of an image: how many places down, how many to the right, and whether it is
/// flipped, each from random bits of its own, and without a division, which costs a device more
/// than everything else here.
struct drawn_place {
    static constexpr int flops = 48;  // Philox
    random::source from;
    uint32 rows, columns;
    bool flip;
    SINTER_HD SINTER_INLINE int64 operator()(int64 image) const {
        const random::words r = from.at(image);
        const uint64 down = static_cast<uint64>(r.w[0]) * rows >> 32,
                     right = static_cast<uint64>(r.w[1]) * columns >> 32,
                     turned = flip ? r.w[2] >> 31 : 0;
        return static_cast<int64>(down << 32 | right << 1 | turned);
    }
};
/// The row and the column of an image that a place puts into row y and column x of the result; -1
/// in the border. Unsigned shifts: there are vector instructions of these.
struct moved_row {
    int64 first, extent, border;
    SINTER_HD SINTER_INLINE int64 operator()(int64 place, int64 y) const {
        const int64 at = y - border, down = static_cast<int64>(static_cast<uint64>(place) >> 32);
        return at >= 0 && at < extent ? at + first + down : -1;
    }
};
struct moved_column {
    int64 first, extent, border;
    SINTER_HD SINTER_INLINE int64 operator()(int64 place, int64 x) const {
        const int64 at = x - border,
                    right = static_cast<int64>((static_cast<uint64>(place) & 0xffffffffU) >> 1);
        const int64 turned = (place & 1) != 0 ? extent - 1 - at : at;
        return at >= 0 && at < extent ? turned + first + right : -1;
    }
};
/// (k / divisor) % extent, where elements of several axes are counted as one: along axis A. A type
/// for each, so that nobody guesses that they are the same.
template <int A>
struct part_of_number {
    static constexpr int flops = 16;
    uint32 divisor, extent;
    SINTER_HD SINTER_INLINE int64 operator()(int64 k) const {
        return static_cast<uint32>(k) / divisor % extent;
    }
};

template <class X>
struct moved {
    const X& images;
    moved_part part;

    // `place` (n, 1...) and the row, the column and the channel of each element.
    template <class P, class Y, class C, class D>
    auto operator()(P place, Y y, C x, D channel) const {
        const int64 h = images.extent(1), w = images.extent(2);
        return with(moved_pixel{images, h, w},
                    coordinate(place, axis<0>),
                    elementwise(moved_row{part.y.first, part.height, part.border}, place, y),
                    elementwise(moved_column{part.x.first, part.width, part.border}, place, x),
                    channel);
    }
    struct moved_pixel {
        const X& images;
        int64 h, w;
        // Each is mentioned several times and has a name, so that nobody need guess that it is one.
        template <class I, class Y, class C, class D>
        auto operator()(I image, Y row, C column, D channel) const {
            const auto& s = images.strides();
            const sinter::detail::offset_range range(images.as_array());
            // Pixels outside are not read.
            const auto offset = clamp(
                image * s[0] + row * s[1] + column * s[2] + channel * s[3], range.low, range.high);
            using taken = sym::taken<typename X::symbol, symbol_of<decltype(offset)>>;
            return where(row >= 0 && row < h && column >= 0 && column < w,
                         sinter::detail::make<taken>(images, offset),
                         sinter::detail::zero_beside<X::type>());
        }
    };
};

inline moved_part part_of(const shape<4>& images, const augment_options& o) {
    const int64 h = images[1], w = images[2];
    constexpr int64 most = 1 << 30;
    if (o.shift < 0 || o.height < 0 || o.width < 0 || o.height > h || o.width > w || o.border < 0 ||
        o.shift + h > most || o.shift + w > most || o.border > most)
        throw shape_error("augment: a shift of " + std::to_string(o.shift) + " and a part of " +
                          std::to_string(o.height) + " x " + std::to_string(o.width) +
                          (o.border ? " in a border of " + std::to_string(o.border) : "") +
                          " make no sense for images of shape " + shape_text(images) + ".");
    moved_part p;
    p.height = o.height ? o.height : h;
    p.width = o.width ? o.width : w;
    p.y = {-o.shift, h - p.height + 2 * o.shift + 1};
    p.x = {-o.shift, w - p.width + 2 * o.shift + 1};
    p.flip = o.flip;
    p.border = o.border;
    return p;
}
/// The place of every image, in shape `s`.
template <int R>
auto places(const moved_part& p, const random_key& key, const shape<R>& s) {
    return elementwise(
        drawn_place{
            key.from(), static_cast<uint32>(p.y.count), static_cast<uint32>(p.x.count), p.flip},
        sinter::detail::numbers_of(s));
}

}  // namespace detail

/// Images (n, height, width, channels) of which each is shifted, flipped or cut at random, as the
/// options say: a function of the key and the image's place in the batch, so that equal keys give
/// equal results. Zeros stand where a shift leaves nothing. Lazy: fuses into what follows; see
/// docs/training.md about convolutions. Throws shape_error when the part is larger than an image.
template <element T>
auto augment(const tensor<T, 4>& x, const augment_options& o, const random_key& key) {
    using sinter::detail::before_axes;
    using sinter::detail::numbers_to;
    const detail::moved_part p = detail::part_of(x.extents(), o);
    return with(detail::moved<tensor<T, 4>>{x, p},
                detail::places(p, key, shape<4>{{x.extent(0), 1, 1, 1}}),
                before_axes<2>(numbers_to(p.tall(), {})),
                before_axes<1>(numbers_to(p.wide(), {})),
                numbers_to(x.extent(3), {}));
}
/// The same as rows (n, height * width * channels), which is what a dense layer takes: fuses into
/// its product, where `flatten` would store the images first. Throws shape_error also for rows of
/// 2^31 elements.
template <element T>
auto augment_rows(const tensor<T, 4>& x, const augment_options& o, const random_key& key) {
    const detail::moved_part p = detail::part_of(x.extents(), o);
    const int64 c = x.extent(3), length = p.tall() * p.wide() * c;
    if (p.tall() * p.wide() >= (int64{1} << 31) / (c > 0 ? c : 1))
        throw shape_error("augment_rows: images of shape " + shape_text(x.extents()) +
                          " are too long for one row.");
    const auto number = [](int64 n) { return static_cast<uint32>(n > 0 ? n : 1); };
    const auto along = [&]<int A>(axis_tag<A>, int64 inner, int64 extent) {
        return elementwise(detail::part_of_number<A>{number(inner), number(extent)},
                           sinter::detail::numbers_to(length, {}));
    };
    return with(detail::moved<tensor<T, 4>>{x, p},
                detail::places(p, key, shape<2>{{x.extent(0), 1}}),
                along(axis<1>, p.wide() * c, p.tall()),
                along(axis<2>, c, p.wide()),
                along(axis<3>, 1, c));
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
