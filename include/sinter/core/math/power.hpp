// Powers on the host.
#pragma once

#include "sinter/core/math/exp.hpp"
#include "sinter/core/math/log.hpp"

namespace sinter::math {

/// x to the power y. x^0 and 1^y are 1, NaN or not; a negative x to a fraction is NaN. float: 1
/// ulp, in double. double: libm's.
SINTER_HD SINTER_INLINE float pow(float x, float y) {
    constexpr uint32 infinity = host::format<float>::infinity, one = host::format<float>::one;
    constexpr double to_integer = host::format<double>::to_integer;
    const float ax = host::magnitude(x), ay = host::magnitude(y);
    const double p = exp2(static_cast<double>(y) * log2(static_cast<double>(ax)));
    // Whether y is a fraction or odd: from 2^24 on it is even.
    const float part = host::keep(~host::if_above(ay, 0x1.fffffep23F), ay);
    const double whole = part + to_integer;
    const float rest = part - static_cast<float>(whole - to_integer);
    const uint32 fraction = ~host::if_zero(host::word(rest) << 1);
    const uint32 odd = 0U - (static_cast<uint32>(host::word(whole)) & 1U);
    const uint32 negative = host::if_negative(x);
    // A negative number to a fraction; 0 and infinity have such powers.
    const uint32 ordinary =
        ~(host::if_zero(host::word(ax)) | host::if_zero(host::word(ax) ^ infinity));
    const uint32 undefined = negative & fraction & ordinary & host::format<float>::nan;
    const float r = host::flipped(negative & odd & ~fraction, static_cast<float>(p));
    // x^0, 1^y and (-1)^inf.
    const uint32 unit = host::if_zero(host::word(ay)) | host::if_zero(host::word(x) ^ one) |
                        host::if_zero((host::word(ax) ^ one) | (host::word(ay) ^ infinity));
    return host::pick(unit, 1.0F, host::value(host::word(r) | undefined));
}
SINTER_HD SINTER_INLINE double pow(double x, double y) { return __builtin_pow(x, y); }

}  // namespace sinter::math
