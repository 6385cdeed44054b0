// Sorting, selecting and scanning rows on the host, by the standard library.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "sinter/sort/order.hpp"

namespace sinter::sorting {

/// The algorithms where host code reaches the memory: on the host and on the emulator. All take
/// row-major arrays and may use the memory of what they are given for what they return.
struct on_host {
    /// Every row sorted.
    template <element K, int R, class Order>
    static tensor<K, R> sort(const tensor<K, R>& keys, Order order) {
        const row_shape s = rows_of(keys.extents());
        for (int64 r = 0; r < s.count; ++r)
            std::stable_sort(keys.data() + r * s.length, keys.data() + (r + 1) * s.length, order);
        return keys;
    }
    /// The positions of every row's elements in order; equal ones keep theirs.
    template <element K, int R, class Order>
    static tensor<int64, R> argsort(const tensor<K, R>& keys, Order order) {
        const row_shape s = rows_of(keys.extents());
        const tensor<int64, R> positions(keys.extents(), keys.where());
        for (int64 r = 0; r < s.count; ++r) {
            const K* x = keys.data() + r * s.length;
            int64* p = positions.data() + r * s.length;
            std::iota(p, p + s.length, int64{0});
            std::stable_sort(p, p + s.length, [&](int64 a, int64 b) { return order(x[a], x[b]); });
        }
        return positions;
    }
    /// The first k elements of every row in order, with their positions; of equal ones the first.
    template <element K, int R, class Order>
    static selected<K, R> select(const tensor<K, R>& keys, int64 k, Order order) {
        const row_shape s = rows_of(keys.extents());
        const selected<K, R> best{with_last<K>(keys, k), with_last<int64>(keys, k)};
        std::vector<int64> p(static_cast<std::size_t>(s.length));
        for (int64 r = 0; r < s.count; ++r) {
            const K* x = keys.data() + r * s.length;
            std::iota(p.begin(), p.end(), int64{0});
            std::partial_sort(p.begin(), p.begin() + k, p.end(), [&](int64 a, int64 b) {
                return order(x[a], x[b]) || (!order(x[b], x[a]) && a < b);
            });
            for (int64 i = 0; i < k; ++i) {
                best.indices.data()[r * k + i] = p[static_cast<std::size_t>(i)];
                best.values.data()[r * k + i] = x[p[static_cast<std::size_t>(i)]];
            }
        }
        return best;
    }
    /// The first of equal neighbours among sorted keys, and how many each stands for.
    template <element K>
    static counted<K> unique(const tensor<K, 1>& keys) {
        const tensor<int64, 1> counts(keys.extents(), keys.where());
        K* x = keys.data();
        int64 kept = 0;
        for (int64 i = 0; i < keys.size(); ++i) {
            if (i == 0 || !same_place{}(x[kept - 1], x[i])) {
                x[kept] = x[i];
                counts.data()[kept++] = 0;
            }
            ++counts.data()[kept - 1];
        }
        return {slice(keys, range(0, kept)), slice(counts, range(0, kept))};
    }
    /// Every row's running fold. float is carried in double.
    template <element K, int R, class Fold>
    static tensor<K, R> scan(const tensor<K, R>& values, Fold fold) {
        using carried = select_t<same_v<K, float>, double, K>;
        const row_shape s = rows_of(values.extents());
        for (int64 r = 0; s.length > 0 && r < s.count; ++r) {
            K* x = values.data() + r * s.length;
            carried so_far = x[0];
            for (int64 i = 1; i < s.length; ++i) {
                so_far = fold(so_far, static_cast<carried>(x[i]));
                x[i] = static_cast<K>(so_far);
            }
        }
        return values;
    }
};

}  // namespace sinter::sorting
