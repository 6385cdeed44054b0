// Sorting, selecting and scanning rows on CUDA, by CUB and Thrust. Work is queued on this thread's
// current stream; temporary memory comes from the stream-ordered pool.
#pragma once

#include <thrust/execution_policy.h>
#include <thrust/iterator/constant_iterator.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/reduce.h>
#include <thrust/tabulate.h>

#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>
#include <cub/device/device_segmented_sort.cuh>

#include "sinter/sort/order.hpp"

namespace sinter::sorting {

/// The row of an element, where a row begins, and the place of an element in its row.
struct row_number {
    int64 length;
    SINTER_HD int64 operator()(int64 i) const { return i / length; }
};
struct row_start {
    int64 length;
    SINTER_HD int64 operator()(int64 row) const { return row * length; }
};
struct place_in_row {
    int64 length;
    SINTER_HD int64 operator()(int64 i) const { return i % length; }
};

/// The algorithms for arrays on a CUDA device. All take row-major arrays and may use the memory of
/// what they are given for what they return.
class on_cuda {
    template <class K>
    static constexpr int bits = 8 * static_cast<int>(sizeof(K));

    static cudaStream_t queue(device d) {
        return static_cast<cudaStream_t>(current_stream(d).handle());
    }
    static auto starts(row_shape s) {
        return thrust::make_transform_iterator(thrust::counting_iterator<int64>(0),
                                               row_start{s.length});
    }

public:
    const char* operation;

    template <element K, int R, class Order>
    tensor<K, R> sort(const tensor<K, R>& keys, Order) const {
        if (keys.size() == 0) return keys;
        const row_shape s = rows_of(keys.extents());
        const tensor<K, R> sorted(keys.extents(), keys.where());
        const auto start = starts(s);
        constexpr bool up = same_v<Order, before>;
        run(keys.where(), [&](void* memory, std::size_t& bytes, cudaStream_t stream) {
            const K* in = keys.data();
            K* to = sorted.data();
            if (s.count == 1)
                return up ? cub::DeviceRadixSort::SortKeys(
                                memory, bytes, in, to, s.length, 0, bits<K>, stream)
                          : cub::DeviceRadixSort::SortKeysDescending(
                                memory, bytes, in, to, s.length, 0, bits<K>, stream);
            using sorter = cub::DeviceSegmentedSort;
            return up ? sorter::StableSortKeys(
                            memory, bytes, in, to, keys.size(), s.count, start, start + 1, stream)
                      : sorter::StableSortKeysDescending(
                            memory, bytes, in, to, keys.size(), s.count, start, start + 1, stream);
        });
        return sorted;
    }
    template <element K, int R, class Order>
    tensor<int64, R> argsort(const tensor<K, R>& keys, Order order) const {
        return sort_pairs(keys, order).indices;
    }
    template <element K, int R, class Order>
    selected<K, R> select(const tensor<K, R>& keys, int64 k, Order order) const {
        const selected<K, R> all = sort_pairs(keys, order);
        return {first_of_rows(all.values, k), first_of_rows(all.indices, k)};
    }
    template <element K>
    counted<K> unique(const tensor<K, 1>& keys) const {
        const tensor<K, 1> values(keys.extents(), keys.where());
        const tensor<int64, 1> counts(keys.extents(), keys.where());
        const runtime::cuda_session cuda(keys.where(), operation);
        const auto policy = thrust::cuda::par.on(queue(keys.where()));
        const auto end = thrust::reduce_by_key(policy,
                                               keys.data(),
                                               keys.data() + keys.size(),
                                               thrust::constant_iterator<int64>(1),
                                               values.data(),
                                               counts.data(),
                                               same_place{});
        const range kept(0, end.first - values.data());
        return {slice(values, kept), slice(counts, kept)};
    }
    template <element K, int R, class Fold>
    tensor<K, R> scan(const tensor<K, R>& values, Fold fold) const {
        if (values.size() == 0) return values;
        const row_shape s = rows_of(values.extents());
        const tensor<K, R> sums(values.extents(), values.where());
        const auto rows = thrust::make_transform_iterator(thrust::counting_iterator<int64>(0),
                                                          row_number{s.length});
        run(values.where(), [&](void* memory, std::size_t& bytes, cudaStream_t stream) {
            if (s.count == 1)
                return cub::DeviceScan::InclusiveScan(
                    memory, bytes, values.data(), sums.data(), fold, s.length, stream);
            return cub::DeviceScan::InclusiveScanByKey(memory,
                                                       bytes,
                                                       rows,
                                                       values.data(),
                                                       sums.data(),
                                                       fold,
                                                       values.size(),
                                                       same_place{},
                                                       stream);
        });
        return sums;
    }

private:
    /// Runs a CUB algorithm: asked once for the bytes it needs, then to work.
    template <class F>
    void run(device d, F algorithm) const {
        const runtime::cuda_session cuda(d, operation);
        std::size_t bytes = 0;
        cuda.check(static_cast<int>(algorithm(nullptr, bytes, queue(d))), operation);
        const auto memory = runtime::allocate(d, bytes > 0 ? bytes : 1);
        cuda.check(static_cast<int>(algorithm(memory->data(), bytes, queue(d))), operation);
        runtime::launch_record r;
        r.kernel = operation;
        r.where = d;
        runtime::note_launch(r);
    }
    template <element K, int R, class Order>
    selected<K, R> sort_pairs(const tensor<K, R>& keys, Order) const {
        const selected<K, R> sorted{tensor<K, R>(keys.extents(), keys.where()),
                                    tensor<int64, R>(keys.extents(), keys.where())};
        if (keys.size() == 0) return sorted;
        const row_shape s = rows_of(keys.extents());
        const tensor<int64, R> places(keys.extents(), keys.where());
        {
            const runtime::cuda_session cuda(keys.where(), operation);
            thrust::tabulate(thrust::cuda::par_nosync.on(queue(keys.where())),
                             places.data(),
                             places.data() + places.size(),
                             place_in_row{s.length});
        }
        const auto start = starts(s);
        constexpr bool up = same_v<Order, before>;
        run(keys.where(), [&](void* memory, std::size_t& bytes, cudaStream_t stream) {
            const K* in = keys.data();
            K* to = sorted.values.data();
            const int64* from = places.data();
            int64* at = sorted.indices.data();
            if (s.count == 1)
                return up ? cub::DeviceRadixSort::SortPairs(
                                memory, bytes, in, to, from, at, s.length, 0, bits<K>, stream)
                          : cub::DeviceRadixSort::SortPairsDescending(
                                memory, bytes, in, to, from, at, s.length, 0, bits<K>, stream);
            using sorter = cub::DeviceSegmentedSort;
            const int64 n = keys.size();
            return up ? sorter::StableSortPairs(
                            memory, bytes, in, to, from, at, n, s.count, start, start + 1, stream)
                      : sorter::StableSortPairsDescending(
                            memory, bytes, in, to, from, at, n, s.count, start, start + 1, stream);
        });
        return sorted;
    }
    template <element K, int R>
    static tensor<K, R> first_of_rows(const tensor<K, R>& x, int64 k) {
        return [&]<std::size_t... I>(std::index_sequence<I...>) {
            return slice(x, (I + 1 < R ? range() : range(0, k))...).clone();
        }
        (std::make_index_sequence<static_cast<std::size_t>(R)>{});
    }
};

}  // namespace sinter::sorting
