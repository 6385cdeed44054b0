// The host's elementary functions against libm: float over its whole range against double, double
// on random and structured numbers against long double. Errors are in units in the last place.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "sinter/core/math.hpp"

namespace {

namespace m = sinter::math;

constexpr double inf = std::numeric_limits<double>::infinity();

/// The distance of `got` from `want` in units in the last place of a T near `want`; 1e30 where one
/// is NaN, infinite or a zero of a sign and the other is not.
template <class T, class R>
double ulps(T got, R want) {
    using limits = std::numeric_limits<T>;
    constexpr double wrong = 1e30;
    if (std::isnan(got) || std::isnan(want)) return std::isnan(got) && std::isnan(want) ? 0 : wrong;
    if (want == 0) return got == 0 && std::signbit(got) == std::signbit(want) ? 0 : wrong;
    // An overflow counts as the power of two that comes after the largest number.
    const R over = std::ldexp(R(1), limits::max_exponent);
    const R given = std::isinf(got) ? std::copysign(over, R(got)) : static_cast<R>(got);
    if (std::isinf(want) && !std::isinf(got)) return wrong;
    want = std::min(std::max(want, -over), over);
    int exponent;
    std::frexp(want, &exponent);
    exponent = std::max(std::min(exponent, limits::max_exponent), limits::min_exponent);
    return static_cast<double>(std::fabs(given - want) /
                               std::ldexp(R(1), exponent - limits::digits));
}

template <class T>
T of_bits(std::uint64_t w) {
    T x;
    std::memcpy(&x, &w, sizeof x);
    return x;
}

template <class T, class R>
struct unary {
    const char* name;
    T (*value)(T);
    R (*want)(R);
    double most;  // ulp
};
template <class T, class R>
struct worst {
    const unary<T, R>& f;
    double most = 0;
    T at = 0;
    void operator()(T x) {
        const double u = ulps(f.value(x), f.want(static_cast<R>(x)));
        if (u > most) {
            most = u;
            at = x;
        }
    }
    void check() const {
        CAPTURE(std::string(f.name));
        CAPTURE(at);
        CHECK(most <= f.most);
    }
};

template <class R>
R rsqrt(R x) {
    return 1 / std::sqrt(x);
}

// clang-format off
template <class T, class R>
const unary<T, R> table[] = {
    {"exp",   m::exp,   std::exp, 1.2}, {"exp2",  m::exp2,  std::exp2, 1.2}, {"expm1", m::expm1, std::expm1, 2},
    {"log",   m::log,   std::log,   1}, {"log2",  m::log2,  std::log2,  2}, {"log10", m::log10, std::log10, 2},
    {"log1p", m::log1p, std::log1p, 2}, {"sqrt",  m::sqrt,  std::sqrt, .51}, {"rsqrt", m::rsqrt, rsqrt,    2},
    {"cbrt",  m::cbrt,  std::cbrt,  4}, {"sin",   m::sin,   std::sin,   4}, {"cos",   m::cos,   std::cos,   4},
    {"tan",   m::tan,   std::tan,   4}, {"asin",  m::asin,  std::asin,  3}, {"acos",  m::acos,  std::acos,  2},
    {"atan",  m::atan,  std::atan,  3}, {"sinh",  m::sinh,  std::sinh,  3}, {"cosh",  m::cosh,  std::cosh,  2},
    {"tanh",  m::tanh,  std::tanh,  3}, {"asinh", m::asinh, std::asinh, 3}, {"acosh", m::acosh, std::acosh, 3},
    {"atanh", m::atanh, std::atanh, 3}, {"erf",   m::erf,   std::erf,   2}, {"erfc",  m::erfc,  std::erfc,  4},
    {"floor", m::floor, std::floor, 0}, {"ceil",  m::ceil,  std::ceil,  0}, {"trunc", m::trunc, std::trunc, 0},
    {"round", m::round, std::rint,  0},
};
// clang-format on

TEST_CASE("functions of a float, from the smallest to the largest") {
    const auto sweep = [](const unary<float, double>& f) {
        worst<float, double> w{f};
        for (std::uint64_t bits = 0; bits < 1UL << 32; bits += 2039) w(of_bits<float>(bits));
        // Both sides of what is special: 0, denormal, 1, where a function overflows, infinity, NaN.
        for (const double x : {0.0,   0x1p-149, 0x1p-126,  0.5,       1.0,       2.0,     9.0,
                               10.05, 24.0,     88.722839, 89.415985, 103.97208, 126.0,   128.0,
                               149.0, 150.0,    0x1p22,    0x1p23,    0x1p24,    0x1p127, inf})
            for (int k = -2; k <= 2; ++k)
                for (const std::uint64_t sign : {0UL, 0x80000000UL}) {
                    std::uint32_t bits;
                    const auto near = static_cast<float>(x);
                    std::memcpy(&bits, &near, 4);
                    w(of_bits<float>(((bits + static_cast<std::uint64_t>(k)) & 0x7fffffff) | sign));
                }
        w.check();
    };
    for (const auto& f : table<float, double>) sweep(f);
    sweep({"lgamma", m::lgamma, std::lgamma, 2});
}

TEST_CASE("near angles of a float are reduced otherwise, with the same result") {
    std::int64_t differ = 0, above = 0, missed = 0;
    double most = 0;  // where angles are of an ordinary size
    for (std::uint64_t bits = 0; bits < 1UL << 32; bits += 1009) {
        const auto x = of_bits<float>(bits);
        const float s = m::sin(x), c = m::cos(x), t = m::tan(x);
        above += std::fabs(s) > 1 || std::fabs(c) > 1;
        if (m::is_far(x) >> 31 != 0) continue;
        missed += std::fabs(x) > 0x1p17F;
        const auto same = [](float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0; };
        differ += !same(m::sin_near(x), s) + !same(m::cos_near(x), c) + !same(m::tan_near(x), t);
        if (std::fabs(x) < 512)
            most = std::max({most,
                             ulps<float, double>(s, std::sin(static_cast<double>(x))),
                             ulps<float, double>(c, std::cos(static_cast<double>(x)))});
    }
    CHECK(differ == 0);
    CHECK(above == 0);
    CHECK(missed == 0);
    CHECK(most <= 3);
    CHECK((m::is_far(0x1p17F) >> 31) == 0);
    CHECK(m::cos(0.0F) == 1);
    CHECK(m::sin(1.57079637F) == 1);
}

TEST_CASE("functions of a double") {
    for (const auto& f : table<double, long double>) {
        worst<double, long double> w{f};
        std::mt19937_64 random(1);
        const auto uniform = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
        for (int i = 0; i < 4000; ++i) {
            w(of_bits<double>(random()));
            w(1600 * uniform() - 800);
            w(4 * uniform() - 2);
            w(80 * uniform() - 40);
            w(1 + 0x1p-10 * uniform());
            w(std::ldexp(uniform(), -static_cast<int>(random() % 60)));
        }
        for (const double x : {0.0,
                               0x1p-1074,
                               0x1p-1022,
                               0.5,
                               1.0,
                               2.0,
                               5.9,
                               26.5,
                               53.0,
                               709.782712893384,
                               710.475860073944,
                               745.133219101941,
                               1022.0,
                               1024.0,
                               1074.0,
                               1075.0,
                               0x1p51,
                               0x1p52,
                               0x1p53,
                               0x1p1023,
                               inf})
            for (int k = -2; k <= 2; ++k)
                for (const std::uint64_t sign : {0UL, 1UL << 63}) {
                    std::uint64_t bits;
                    std::memcpy(&bits, &x, 8);
                    w(of_bits<double>(((bits + static_cast<std::uint64_t>(k)) & ~(1UL << 63)) |
                                      sign));
                }
        w.check();
    }
    // libm's own: the one that leaves the global variable alone.
    CHECK(m::lgamma(0.5) == doctest::Approx(0.5723649429247001));
    CHECK(m::lgamma(-0.5) == doctest::Approx(1.2655121234846454));
}

template <class T, class R>
struct binary {
    const char* name;
    T (*value)(T, T);
    R (*want)(R, R);
    double most;
};
template <class T, class R>
void check_binary() {
    const binary<T, R> all[] = {{"pow", m::pow, std::pow, 1},
                                {"atan2", m::atan2, std::atan2, 3},
                                {"hypot", m::hypot, std::hypot, 1},
                                {"fmod", m::fmod, std::fmod, 0},
                                {"copysign", m::copysign, std::copysign, 0}};
    using limits = std::numeric_limits<T>;
    const T least = limits::denorm_min(), whole = std::ldexp(T(1), limits::digits);
    const T special[] = {0,
                         1,
                         2,
                         3,
                         T(0.5),
                         T(1.5),
                         limits::max(),
                         least,
                         limits::min(),
                         whole,
                         whole - 1,
                         whole / 2 - T(0.5),
                         T(inf),
                         limits::quiet_NaN(),
                         1 - limits::epsilon(),
                         1 + limits::epsilon()};
    for (const auto& f : all) {
        double most = 0;
        T at_x = 0, at_y = 0;
        const auto check = [&](T x, T y) {
            const double u = ulps(f.value(x, y), f.want(static_cast<R>(x), static_cast<R>(y)));
            if (u > most) {
                most = u;
                at_x = x;
                at_y = y;
            }
        };
        for (const T x : special)
            for (const T y : special)
                for (const int signs : {0, 1, 2, 3}) check(signs & 1 ? -x : x, signs & 2 ? -y : y);
        std::mt19937_64 random(2);
        const auto uniform = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
        for (int i = 0; i < 20000; ++i) {
            check(of_bits<T>(random()), of_bits<T>(random()));
            const T x = static_cast<T>(40 * uniform() - 20),
                    y = static_cast<T>(40 * uniform() - 20);
            check(x, y);
            check(x, std::floor(y));
            check(std::fabs(x), y);
        }
        CAPTURE(std::string(f.name));
        CAPTURE(at_x);
        CAPTURE(at_y);
        CHECK(most <= f.most);
    }
}
TEST_CASE("functions of two numbers") {
    check_binary<float, double>();
    check_binary<double, long double>();
}

}  // namespace
