// What every elementwise operation is, written by hand beside the library's table: a column for
// floating numbers in long double and one for integers. An operation without a row here fails the
// tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace operation_test {

using real = long double;
using whole = std::int64_t;

struct reference {
    const char* name;
    real (*of_reals)(real a, real b, real c);                 // null: not defined
    whole (*of_wholes)(whole a, whole b, whole c) = nullptr;  // null: integers become float first
    double ulps = 0;           // how far a result may be off, in units in the last place
    double floor = 0;          // ... of a number of at least this size: what cancels on the way
    bool either_zero = false;  // 0 and -0 are one result
    bool (*domain)(real a, real b, real c) = nullptr;  // where the column for reals holds
};

inline whole wrap(std::uint64_t x) { return static_cast<whole>(x); }
inline std::uint64_t bits(whole x) { return static_cast<std::uint64_t>(x); }
inline real either(real a, real b, real chosen) {
    return std::isnan(a) ? a : std::isnan(b) ? b : chosen;
}
inline real larger(real a, real b) { return either(a, b, a > b ? a : b); }
inline real smaller(real a, real b) { return either(a, b, a < b ? a : b); }
inline real softplus(real a) { return a > 40 ? a + std::exp(-a) : std::log1p(std::exp(a)); }
inline real logistic(real a) { return 1 / (1 + std::exp(-a)); }
inline whole quotient(whole a, whole b) { return b == 0 ? 0 : b == -1 ? wrap(0 - bits(a)) : a / b; }
inline whole rest(whole a, whole b) { return b == 0 || b == -1 ? 0 : a % b; }
inline real modulo(real a, real b) {
    const real r = std::fmod(a, b);
    if (r == 0) return std::copysign(r, b);
    return std::signbit(r) != std::signbit(b) ? r + b : r;
}
inline whole modulo(whole a, whole b) {
    const whole r = rest(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
inline whole power(whole a, whole n) {
    if (n < 0) return a == 1 ? 1 : a == -1 ? (n % 2 == 0 ? 1 : -1) : 0;
    whole r = 1;
    for (; n > 0; n /= 2) {
        if (n % 2 == 1) r = wrap(bits(r) * bits(a));
        a = wrap(bits(a) * bits(a));
    }
    return r;
}
// The derivative of lgamma, by its recurrence and series.
inline real polygamma(real a) {
    real steps = 0;
    for (; a < 40; a += 1) steps += 1 / a;
    const real q = 1 / (a * a);
    const real series = q * (1 / 12.0L - q * (1 / 120.0L - q * (1 / 252.0L - q / 240)));
    return std::log(a) - 1 / (2 * a) - series - steps;
}
inline bool moderate(real a, real b, real c) {
    return std::fabs(a) <= 1e6L && std::fabs(b) <= 1e6L && std::fabs(c) <= 1e6L;
}

// clang-format off
inline const reference references[] = {
    {"add", [](real a, real b, real) -> real { return a + b; }, [](whole a, whole b, whole) -> whole { return wrap(bits(a) + bits(b)); }},
    {"sub", [](real a, real b, real) -> real { return a - b; }, [](whole a, whole b, whole) -> whole { return wrap(bits(a) - bits(b)); }},
    {"mul", [](real a, real b, real) -> real { return a * b; }, [](whole a, whole b, whole) -> whole { return wrap(bits(a) * bits(b)); }},
    {"div", [](real a, real b, real) -> real { return a / b; }, [](whole a, whole b, whole) -> whole { return quotient(a, b); }},
    {"true_divide", [](real a, real b, real) -> real { return a / b; }, nullptr},
    {"fmod", [](real a, real b, real) -> real { return std::fmod(a, b); }, [](whole a, whole b, whole) -> whole { return rest(a, b); }},
    {"remainder", [](real a, real b, real) -> real { return modulo(a, b); }, [](whole a, whole b, whole) -> whole { return modulo(a, b); }, 1},
    {"floor_divide", [](real a, real b, real) -> real { return b == 0 ? a / b : std::fabs(a / b) < 1 && !std::signbit(a / b) && !std::isinf(b) ? 0 : std::floor(a / b); }, [](whole a, whole b, whole) -> whole { return quotient(a, b) - (rest(a, b) != 0 && (a < 0) != (b < 0)); }, 1, 0, false, [](real a, real b, real) -> bool { return std::isfinite(a) && (b == 0 || (std::fabs(a / b) < 1e6L && std::fabs(a / b) > 1e-6L)); }},
    {"neg", [](real a, real, real) -> real { return -a; }, [](whole a, whole, whole) -> whole { return wrap(0 - bits(a)); }},
    {"abs", [](real a, real, real) -> real { return std::fabs(a); }, [](whole a, whole, whole) -> whole { return a < 0 ? wrap(0 - bits(a)) : a; }},
    {"sign", [](real a, real, real) -> real { return std::isnan(a) ? a : real(a > 0) - real(a < 0); }, [](whole a, whole, whole) -> whole { return a > 0 ? 1 : a < 0 ? -1 : 0; }},
    {"square", [](real a, real, real) -> real { return a * a; }, [](whole a, whole, whole) -> whole { return wrap(bits(a) * bits(a)); }},
    {"reciprocal", [](real a, real, real) -> real { return 1 / a; }, nullptr},
    {"maximum", [](real a, real b, real) -> real { return larger(a, b); }, [](whole a, whole b, whole) -> whole { return std::max(a, b); }, 0, 0, true},
    {"minimum", [](real a, real b, real) -> real { return smaller(a, b); }, [](whole a, whole b, whole) -> whole { return std::min(a, b); }, 0, 0, true},
    {"clamp", [](real a, real b, real c) -> real { return smaller(larger(a, b), c); }, [](whole a, whole b, whole c) -> whole { return std::min(std::max(a, b), c); }, 0, 0, true},
    {"lerp", [](real a, real b, real c) -> real { return a + c * (b - a); }, nullptr, 8, 1000000.0, true, moderate},
    {"copysign", [](real a, real b, real) -> real { return std::copysign(a, b); }, nullptr},
    {"where", [](real a, real b, real c) -> real { return a != 0 ? b : c; }, [](whole a, whole b, whole c) -> whole { return a != 0 ? b : c; }},
    {"equal", [](real a, real b, real) -> real { return a == b; }, [](whole a, whole b, whole) -> whole { return a == b; }},
    {"not_equal", [](real a, real b, real) -> real { return a != b; }, [](whole a, whole b, whole) -> whole { return a != b; }},
    {"less", [](real a, real b, real) -> real { return a < b; }, [](whole a, whole b, whole) -> whole { return a < b; }},
    {"less_equal", [](real a, real b, real) -> real { return a <= b; }, [](whole a, whole b, whole) -> whole { return a <= b; }},
    {"greater", [](real a, real b, real) -> real { return a > b; }, [](whole a, whole b, whole) -> whole { return a > b; }},
    {"greater_equal", [](real a, real b, real) -> real { return a >= b; }, [](whole a, whole b, whole) -> whole { return a >= b; }},
    {"logical_and", [](real a, real b, real) -> real { return a != 0 && b != 0; }, [](whole a, whole b, whole) -> whole { return a != 0 && b != 0; }},
    {"logical_or", [](real a, real b, real) -> real { return a != 0 || b != 0; }, [](whole a, whole b, whole) -> whole { return a != 0 || b != 0; }},
    {"logical_xor", [](real a, real b, real) -> real { return (a != 0) != (b != 0); }, [](whole a, whole b, whole) -> whole { return (a != 0) != (b != 0); }},
    {"logical_not", [](real a, real, real) -> real { return a == 0; }, [](whole a, whole, whole) -> whole { return a == 0; }},
    {"bitwise_and", nullptr, [](whole a, whole b, whole) -> whole { return a & b; }},
    {"bitwise_or", nullptr, [](whole a, whole b, whole) -> whole { return a | b; }},
    {"bitwise_xor", nullptr, [](whole a, whole b, whole) -> whole { return a ^ b; }},
    {"bitwise_not", nullptr, [](whole a, whole, whole) -> whole { return ~a; }},
    {"left_shift", nullptr, [](whole a, whole b, whole) -> whole { return b < 0 || b > 63 ? 0 : wrap(bits(a) << b); }},
    {"right_shift", nullptr, [](whole a, whole b, whole) -> whole { return b < 0 || b > 63 ? (a < 0 ? -1 : 0) : a >> b; }},
    {"isnan", [](real a, real, real) -> real { return std::isnan(a); }, [](whole, whole, whole) -> whole { return 0; }},
    {"isinf", [](real a, real, real) -> real { return std::isinf(a); }, [](whole, whole, whole) -> whole { return 0; }},
    {"isfinite", [](real a, real, real) -> real { return std::isfinite(a); }, [](whole, whole, whole) -> whole { return 1; }},
    {"exp", [](real a, real, real) -> real { return std::exp(a); }, nullptr, 1},
    {"exp2", [](real a, real, real) -> real { return std::exp2(a); }, nullptr, 1},
    {"expm1", [](real a, real, real) -> real { return std::expm1(a); }, nullptr, 2},
    {"log", [](real a, real, real) -> real { return std::log(a); }, nullptr, 1},
    {"log2", [](real a, real, real) -> real { return std::log2(a); }, nullptr, 2},
    {"log10", [](real a, real, real) -> real { return std::log10(a); }, nullptr, 2},
    {"log1p", [](real a, real, real) -> real { return std::log1p(a); }, nullptr, 2},
    {"sqrt", [](real a, real, real) -> real { return std::sqrt(a); }, nullptr, .51},
    {"cbrt", [](real a, real, real) -> real { return std::cbrt(a); }, nullptr, 4},
    {"erf", [](real a, real, real) -> real { return std::erf(a); }, nullptr, 2},
    {"erfc", [](real a, real, real) -> real { return std::erfc(a); }, nullptr, 5},
    {"sin", [](real a, real, real) -> real { return std::sin(a); }, nullptr, 3},
    {"cos", [](real a, real, real) -> real { return std::cos(a); }, nullptr, 3},
    {"tan", [](real a, real, real) -> real { return std::tan(a); }, nullptr, 4},
    {"asin", [](real a, real, real) -> real { return std::asin(a); }, nullptr, 3},
    {"acos", [](real a, real, real) -> real { return std::acos(a); }, nullptr, 2},
    {"atan", [](real a, real, real) -> real { return std::atan(a); }, nullptr, 3},
    {"sinh", [](real a, real, real) -> real { return std::sinh(a); }, nullptr, 3},
    {"cosh", [](real a, real, real) -> real { return std::cosh(a); }, nullptr, 2},
    {"tanh", [](real a, real, real) -> real { return std::tanh(a); }, nullptr, 3},
    {"asinh", [](real a, real, real) -> real { return std::asinh(a); }, nullptr, 3},
    {"acosh", [](real a, real, real) -> real { return std::acosh(a); }, nullptr, 3},
    {"atanh", [](real a, real, real) -> real { return std::atanh(a); }, nullptr, 3},
    {"lgamma", [](real a, real, real) -> real { return std::lgamma(a); }, nullptr, 6, 0.001},
    {"digamma", [](real a, real, real) -> real { return polygamma(a); }, nullptr, 40, 0.5, false, [](real a, real, real) -> bool { return a > -20 && a < 1e6L && std::fabs(a - std::round(a)) > 1e-2L; }},
    {"rsqrt", [](real a, real, real) -> real { return 1 / std::sqrt(a); }, nullptr, 2},
    {"pow", [](real a, real b, real) -> real { return std::pow(a, b); }, [](whole a, whole b, whole) -> whole { return power(a, b); }, 1},
    {"logaddexp", [](real a, real b, real) -> real { return a == b ? a + std::log(2.0L) : larger(a, b) + std::log1p(std::exp(-std::fabs(a - b))); }, nullptr, 4, 1},
    {"hypot", [](real a, real b, real) -> real { return std::hypot(a, b); }, nullptr, 1},
    {"atan2", [](real a, real b, real) -> real { return std::atan2(a, b); }, nullptr, 3},
    {"floor", [](real a, real, real) -> real { return std::floor(a); }, [](whole a, whole, whole) -> whole { return a; }},
    {"ceil", [](real a, real, real) -> real { return std::ceil(a); }, [](whole a, whole, whole) -> whole { return a; }},
    {"round", [](real a, real, real) -> real { return std::rint(a); }, [](whole a, whole, whole) -> whole { return a; }},
    {"trunc", [](real a, real, real) -> real { return std::trunc(a); }, [](whole a, whole, whole) -> whole { return a; }},
    {"relu", [](real a, real, real) -> real { return a <= 0 ? 0 : a; }, [](whole a, whole, whole) -> whole { return std::max(a, whole(0)); }},
    {"leaky_relu", [](real a, real b, real) -> real { return std::signbit(a) ? b * a : a; }, nullptr},
    {"elu", [](real a, real b, real) -> real { return std::signbit(a) ? b * std::expm1(a) : a; }, nullptr, 4},
    {"celu", [](real a, real b, real) -> real { return std::signbit(a) ? b * std::expm1(a / b) : a; }, nullptr, 4, 0, false, [](real, real b, real) -> bool { return b > 0.1L && b < 1e6L; }},
    {"selu", [](real a, real, real) -> real { return 1.0507009873554804934193349852946L * (std::signbit(a) ? 1.6732632423543772848170429916717L * std::expm1(a) : a); }, nullptr, 4},
    {"sigmoid", [](real a, real, real) -> real { return logistic(a); }, nullptr, 4},
    {"silu", [](real a, real, real) -> real { return a * logistic(a); }, nullptr, 4, 1e-35, true},
    {"gelu", [](real a, real, real) -> real { return a / 2 * std::erfc(-a * std::sqrt(0.5L)); }, nullptr, 200, 0, true},
    {"gelu_tanh", [](real a, real, real) -> real { return a * logistic(2 * std::sqrt(2 / std::acos(-1.0L)) * (a + 0.044715L * a * a * a)); }, nullptr, 800, 0, true},
    {"softplus", [](real a, real, real) -> real { return softplus(a); }, nullptr, 4},
    {"softsign", [](real a, real, real) -> real { return a / (1 + std::fabs(a)); }, nullptr, 2},
    {"mish", [](real a, real, real) -> real { return a * std::tanh(softplus(a)); }, nullptr, 6, 1e-35, true},
    {"hardsigmoid", [](real a, real, real) -> real { return smaller(larger(a + 3, 0), 6) / 6; }, nullptr, 2, 1},
    {"hardswish", [](real a, real, real) -> real { return a * (smaller(larger(a + 3, 0), 6) / 6); }, nullptr, 4, 1, true},
};
// clang-format on

inline const reference* find_reference(const std::string& name) {
    for (const reference& r : references)
        if (r.name == name) return &r;
    return nullptr;
}

/// Whether `got` is `want` as a T, up to what the row allows.
template <class T>
bool agrees(const reference& f, T got, real want) {
    using limits = std::numeric_limits<T>;
    if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
    const T nearest = static_cast<T>(want);
    if (got == nearest)
        return got != 0 || f.either_zero || f.floor > 0 ||
               std::signbit(got) == std::signbit(nearest);
    if (f.ulps == 0) return false;
    const real size = std::max(std::min(std::fabs(want), real(limits::max())), real(f.floor));
    const real unit = std::max(size * limits::epsilon(), real(limits::denorm_min()));
    const real over = std::ldexp(real(1), limits::max_exponent);
    const real given = std::isinf(got) ? std::copysign(over, real(got)) : real(got);
    const real aim = std::min(std::max(want, -over), over);
    return std::fabs(given - aim) <= real(f.ulps) * unit;
}

}  // namespace operation_test
