// How a function of the table of operations (ir/ops) becomes an expression, and the elementwise
// functions that are no table entry or need a sentence of their own.
#pragma once

#include "sinter/expr/operators.hpp"

namespace sinter {

namespace detail {

/// The type of several operands, of which numbers are weak: as common_type for two.
template <class... A>
constexpr dtype joint_type() {
    const bool array[] = {expression<A>...};
    const dtype type[] = {[] {
        if constexpr (expression<A>) {
            return symbol_of<A>::type;
        } else {
            return scalar_dtype<std::remove_cvref_t<A>>();
        }
    }()...};
    dtype t = dtype::boolean;
    for (unsigned i = 0; i < sizeof...(A); ++i)
        if (array[i]) t = promote(t, type[i]);
    for (unsigned i = 0; i < sizeof...(A); ++i)
        if (!array[i]) t = promote_weak(t, type[i]);
    return t;
}

template <class... A>
struct operand_check {
    static constexpr bool value =
        (false || ... || expression<A>)&&(true && ... && (expression<A> || number_like<A>));
};

template <class O, class... A>
auto elementwise(A&&... a) {
    constexpr ir::op_info info = O::info();
    constexpr dtype given = joint_type<A...>();
    static_assert(ir::accepts(info, given),
                  "bitwise functions take bool and integer arrays, shifts integer arrays: write "
                  "astype<std::int64_t>(x).");
    constexpr dtype t = info.result == ir::yields::floating ? floating_type(given) : given;
    using S = sym::pointwise<ir::op_id<O>,
                             sym::as<t, symbol_of<decltype(lift<t>(std::forward<A>(a)))>>...>;
    return make<S>(lift<t>(std::forward<A>(a))...);
}

}  // namespace detail

/// a where the bool array `condition` is true, else b. Either may be a number.
template <expression C, class A, class B>
    requires((expression<A> || number_like<A>)&&(expression<B> || number_like<B>))
auto where(C&& condition, A&& a, B&& b) {
    static_assert(symbol_of<C>::type == dtype::boolean,
                  "where: the condition must be a bool array, as a comparison gives: write where(x "
                  "!= 0, a, b).");
    constexpr dtype t = detail::common_type<A, B>();
    using SA = symbol_of<decltype(detail::lift<t>(std::forward<A>(a)))>;
    using SB = symbol_of<decltype(detail::lift<t>(std::forward<B>(b)))>;
    using S =
        sym::pointwise<ir::op_id<ir::op::where>, symbol_of<C>, sym::as<t, SA>, sym::as<t, SB>>;
    return detail::make<S>(std::forward<C>(condition),
                           detail::lift<t>(std::forward<A>(a)),
                           detail::lift<t>(std::forward<B>(b)));
}

/// The values as type T: to bool `x != 0`; floating to integer truncates, saturates and maps NaN to
/// 0; integer to integer wraps; to half and bfloat16 rounds to nearest even.
template <class T, expression A>
auto astype(A&& a) {
    static_assert(element<T>,
                  "astype: the type must be bool, std::uint8_t, std::int8_t, std::int16_t, "
                  "std::int32_t, std::int64_t, half, bfloat16, float or double.");
    return detail::make<sym::as<dtype_v<T>, symbol_of<A>>>(std::forward<A>(a));
}

/// `e` as a value that no gradient passes.
template <expression E>
auto stop_gradient(E&& e) {
    return detail::make<sym::stopped<symbol_of<E>>>(std::forward<E>(e));
}

namespace detail {

template <class F, dtype R, dtype... X, int... K>
void apply_functor(const void* functor,
                   const ir::scalar_bits* in,
                   ir::scalar_bits* out,
                   ints<K...>) {
    F f;
    std::memcpy(static_cast<void*>(&f), functor, sizeof f);
    const auto value =
        static_cast<compute_t<R>>(std::as_const(f)(in[K].template as<compute_dtype(X)>()...));
    *out = bits_of<R>(value);
}
template <class F, dtype R, dtype... X>
void apply_functor(const void* functor, const ir::scalar_bits* in, ir::scalar_bits* out) {
    apply_functor<F, R, X...>(functor, in, out, make_ints<sizeof...(X)>{});
}

// A functor as the last operand of an expression: its bytes.
template <class F>
struct functor_operand {
    const F& functor;
    void (*apply)(const void* functor, const ir::scalar_bits* in, ir::scalar_bits* out);
    void append_to(operand_list& list) const {
        constexpr int words = (sizeof(F) + sizeof(int64) - 1) / sizeof(int64);
        int64* const w = list.add(ir::visit::functor, dtype::boolean, 0, 2 + words);
        w[0] = sizeof(F);
        w[1] = reinterpret_cast<int64>(apply);
        std::memcpy(w + 2, &functor, sizeof(F));
    }
};

}  // namespace detail

/// f(x, ...) for every element, with the user's own functor f of up to three operands, which
/// broadcast. F is a namespace-scope, trivially copyable, default-constructible type whose call
/// operator is const and SINTER_HD; half and bfloat16 elements reach it as float, integers of up
/// to 32 bits as int. Its state travels to the kernel by value. Fuses like a built-in operation. A
/// functor that takes more than about 14 operations may say so, `static constexpr int flops = 40`:
/// then a host calls it once for each of its own elements where it is broadcast.
template <class F, expression... X>
auto elementwise(F f, X&&... x) {
    static_assert(sizeof...(X) >= 1 && sizeof...(X) <= 3,
                  "elementwise: takes one to three arrays after the functor.");
    static_assert(std::is_trivially_copyable_v<F> && std::is_default_constructible_v<F>,
                  "elementwise: the functor must be trivially copyable and default-constructible, "
                  "because its "
                  "bytes travel to the kernel.");
    using R = std::remove_cvref_t<std::invoke_result_t<const F&, compute_t<symbol_of<X>::type>...>>;
    static_assert(
        element<R>,
        "elementwise: the functor must return bool, std::uint8_t, std::int8_t, std::int16_t, "
        "std::int32_t, std::int64_t, half, bfloat16, float or double.");
    constexpr dtype t = dtype_v<R>;
    return detail::make<sym::user<F, t, symbol_of<X>...>>(
        std::forward<X>(x)...,
        detail::functor_operand<F>{f, &detail::apply_functor<F, t, symbol_of<X>::type...>});
}

}  // namespace sinter
