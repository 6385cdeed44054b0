// Extents of an array and their text.
#pragma once

#include <array>
#include <string>

#include "sinter/core/error.hpp"

namespace sinter {

/// The extents of a rank-R array, outermost first.
template <int R>
struct shape : std::array<int64, static_cast<std::size_t>(R)> {
    static_assert(R >= 0 && R <= max_rank, "Sinter supports ranks 0 to 8.");
    /// The number of elements: the product of the extents, 1 for rank 0.
    constexpr int64 size() const {
        int64 n = 1;
        for (const int64 e : *this) n *= e;
        return n;
    }
};
template <class... I>
shape(I...) -> shape<static_cast<int>(sizeof...(I))>;

/// "(2, 3)" for extents 2 and 3, "(4,)" for one extent, "()" for none: as NumPy prints shapes.
[[gnu::cold]] inline std::string shape_text(const int64* extents, int rank) {
    std::string s = "(";
    for (int i = 0; i < rank; ++i) s = detail::sentence({s, i ? ", " : "", extents[i]});
    return detail::sentence({s, rank == 1 ? ",)" : ")"});
}
template <int R>
std::string shape_text(const shape<R>& s) {
    return shape_text(s.data(), R);
}

}  // namespace sinter
