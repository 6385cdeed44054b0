// Rows of arrays in another order.
#pragma once

#include <numeric>
#include <vector>

#include "sinter/expr/functions.hpp"
#include "sinter/tensor/create.hpp"
#include "sinter/tensor/rearrange.hpp"

namespace sinter::data {

/// 0, ..., n - 1 in an order that `seed` alone decides, the same on every platform (Fisher and
/// Yates, by SplitMix64).
inline std::vector<int64> shuffled_order(int64 n, uint64 seed) {
    std::vector<int64> order(static_cast<std::size_t>(n > 0 ? n : 0));
    std::iota(order.begin(), order.end(), int64{0});
    uint64 state = seed;
    const auto bits = [&state] {
        uint64 z = state += 0x9e3779b97f4a7c15U;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    };
    for (std::size_t i = order.size(); i > 1; --i) {
        // The bits that would favour small numbers are drawn again.
        const uint64 least = (0 - uint64{i}) % i;
        uint64 b = bits();
        while (b < least) b = bits();
        std::swap(order[i - 1], order[b % i]);
    }
    return order;
}

/// The seed of an epoch's order.
constexpr uint64 epoch_seed(uint64 seed, int64 epoch) {
    return seed * 0x9e3779b97f4a7c15U + static_cast<uint64>(epoch);
}

namespace detail {

/// An element of a row-major array by row and column. The array outlives the launch: who asks holds
/// it.
template <class T>
struct element_of_row {
    const T* first = nullptr;
    int64 columns = 0;
    SINTER_HD T operator()(int64 row, int64 column) const { return first[row * columns + column]; }
};

}  // namespace detail

/// Rows order[0], order[1], ... of `x` in memory of their own, on x's device, in one launch. An
/// index outside the rows is a shape_error.
template <element T, int R, class B = backend>
    requires(R >= 1)
tensor<T, R> take_rows(const tensor<T, R>& x, const std::vector<int64>& order) {
    for (const int64 i : order)
        if (i < 0 || i >= x.extent(0))
            throw shape_error("take_rows: row " + std::to_string(i) + " is outside an array of " +
                              std::to_string(x.extent(0)) + " rows.");
    const auto rows = static_cast<int64>(order.size());
    shape<R> extents = x.extents();
    extents[0] = rows;
    const int64 columns = x.extent(0) > 0 ? x.size() / x.extent(0) : 0;
    if (rows == 0 || columns == 0) return tensor<T, R>(extents, x.where());
    const tensor<T, R> from = x.is_contiguous() ? x : x.template clone<B>();
    const auto index = sinter::from(order, shape<2>{{rows, 1}}, x.where());
    const auto column =
        sinter::detail::generate<int64>(shape<1>{{columns}}, x.where(), [](int64 i) { return i; });
    tensor<T, 2> taken;
    taken.template operator=<decltype(elementwise(detail::element_of_row<T>{}, index, column)), B>(
        elementwise(detail::element_of_row<T>{from.data(), columns}, index, column));
    return reshape(taken, extents);
}

}  // namespace sinter::data
