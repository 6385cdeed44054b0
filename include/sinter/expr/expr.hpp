// Lazy expressions: a symbol and the flat list of its run-time operands.
#pragma once

#include <type_traits>
#include <utility>

#include "sinter/expr/operands.hpp"
#include "sinter/expr/symbol.hpp"

namespace sinter {

class range;

/// Anything that stands for an array of values: tensors, views of them and lazy expressions.
template <class E>
concept expression = requires(const std::remove_cvref_t<E>& e, operand_list& list) {
    typename std::remove_cvref_t<E>::symbol;
    e.append_to(list);
};

/// A C++ number that may stand beside an expression.
template <class T>
concept number_like = std::is_arithmetic_v<std::remove_cvref_t<T>> ||
    same_v<std::remove_cvref_t<T>, half> || same_v<std::remove_cvref_t<T>, bfloat16>;

template <class E>
using symbol_of = typename std::remove_cvref_t<E>::symbol;

namespace detail {

// Compiles what a symbol is made of now, operand by operand as the expression grows: reached from
// the top of a long expression, it would nest deeper than nvcc instantiates.
template <class S>
constexpr bool prepared() {
    constexpr bool known =
        S::nodes >= 0 && (S::has_variable || S::has_share || S::type >= dtype::boolean);
    if constexpr (S::nodes > ir::small_graph && sym::fits<S>) {
        using emitted = decltype(S::emit(std::declval<ir::graph<ir::max_nodes>&>()));
        return known && same_v<emitted, short> && !same_v<typename S::functors, void>;
    }
    return known;
}

struct parts_tag {};

/// Indices of a rank-R array: places and ranges.
template <int R, class... I>
concept index_list = sizeof...(I) >= 1 && sizeof...(I) <= R &&
                     ((std::is_integral_v<I> || same_v<I, range>)&&...);

}  // namespace detail

/// A lazy expression: nothing runs until it is assigned to a tensor or given to `eval`.
template <class S>
class expr {
    static_assert(S::rank <= max_rank && detail::prepared<S>(), "Sinter supports ranks 0 to 8.");

public:
    using symbol = S;
    static constexpr dtype type = S::type;
    static constexpr int rank = S::rank;

    expr() = default;
    /// Over the operands of `parts`, in order.
    template <class... P>
    explicit expr(detail::parts_tag, P&&... parts) {
        (std::forward<P>(parts).append_to(operands_), ...);
    }
    /// An expression is no condition.
    template <class T = bool>
    explicit operator bool() const {
        static_assert(!same_v<T, T>,
                      "An expression of arrays is no condition: compare whole arrays with "
                      "array_equal(a, b), or take one value with eval(any(a == b)).item().");
        return false;
    }
    /// By index along its leading axes, as a tensor: an integer takes one place and drops the axis,
    /// a range cuts it: `(a + b)(_, range(2, -1), 3)`. Lazy: the operands are cut before anything
    /// is computed. A place outside an axis is a shape_error.
    template <class... I>
        requires detail::index_list<S::rank, I...>
    auto operator()(const I&... index) const;
    const operand_list& operands() const { return operands_; }
    void append_to(operand_list& list) const& { list.append(operands_); }
    void append_to(operand_list& list) && { list.append(std::move(operands_)); }

private:
    operand_list operands_;
};

namespace detail {

/// The dtype that stands for a C++ number: bool, any integer, any floating type.
template <class T>
constexpr dtype scalar_dtype() {
    if constexpr (same_v<T, bool>) {
        return dtype::boolean;
    } else if constexpr (std::is_integral_v<T>) {
        return dtype::i64;
    } else if constexpr (same_v<T, double>) {
        return dtype::f64;
    } else if constexpr (same_v<T, half> || same_v<T, bfloat16>) {
        return dtype_v<T>;
    } else {
        return dtype::f32;
    }
}

template <dtype D, class T>
ir::scalar_bits bits_of(T value) {
    if constexpr (is_floating(D)) {
        return {bits_as<uint64>(static_cast<double>(value))};
    } else {
        return {bits_as<uint64>(static_cast<int64>(value))};
    }
}
template <dtype D>
class number_operand {
public:
    using symbol = sym::scalar<D>;
    template <class T>
    explicit number_operand(T value) : bits_(bits_of<D>(value)) {}
    void append_to(operand_list& list) const {
        *list.add(ir::visit::scalar, D, 0, 1) = bits_as<int64>(bits_.bits);
    }

private:
    ir::scalar_bits bits_;
};

/// The expression of symbol S over the operands of e..., in order.
template <class S, class... E>
expr<S> make(E&&... e) {
    static_assert(ir::max_nodes == 640 && sym::max_depth == 450);
    // Said once, of the first part that is too large.
    static_assert(sym::fits<S> || !S::parts_fit,
                  "An expression is limited to 640 operations and operands, nested at most 450 "
                  "deep: assign a part of it to a tensor, or mention what is used several times "
                  "through `with` or `share`.");
    return expr<S>(parts_tag{}, std::forward<E>(e)...);
}

// The operands of `e`: its own list where it has one, so that nothing is counted as an owner twice.
template <class E>
const operand_list* list_of(const E& e, operand_list& room) {
    if constexpr (requires { e.operands(); }) {
        return &e.operands();
    } else {
        e.append_to(room);
        return &room;
    }
}

/// The type of a binary operation on A and B, where either may be a number (weak).
template <class A, class B>
constexpr dtype common_type() {
    using X = std::remove_cvref_t<A>;
    using Y = std::remove_cvref_t<B>;
    if constexpr (!expression<X> &&
                  !expression<Y>) {  // two numbers: the default of the higher category
        constexpr dtype d = promote(scalar_dtype<X>(), scalar_dtype<Y>());
        return is_floating(d) ? dtype::f32 : d;
    } else if constexpr (!expression<X>) {
        return promote_weak(symbol_of<Y>::type, scalar_dtype<X>());
    } else if constexpr (!expression<Y>) {
        return promote_weak(symbol_of<X>::type, scalar_dtype<Y>());
    } else {
        return promote(symbol_of<X>::type, symbol_of<Y>::type);
    }
}
/// `e` itself, or a number as an operand of type D.
template <dtype D, class E>
decltype(auto) lift(E&& e) {
    if constexpr (expression<E>) {
        return std::forward<E>(e);
    } else {
        return number_operand<D>(e);
    }
}
constexpr dtype floating_type(dtype d) { return is_floating(d) ? d : dtype::f32; }

template <int Op, class A>
auto unary(A&& a) {
    constexpr dtype given = symbol_of<A>::type;
    constexpr dtype t =
        ir::info_of(Op).result == ir::yields::floating ? floating_type(given) : given;
    return make<sym::pointwise<Op, sym::as<t, symbol_of<A>>>>(std::forward<A>(a));
}
template <int Op, class A, class B>
auto binary(A&& a, B&& b) {
    constexpr dtype t = common_type<A, B>();
    using SA = symbol_of<decltype(lift<t>(std::forward<A>(a)))>;
    using SB = symbol_of<decltype(lift<t>(std::forward<B>(b)))>;
    return make<sym::pointwise<Op, sym::as<t, SA>, sym::as<t, SB>>>(lift<t>(std::forward<A>(a)),
                                                                    lift<t>(std::forward<B>(b)));
}

template <class A, class B>
concept operands = (expression<A> && (expression<B> || number_like<B>)) ||
                   (number_like<A> && expression<B>);

}  // namespace detail
}  // namespace sinter
