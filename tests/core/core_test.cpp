// Element types, their promotion, bfloat16 and the text of shapes.
#include <doctest/doctest.h>

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

TEST_CASE("types promote as in PyTorch") {
    constexpr dtype b = dtype::boolean, i = dtype::i64, h = dtype::bf16, f = dtype::f32,
                    d = dtype::f64;
    constexpr std::array all{b, i, h, f, d};
    // Two tensors: torch.promote_types.
    constexpr dtype tensors[5][5] = {
        {b, i, h, f, d}, {i, i, h, f, d}, {h, h, h, f, d}, {f, f, f, f, d}, {d, d, d, d, d}};
    // A tensor (row) and a scalar (column: bool, integer, floating): torch.result_type.
    constexpr std::array scalars{b, i, d};
    constexpr dtype weak[5][3] = {{b, i, f}, {i, i, f}, {h, h, h}, {f, f, f}, {d, d, d}};
    for (std::size_t x = 0; x < 5; ++x) {
        for (std::size_t y = 0; y < 5; ++y) {
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

TEST_CASE("what is stored and what computes") {
    CHECK(sinter::size_of(dtype::boolean) == sizeof(sinter::storage_t<dtype::boolean>));
    CHECK(sinter::size_of(dtype::i64) == sizeof(sinter::storage_t<dtype::i64>));
    CHECK(sinter::size_of(dtype::bf16) == sizeof(sinter::storage_t<dtype::bf16>));
    CHECK(sinter::size_of(dtype::f32) == sizeof(sinter::storage_t<dtype::f32>));
    CHECK(sinter::size_of(dtype::f64) == sizeof(sinter::storage_t<dtype::f64>));
    static_assert(sinter::same_v<sinter::compute_t<dtype::bf16>, float>);
    static_assert(sinter::same_v<sinter::compute_t<dtype::f64>, double>);
    static_assert(sinter::element<bfloat16> && sinter::element<std::int64_t> &&
                  !sinter::element<int> && !sinter::element<char>);
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
