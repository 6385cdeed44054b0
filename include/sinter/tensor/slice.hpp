// Slices: cutting axes by run-time bounds.
#pragma once

#include "sinter/exec/shapes.hpp"
#include "sinter/tensor/view.hpp"

namespace sinter {

/// Which part of an axis to take: [start, stop) by steps, as in Python. Negative bounds count from
/// the end, bounds outside are clipped; a negative step walks backwards. `range()` and `_` are the
/// whole axis.
class range {
public:
    constexpr range() = default;
    constexpr range(int64 start, int64 stop, int64 step = 1)
        : start_(start), stop_(stop), step_(step), whole_(false) {}

    /// The first index, the step and the count for an axis of `extent` elements. A step of 0 is a
    /// shape_error.
    ir::slice_bounds resolve(int64 extent) const {
        if (whole_) return {0, 1, extent};
        if (step_ == 0) throw shape_error("slice: the step of a range must not be 0.");
        const int64 low = step_ > 0 ? 0 : -1, high = step_ > 0 ? extent : extent - 1;
        const auto clip = [&](int64 v) {
            if (v < 0) v += extent;
            return v < low ? low : v > high ? high : v;
        };
        const int64 first = clip(start_), last = clip(stop_),
                    span = step_ > 0 ? last - first : first - last,
                    stride = step_ > 0 ? step_ : -step_;
        return {first, step_, span > 0 ? (span + stride - 1) / stride : 0};
    }

private:
    int64 start_ = 0, stop_ = 0, step_ = 1;
    bool whole_ = true;
};

/// A whole axis.
inline constexpr range _{};

/// x cut along its leading axes by one range each: `slice(x, _, range(2, -1))`. A view: assigning
/// to it writes through.
template <element T, int R, std::same_as<range>... A>
    requires(sizeof...(A) <= R)
tensor_view<T, R> slice(const tensor<T, R>& x, const A&... ranges) {
    shape<R> e = x.extents();
    detail::stride_list<R> s = x.strides();
    int64 offset = x.offset();
    std::size_t i = 0;
    const auto cut = [&](const range& r) {
        const ir::slice_bounds b = r.resolve(e[i]);
        if (b.count > 0) offset += b.start * s[i];
        e[i] = b.count;
        s[i] *= b.step;
        ++i;
    };
    (cut(ranges), ...);
    return tensor_view<T, R>(tensor<T, R>::over(x.memory(), offset, e, s));
}

namespace detail {

// Bounds as the last operand of an expression.
template <int R>
struct slice_operand {
    ir::slice_bounds axis[R > 0 ? R : 1];  // outermost first
    void append_to(operand_list& list) const {
        int64* w = list.add(ir::visit::slice, dtype::boolean, R, 3 * R);
        for (int i = 0; i < R; ++i, w += 3) {
            w[0] = axis[i].start;
            w[1] = axis[i].step;
            w[2] = axis[i].count;
        }
    }
};

}  // namespace detail

/// The same of a lazy expression: its arrays are cut before anything is computed.
template <detail::lazy E, std::same_as<range>... A>
    requires(sizeof...(A) <= symbol_of<E>::rank)
auto slice(const E& e, const A&... ranges) {
    using S = symbol_of<E>;
    const shape<S::rank> extents = shape_of(e);
    detail::slice_operand<S::rank> bounds;
    for (int i = 0; i < S::rank; ++i) bounds.axis[i] = {0, 1, extents[static_cast<std::size_t>(i)]};
    int i = 0;
    ((bounds.axis[i] = ranges.resolve(extents[static_cast<std::size_t>(i)]), ++i), ...);
    constexpr auto cut = static_cast<unsigned char>(((1 << sizeof...(A)) - 1)
                                                    << (S::rank - static_cast<int>(sizeof...(A))));
    return detail::make<sym::sliced<cut, S>>(e, bounds);
}

}  // namespace sinter
