// Element types: the 16-bit floats, the dtype enumeration, which type computes for which, and
// promotion.
#pragma once

#include "sinter/core/types.hpp"

namespace sinter {

/// The C++ numbers that become a 16-bit float by way of a float.
template <class T>
inline constexpr bool rounds_v =
    same_v<T, float> || same_v<T, double> || same_v<T, bool> || integral_v<T>;

/// A 16-bit brain float: the upper half of a float. Bit-compatible with `__nv_bfloat16`. Arithmetic
/// happens in float; conversion rounds to nearest even and keeps NaN.
struct bfloat16 {
    uint16 bits = 0;

    bfloat16() = default;
    template <class T>
        requires(rounds_v<T>)
    SINTER_HD constexpr explicit bfloat16(T value) : bits(round(static_cast<float>(value))) {}

    /// The value as a float, exactly.
    SINTER_HD constexpr operator float() const {
        return bits_as<float>(static_cast<uint32>(bits) << 16);
    }

    /// The bfloat16 with these bits.
    SINTER_HD static constexpr bfloat16 from_bits(uint16 b) {
        bfloat16 r;
        r.bits = b;
        return r;
    }

private:
    SINTER_HD static constexpr uint16 round(float value) {
        const uint32 w = bits_as<uint32>(value);
        if ((w & 0x7fffffffU) > 0x7f800000U) return static_cast<uint16>((w >> 16) | 0x40U);
        return static_cast<uint16>((w + 0x7fffU + ((w >> 16) & 1U)) >> 16);
    }
};
static_assert(sizeof(bfloat16) == 2);

/// A 16-bit float as IEEE 754 has it: 5 bits of exponent, 10 of fraction. Bit-compatible with
/// `__half`. Arithmetic happens in float; conversion rounds to nearest even, also to denormals,
/// gives an infinity from 65520 on, and keeps NaN.
struct half {
    uint16 bits = 0;

    half() = default;
    template <class T>
        requires(rounds_v<T>)
    SINTER_HD constexpr explicit half(T value) : bits(round(static_cast<float>(value))) {}

    /// The value as a float, exactly.
    SINTER_HD constexpr operator float() const { return widen(bits); }

    /// The half with these bits.
    SINTER_HD static constexpr half from_bits(uint16 b) {
        half r;
        r.bits = b;
        return r;
    }

private:
    // Devices have an instruction for either way. Elsewhere all cases are computed and one is
    // chosen, so that compilers make vector code of it; the additions of floats, whose operands and
    // sums are normal numbers, leave the shifting of denormals to the hardware.
    SINTER_HD static constexpr uint16 round(float value) {
#if SINTER_DEVICE_CODE
        if (!__builtin_is_constant_evaluated()) {
            uint16 r;
            asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r) : "f"(value));
            return r;
        }
#endif
        const uint32 w = bits_as<uint32>(value), size = w & 0x7fffffffU;
        // The exponent's bias changes from 127 to 15, 13 bits are rounded away.
        const uint32 normal = (size - (112U << 23) + 0xfffU + (size >> 13 & 1U)) >> 13;
        // One half has its last place where the smallest denormal has its only one.
        const uint32 small = bits_as<uint32>(bits_as<float>(size < least ? size : 0U) + 0.5F) -
                             bits_as<uint32>(0.5F);
        const uint32 beyond = size > 0x7f800000U ? 0x7e00U | (size >> 13 & 0x3ffU) : 0x7c00U;
        const uint32 r = size >= too_large ? beyond : size < least ? small : normal;
        return static_cast<uint16>(r | (w >> 16 & 0x8000U));
    }
    SINTER_HD static constexpr float widen(uint16 b) {
#if SINTER_DEVICE_CODE
        if (!__builtin_is_constant_evaluated()) {
            float r;
            asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(b));
            return r;
        }
#endif
        const uint32 size = static_cast<uint32>(b & 0x7fffU) << 13;
        const uint32 normal = size + (112U << 23);
        // A denormal counts in units of 2^-24: read behind the leading one of 2^-14, which goes.
        const uint32 small =
            bits_as<uint32>(bits_as<float>(size + least) - bits_as<float>(uint32{least}));
        const uint32 beyond = size + (224U << 23);
        const uint32 r = size >= (31U << 23) ? beyond : size < (1U << 23) ? small : normal;
        return bits_as<float>(r | static_cast<uint32>(b & 0x8000U) << 16);
    }
    // The bits of the floats 2^-14, the least normal half, and 2^16.
    enum : uint32 { least = 113U << 23, too_large = 143U << 23 };
};
static_assert(sizeof(half) == 2);

/// The element types, in order of promotion: see `promote`.
enum class dtype : unsigned char { boolean, u8, i8, i16, i32, i64, f16, bf16, f32, f64 };
inline constexpr int dtype_count = 10;

template <class T>
struct dtype_of {
    static constexpr bool known = false;
};
template <dtype D>
struct known_dtype {
    static constexpr bool known = true;
    static constexpr dtype value = D;
};
template <>
struct dtype_of<bool> : known_dtype<dtype::boolean> {};
template <>
struct dtype_of<uint8> : known_dtype<dtype::u8> {};
template <>
struct dtype_of<int8> : known_dtype<dtype::i8> {};
template <>
struct dtype_of<int16> : known_dtype<dtype::i16> {};
template <>
struct dtype_of<int32> : known_dtype<dtype::i32> {};
template <>
struct dtype_of<int64> : known_dtype<dtype::i64> {};
template <>
struct dtype_of<half> : known_dtype<dtype::f16> {};
template <>
struct dtype_of<bfloat16> : known_dtype<dtype::bf16> {};
template <>
struct dtype_of<float> : known_dtype<dtype::f32> {};
template <>
struct dtype_of<double> : known_dtype<dtype::f64> {};

/// True for the types that a tensor may hold: bool, std::uint8_t, std::int8_t, std::int16_t,
/// std::int32_t, std::int64_t, half, bfloat16, float, double.
template <class T>
concept element = dtype_of<T>::known;

template <class T>
inline constexpr dtype dtype_v = dtype_of<T>::value;

template <class T>
struct stores {
    using type = T;
};
template <dtype D>
struct storage_type;
template <>
struct storage_type<dtype::boolean> : stores<bool> {};
template <>
struct storage_type<dtype::u8> : stores<uint8> {};
template <>
struct storage_type<dtype::i8> : stores<int8> {};
template <>
struct storage_type<dtype::i16> : stores<int16> {};
template <>
struct storage_type<dtype::i32> : stores<int32> {};
template <>
struct storage_type<dtype::i64> : stores<int64> {};
template <>
struct storage_type<dtype::f16> : stores<half> {};
template <>
struct storage_type<dtype::bf16> : stores<bfloat16> {};
template <>
struct storage_type<dtype::f32> : stores<float> {};
template <>
struct storage_type<dtype::f64> : stores<double> {};
/// What memory holds for a dtype.
template <dtype D>
using storage_t = typename storage_type<D>::type;

SINTER_HD constexpr int size_of(dtype d) {
    switch (d) {
        case dtype::boolean:
        case dtype::u8:
        case dtype::i8: return 1;
        case dtype::i16:
        case dtype::f16:
        case dtype::bf16: return 2;
        case dtype::i32:
        case dtype::f32: return 4;
        default: return 8;
    }
}
SINTER_HD constexpr bool is_floating(dtype d) { return d >= dtype::f16; }
/// Integers that are shorter than the registers which compute for them: every result wraps.
SINTER_HD constexpr bool is_short(dtype d) { return d >= dtype::u8 && d <= dtype::i16; }
/// Floats that are shorter than the registers which compute for them.
SINTER_HD constexpr bool is_half_size(dtype d) { return d == dtype::f16 || d == dtype::bf16; }
/// The dtype whose registers compute for `d`: float for 16-bit floats, int32 for shorter integers.
SINTER_HD constexpr dtype compute_dtype(dtype d) {
    return is_half_size(d) ? dtype::f32 : is_short(d) ? dtype::i32 : d;
}
/// What registers hold for a dtype.
template <dtype D>
using compute_t = storage_t<compute_dtype(D)>;

SINTER_HD constexpr const char* name_of(dtype d) {
    switch (d) {
        case dtype::boolean: return "bool";
        case dtype::u8: return "uint8";
        case dtype::i8: return "int8";
        case dtype::i16: return "int16";
        case dtype::i32: return "int32";
        case dtype::i64: return "int64";
        case dtype::f16: return "half";
        case dtype::bf16: return "bfloat16";
        case dtype::f32: return "float";
        default: return "double";
    }
}

/// The type of an operation on two tensors, as in PyTorch: the later in the order of the
/// enumeration, but of two types neither of which holds the other's values the next that holds
/// both: int16 for uint8 with int8, float for half with bfloat16.
SINTER_HD constexpr dtype promote(dtype a, dtype b) {
    const dtype high = a > b ? a : b, low = a > b ? b : a;
    if (low == dtype::u8 && high == dtype::i8) return dtype::i16;
    if (low == dtype::f16 && high == dtype::bf16) return dtype::f32;
    return high;
}
/// The category of a dtype: 0 bool, 1 integer, 2 floating.
SINTER_HD constexpr int category(dtype d) {
    return d == dtype::boolean ? 0 : is_floating(d) ? 2 : 1;
}
/// The type of a tensor of type `t` with a C++ scalar of type `s`: the scalar is weak and takes the
/// tensor's type unless its category is higher; then it brings that category's default (int64,
/// float).
SINTER_HD constexpr dtype promote_weak(dtype t, dtype s) {
    if (category(s) <= category(t)) return t;
    return category(s) == 1 ? dtype::i64 : dtype::f32;
}

}  // namespace sinter
