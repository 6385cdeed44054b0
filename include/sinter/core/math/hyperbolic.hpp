// Hyperbolic functions and their inverses on the host.
#pragma once

#include "sinter/core/math/exp.hpp"
#include "sinter/core/math/log.hpp"
#include "sinter/core/math/root.hpp"

namespace sinter::math {

namespace host {

/// (e^a - `less`) / 4 for a >= 0: finite where e^a is not but e^a / 2 is.
SINTER_HD SINTER_INLINE float quarter_exp(float a, float less) {
    const exp_parts32 e = exp_reduce(bounded(a, 89.5F));
    const float s = power_of_two(e.k - 2U);
    return s * expm1_small(e.r) + (s - 0.25F * less);
}
SINTER_HD SINTER_INLINE double quarter_exp(double a, double less) {
    const exp_parts64 e = exp_reduce(bounded(a, 710.5));
    const double s = power_of_two(e.n - 2.0);
    return s * expm1_small(e.r) + (s - 0.25 * less);
}
template <class T>
SINTER_HD SINTER_INLINE T sinh(T x) {
    const T q = quarter_exp(magnitude(x), T(1));
    return with_sign(T(2) * (q + q / (T(4) * q + T(1))), x);
}
template <class T>
SINTER_HD SINTER_INLINE T cosh(T x) {
    const T q = quarter_exp(magnitude(x), T(0));
    return T(2) * (q + T(0.0625) / q);
}
template <class T>
SINTER_HD SINTER_INLINE T tanh(T x, T most) {
    const T t = math::expm1(T(2) * bounded(x, most));
    return t / (t + T(2));
}
/// log(a + sqrt(a^2 + 1)); from `large` on, where a^2 is nearly all or overflows, log(a) + log(2).
template <class T>
SINTER_HD SINTER_INLINE T asinh(T x, T large) {
    const T a = magnitude(x);
    const word_t<T> big = if_above(a, large);
    const T t = pick(big, a, a + a * a / (T(1) + math::sqrt(a * a + T(1))));
    return with_sign(math::log1p(t) + keep(big, format<T>::ln2), x);
}
template <class T>
SINTER_HD SINTER_INLINE T acosh(T x, T large) {
    const T d = x - T(1);
    const word_t<T> big = if_above(x, large);
    const word_t<T> below = if_top(word(x) | (word(x) - format<T>::one));
    const T t = pick(big, x, d + math::sqrt(d * (x + T(1))));
    const T r = math::log1p(t) + keep(big, format<T>::ln2);
    return value(word(r) | (below & format<T>::nan));
}
template <class T>
SINTER_HD SINTER_INLINE T atanh(T x) {
    const T a = magnitude(x);
    return with_sign(T(0.5) * math::log1p(T(2) * a / (T(1) - a)), x);
}

}  // namespace host

/// The hyperbolic sine. 3 ulp.
SINTER_HD SINTER_INLINE float sinh(float x) { return host::sinh(x); }
SINTER_HD SINTER_INLINE double sinh(double x) { return host::sinh(x); }
/// The hyperbolic cosine. 2 ulp.
SINTER_HD SINTER_INLINE float cosh(float x) { return host::cosh(x); }
SINTER_HD SINTER_INLINE double cosh(double x) { return host::cosh(x); }
/// The hyperbolic tangent: t / (t + 2) with t = e^(2x) - 1. 3 ulp.
SINTER_HD SINTER_INLINE float tanh(float x) { return host::tanh(x, 10.0F); }
SINTER_HD SINTER_INLINE double tanh(double x) { return host::tanh(x, 20.0); }
/// The inverse of sinh. 3 ulp.
SINTER_HD SINTER_INLINE float asinh(float x) { return host::asinh(x, 0x1p28F); }
SINTER_HD SINTER_INLINE double asinh(double x) { return host::asinh(x, 0x1p60); }
/// The inverse of cosh, at least 0; NaN below 1. 3 ulp.
SINTER_HD SINTER_INLINE float acosh(float x) { return host::acosh(x, 0x1p28F); }
SINTER_HD SINTER_INLINE double acosh(double x) { return host::acosh(x, 0x1p60); }
/// The inverse of tanh; NaN outside [-1, 1]. 3 ulp.
SINTER_HD SINTER_INLINE float atanh(float x) { return host::atanh(x); }
SINTER_HD SINTER_INLINE double atanh(double x) { return host::atanh(x); }

}  // namespace sinter::math
