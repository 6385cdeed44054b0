// Arrays side by side.
#pragma once

#include "sinter/tensor/product.hpp"

namespace sinter {

namespace detail {

template <int R>
void require_beside(const shape<R>& a, const shape<R>& b, int axis) {
    for (int i = 0; i < R; ++i) {
        const auto k = static_cast<std::size_t>(i);
        if (i != axis && a[k] != b[k])
            throw shape_error("concat: shapes " + shape_text(a) + " and " + shape_text(b) +
                              " differ along axis " + std::to_string(i) + ": only axis " +
                              std::to_string(axis) + " may differ.");
    }
}
/// The part of `whole` that `extent` elements along `axis` take from `begin` on; moves `begin`
/// behind them.
template <element T, int R>
tensor_view<T, R> next_part(const tensor<T, R>& whole, int axis, int64& begin, int64 extent) {
    const auto k = static_cast<std::size_t>(axis);
    shape<R> e = whole.extents();
    e[k] = extent;
    const int64 offset = whole.offset() + begin * whole.strides()[k];
    begin += extent;
    return tensor_view<T, R>(tensor<T, R>::over(whole.memory(), offset, e, whole.strides()));
}

template <class... E>
constexpr dtype promoted() {
    dtype t = dtype::boolean;
    ((t = promote(t, symbol_of<E>::type)), ...);
    return t;
}
template <class B, element T, int R, class... E, std::size_t... I>
tensor<T, R> concat(int axis, std::index_sequence<I...>, const E&... e) {
    const shape<R> extents[] = {extents_of(e)...};
    shape<R> all = extents[0];
    const auto k = static_cast<std::size_t>(axis);
    all[k] = 0;
    for (const shape<R>& s : extents) {
        require_beside<R>(extents[0], s, axis);
        all[k] += s[k];
    }
    const device where[] = {device_of(e)...};
    tensor<T, R> whole(all, where[0]);
    int64 begin = 0;
    tensor_view<T, R> part[] = {next_part(whole, axis, begin, extents[I][k])...};
    exec::target to[] = {part[I].as_target(true)...};
    evaluate_into<B>(to, astype<T>(e)...);
    return whole;
}

}  // namespace detail

/// The arrays one behind the other along an axis: `concat(axis<0>, a, b, c)`. Types promote; all
/// other extents must agree, else a shape_error. Expressions are evaluated straight into their
/// part of the result, in one kernel where the parts have one shape.
template <int A, expression... E, class B = backend>
    requires(!(symbol_of<E>::has_variable || ...))
auto concat(axis_tag<A>, const E&... e) {
    constexpr int R = symbol_of<typename type_at<0, E...>::type>::rank;
    static_assert(sizeof...(E) <= ir::max_roots, "concat: takes up to 16 arrays.");
    static_assert(((symbol_of<E>::rank == R) && ...), "concat: the arrays must have one rank.");
    static_assert(A >= -R && A < R, "concat: the axis must lie in [-rank, rank).");
    constexpr dtype t = detail::promoted<E...>();
    return detail::concat<B, storage_t<t>, R>(
        A < 0 ? A + R : A, std::index_sequence_for<E...>{}, e...);
}
/// The arrays side by side along a new axis of the result: `stack(axis<0>, a, b)` has shape
/// (2, ...). All must have one shape.
template <int A, expression... E>
auto stack(axis_tag<A>, const E&... e) {
    return concat(axis<A>, unsqueeze(e, axis<A>)...);
}

}  // namespace sinter
