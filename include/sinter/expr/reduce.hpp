// Reductions over compile-time axes.
#pragma once

#include "sinter/expr/axis.hpp"
#include "sinter/expr/functions.hpp"

namespace sinter {

namespace detail {

template <int Red, bool Keep, int... A, class E>
auto reduce(E&& e) {
    using S = symbol_of<E>;
    static_assert(
        valid_axes<A...>(S::rank),
        "A reduction's axes must lie in [-rank, rank) of its operand and differ from each other.");
    if constexpr (valid_axes<A...>(S::rank))
        return make<sym::reduction<Red, axis_bits<A...>(S::rank), Keep, S>>(std::forward<E>(e));
}
template <bool Keep, int... A, class E>
auto mean(E&& e) {
    using S = symbol_of<E>;
    static_assert(
        valid_axes<A...>(S::rank),
        "A reduction's axes must lie in [-rank, rank) of its operand and differ from each other.");
    if constexpr (valid_axes<A...>(S::rank))
        return make<sym::mean<axis_bits<A...>(S::rank), Keep, S>>(std::forward<E>(e));
}

}  // namespace detail

/// The sum over the given axes (none: all). bool and integers sum as int64; half and bfloat16
/// sum in float. The sum of no elements is 0. With `keepdims` the axes stay with extent 1.
template <expression E, int... A>
auto sum(E&& e, axis_tag<A...> = {}) {
    return detail::reduce<ir::reduction_id<ir::red::sum>, false, A...>(std::forward<E>(e));
}
template <expression E, int... A>
auto sum(E&& e, axis_tag<A...>, keepdims_tag) {
    return detail::reduce<ir::reduction_id<ir::red::sum>, true, A...>(std::forward<E>(e));
}
/// The arithmetic mean over the given axes (none: all), in a floating type; of no elements NaN.
template <expression E, int... A>
auto mean(E&& e, axis_tag<A...> = {}) {
    return detail::mean<false, A...>(std::forward<E>(e));
}
template <expression E, int... A>
auto mean(E&& e, axis_tag<A...>, keepdims_tag) {
    return detail::mean<true, A...>(std::forward<E>(e));
}
/// The product over the given axes (none: all). bool and integers multiply as int64, which wraps.
/// The product of no elements is 1.
template <expression E, int... A>
auto prod(E&& e, axis_tag<A...> = {}) {
    return detail::reduce<ir::reduction_id<ir::red::prod>, false, A...>(std::forward<E>(e));
}
template <expression E, int... A>
auto prod(E&& e, axis_tag<A...>, keepdims_tag) {
    return detail::reduce<ir::reduction_id<ir::red::prod>, true, A...>(std::forward<E>(e));
}
/// The maximum over the given axes (none: all); NaN if any element is NaN. Of no elements: a
/// shape_error.
template <expression E, int... A>
auto max(E&& e, axis_tag<A...> = {}) {
    return detail::reduce<ir::reduction_id<ir::red::max>, false, A...>(std::forward<E>(e));
}
template <expression E, int... A>
auto max(E&& e, axis_tag<A...>, keepdims_tag) {
    return detail::reduce<ir::reduction_id<ir::red::max>, true, A...>(std::forward<E>(e));
}
/// Two arrays: max and min reduce one.
template <class A, class B>
    requires detail::operands<A, B>
auto max(A&& a, B&& b) {
    static_assert(!same_v<A, A>,
                  "max: reduces one array; the larger of two, element by element, is maximum(a, "
                  "b).");
    return maximum(std::forward<A>(a), std::forward<B>(b));
}
template <class A, class B>
    requires detail::operands<A, B>
auto min(A&& a, B&& b) {
    static_assert(!same_v<A, A>,
                  "min: reduces one array; the smaller of two, element by element, is minimum(a, "
                  "b).");
    return minimum(std::forward<A>(a), std::forward<B>(b));
}
/// The int64 position of the first maximum along the given axes, counted in row-major order over
/// them (none: over all). NaN counts as the largest value. Of no elements: a shape_error.
template <expression E, int... A>
auto argmax(E&& e, axis_tag<A...> = {}) {
    return detail::reduce<ir::reduction_id<ir::red::argmax>, false, A...>(std::forward<E>(e));
}
template <expression E, int... A>
auto argmax(E&& e, axis_tag<A...>, keepdims_tag) {
    return detail::reduce<ir::reduction_id<ir::red::argmax>, true, A...>(std::forward<E>(e));
}

/// The minimum over the given axes (none: all); NaN if any element is NaN. Of no elements: a
/// shape_error.
template <expression E, int... A>
auto min(E&& e, axis_tag<A...> = {}) {
    return detail::reduce<ir::reduction_id<ir::red::min>, false, A...>(std::forward<E>(e));
}
template <expression E, int... A>
auto min(E&& e, axis_tag<A...>, keepdims_tag) {
    return detail::reduce<ir::reduction_id<ir::red::min>, true, A...>(std::forward<E>(e));
}
/// The int64 position of the first minimum, as `argmax` gives that of the first maximum. NaN counts
/// as the smallest value.
template <expression E, int... A>
auto argmin(E&& e, axis_tag<A...> = {}) {
    return detail::reduce<ir::reduction_id<ir::red::argmin>, false, A...>(std::forward<E>(e));
}
template <expression E, int... A>
auto argmin(E&& e, axis_tag<A...>, keepdims_tag) {
    return detail::reduce<ir::reduction_id<ir::red::argmin>, true, A...>(std::forward<E>(e));
}
/// True where some element over the given axes (none: all) is not zero, NaN included; of no
/// elements false.
template <expression E, int... A>
auto any(E&& e, axis_tag<A...> = {}) {
    return detail::reduce<ir::reduction_id<ir::red::any>, false, A...>(std::forward<E>(e));
}
template <expression E, int... A>
auto any(E&& e, axis_tag<A...>, keepdims_tag) {
    return detail::reduce<ir::reduction_id<ir::red::any>, true, A...>(std::forward<E>(e));
}
/// True where every element over the given axes (none: all) is not zero; of no elements true.
template <expression E, int... A>
auto all(E&& e, axis_tag<A...> = {}) {
    return detail::reduce<ir::reduction_id<ir::red::all>, false, A...>(std::forward<E>(e));
}
template <expression E, int... A>
auto all(E&& e, axis_tag<A...>, keepdims_tag) {
    return detail::reduce<ir::reduction_id<ir::red::all>, true, A...>(std::forward<E>(e));
}

}  // namespace sinter
