// Means over parts of images, however large the images are.
#pragma once

#include "sinter/tensor/arange.hpp"
#include "sinter/tensor/conv.hpp"

namespace sinter {

namespace detail {

// The contraction of (examples, K of space, channels) with 0 and 1, of (K of the parts, K of
// space): space is summed.
template <int K>
struct parts_map {
    static constexpr int rank = K + 2, summed = K;
    static constexpr unsigned char groups = 0;
    static constexpr int windows_at(int j) {
        return j == 0 ? 0 : j <= K ? -1 : j == K + 1 ? j : j - K - 1;
    }
    static constexpr int other_at(int j) {
        return j == 0 || j == K + 1 ? -1 : j <= K ? K + j - 1 : j - K - 2;
    }
};

// The numbers along axis `at` of rank R, whose other extents are 1.
template <int R>
auto numbers_along(int at, int64 n) {
    shape<R> s;
    s.fill(1);
    s[static_cast<std::size_t>(at)] = n;
    return numbers_of(s);
}

template <class Axes>
struct adaptive;
template <int... J>
struct adaptive<ints<J...>> {
    static constexpr int K = sizeof...(J);
    int64 extent[K], parts[K];

    // Part i of n elements in m parts begins at floor(i n / m) and ends before ceil((i + 1) n / m).
    auto holds(int k) const {
        const auto i = numbers_along<2 * K>(k, parts[k]),
                   h = numbers_along<2 * K>(K + k, extent[k]);
        return (h + 1) * parts[k] > i * extent[k] && h * parts[k] < (i + 1) * extent[k];
    }
    auto length(int k) const {
        const auto i = astype<double>(numbers_along<K + 2>(k + 1, parts[k]));
        const auto n = static_cast<double>(extent[k]), m = static_cast<double>(parts[k]);
        return ceil((i + 1.0) * n / m) - floor(i * n / m);
    }
    template <class E>
    auto means(const E& e) const {
        using T = storage_t<symbol_of<E>::type>;
        return contract<parts_map<K>>(e, astype<T>((holds(J) && ...))) /
               astype<T>((length(J) * ...));
    }
};

}  // namespace detail

/// The means of `parts[0]` x `parts[1]` ... parts of each image, which cover it evenly: x
/// (examples, space, channels) becomes (examples, parts, channels), and part i of m along an axis
/// of n elements has the elements from floor(i n / m) up to ceil((i + 1) n / m), as in PyTorch.
/// Parts of an extent that is no multiple of their number overlap. One kernel, a product with zeros
/// and ones: an infinite element makes the other means of its image NaN. Integers give float.
/// Throws shape_error for less than one part.
template <expression E, int K>
auto adaptive_avg_pool(const E& e, const int64 (&parts)[K]) {
    if constexpr (detail::pools<K, E>()) {
        const auto extents = shape_of(e);
        detail::adaptive<make_ints<K>> a;
        for (int k = 0; k < K; ++k) {
            a.extent[k] = extents[static_cast<std::size_t>(k) + 1];
            a.parts[k] = parts[k];
            if (parts[k] < 1)
                throw shape_error("adaptive_avg_pool: an image of shape " + shape_text(extents) +
                                  " has at least one part along each axis, not " +
                                  std::to_string(parts[k]) + ".");
        }
        if constexpr (is_floating(symbol_of<E>::type)) {
            return a.means(e);
        } else {
            return a.means(astype<float>(e));
        }
    }
}

}  // namespace sinter
