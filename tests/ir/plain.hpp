// Arrays as plain loops see them: the reference for everything that the compiler does.
#pragma once

#include <vector>

#include "sinter/ir/cell.hpp"

namespace sinter::test {

using namespace sinter::ir;

/// An array of registers in row-major order; extents by axis from the right.
struct plain {
    dtype type = dtype::f32;
    int rank = 0;
    int64 extent[max_rank] = {1, 1, 1, 1, 1, 1, 1, 1};
    std::vector<cell> v;

    array_ref ref() const {
        array_ref a;
        a.type = type;
        for (int j = 0; j < max_rank; ++j) a.extent[j] = extent[j];
        make_row_major(a);
        return a;
    }
    cell at(const int64* coordinates) const {
        return v[static_cast<std::size_t>(offset_of(ref(), coordinates))];
    }
    /// Fills in every element from its coordinates.
    template <class F>
    void fill(F&& f) {
        v.clear();
        for (walk w(extent, 0xff); !w.done; w.next()) v.push_back(f(w.at));
    }
    int64 size() const { return elements_of(ref()); }
};

inline double as_double(cell x, dtype t) {
    return is_floating(t) ? x.as<dtype::f64>() : static_cast<double>(x.as<dtype::i64>());
}

}  // namespace sinter::test
