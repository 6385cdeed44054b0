// The error function, its complement and the logarithm of the gamma function on the host.
#pragma once

#include "sinter/core/math/exp.hpp"
#include "sinter/core/math/log.hpp"

namespace sinter::math {

/// The error function. float: 2 ulp. double: libm's.
SINTER_HD SINTER_INLINE float erf(float x) {
    const float a = host::magnitude(host::bounded(x, 4.0F)), u = a * a;
    float p = 0x1.4ae4c6p-14F;
    p = p * u + -0x1.a485f8p-11F;
    p = p * u + 0x1.5419fap-8F;
    p = p * u + -0x1.b7fbb6p-6F;
    p = p * u + 0x1.ce2d2p-4F;
    p = p * u + -0x1.81273ep-2F;
    p = p * u + 0x1.06eba8p-3F;
    const float near = a + a * p;
    // From 1 on, 1 - e^q.
    float q = 0x1.52ed62p-20F;
    q = q * a + -0x1.4bd0c8p-15F;
    q = q * a + 0x1.1fe14ap-11F;
    q = q * a + -0x1.2b426p-8F;
    q = q * a + 0x1.a923aep-6F;
    q = q * a + -0x1.bff4e8p-4F;
    q = q * a + -0x1.43d4bp-1F;
    q = q * a + -0x1.214122p+0F;
    q = q * a + 0x1.042122p-12F;
    const float far = 1.0F - exp(q);
    return host::with_sign(host::pick(host::if_above(a, 1.0F), far, near), x);
}
SINTER_HD SINTER_INLINE double erf(double x) { return __builtin_erf(x); }

/// 1 - erf(x) without cancellation for large x. float: 1 ulp, in double. double: libm's.
SINTER_HD SINTER_INLINE float erfc(float x) {
    // e^(-a^2) times a polynomial in t = 2 / (2 + a).
    const double bounded = host::bounded(x, 11.0F), a = host::magnitude(bounded);
    const double t = 2.0 / (2.0 + a);
    double p = 0x1.2687f878eaaep-5;
    p = p * t + -0x1.89809481bcb48p-3;
    p = p * t + 0x1.8985692f71c0ap-2;
    p = p * t + -0x1.2cf547e1cffe5p-2;
    p = p * t + -0x1.2471e5ef16ecfp-6;
    p = p * t + 0x1.0cc2032d524b8p-5;
    p = p * t + 0x1.ca92b05afcda2p-5;
    p = p * t + 0x1.7b7819a01dadcp-3;
    p = p * t + 0x1.f63cd357c79a7p-3;
    p = p * t + 0x1.21055bdad008p-2;
    p = p * t + 0x1.20dbdfb81b91ep-2;
    const double r = exp(-a * a) * (p * t);
    const uint64 negative = host::if_negative(bounded);
    return static_cast<float>(host::keep(negative, 2.0) + host::flipped(negative, r));
}
SINTER_HD SINTER_INLINE double erfc(double x) { return __builtin_erfc(x); }

namespace host {

// libm's lgamma writes to a global variable; this is the one that does not, under a name that no
// other declaration can contradict.
extern "C" double sinter_libm_lgamma(double, int*) noexcept __asm__("lgamma_r");

/// sin(pi r) for |r| <= 1/2, to 45 bits.
SINTER_HD SINTER_INLINE double sin_pi_small(double r) {
    const double u = r * r;
    double p = 0x1.9d46b06fc620dp-21;
    p = p * u + -0x1.6f7ad23b8333cp-16;
    p = p * u + 0x1.e8f3677c34baap-12;
    p = p * u + -0x1.e3074dfb5bb7ep-8;
    p = p * u + 0x1.50783485523f5p-4;
    p = p * u + -0x1.32d2cce627c9ep-1;
    p = p * u + 0x1.466bc6775aa7dp+1;
    p = p * u + -0x1.4abbce625be52p+2;
    p = p * u + 0x1.921fb54442d18p+1;
    return p * r;
}

}  // namespace host

/// The logarithm of |gamma(x)|; infinite for 0, -1, -2, ... float: 2 ulp, near the roots below 0
/// off by less than 1e-14. double: libm's.
SINTER_HD SINTER_INLINE float lgamma(float x) {
    // Below 1/2 by reflection: gamma(x) gamma(1 - x) = pi / sin(pi x).
    const double wide = host::pick(host::if_negative(static_cast<double>(x)),
                                   static_cast<double>(host::bounded(x, 0x1p40F)),
                                   static_cast<double>(x));
    const uint64 reflected = host::if_top(host::word(wide - 0.5));
    const double z = host::pick(reflected, 1.0 - wide, wide);
    // Stirling's series from 8 on; below, gamma(z) = gamma(z + 8) / (z (z + 1) ... (z + 7)).
    const uint64 low = host::if_top(host::word(z - 8.0));
    const double y = z * (z + 7.0);
    const double product = y * (y + 6.0) * (y + 10.0) * (y + 12.0);
    const double w = z + host::keep(low, 8.0), v = 1.0 / w, u = v * v;
    double s = 0x1.a41a41a41a41ap-8;  // Bernoulli numbers B(2k) / (2k (2k - 1))
    s = s * u + -0x1.f6ab0d9993c7dp-10;
    s = s * u + 0x1.b951e2b18ff23p-11;
    s = s * u + -0x1.3813813813814p-11;
    s = s * u + 0x1.a01a01a01a01ap-11;
    s = s * u + -0x1.6c16c16c16c17p-9;
    s = s * u + 0x1.5555555555555p-4;
    const double divisor = host::pick(low, product, 1.0);
    const double stirling = (w - 0.5) * (log(w) - 1.0) + (0x1.acfe390c97d69p-2 + s * v);
    // 1 and 2 are roots.
    const uint64 root = host::if_zero(host::word((z - 1.0) * (z - 2.0)) << 1);
    const double r = host::keep(~root, stirling - log(divisor));
    const double nearest =
        (wide + host::format<double>::to_integer) - host::format<double>::to_integer;
    const double sine = host::magnitude(host::sin_pi_small(wide - nearest));
    const double other = (0x1.250d048e7a1bdp+0 - log(sine)) - r;
    return static_cast<float>(host::pick(reflected, other, r));
}
SINTER_HD SINTER_INLINE double lgamma(double x) {
    int sign = 0;
    return host::sinter_libm_lgamma(x, &sign);
}

}  // namespace sinter::math
