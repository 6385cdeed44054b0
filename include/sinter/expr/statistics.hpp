// Reductions that are made of others: spread, norms and counts.
#pragma once

#include "sinter/expr/with.hpp"

namespace sinter {

/// What `var` and `stddev` subtract from the number of elements before they divide by it.
struct correction {
    double value = 1;
    constexpr explicit correction(double v) : value(v) {}
};

namespace detail {

/// The number of elements of `e` along the axes (none: all) in the floating type that e's mean has.
template <int... A, class E>
auto count_along(const E& e) {
    using S = symbol_of<E>;
    return make<sym::count<axis_bits<A...>(S::rank), floating_type(S::type), S>>(e);
}
/// `e`, whose reduced axes have extent 1, with these axes or without.
template <bool Keep, int... A, class E>
auto kept(E&& e) {
    using S = symbol_of<E>;
    if constexpr (Keep) {
        return std::forward<E>(e);
    } else {
        return make<sym::dropped<axis_bits<A...>(S::rank), S>>(std::forward<E>(e));
    }
}

template <int... A>
struct sum_of_squares {
    template <class C>
    auto operator()(C c) const {
        return sum(c * c, axis<A...>, keepdims);
    }
};
template <bool Keep, int... A>
struct variance {
    double correction = 1;
    template <class X>
    auto operator()(X x) const {
        // No negative divisor: fewer elements than the correction give NaN or inf, as in PyTorch.
        return kept<Keep, A...>(with(sum_of_squares<A...>{}, x - mean(x, axis<A...>, keepdims)) /
                                maximum(count_along<A...>(x) - correction, 0));
    }
};
template <bool Keep, int... A>
struct euclidean {
    template <class X>
    auto operator()(X x) const {
        constexpr dtype t = floating_type(symbol_of<X>::type);
        return kept<Keep, A...>(
            sqrt(with(sum_of_squares<A...>{}, make<sym::as<t, symbol_of<X>>>(x))));
    }
};
// A maximum of -inf or inf would make every difference NaN; nothing overflows without it.
struct finite_or_zero {
    template <class M>
    auto operator()(M m) const {
        return where(abs(m) == infinity, 0, m);
    }
};
template <bool Keep, int... A>
struct log_sum_exp {
    template <class X>
    auto operator()(X x) const {
        const auto top = stop_gradient(with(finite_or_zero{}, max(x, axis<A...>, keepdims)));
        return kept<Keep, A...>(log(sum(exp(x - top), axis<A...>, keepdims)) + top);
    }
};
template <class E, int... A>
constexpr bool reducible() {
    static_assert(
        valid_axes<A...>(symbol_of<E>::rank),
        "A reduction's axes must lie in [-rank, rank) of its operand and differ from each other.");
    return valid_axes<A...>(symbol_of<E>::rank);
}

}  // namespace detail

/// The variance over the given axes (none: all), sum((x - mean)^2) / (n - correction), in a
/// floating type, in two passes over the values. The correction is 1 as in PyTorch; `correction(0)`
/// gives NumPy's default. Not enough elements give NaN.
template <expression E, int... A>
auto var(E&& e, axis_tag<A...> = {}, correction c = correction(1)) {
    if constexpr (detail::reducible<E, A...>())
        return with(detail::variance<false, A...>{c.value}, std::forward<E>(e));
}
template <expression E, int... A>
auto var(E&& e, axis_tag<A...>, keepdims_tag, correction c = correction(1)) {
    if constexpr (detail::reducible<E, A...>())
        return with(detail::variance<true, A...>{c.value}, std::forward<E>(e));
}
template <expression E>
auto var(E&& e, correction c) {
    return var(std::forward<E>(e), axis<>, c);
}
/// The standard deviation: the square root of `var`.
template <expression E, int... A>
auto stddev(E&& e, axis_tag<A...> a = {}, correction c = correction(1)) {
    return sqrt(var(std::forward<E>(e), a, c));
}
template <expression E, int... A>
auto stddev(E&& e, axis_tag<A...> a, keepdims_tag, correction c = correction(1)) {
    return sqrt(var(std::forward<E>(e), a, keepdims, c));
}
template <expression E>
auto stddev(E&& e, correction c) {
    return stddev(std::forward<E>(e), axis<>, c);
}

/// The Euclidean norm over the given axes (none: all), sqrt(sum(x^2)), in a floating type, without
/// scaling: squares may overflow. Other norms are `sum(abs(x))` and `max(abs(x))`.
template <expression E, int... A>
auto norm(E&& e, axis_tag<A...> = {}) {
    if constexpr (detail::reducible<E, A...>())
        return with(detail::euclidean<false, A...>{}, std::forward<E>(e));
}
template <expression E, int... A>
auto norm(E&& e, axis_tag<A...>, keepdims_tag) {
    if constexpr (detail::reducible<E, A...>())
        return with(detail::euclidean<true, A...>{}, std::forward<E>(e));
}

/// log(sum(exp(x))) over the given axes (none: all), in a floating type, from which the maximum is
/// taken first so that nothing overflows; a row of -inf gives -inf. Of no elements: a shape_error.
template <expression E, int... A>
auto logsumexp(E&& e, axis_tag<A...> = {}) {
    if constexpr (detail::reducible<E, A...>())
        return with(detail::log_sum_exp<false, A...>{}, std::forward<E>(e));
}
template <expression E, int... A>
auto logsumexp(E&& e, axis_tag<A...>, keepdims_tag) {
    if constexpr (detail::reducible<E, A...>())
        return with(detail::log_sum_exp<true, A...>{}, std::forward<E>(e));
}

/// The int64 number of elements over the given axes (none: all) that are not zero; NaN counts.
template <expression E, int... A>
auto count_nonzero(E&& e, axis_tag<A...> a = {}) {
    return sum(std::forward<E>(e) != 0, a);
}
template <expression E, int... A>
auto count_nonzero(E&& e, axis_tag<A...> a, keepdims_tag) {
    return sum(std::forward<E>(e) != 0, a, keepdims);
}

}  // namespace sinter
