// More ways to look at an array: backwards, with axes of extent 1 more or fewer, flat, and by
// index.
#pragma once

#include "sinter/tensor/slice.hpp"

namespace sinter {

namespace detail {

/// Bit j: axis j of the result, counted from the left of `rank` axes, is one of A...
template <int... A>
constexpr unsigned left_bits(int rank) {
    unsigned bits = 0;
    ((bits |= 1U << (A < 0 ? A + rank : A)), ...);
    return bits;
}
inline void require_one(int64 extent, int axis, const int64* extents, int rank) {
    if (extent != 1)
        throw shape_error("squeeze: axis " + std::to_string(axis) + " of shape " +
                          shape_text(extents, rank) + " has extent " + std::to_string(extent) +
                          ", not 1.");
}
template <int... A, std::size_t R>
void require_ones(const std::array<int64, R>& e) {
    constexpr int rank = static_cast<int>(R);
    (require_one(e[static_cast<std::size_t>(A < 0 ? A + rank : A)], A, e.data(), rank), ...);
}

// The symbol S with other axes of extent 1: axis j from the right of the result is `from(j)`.
template <class S, unsigned Drop, int R, class Positions>
struct squeezed_symbol;
template <class S, unsigned Drop, int R, int... J>
struct squeezed_symbol<S, Drop, R, ints<J...>> {
    static constexpr int from(int j) {
        int left = S::rank;
        while (left-- > 0)
            if (!(Drop >> left & 1) && j-- == 0) return S::rank - 1 - left;
        return -1;
    }
    using type = sym::permuted<S, from(J)...>;
};
template <class S, unsigned Add, class Positions>
struct unsqueezed_symbol;
template <class S, unsigned Add, int... J>
struct unsqueezed_symbol<S, Add, ints<J...>> {
    static constexpr int from(int j) {
        constexpr int rank = sizeof...(J);
        if (Add >> (rank - 1 - j) & 1) return -1;
        int at = 0;
        for (int i = 0; i < j; ++i) at += !(Add >> (rank - 1 - i) & 1);
        return at;
    }
    using type = sym::permuted<S, from(J)...>;
};

}  // namespace detail

/// x backwards along the given axes (none: all): `flip(x, axis<-1>)`. A view.
template <element T, int R, int... A>
tensor_view<T, R> flip(const tensor<T, R>& x, axis_tag<A...>) {
    static_assert(detail::valid_axes<A...>(R),
                  "flip: the axes must lie in [-rank, rank) and differ from each other.");
    constexpr unsigned all = (1U << R) - 1;
    constexpr unsigned flipped = sizeof...(A) == 0 ? all : detail::left_bits<A...>(R);
    detail::stride_list<R> s = x.strides();
    int64 offset = x.offset();
    for (std::size_t i = 0; i < R; ++i) {
        if (!(flipped >> i & 1)) continue;
        if (x.extents()[i] > 0) offset += (x.extents()[i] - 1) * s[i];
        s[i] = -s[i];
    }
    return tensor_view<T, R>(tensor<T, R>::over(x.memory(), offset, x.extents(), s));
}
/// The same of a lazy expression: its arrays are read backwards.
template <detail::lazy E, int... A>
auto flip(E&& e, axis_tag<A...>) {
    using S = symbol_of<E>;
    static_assert(detail::valid_axes<A...>(S::rank),
                  "flip: the axes must lie in [-rank, rank) and differ from each other.");
    if constexpr (detail::valid_axes<A...>(S::rank)) {
        constexpr unsigned flipped =
            sizeof...(A) == 0 ? (1U << S::rank) - 1 : detail::left_bits<A...>(S::rank);
        constexpr int64 end = 0x7fffffffffffffffL;
        const auto along = [](unsigned i) {
            return flipped >> i & 1 ? range(end, -end, -1) : range();
        };
        return [&]<std::size_t... I>(std::index_sequence<I...>) {
            return slice(e, along(static_cast<unsigned>(I))...);
        }
        (std::make_index_sequence<static_cast<std::size_t>(S::rank)>{});
    }
}

/// x without the given axes, which must have extent 1; else a shape_error. A view.
template <element T, int R, int... A>
auto squeeze(const tensor<T, R>& x, axis_tag<A...>) {
    static_assert(sizeof...(A) > 0 && detail::valid_axes<A...>(R),
                  "squeeze: name the axes to drop; they must lie in [-rank, rank) and differ.");
    detail::require_ones<A...>(x.extents());
    constexpr int Q = R - static_cast<int>(sizeof...(A));
    shape<Q> e{};
    detail::stride_list<Q> s{};
    std::size_t at = 0;
    for (std::size_t i = 0; i < R; ++i) {
        if (detail::left_bits<A...>(R) >> i & 1) continue;
        if constexpr (Q > 0) {
            e[at] = x.extents()[i];
            s[at++] = x.strides()[i];
        }
    }
    return tensor_view<T, Q>(tensor<T, Q>::over(x.memory(), x.offset(), e, s));
}
template <detail::lazy E, int... A>
auto squeeze(E&& e, axis_tag<A...>) {
    using S = symbol_of<E>;
    static_assert(sizeof...(A) > 0 && detail::valid_axes<A...>(S::rank),
                  "squeeze: name the axes to drop; they must lie in [-rank, rank) and differ.");
    if constexpr (detail::valid_axes<A...>(S::rank)) {
        detail::require_ones<A...>(shape_of(e));
        constexpr int Q = S::rank - static_cast<int>(sizeof...(A));
        constexpr unsigned drop = detail::left_bits<A...>(S::rank);
        using P = typename detail::squeezed_symbol<S, drop, Q, make_ints<Q>>::type;
        return detail::make<P>(std::forward<E>(e));
    }
}

/// x with new axes of extent 1 at the given positions of the result: for a matrix,
/// `unsqueeze(x, axis<0>)` has shape (1, m, n). A view.
template <element T, int R, int... A>
auto unsqueeze(const tensor<T, R>& x, axis_tag<A...>) {
    constexpr int Q = R + static_cast<int>(sizeof...(A));
    static_assert(sizeof...(A) > 0 && Q <= max_rank && detail::valid_axes<A...>(Q),
                  "unsqueeze: the axes must be positions in the result, which has at most 8.");
    shape<Q> e{};
    detail::stride_list<Q> s{};
    std::size_t from = 0;
    for (std::size_t i = 0; i < Q; ++i) {
        const bool added = detail::left_bits<A...>(Q) >> i & 1;
        e[i] = added ? 1 : x.extents()[from];
        s[i] = added ? 0 : x.strides()[from];
        from += !added;
    }
    return tensor_view<T, Q>(tensor<T, Q>::over(x.memory(), x.offset(), e, s));
}
template <detail::lazy E, int... A>
auto unsqueeze(E&& e, axis_tag<A...>) {
    using S = symbol_of<E>;
    constexpr int Q = S::rank + static_cast<int>(sizeof...(A));
    static_assert(sizeof...(A) > 0 && Q <= max_rank && detail::valid_axes<A...>(Q),
                  "unsqueeze: the axes must be positions in the result, which has at most 8.");
    if constexpr (Q <= max_rank && detail::valid_axes<A...>(Q)) {
        constexpr unsigned add = detail::left_bits<A...>(Q);
        using P = typename detail::unsqueezed_symbol<S, add, make_ints<Q>>::type;
        return detail::make<P>(std::forward<E>(e));
    }
}

/// All elements of x in row-major order as one axis: a view if x is contiguous, else a copy.
template <element T, int R, class B = backend>
tensor_view<T, 1> flatten(const tensor<T, R>& x) {
    return reshape<T, R, 1, B>(x, shape<1>{{x.size()}});
}
/// The same of a lazy expression, whose value is stored.
template <detail::lazy E>
auto flatten(E&& e) {
    return reshape(std::forward<E>(e), shape<1>{{shape_of(e).size()}});
}

/// x by index along its leading axes: an integer takes one place and drops the axis, a range cuts
/// it, the axes that are not named stay whole: `x(_, range(2, -1), 3)`, `x(0)`. A view: assigning
/// to it writes through. A place outside an axis is a shape_error.
template <class T, int R>
template <class... I>
    requires detail::index_of_view<R, I...>
auto tensor<T, R>::operator()(const I&... index) const {
    constexpr int dropped = (0 + ... + !same_v<I, range>), Q = R - dropped;
    shape<Q> e{};
    detail::stride_list<Q> s{};
    int64 offset = offset_;
    std::size_t axis = 0, to = 0;
    const auto keep = [&](int64 count, int64 stride) {
        if constexpr (Q > 0) {
            e[to] = count;
            s[to++] = stride;
        }
    };
    const auto take = [&](const auto& i) {
        const int64 extent = extents_[axis], stride = strides_[axis];
        if constexpr (same_v<std::remove_cvref_t<decltype(i)>, range>) {
            const ir::slice_bounds b = i.resolve(extent);
            if (b.count > 0) offset += b.start * stride;
            keep(b.count, stride * b.step);
        } else {
            const auto given = static_cast<int64>(i);
            const int64 place = given < 0 ? given + extent : given;
            if (place < 0 || place >= extent)
                throw shape_error("Indexing: index " + std::to_string(given) + " is outside axis " +
                                  std::to_string(axis) + " of shape " + shape_text(extents_) + ".");
            offset += place * stride;
        }
        ++axis;
    };
    (take(index), ...);
    for (; axis < R; ++axis) keep(extents_[axis], strides_[axis]);
    return tensor_view<T, Q>(tensor<T, Q>::over(memory_, offset, e, s));
}

namespace detail {

[[noreturn, gnu::cold]] inline void refuse_index(int64 given,
                                                 int axis,
                                                 const int64* extents,
                                                 int rank) {
    throw shape_error("Indexing: index " + std::to_string(given) + " is outside axis " +
                      std::to_string(axis) + " of shape " + shape_text(extents, rank) + ".");
}

}  // namespace detail

template <class S>
template <class... I>
    requires detail::index_list<S::rank, I...>
auto expr<S>::operator()(const I&... index) const {
    constexpr int R = S::rank, named = static_cast<int>(sizeof...(I));
    const shape<R> extents = shape_of(*this);
    detail::slice_operand<R> bounds;
    int axis = 0;
    const auto take = [&](const auto& i) {
        const int64 extent = extents[static_cast<std::size_t>(axis)];
        if constexpr (same_v<std::remove_cvref_t<decltype(i)>, range>) {
            bounds.axis[axis] = i.resolve(extent);
        } else {
            const auto given = static_cast<int64>(i);
            const int64 place = given < 0 ? given + extent : given;
            if (place < 0 || place >= extent) detail::refuse_index(given, axis, extents.data(), R);
            bounds.axis[axis] = {place, 1, 1};
        }
        ++axis;
    };
    (take(index), ...);
    for (; axis < R; ++axis) bounds.axis[axis] = {0, 1, extents[static_cast<std::size_t>(axis)]};
    constexpr auto cut = static_cast<unsigned char>(((1 << named) - 1) << (R - named));
    constexpr unsigned dropped = [] {
        unsigned bits = 0, k = 0;
        ((bits |= static_cast<unsigned>(!same_v<I, range>) << k++), ...);
        return bits;
    }();
    using C = sym::sliced<cut, S>;
    auto part = detail::make<C>(*this, bounds);
    if constexpr (dropped == 0) {
        return part;
    } else {
        constexpr int Q = R - sym::count_bits(dropped);
        return detail::make<typename detail::squeezed_symbol<C, dropped, Q, make_ints<Q>>::type>(
            std::move(part));
    }
}

}  // namespace sinter
