// Views: tensors on the memory of another tensor, and the same rearrangements of lazy expressions.
#pragma once

#include "sinter/expr/axis.hpp"
#include "sinter/tensor/tensor.hpp"

namespace sinter {

/// A tensor that looks at another one's memory. Assigning to it writes through; copying it into a
/// `tensor` gives a handle on the same memory.
template <element T, int R>
class tensor_view : public tensor<T, R> {
public:
    using base = tensor<T, R>;
    explicit tensor_view(base t) : base(std::move(t)) {}
    tensor_view(const tensor_view&) = default;
    tensor_view(tensor_view&&) noexcept = default;
    ~tensor_view() = default;
    /// Writes the elements of `e` through; a lower rank or an extent of 1 broadcasts.
    template <expression E, class B = backend>
        requires(!same_v<std::remove_cvref_t<E>, tensor_view>)
    tensor_view& operator=(const E& e) {
        write_broadcast<B>(e);
        return *this;
    }
    // Inlined always: two files with different backends would else share one of them.
    SINTER_INLINE tensor_view& operator=(const tensor_view& v) {
        write_broadcast<backend>(static_cast<const base&>(v));
        return *this;
    }
    SINTER_INLINE tensor_view& operator=(tensor_view&& v) noexcept(false) {
        write_broadcast<backend>(static_cast<const base&>(v));
        return *this;
    }
    /// Sets every element.
    template <class B = backend>
    tensor_view& operator=(T value) {
        write_broadcast<B>(tensor<T, 0>(value).to(this->where()));
        return *this;
    }

private:
    template <class B, class E>
    void write_broadcast(const E& e);
};

namespace detail {

template <class E>
inline constexpr bool is_expr = false;
template <class S>
inline constexpr bool is_expr<expr<S>> = true;

/// An expression that is no tensor.
template <class E>
concept lazy = is_expr<std::remove_cvref_t<E>>;

// Extents as the last operand of an expression.
template <int R>
struct shape_operand {
    const shape<R>& extents;
    void append_to(operand_list& list) const {
        int64* const w = list.add(ir::visit::shape, dtype::boolean, R, R);
        for (int i = 0; i < R; ++i) w[i] = extents[static_cast<std::size_t>(i)];
    }
};

template <int R>
using stride_list = std::array<int64, static_cast<std::size_t>(R)>;

/// True when A... names every axis of a rank-R array once.
template <int R, int... A>
constexpr bool is_permutation_of_axes() {
    return sizeof...(A) == R && valid_axes<A...>(R);
}
// The symbol of a permutation: axis j from the right of the result is axis Map[j] from the right of
// S.
template <class S, class Axes, class Positions>
struct permuted_symbol;
template <class S, int... A, int... J>
struct permuted_symbol<S, axis_tag<A...>, ints<J...>> {
    static constexpr int from(int j) {
        constexpr int n = sizeof...(A);
        const int list[] = {A...};
        const int a = list[n - 1 - j];
        return a < 0 ? -1 - a : n - 1 - a;
    }
    using type = sym::permuted<S, from(J)...>;
};

}  // namespace detail

/// The axes in another order, by compile-time numbers: `permute(x, axes<0, 2, 1>)`. Moves nothing.
template <element T, int R, int... A>
tensor_view<T, R> permute(const tensor<T, R>& x, axis_tag<A...>) {
    static_assert(detail::is_permutation_of_axes<R, A...>(),
                  "permute: the axes must name every axis of the operand once.");
    shape<R> e{};
    detail::stride_list<R> s{};
    std::size_t i = 0;
    ((e[i] = x.extent(A), s[i] = x.strides()[static_cast<std::size_t>(A < 0 ? A + R : A)], ++i),
     ...);
    return tensor_view<T, R>(tensor<T, R>::over(x.memory(), x.offset(), e, s));
}
template <detail::lazy E, int... A>
auto permute(E&& e, axis_tag<A...>) {
    using S = symbol_of<E>;
    static_assert(detail::is_permutation_of_axes<S::rank, A...>(),
                  "permute: the axes must name every axis of the operand once.");
    using P = typename detail::permuted_symbol<S, axis_tag<A...>, make_ints<S::rank>>::type;
    return detail::make<P>(std::forward<E>(e));
}
/// The transpose of a matrix. Moves nothing.
template <element T, int R>
auto transpose(const tensor<T, R>& x) {
    static_assert(R == 2, "transpose: the operand must have rank 2; permute takes any rank.");
    if constexpr (R == 2) return permute(x, axes<1, 0>);
}
template <detail::lazy E>
auto transpose(E&& e) {
    static_assert(symbol_of<E>::rank == 2,
                  "transpose: the operand must have rank 2; permute takes any rank.");
    if constexpr (symbol_of<E>::rank == 2) return permute(std::forward<E>(e), axes<1, 0>);
}

namespace detail {

/// `to`, whose one extent of -1, if any, follows from the others; false when it cannot have `size`
/// elements.
template <int Q>
bool complete(shape<Q>& to, int64 size) {
    int64 others = 1;
    int64* open = nullptr;
    for (int64& e : to) {
        if (e == -1 && open == nullptr) {
            open = &e;
        } else {
            if (e < 0) return false;
            others *= e;
        }
    }
    if (open == nullptr) return others == size;
    if (others == 0 || size % others != 0) return false;
    *open = size / others;
    return true;
}

}  // namespace detail

/// `x` under another shape with as many elements, row-major: a view if `x` is contiguous, else of a
/// copy. One extent may be -1: it follows from the others. Throws shape_error when the element
/// counts differ.
template <element T, int R, int Q, class B = backend>
tensor_view<T, Q> reshape(const tensor<T, R>& x, const shape<Q>& wanted) {
    shape<Q> to = wanted;
    if (!detail::complete(to, x.size()))
        throw shape_error("reshape: shape " + shape_text(x.extents()) + " has " +
                          std::to_string(x.size()) + " elements and cannot become " +
                          shape_text(wanted) + ".");
    const tensor<T, R> from = x.is_contiguous() ? x : x.template clone<B>();
    detail::stride_list<Q> s{};
    int64 n = 1;
    for (std::size_t i = Q; i-- > 0; n *= to[i]) s[i] = n;
    return tensor_view<T, Q>(tensor<T, Q>::over(from.memory(), from.offset(), to, s));
}
/// The same of a lazy expression: its value is stored, then seen under the shape.
template <detail::lazy E, int Q>
auto reshape(E&& e, const shape<Q>& to) {
    return detail::make<sym::reshaped<Q, symbol_of<E>>>(std::forward<E>(e),
                                                        detail::shape_operand<Q>{to});
}

/// `x` repeated along axes of extent 1 and along new leading axes, without copying: steps are 0
/// there. Throws shape_error when the shapes do not broadcast.
template <element T, int R, int Q>
    requires(Q >= R)
tensor_view<T, Q> broadcast_to(const tensor<T, R>& x, const shape<Q>& to) {
    detail::stride_list<Q> s{};
    for (int i = 0; i < R; ++i) {
        const auto from = static_cast<std::size_t>(i), at = static_cast<std::size_t>(i + Q - R);
        if (x.extents()[from] == to[at])
            s[at] = x.strides()[from];
        else if (x.extents()[from] != 1)
            throw shape_error("broadcast_to: shape " + shape_text(x.extents()) +
                              " does not broadcast to " + shape_text(to) + ".");
    }
    return tensor_view<T, Q>(tensor<T, Q>::over(x.memory(), x.offset(), to, s));
}
template <detail::lazy E, int Q>
    requires(Q >= symbol_of<E>::rank)
auto broadcast_to(E&& e, const shape<Q>& to) {
    return detail::make<sym::expanded<Q, symbol_of<E>>>(std::forward<E>(e),
                                                        detail::shape_operand<Q>{to});
}

/// A non-owning tensor over `data` on device `where`: whoever made the pointer keeps it alive.
template <element T, int R>
tensor_view<T, R> view(T* data, const shape<R>& extents, device where = device::host()) {
    detail::stride_list<R> s{};
    int64 n = 1;
    for (std::size_t i = R; i-- > 0; n *= extents[i]) s[i] = n;
    auto memory = runtime::storage::borrow(where, data, static_cast<std::size_t>(n) * sizeof(T));
    return tensor_view<T, R>(tensor<T, R>::over(std::move(memory), 0, extents, s));
}

template <element T, int R>
template <class B, class E>
void tensor_view<T, R>::write_broadcast(const E& e) {
    static_assert(symbol_of<E>::rank <= R,
                  "assignment: the expression has more axes than the view it is assigned to.");
    if constexpr (symbol_of<E>::rank <= R) {
        detail::check_assignable<T, symbol_of<E>::rank, E>();
        this->template write<B>(broadcast_to(e, this->extents()));
    }
}

}  // namespace sinter
