// Element types, their promotion, bfloat16 and the text of shapes.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "sinter/core/dtype.hpp"
#include "sinter/core/shape.hpp"

namespace {

using sinter::bfloat16;
using sinter::dtype;
using sinter::half;

/// The nearest bfloat16 by comparing distances in double, ties to the even bits.
float nearest_bfloat16(float x) {
    const std::uint32_t w = sinter::bits_as<std::uint32_t>(x);
    const float below = sinter::bits_as<float>(w & 0xffff0000U);
    const float above = sinter::bits_as<float>((w & 0xffff0000U) + 0x10000U);
    // Beyond the largest finite value the neighbour would be 2^128.
    const double up = std::isinf(above) ? std::copysign(std::ldexp(1.0, 128), x) : above;
    const double to_below = std::abs(static_cast<double>(x) - below);
    const double to_above = std::abs(up - static_cast<double>(x));
    if (to_below != to_above) return to_below < to_above ? below : above;
    return ((w >> 16) & 1U) == 0 ? below : above;
}

}  // namespace

TEST_CASE("every bfloat16 survives the way to float and back") {
    int nans = 0;
    for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
        const auto b = bfloat16::from_bits(static_cast<std::uint16_t>(bits));
        const auto f = static_cast<float>(b);
        const bfloat16 back{f};
        if (std::isnan(f)) {
            ++nans;
            // A signalling NaN may become a quiet one, but stays NaN with its sign.
            REQUIRE(std::isnan(static_cast<float>(back)));
            REQUIRE((back.bits & 0x8000U) == (bits & 0x8000U));
        } else {
            REQUIRE(back.bits == bits);
        }
    }
    CHECK(nans == 2 * 127);
}

TEST_CASE("bfloat16 rounds to nearest even") {
    std::mt19937 random(7);
    for (int i = 0; i < 200000; ++i) {
        auto w = static_cast<std::uint32_t>(random());
        if (i % 4 == 0) w = (w & 0xffff0000U) | 0x8000U;  // a tie
        const auto x = sinter::bits_as<float>(w);
        if (!std::isfinite(x)) continue;
        CAPTURE(x);
        REQUIRE(sinter::bits_as<std::uint32_t>(static_cast<float>(bfloat16(x))) ==
                sinter::bits_as<std::uint32_t>(nearest_bfloat16(x)));
    }
    const float largest = std::numeric_limits<float>::max();
    CHECK(static_cast<float>(bfloat16(largest)) == std::numeric_limits<float>::infinity());
    CHECK(static_cast<float>(bfloat16(1)) == 1.0F);
    CHECK(static_cast<float>(bfloat16(true)) == 1.0F);
    CHECK(static_cast<float>(bfloat16(0.1)) == doctest::Approx(0.1).epsilon(0.004));
}

/// The value that the bits of a half stand for, from its definition.
double half_value(unsigned bits) {
    const unsigned exponent = bits >> 10 & 31U, fraction = bits & 1023U;
    const double sign = bits >> 15 != 0 ? -1 : 1;
    if (exponent == 31)
        return fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                             : sign * std::numeric_limits<double>::infinity();
    return exponent == 0 ? sign * std::ldexp(fraction, -24)
                         : sign * std::ldexp(1024 + fraction, static_cast<int>(exponent) - 25);
}
/// The half next to x, ties to even, by rounding to the unit of its binade.
double nearest_half(float x) {
    const double size = std::fabs(static_cast<double>(x));
    if (!(size < 65520)) return std::isnan(x) ? x : std::copysign(half_value(0x7c00), x);
    const int binade = size == 0 ? -14 : std::max(std::ilogb(size), -14);
    const double unit = std::ldexp(1.0, binade - 10);
    return std::copysign(std::nearbyint(size / unit) * unit, x);
}

TEST_CASE("every half is the number that its bits say, and survives the way to float and back") {
    for (unsigned bits = 0; bits < 1U << 16; ++bits) {
        const auto h = half::from_bits(static_cast<std::uint16_t>(bits));
        const float f = h;
        const double want = half_value(bits);
        const half back{f};
        const bool nan = std::isnan(want);
        if (nan ? std::isnan(f) && std::isnan(static_cast<float>(back))
                : f == want && std::signbit(f) == std::signbit(want) && back.bits == h.bits)
            continue;
        CAPTURE(bits);
        REQUIRE(f == want);
        REQUIRE(back.bits == bits);
    }
}

TEST_CASE("half rounds to nearest even, overflows to infinity and underflows to denormals") {
    const auto check = [](float x) {
        const double want = nearest_half(x);
        const float got = half(x);
        if (std::isnan(want) ? std::isnan(got)
                             : got == want && std::signbit(got) == std::signbit(want))
            return;
        CAPTURE(x);
        REQUIRE(got == want);
    };
    // Around every half and every middle between two of them, and floats of all sizes.
    for (unsigned bits = 0; bits < 0x7c00U; ++bits) {
        const auto here = static_cast<float>(half_value(bits));
        const auto next = static_cast<float>(bits == 0x7bffU ? 65536 : half_value(bits + 1));
        const float middle = here + (next - here) / 2;
        for (const float x :
             {here, middle, std::nextafter(middle, 0.0F), std::nextafter(middle, 1e9F)}) {
            check(x);
            check(-x);
        }
    }
    for (std::uint64_t w = 0; w < 1UL << 32; w += 65521)
        check(sinter::bits_as<float>(static_cast<std::uint32_t>(w)));
    CHECK(half(65519.996F).bits == 0x7bff);
    CHECK(half(65520).bits == 0x7c00);
    CHECK(half(-1e30).bits == 0xfc00);
    CHECK(half(std::numeric_limits<float>::denorm_min()).bits == 0);
    CHECK(half(true).bits == 0x3c00);
    static_assert(half(1).bits == 0x3c00 && half(0x1p-24F).bits == 1 && half(0x1p-25F).bits == 0);
    static_assert(static_cast<float>(half::from_bits(0x3555)) == 0.333251953125F);
}

TEST_CASE("types promote as in PyTorch") {
    constexpr dtype b = dtype::boolean, u1 = dtype::u8, i1 = dtype::i8, i2 = dtype::i16,
                    i4 = dtype::i32, i8 = dtype::i64, h = dtype::f16, g = dtype::bf16,
                    f = dtype::f32, d = dtype::f64;
    constexpr std::array all{b, u1, i1, i2, i4, i8, h, g, f, d};
    static_assert(all.size() == sinter::dtype_count);
    // Two tensors: torch.promote_types.
    constexpr dtype tensors[10][10] = {{b, u1, i1, i2, i4, i8, h, g, f, d},
                                       {u1, u1, i2, i2, i4, i8, h, g, f, d},
                                       {i1, i2, i1, i2, i4, i8, h, g, f, d},
                                       {i2, i2, i2, i2, i4, i8, h, g, f, d},
                                       {i4, i4, i4, i4, i4, i8, h, g, f, d},
                                       {i8, i8, i8, i8, i8, i8, h, g, f, d},
                                       {h, h, h, h, h, h, h, f, f, d},
                                       {g, g, g, g, g, g, f, g, f, d},
                                       {f, f, f, f, f, f, f, f, f, d},
                                       {d, d, d, d, d, d, d, d, d, d}};
    // A tensor (row) and a scalar (column: bool, integer, floating): torch.result_type.
    constexpr std::array scalars{b, i8, d};
    constexpr dtype weak[10][3] = {{b, i8, f},
                                   {u1, u1, f},
                                   {i1, i1, f},
                                   {i2, i2, f},
                                   {i4, i4, f},
                                   {i8, i8, f},
                                   {h, h, h},
                                   {g, g, g},
                                   {f, f, f},
                                   {d, d, d}};
    for (std::size_t x = 0; x < all.size(); ++x) {
        for (std::size_t y = 0; y < all.size(); ++y) {
            CAPTURE(sinter::name_of(all[x]));
            CAPTURE(sinter::name_of(all[y]));
            CHECK(sinter::promote(all[x], all[y]) == tensors[x][y]);
        }
        for (std::size_t y = 0; y < 3; ++y) {
            CAPTURE(sinter::name_of(all[x]));
            CAPTURE(sinter::name_of(scalars[y]));
            CHECK(sinter::promote_weak(all[x], scalars[y]) == weak[x][y]);
        }
    }
}

template <class T>
void check_type(dtype type, const char* name, dtype computes) {
    CAPTURE(name);
    CHECK(sinter::dtype_v<T> == type);
    CHECK(std::is_same_v<sinter::storage_t<sinter::dtype_v<T>>, T>);
    CHECK(sinter::size_of(type) == sizeof(T));
    CHECK(std::string(sinter::name_of(type)) == name);
    CHECK(sinter::compute_dtype(type) == computes);
}
TEST_CASE("what is stored and what computes") {
    check_type<bool>(dtype::boolean, "bool", dtype::boolean);
    check_type<std::uint8_t>(dtype::u8, "uint8", dtype::i32);
    check_type<std::int8_t>(dtype::i8, "int8", dtype::i32);
    check_type<std::int16_t>(dtype::i16, "int16", dtype::i32);
    check_type<std::int32_t>(dtype::i32, "int32", dtype::i32);
    check_type<std::int64_t>(dtype::i64, "int64", dtype::i64);
    check_type<half>(dtype::f16, "half", dtype::f32);
    check_type<bfloat16>(dtype::bf16, "bfloat16", dtype::f32);
    check_type<float>(dtype::f32, "float", dtype::f32);
    check_type<double>(dtype::f64, "double", dtype::f64);
    static_assert(sinter::same_v<sinter::compute_t<dtype::f16>, float>);
    static_assert(sinter::element<int> && !sinter::element<char> &&
                  !sinter::element<std::uint16_t> && !sinter::element<unsigned> &&
                  !sinter::element<long double>);
    static_assert(sinter::least_v<std::int8_t> == -128 && sinter::largest_v<std::int8_t> == 127 &&
                  sinter::least_v<std::uint8_t> == 0 && sinter::largest_v<std::uint8_t> == 255 &&
                  sinter::least_v<int> == std::numeric_limits<int>::min() &&
                  sinter::largest_v<int> == std::numeric_limits<int>::max() &&
                  sinter::least_v<long> == std::numeric_limits<long>::min() &&
                  sinter::largest_v<long> == std::numeric_limits<long>::max() &&
                  sinter::largest_v<short> == 32767);
}

TEST_CASE("shapes print as NumPy's and multiply") {
    CHECK(sinter::shape_text(sinter::shape{2, 3}) == "(2, 3)");
    CHECK(sinter::shape_text(sinter::shape{4}) == "(4,)");
    CHECK(sinter::shape_text(sinter::shape<0>{}) == "()");
    CHECK(sinter::shape<0>{}.size() == 1);
    CHECK(sinter::shape{2, 0, 5}.size() == 0);
    CHECK(sinter::shape{1 << 20, 1 << 20}.size() == std::int64_t{1} << 40);
}

TEST_CASE("lists of integers") {
    static_assert(sinter::same_v<sinter::make_ints<0>, sinter::ints<>>);
    static_assert(sinter::same_v<sinter::make_ints<3>, sinter::ints<0, 1, 2>>);
    static_assert(sinter::same_v<sinter::type_at<1, int, float, char>::type, float>);
    CHECK(sinter::number<5>{} == 5);
    CHECK(std::isinf(sinter::infinity));
    CHECK(std::isnan(sinter::not_a_number));
}
