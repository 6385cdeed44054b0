/// Adding to the rows of an array that integers name: the backward pass of `take`.
#pragma once

#include "sinter/sort.hpp"
#include "sinter/tensor/take.hpp"

namespace sinter {

namespace detail {

/// What is added to element i of a target whose rows have `width` elements: the values of row
/// i / width, in the order of their indices. One thread adds all of it, so that the result has the
/// same bits in every run; each element costs a binary search among the `count` sorted indices.
template <class T>
struct row_sum {
    const int64 *sorted, *order;  // row order[k] of the values goes to row sorted[k]
    const T* values;
    int64 count, width;
    SINTER_HD T operator()(int64 i) const {
        const int64 row = i / width, column = i - row * width;
        int64 first = 0;
        for (int64 n = count; n > 0;) {
            const int64 half_way = first + n / 2;
            if (sorted[half_way] < row) {
                first = half_way + 1;
                n -= n / 2 + 1;
            } else {
                n /= 2;
            }
        }
        compute_t<dtype_v<T>> sum = 0;
        for (int64 k = first; k < count && sorted[k] == row; ++k)
            sum = ir::op::add::value(
                sum, static_cast<compute_t<dtype_v<T>>>(values[order[k] * width + column]));
        return static_cast<T>(sum);
    }
};

/// The row that an index counts from the end or not; -1 where it is outside.
struct row_of_index {
    int64 n, slot;
    template <class I>
    auto operator()(I given) const {
        const auto i = astype<int64>(given);
        return with(kept_if_inside{n, slot}, where(i < 0, i + n, i));
    }

private:
    struct kept_if_inside {
        int64 n, slot;
        template <class I>
        auto operator()(I i) const {
            return where(inside(i, n, slot), i, -1);
        }
    };
};

/// scatter_add whose indices the caller has looked at, or that tells `slot` of those outside.
template <class B, element T, int R, expression I, expression V>
void add_rows(tensor<T, R>& target, const I& indices, const V& values, int64 slot) {
    const shape<R> e = extents_of(values);
    if (e.size() == 0) return;
    const int64 n = target.extent(0), count = e[0];
    const tensor<int64, 1> rows = with(row_of_index{n, slot}, indices);
    const tensor<int64, 1> places = argsort<tensor<int64, 1>, -1, B>(rows);
    const tensor<int64, 1> sorted = with(taken_at<tensor<int64, 1>, 0, 1>{rows}, places);
    const tensor<T, R> added = astype<T>(values) + T(0);  // a copy without gaps
    const row_sum<T> sum{sorted.data(), places.data(), added.data(), count, target.size() / n};
    target += elementwise(sum, numbers_of(target.extents()));
    if (target.where().is_cuda())  // the kernel holds no handle on them
        for (const runtime::storage_ptr& memory :
             {sorted.memory(), places.memory(), added.memory()})
            memory->note_use(current_stream(target.where()));
}

}  // namespace detail

/// target[indices[i]] += values[i] for all i, along the first axis; equal indices add up, in their
/// order. Negative indices count from the end. The result has the same bits in every run: the
/// indices are sorted, and one kernel adds; no atomics. Half and bfloat16 add in float. An index
/// outside is an index_error: on the host before anything is written, of a device, which leaves it
/// out, at the next point where the host waits for it.
template <element T, int R, expression I, expression V, class B = backend>
void scatter_add(tensor<T, R>& target, const I& indices, const V& values) {
    static_assert(R >= 1 && symbol_of<V>::rank == R && symbol_of<I>::rank == 1,
                  "scatter_add: takes a target and values of one rank, and indices of rank 1.");
    static_assert(dtype_v<T> != dtype::boolean, "scatter_add: bool arrays have no sum.");
    const int64 slot = detail::check_indices<B>("scatter_add", target, indices, 0);
    shape<R> expected = target.extents();
    expected[0] = detail::extents_of(indices)[0];
    if (detail::extents_of(values) != expected)
        throw shape_error("scatter_add: values of shape " + shape_text(detail::extents_of(values)) +
                          " do not fit " + std::to_string(expected[0]) +
                          " rows of an array of shape " + shape_text(target.extents()) + ".");
    detail::add_rows<B>(target, indices, values, slot);
}

}  // namespace sinter
