// Element types: bfloat16, the dtype enumeration, which type computes for which, and promotion.
#pragma once

#include "sinter/core/types.hpp"

namespace sinter {

/// A 16-bit brain float: the upper half of a float. Bit-compatible with `__nv_bfloat16`. Arithmetic
/// happens in float; conversion rounds to nearest even and keeps NaN.
struct bfloat16 {
    uint16 bits = 0;

    bfloat16() = default;
    template <class T>
        requires(sizeof(T) > 0 && (same_v<T, float> || same_v<T, double> || same_v<T, int> ||
                                   same_v<T, int64> || same_v<T, bool>))
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

/// The element types, in order of promotion: the larger wins.
enum class dtype : unsigned char { boolean, i64, bf16, f32, f64 };
inline constexpr int dtype_count = 5;

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
struct dtype_of<int64> : known_dtype<dtype::i64> {};
template <>
struct dtype_of<bfloat16> : known_dtype<dtype::bf16> {};
template <>
struct dtype_of<float> : known_dtype<dtype::f32> {};
template <>
struct dtype_of<double> : known_dtype<dtype::f64> {};

/// True for the types that a tensor may hold: bool, std::int64_t, bfloat16, float, double.
template <class T>
concept element = dtype_of<T>::known;

template <class T>
inline constexpr dtype dtype_v = dtype_of<T>::value;

template <dtype D>
struct storage_type;
template <>
struct storage_type<dtype::boolean> {
    using type = bool;
};
template <>
struct storage_type<dtype::i64> {
    using type = int64;
};
template <>
struct storage_type<dtype::bf16> {
    using type = bfloat16;
};
template <>
struct storage_type<dtype::f32> {
    using type = float;
};
template <>
struct storage_type<dtype::f64> {
    using type = double;
};
/// What memory holds for a dtype.
template <dtype D>
using storage_t = typename storage_type<D>::type;
/// What registers hold for a dtype: bfloat16 computes in float.
template <dtype D>
using compute_t = select_t<D == dtype::bf16, float, storage_t<D>>;

SINTER_HD constexpr int size_of(dtype d) {
    switch (d) {
        case dtype::boolean: return 1;
        case dtype::bf16: return 2;
        case dtype::f32: return 4;
        default: return 8;
    }
}
SINTER_HD constexpr bool is_floating(dtype d) {
    return d == dtype::bf16 || d == dtype::f32 || d == dtype::f64;
}
/// The dtype whose registers compute for `d`.
SINTER_HD constexpr dtype compute_dtype(dtype d) { return d == dtype::bf16 ? dtype::f32 : d; }
SINTER_HD constexpr const char* name_of(dtype d) {
    switch (d) {
        case dtype::boolean: return "bool";
        case dtype::i64: return "int64";
        case dtype::bf16: return "bfloat16";
        case dtype::f32: return "float";
        default: return "double";
    }
}

/// The type of an operation on two tensors: as in PyTorch, the larger category and size win.
SINTER_HD constexpr dtype promote(dtype a, dtype b) { return a > b ? a : b; }
/// The category of a dtype: 0 bool, 1 integer, 2 floating.
SINTER_HD constexpr int category(dtype d) {
    return d == dtype::boolean ? 0 : d == dtype::i64 ? 1 : 2;
}
/// The type of a tensor of type `t` with a C++ scalar of type `s`: the scalar is weak and takes the
/// tensor's type unless its category is higher; then it brings that category's default (int64,
/// float).
SINTER_HD constexpr dtype promote_weak(dtype t, dtype s) {
    if (category(s) <= category(t)) return t;
    return category(s) == 1 ? dtype::i64 : dtype::f32;
}

}  // namespace sinter
