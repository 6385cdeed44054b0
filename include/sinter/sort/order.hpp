// The order in which values are sorted, and rows of an array with one axis last.
#pragma once

#include "sinter/expr/with.hpp"
#include "sinter/tensor/rearrange.hpp"

namespace sinter {

/// What `topk` gives: values, and their positions along the axis.
template <element T, int R>
struct selected {
    tensor<T, R> values;
    tensor<int64, R> indices;
};
/// What `unique_counts` gives: the different values in order, and how often each occurs.
template <element T>
struct counted {
    tensor<T, 1> values;
    tensor<int64, 1> counts;
};

namespace sorting {

/// Ascending, with NaN behind every number as NumPy and PyTorch have it; zeros are equal.
struct before {
    template <class T>
    SINTER_HD bool operator()(const T& a, const T& b) const {
        return a < b || (b != b && a == a);
    }
};
/// The exact reverse of `before`: NaN comes first.
struct after {
    template <class T>
    SINTER_HD bool operator()(const T& a, const T& b) const {
        return before{}(b, a);
    }
};
/// Equal in the order of `before`: NaN equals NaN.
struct same_place {
    template <class T>
    SINTER_HD bool operator()(const T& a, const T& b) const {
        return a == b || (a != a && b != b);
    }
};

/// What is sorted for values of type D: half and bfloat16 as float, which holds
/// them exactly.
template <dtype D>
inline constexpr dtype key_type = is_half_size(D) ? dtype::f32 : D;
template <dtype D>
using key_t = storage_t<key_type<D>>;

/// Contiguous rows.
struct row_shape {
    int64 count = 1, length = 1;
};
template <std::size_t R>
row_shape rows_of(const std::array<int64, R>& e) {
    row_shape r;
    for (std::size_t i = 0; i + 1 < R; ++i) r.count *= e[i];
    r.length = e[R - 1];
    return r;
}

/// Axis A of the operand last, the others in their order; and back.
template <int R, int A>
struct axis_last {
    static_assert(R > 0, "Sorting needs an axis: the operand has rank 0.");
    static_assert(A >= -R && A < R, "The axis to sort along must lie in [-rank, rank).");
    static constexpr int at = A < 0 ? A + R : A;
    static constexpr int there(int i) { return i < at ? i : i + 1 < R ? i + 1 : at; }
    static constexpr int back(int i) { return i < at ? i : i == at ? R - 1 : i - 1; }
    template <int... I>
    static auto order(ints<I...>) -> axis_tag<there(I)...>;
    template <int... I>
    static auto return_order(ints<I...>) -> axis_tag<back(I)...>;
    using to_last = decltype(order(make_ints<R>{}));
    using from_last = decltype(return_order(make_ints<R>{}));
};

/// All NaN become one, so that sorting by bits puts them last.
struct one_nan {
    template <class X>
    auto operator()(X x) const {
        return where(x != x, not_a_number, x);
    }
};
/// `e` as values of type T with axis A last, in new row-major memory: one launch, which evaluates
/// `e`. `keys`: NaN become one.
template <int A, element T, bool Keys, class E>
auto rows_last(const E& e) {
    using S = symbol_of<E>;
    using result = tensor<T, S::rank>;
    const auto typed = astype<T>(permute(e, typename axis_last<S::rank, A>::to_last{}));
    if constexpr (Keys && is_floating(dtype_v<T>)) {
        return result(with(one_nan{}, typed));
    } else {
        return result(detail::make<symbol_of<decltype(typed)>>(typed));
    }
}
/// `e` as what is sorted in its place.
template <int A, class E>
auto keys_of(const E& e) {
    return rows_last<A, key_t<symbol_of<E>::type>, true>(e);
}

/// An array of another type and another extent of the last axis.
template <element T, element K, int R>
tensor<T, R> with_last(const tensor<K, R>& like, int64 extent) {
    shape<R> e = like.extents();
    e[R - 1] = extent;
    return tensor<T, R>(e, like.where());
}

}  // namespace sorting
}  // namespace sinter
