// Rounding on the host. Without SSE4.1 there is no instruction for it: adding and taking off 2^23
// (2^52) rounds to the nearest integer, and what was lost tells how to correct it by one.
#pragma once

#include "sinter/core/math/bits.hpp"

namespace sinter::math {

namespace host {

/// x itself if it has no fraction or is no number, else r with x's sign (that of 0 matters).
template <class T>
SINTER_HD SINTER_INLINE T unless_whole(T x, T r) {
    const T most =
        value((format<T>::one + (word_t<T>(format<T>::digits) << format<T>::digits)) - 1);
    return pick(if_above(magnitude(x), most), x, with_sign(r, x));
}
template <class T>
SINTER_HD SINTER_INLINE T nearest(T x) {
    constexpr T shift = format<T>::to_integer / T(1.5);
    return with_sign((magnitude(x) + shift) - shift, x);
}
/// 1 if d < 0, else 0; d is not -0.
template <class T>
SINTER_HD SINTER_INLINE T one_below_zero(T d) {
    return keep(if_negative(d), T(1));
}
template <class T>
SINTER_HD SINTER_INLINE T floor(T x) {
    const T n = nearest(x);
    return unless_whole(x, n - one_below_zero(x - n));
}
template <class T>
SINTER_HD SINTER_INLINE T ceil(T x) {
    const T n = nearest(x);
    return unless_whole(x, n + one_below_zero(n - x));
}
template <class T>
SINTER_HD SINTER_INLINE T trunc(T x) {
    const T a = magnitude(x), n = nearest(a);
    return unless_whole(x, n - one_below_zero(a - n));
}

}  // namespace host

/// The nearest integer, ties to even, as NumPy's round. Exact.
SINTER_HD SINTER_INLINE float round(float x) { return host::unless_whole(x, host::nearest(x)); }
SINTER_HD SINTER_INLINE double round(double x) { return host::unless_whole(x, host::nearest(x)); }
/// The largest integer not above x. Exact.
SINTER_HD SINTER_INLINE float floor(float x) { return host::floor(x); }
SINTER_HD SINTER_INLINE double floor(double x) { return host::floor(x); }
/// The smallest integer not below x. Exact.
SINTER_HD SINTER_INLINE float ceil(float x) { return host::ceil(x); }
SINTER_HD SINTER_INLINE double ceil(double x) { return host::ceil(x); }
/// The integer part. Exact.
SINTER_HD SINTER_INLINE float trunc(float x) { return host::trunc(x); }
SINTER_HD SINTER_INLINE double trunc(double x) { return host::trunc(x); }
/// |x| with the sign of s. Exact.
SINTER_HD SINTER_INLINE float copysign(float x, float s) { return host::with_sign(x, s); }
SINTER_HD SINTER_INLINE double copysign(double x, double s) { return host::with_sign(x, s); }
/// x - n y with n the integer part of x / y. Exact: libm's.
SINTER_HD SINTER_INLINE float fmod(float x, float y) { return __builtin_fmodf(x, y); }
SINTER_HD SINTER_INLINE double fmod(double x, double y) { return __builtin_fmod(x, y); }

}  // namespace sinter::math
