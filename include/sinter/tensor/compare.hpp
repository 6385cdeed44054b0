// Comparing whole arrays.
#pragma once

#include "sinter/expr/reduce.hpp"
#include "sinter/tensor/view.hpp"

namespace sinter {

namespace detail {

template <class A, class B>
bool same_shape(const A& a, const B& b) {
    if constexpr (A::rank != B::rank) {
        return false;
    } else {
        return a.extents() == b.extents();
    }
}
template <class B, class E>
bool none_true(const E& e) {
    return eval(sum(e)).item() == 0;
}

}  // namespace detail

/// True when both have the same shape and equal elements. NaN equals nothing.
template <expression X, expression Y, class B = backend>
bool array_equal(const X& x, const Y& y) {
    const auto a = eval(x);
    const auto b = eval(y);
    if constexpr (decltype(a)::rank != decltype(b)::rank) {
        return false;
    } else {
        return detail::same_shape(a, b) && detail::none_true<B>(a != b);
    }
}
/// True when the shapes broadcast and |x - y| <= absolute + relative * |y| for every element, as
/// NumPy's allclose. Equal infinities are close; NaN is close to nothing.
template <expression X, expression Y, class B = backend>
bool allclose(const X& x, const Y& y, double relative = 1e-5, double absolute = 1e-8) {
    const auto a = eval(astype<double>(x));
    const auto b = eval(astype<double>(y));
    // An infinite b would allow any distance.
    const auto apart = where(abs(a - b) <= absolute + relative * abs(b), abs(b) == infinity, true);
    return detail::none_true<B>(where(a == b, false, apart));
}

}  // namespace sinter
