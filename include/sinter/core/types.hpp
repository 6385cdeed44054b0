// What device headers use instead of the standard library. No includes but our own, so that NVRTC
// reads it.
#pragma once

#include "sinter/core/config.hpp"

namespace sinter {

using int8 = signed char;
using int16 = short;
using int32 = int;
using int64 = long;
using uint64 = unsigned long;
using uint32 = unsigned int;
using uint16 = unsigned short;
using uint8 = unsigned char;
static_assert(sizeof(int64) == 8 && sizeof(uint32) == 4 && sizeof(uint16) == 2 &&
                  sizeof(void*) == 8,
              "Sinter needs a 64-bit Linux platform");

/// The most axes that a tensor may have.
inline constexpr int max_rank = 8;

template <class A, class B>
inline constexpr bool same_v = false;
template <class A>
inline constexpr bool same_v<A, A> = true;

/// True for the integers that a tensor may hold; bool is none.
template <class T>
inline constexpr bool integral_v =
    same_v<T, int8> || same_v<T, int16> || same_v<T, int32> || same_v<T, int64> || same_v<T, uint8>;

/// The least and the largest value of an integer type.
template <class T>
inline constexpr T least_v = T(0) < T(-1) ? T(0) : static_cast<T>(1UL << (8 * sizeof(T) - 1));
template <class T>
inline constexpr T largest_v = static_cast<T>(~least_v<T>);

template <bool C, class A, class B>
struct select_type {
    using type = A;
};
template <class A, class B>
struct select_type<false, A, B> {
    using type = B;
};
template <bool C, class A, class B>
using select_t = typename select_type<C, A, B>::type;

/// The unsigned integer of so many bytes.
template <int Bytes>
using unsigned_t =
    select_t<Bytes == 1, uint8, select_t<Bytes == 2, uint16, select_t<Bytes == 4, uint32, uint64>>>;

/// The bits of `x` read as a `To` of the same size.
template <class To, class From>
SINTER_HD constexpr To bits_as(const From& x) {
    static_assert(sizeof(To) == sizeof(From));
    return __builtin_bit_cast(To, x);
}

inline constexpr double infinity = __builtin_bit_cast(double, 0x7ff0000000000000UL);
inline constexpr double not_a_number = __builtin_bit_cast(double, 0x7ff8000000000000UL);

// A list of integers as a type, and 0..N-1 as one. NVRTC has no builtin for it; clang spells it
// differently.
template <int... I>
struct ints {};
#if defined(__clang__)
template <class T, T... I>
struct ints_of {
    using type = ints<I...>;
};
template <int N>
using make_ints = typename __make_integer_seq<ints_of, int, N>::type;
#elif SINTER_RTC
template <class A, class B>
struct ints_join;
template <int... I, int... J>
struct ints_join<ints<I...>, ints<J...>> {
    using type = ints<I..., (int(sizeof...(I)) + J)...>;
};
template <int N>
struct ints_make {
    using type = typename ints_join<typename ints_make<N / 2>::type,
                                    typename ints_make<N - N / 2>::type>::type;
};
template <>
struct ints_make<0> {
    using type = ints<>;
};
template <>
struct ints_make<1> {
    using type = ints<0>;
};
template <int N>
using make_ints = typename ints_make<N>::type;
#else
template <int N>
using make_ints = ints<__integer_pack(N)...>;
#endif

/// An integer as a type, convertible back on host and device (std::integral_constant is host only).
template <int I>
struct number {
    static constexpr int value = I;
    SINTER_HD constexpr operator int() const { return I; }
};

/// The I-th type of a pack.
template <int I, class... T>
struct type_at;
template <class T, class... U>
struct type_at<0, T, U...> {
    using type = T;
};
template <int I, class T, class... U>
    requires(I > 0)
struct type_at<I, T, U...> : type_at<I - 1, U...> {};

}  // namespace sinter
