// What an entry of the table of elementwise operations says, and how the public function beside it
// becomes an expression. Device-readable.
#pragma once

#include "sinter/core/dtype.hpp"
#include "sinter/core/math.hpp"

namespace sinter::ir {

/// What an operation yields: its operands' type, bool, or a floating type (integers become float).
enum class yields : unsigned char { same, boolean, floating };
/// What it takes: all types; bool and integers; integers; or a bool first, then two of one type.
enum class takes : unsigned char { numbers, bits, integers, condition };

struct op_info {
    const char* name;
    const char* infix;  // " + " for operators, null for named functions
    int arity;
    yields result;
    int flops;  // what a kernel pays for one value, in units of an addition
    takes operands = takes::numbers;
};

constexpr bool accepts(const op_info& o, dtype d) {
    return !(o.operands == takes::bits && is_floating(d)) &&
           !(o.operands == takes::integers && category(d) != 1);
}

/// A list of operations, and several as one.
template <class... O>
struct op_list {
    static constexpr int size = sizeof...(O);
};
template <class A, class B>
struct join_two;
template <class... A, class... B>
struct join_two<op_list<A...>, op_list<B...>> {
    using type = op_list<A..., B...>;
};
template <class A, class... More>
struct join_many {
    using type = A;
};
template <class A, class B, class... More>
struct join_many<A, B, More...> : join_many<typename join_two<A, B>::type, More...> {};
template <class... L>
using join_lists = typename join_many<L...>::type;

/// Derivative rules, `derivative(operands..., y, dy)`: from the operands, the value y and the
/// derivative dy of the result by y, the derivatives by the operands. V stands for a value of a
/// graph: it has arithmetic, comparisons, `choose(condition, a, b)`, and `of<O>(a)` is operation O
/// on it. One that is not given is zero everywhere.
template <class O, class V, class... W>
constexpr V of(V a, W... more) {
    return V::template apply<O>(a, more...);
}
/// Those by several operands.
template <class V>
struct partials {
    V a{}, b{}, c{};
};

template <class T>
inline constexpr bool floating_v = same_v<T, float> || same_v<T, double>;

template <class T>
SINTER_HD SINTER_INLINE bool is_negative([[maybe_unused]] T a) {
    if constexpr (same_v<T, bool>) {
        return false;
    } else {
        return a < T(0);
    }
}
// Integer arithmetic wraps: overflow of a signed type is undefined in C++, so it goes through
// unsigned.
template <class T, class F>
SINTER_HD SINTER_INLINE T wrapping(T a, T b, F f) {
    if constexpr (same_v<T, int64>) {
        return static_cast<T>(f(static_cast<uint64>(a), static_cast<uint64>(b)));
    } else if constexpr (same_v<T, int32>) {
        return static_cast<T>(f(static_cast<uint32>(a), static_cast<uint32>(b)));
    } else {
        return static_cast<T>(f(a, b));
    }
}
struct plus_f {
    template <class T>
    SINTER_HD SINTER_INLINE constexpr auto operator()(T a, T b) const {
        return a + b;
    }
};
struct minus_f {
    template <class T>
    SINTER_HD SINTER_INLINE constexpr auto operator()(T a, T b) const {
        return a - b;
    }
};
struct times_f {
    template <class T>
    SINTER_HD SINTER_INLINE constexpr auto operator()(T a, T b) const {
        return a * b;
    }
};

}  // namespace sinter::ir

namespace sinter::detail {

// Completed where expressions are known, in expr/functions.hpp: whether A... may be the operands of
// one operation, and the expression of operation O on them.
template <class... A>
struct operand_check;
template <class O, class... A>
auto elementwise(A&&... a);

}  // namespace sinter::detail

namespace sinter {

/// Operands of an elementwise function: arrays, views, expressions and C++ numbers, at least one of
/// which is no number.
template <class... A>
concept elementwise_operands = detail::operand_check<A...>::value;

}  // namespace sinter
