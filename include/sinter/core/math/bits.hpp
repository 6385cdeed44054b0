// What the host's elementary functions are built of. They are branch-free, because an inner loop
// becomes vector code only then, and with nothing that SSE2 lacks: masks instead of `?:` around
// arithmetic (g++ would move the arithmetic into a branch), an added constant instead of a rounding
// instruction, no comparison and no arithmetic shift of 64-bit integers.
#pragma once

#include "sinter/core/types.hpp"

namespace sinter::math::host {

SINTER_HD SINTER_INLINE uint32 word(float x) { return __builtin_bit_cast(uint32, x); }
SINTER_HD SINTER_INLINE uint64 word(double x) { return __builtin_bit_cast(uint64, x); }
SINTER_HD SINTER_INLINE float value(uint32 w) { return __builtin_bit_cast(float, w); }
SINTER_HD SINTER_INLINE double value(uint64 w) { return __builtin_bit_cast(double, w); }

/// All bits or none. The one for double is for choices between constants and given values alone:
/// g++ moves arithmetic behind it into a branch.
SINTER_HD SINTER_INLINE uint32 mask32(bool c) { return c ? ~0U : 0U; }
SINTER_HD SINTER_INLINE uint64 mask64(bool c) {
    return __builtin_bit_cast(uint64, c ? __builtin_bit_cast(double, ~0UL) : 0.0);
}
/// No bits if the topmost bit of t is set, else all.
SINTER_HD SINTER_INLINE uint32 unless_top(uint32 t) { return (t >> 31) - 1U; }
SINTER_HD SINTER_INLINE uint64 unless_top(uint64 t) { return (t >> 63) - 1UL; }

/// a where the mask is set, else b.
SINTER_HD SINTER_INLINE float pick(uint32 mask, float a, float b) {
    return value((word(a) & mask) | (word(b) & ~mask));
}
SINTER_HD SINTER_INLINE double pick(uint64 mask, double a, double b) {
    return value((word(a) & mask) | (word(b) & ~mask));
}

inline constexpr uint32 sign32 = 0x80000000U;
inline constexpr uint64 sign64 = 0x8000000000000000UL;
inline constexpr uint32 infinity32 = 0x7f800000U, nan32 = 0x7fc00000U;
inline constexpr uint64 infinity64 = 0x7ff0000000000000UL, nan64 = 0x7ff8000000000000UL;

/// |x|.
SINTER_HD SINTER_INLINE float magnitude(float x) { return value(word(x) & ~sign32); }
SINTER_HD SINTER_INLINE double magnitude(double x) { return value(word(x) & ~sign64); }
/// |x| with the sign of s.
SINTER_HD SINTER_INLINE float with_sign(float x, float s) {
    return value((word(x) & ~sign32) | (word(s) & sign32));
}
SINTER_HD SINTER_INLINE double with_sign(double x, double s) {
    return value((word(x) & ~sign64) | (word(s) & sign64));
}

/// x inside [low, high]; NaN stays.
SINTER_HD SINTER_INLINE float bounded(float x, float low, float high) {
    return pick(mask32(x < low), low, pick(mask32(x > high), high, x));
}
SINTER_HD SINTER_INLINE double bounded(double x, double low, double high) {
    return pick(mask64(x < low), low, pick(mask64(x > high), high, x));
}

/// Added to a number of less than half its size it leaves the nearest integer, ties to even, in the
/// lowest bits; taken off again it leaves that integer as a floating number.
inline constexpr float to_integer32 = 0x1.8p23F;
inline constexpr double to_integer64 = 0x1.8p52;

}  // namespace sinter::math::host
