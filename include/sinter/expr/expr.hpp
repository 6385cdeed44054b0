// Lazy expressions: a symbol and the flat list of its run-time operands.
#pragma once

#include <cstring>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "sinter/expr/symbol.hpp"
#include "sinter/ir/pass.hpp"
#include "sinter/ir/tables.hpp"

namespace sinter {

/// One run-time operand of an expression, in the order in which the symbol emits: an array (leaf),
/// a number, the bytes of a functor, a shape (its extents in `array`), slice bounds, or a shared
/// part.
struct operand {
    ir::visit what = ir::visit::leaf;
    ir::array_ref array{};
    ir::scalar_bits number{};  // scalar: its bits; functor: its size in bytes
    // functor: applies it to values at run time, for the interpreter
    void (*apply)(const void* functor, const ir::scalar_bits* in, ir::scalar_bits* out) = nullptr;
    std::shared_ptr<void> held{};  // leaf: the storage; functor, slice, shared part: the data
};

/// The operands of an expression. Only leaves own storage, so nothing an expression refers to can
/// dangle.
using operand_list = std::vector<operand>;

/// Anything that stands for an array of values: tensors, views of them and lazy expressions.
template <class E>
concept expression = requires(const std::remove_cvref_t<E>& e) {
    typename std::remove_cvref_t<E>::symbol;
    e.operands();
};

/// A C++ number that may stand beside an expression.
template <class T>
concept number_like =
    std::is_arithmetic_v<std::remove_cvref_t<T>> || same_v<std::remove_cvref_t<T>, bfloat16>;

template <class E>
using symbol_of = typename std::remove_cvref_t<E>::symbol;

namespace detail {

// Compiles what a symbol is made of now, operand by operand as the expression grows: reached from
// the top of a long expression, it would nest deeper than nvcc instantiates.
template <class S>
constexpr bool prepared() {
    if constexpr (S::nodes > ir::small_graph) {
        using emitted = decltype(S::emit(std::declval<ir::graph<ir::max_nodes>&>()));
        return same_v<emitted, short> && !same_v<typename S::functors, void>;
    }
    return S::nodes >= 0 && (S::has_share || S::type >= dtype::boolean);
}

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
    explicit expr(operand_list o) : operands_(std::move(o)) {}
    const operand_list& operands() const& { return operands_; }
    operand_list operands() && { return std::move(operands_); }

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
    } else if constexpr (same_v<T, bfloat16>) {
        return dtype::bf16;
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
    operand_list operands() const {
        operand o;
        o.what = ir::visit::scalar;
        o.number = bits_;
        return {std::move(o)};
    }

private:
    ir::scalar_bits bits_;
};

inline void append(operand_list& to, operand_list&& from) {
    if (to.empty()) {
        to = std::move(from);
    } else {
        to.insert(
            to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    }
}
template <class E>
operand_list operands_of(E&& e) {
    return std::forward<E>(e).operands();
}

/// The expression of symbol S over the operands of e..., in order.
template <class S, class... E>
expr<S> make(E&&... e) {
    operand_list o;
    (append(o, operands_of(std::forward<E>(e))), ...);
    return expr<S>(std::move(o));
}
/// The same with one more operand at the end.
template <class S, class E>
expr<S> make_with(operand last, E&& e) {
    operand_list o = operands_of(std::forward<E>(e));
    o.push_back(std::move(last));
    return expr<S>(std::move(o));
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
