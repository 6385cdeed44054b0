// Axes as compile-time tags.
#pragma once

#include "sinter/core/types.hpp"

namespace sinter {

template <int... A>
struct axis_tag {};
/// Axes as an argument: `axis<0>`, `axis<-1>` (the last), `axis<0, 2>`. No axis means all of them.
template <int... A>
inline constexpr axis_tag<A...> axis{};
/// The same under the name that permutations read better with: `permute(x, axes<0, 2, 1>)`.
template <int... A>
inline constexpr axis_tag<A...> axes{};

struct keepdims_tag {};
/// Says that a reduction keeps its axes, with extent 1, so that the result broadcasts against the
/// operand.
inline constexpr keepdims_tag keepdims{};

namespace detail {

/// True when every axis lies in [-rank, rank) and none is named twice.
template <int... A>
constexpr bool valid_axes(int rank) {
    unsigned seen = 0;
    bool ok = true;
    [[maybe_unused]] const auto take = [&](int a) {
        const unsigned bit = 1U << ((a < 0 ? a + rank : a) & 31);
        ok = ok && a >= -rank && a < rank && !(seen & bit);
        seen |= bit;
    };
    (take(A), ...);
    return ok;
}
/// The axes as bits counted from the right; no axis: all.
template <int... A>
constexpr unsigned char axis_bits(int rank) {
    if (sizeof...(A) == 0) return static_cast<unsigned char>((1 << rank) - 1);
    unsigned bits = 0;
    ((bits |= 1U << (A < 0 ? -1 - A : rank - 1 - A)), ...);
    return static_cast<unsigned char>(bits);
}

}  // namespace detail
}  // namespace sinter
