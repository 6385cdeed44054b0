// What the host's elementary functions are built of. They are branch-free, because an inner loop
// becomes vector code only then, and with nothing that SSE2 lacks: an added constant instead of a
// rounding instruction, no comparison and no arithmetic shift of 64-bit integers. Choices are masks
// that come from integer arithmetic: around a `?:` g++ moves floating arithmetic into a branch.
#pragma once

#include "sinter/core/types.hpp"

namespace sinter::math::host {

/// The bits of a floating type.
template <class T>
struct format;
template <>
struct format<float> {
    using word = uint32;
    static constexpr int size = 32, digits = 23;
    static constexpr word one = 0x3f800000U, infinity = 0x7f800000U, nan = 0x7fc00000U;
    static constexpr float largest = 0x1.fffffep+127F;
    /// Added to a number of less than half its size it leaves the nearest integer, ties to even, in
    /// the lowest bits; taken off again it leaves that integer as a floating number.
    static constexpr float to_integer = 0x1.8p23F;
    static constexpr float ln2 = 0x1.62e43p-1F, half_pi = 0x1.921fb6p+0F,
                           half_pi_rest = -0x1.777a5cp-25F;
};
template <>
struct format<double> {
    using word = uint64;
    static constexpr int size = 64, digits = 52;
    static constexpr word one = 0x3ff0000000000000UL, infinity = 0x7ff0000000000000UL,
                          nan = 0x7ff8000000000000UL;
    static constexpr double largest = 0x1.fffffffffffffp+1023;
    static constexpr double to_integer = 0x1.8p52;
    static constexpr double ln2 = 0x1.62e42fefa39efp-1, half_pi = 0x1.921fb54442d18p+0,
                            half_pi_rest = 0x1.1a62633145c07p-54;
};
template <class T>
using word_t = typename format<T>::word;
template <class T>
inline constexpr word_t<T> sign_bit = word_t<T>(1) << (format<T>::size - 1);

SINTER_HD SINTER_INLINE uint32 word(float x) { return __builtin_bit_cast(uint32, x); }
SINTER_HD SINTER_INLINE uint64 word(double x) { return __builtin_bit_cast(uint64, x); }
SINTER_HD SINTER_INLINE float value(uint32 w) { return __builtin_bit_cast(float, w); }
SINTER_HD SINTER_INLINE double value(uint64 w) { return __builtin_bit_cast(double, w); }

/// A mask: all bits if the topmost bit of t is set, else none.
SINTER_HD SINTER_INLINE uint32 if_top(uint32 t) { return ~((t >> 31) - 1U); }
SINTER_HD SINTER_INLINE uint64 if_top(uint64 t) { return ~((t >> 63) - 1UL); }
/// All bits if x is negative or -0.
template <class T>
SINTER_HD SINTER_INLINE word_t<T> if_negative(T x) {
    return if_top(word(x));
}
/// All bits if t is 0.
template <class W>
SINTER_HD SINTER_INLINE W if_zero(W t) {
    return ~if_top(t | (W(0) - t));
}
/// All bits if a > b, for a and b that are not negative; NaN lies above infinity.
template <class T>
SINTER_HD SINTER_INLINE word_t<T> if_above(T a, T b) {
    return if_top(word(b) - word(a));
}

/// a where the mask is set, else b.
SINTER_HD SINTER_INLINE float pick(uint32 mask, float a, float b) {
    return value((word(a) & mask) | (word(b) & ~mask));
}
SINTER_HD SINTER_INLINE double pick(uint64 mask, double a, double b) {
    return value((word(a) & mask) | (word(b) & ~mask));
}
/// a where the mask is set, else 0.
SINTER_HD SINTER_INLINE float keep(uint32 mask, float a) { return value(word(a) & mask); }
SINTER_HD SINTER_INLINE double keep(uint64 mask, double a) { return value(word(a) & mask); }

/// |x|.
template <class T>
SINTER_HD SINTER_INLINE T magnitude(T x) {
    return value(word(x) & ~sign_bit<T>);
}
/// |x| with the sign of s.
template <class T>
SINTER_HD SINTER_INLINE T with_sign(T x, T s) {
    return value((word(x) & ~sign_bit<T>) | (word(s) & sign_bit<T>));
}
/// x with its sign changed where the mask is set.
template <class T>
SINTER_HD SINTER_INLINE T flipped(word_t<T> mask, T x) {
    return value(word(x) ^ (mask & sign_bit<T>));
}
/// x with its magnitude cut down to `most`; NaN stays.
SINTER_HD SINTER_INLINE float bounded(float x, float most) {
    // One integer minimum: `past` more, NaN is negative and all others are not.
    constexpr int32 past = 0x7fffff;
    const int32 a = static_cast<int32>(word(magnitude(x)) + static_cast<uint32>(past));
    const int32 b = static_cast<int32>(word(most)) + past;
    const int32 least = a < b ? a : b;  // by itself: within a larger term g++ makes a branch of it
    return with_sign(value(static_cast<uint32>(least) - static_cast<uint32>(past)), x);
}
SINTER_HD SINTER_INLINE double bounded(double x, double most) {
    const double a = magnitude(x);
    const uint64 cut = if_above(a, most) & ~if_above(a, value(format<double>::infinity));
    return with_sign(pick(cut, most, a), x);
}

}  // namespace sinter::math::host
