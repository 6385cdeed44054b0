// Choices that do not part a loop, on the host.
#pragma once

#include "sinter/core/math/bits.hpp"

namespace sinter::math {

namespace host {

template <class T>
SINTER_HD SINTER_INLINE word_t<T> if_nan(T x) {
    return if_above(magnitude(x), value(format<T>::infinity));
}
template <class T>
SINTER_HD SINTER_INLINE T sign(T x) {
    const T one = keep(~if_zero<word_t<T>>(word(x) << 1), with_sign(T(1), x));
    return pick(if_nan(x), x, one);
}
template <class T>
SINTER_HD SINTER_INLINE T ramp(T x, T most) {
    const word_t<T> nan = if_nan(x);
    const T up = keep(~if_negative(x) | nan, x);
    return pick(if_above(up, most) & ~nan, most, up);
}

}  // namespace host

/// a where c is true, else b.
SINTER_HD SINTER_INLINE float choose(bool c, float a, float b) {
    return host::pick(0U - static_cast<uint32>(c), a, b);
}
SINTER_HD SINTER_INLINE double choose(bool c, double a, double b) { return c ? a : b; }
/// `negative` where x has the sign bit, else `other`.
SINTER_HD SINTER_INLINE float by_sign(float x, float negative, float other) {
    return host::pick(host::if_negative(x), negative, other);
}
SINTER_HD SINTER_INLINE double by_sign(double x, double negative, double other) {
    return host::pick(host::if_negative(x), negative, other);
}
/// -1, 0 or 1; NaN stays.
SINTER_HD SINTER_INLINE float sign(float x) { return host::sign(x); }
SINTER_HD SINTER_INLINE double sign(double x) { return host::sign(x); }
/// x cut to [0, most]; NaN stays.
SINTER_HD SINTER_INLINE float ramp(float x, float most) { return host::ramp(x, most); }
SINTER_HD SINTER_INLINE double ramp(double x, double most) { return host::ramp(x, most); }

}  // namespace sinter::math
