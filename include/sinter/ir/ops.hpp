// The table of elementwise operations. An entry holds everything there is to know of an operation:
// its name, how many operands it takes, what type it yields, what it costs and its value. An
// operation is named in the compiler by its position in `operations`, so adding an entry there adds
// it to the host loops, the kernels, the interpreter and `explain`. Device-readable.
#pragma once

#include "sinter/core/dtype.hpp"
#include "sinter/core/math.hpp"

namespace sinter::ir {

/// What an operation yields: its operands' type, bool, or a floating type (integers become float).
enum class yields : unsigned char { same, boolean, floating };

struct op_info {
    const char* name;
    const char* infix;  // " + " for operators, null for named functions
    int arity;
    yields result;
    int flops;  // what a kernel pays for one value, in units of an addition
};

// Integer arithmetic wraps: overflow of a signed type is undefined in C++, so it goes through
// unsigned.
template <class T, class F>
SINTER_HD SINTER_INLINE T wrapping(T a, T b, F f) {
    if constexpr (same_v<T, int64>) {
        return static_cast<T>(f(static_cast<uint64>(a), static_cast<uint64>(b)));
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

namespace op {

struct add {
    static constexpr op_info info() { return {"add", " + ", 2, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return wrapping(a, b, plus_f{});
    }
};
struct sub {
    static constexpr op_info info() { return {"sub", " - ", 2, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return wrapping(a, b, minus_f{});
    }
};
struct mul {
    static constexpr op_info info() { return {"mul", " * ", 2, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return wrapping(a, b, times_f{});
    }
};
/// Integers truncate towards zero; a division by zero gives 0, the smallest integer by -1 wraps.
struct div {
    static constexpr op_info info() { return {"div", " / ", 2, yields::same, 4}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        if constexpr (same_v<T, int64> || same_v<T, bool>) {
            if (b == 0) return T(0);
            if (b == T(-1)) return wrapping(T(0), a, minus_f{});
            return static_cast<T>(a / b);
        } else {
            return a / b;
        }
    }
};
struct maximum {
    static constexpr op_info info() { return {"maximum", nullptr, 2, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {  // NaN propagates
        return a > b || a != a ? a : b;
    }
};
struct minimum {
    static constexpr op_info info() { return {"minimum", nullptr, 2, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T b) {
        return a < b || a != a ? a : b;
    }
};
struct equal {
    static constexpr op_info info() { return {"equal", " == ", 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a == b;
    }
};
struct not_equal {
    static constexpr op_info info() { return {"not_equal", " != ", 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a != b;
    }
};
struct less {
    static constexpr op_info info() { return {"less", " < ", 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a < b;
    }
};
struct less_equal {
    static constexpr op_info info() { return {"less_equal", " <= ", 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a <= b;
    }
};
struct greater {
    static constexpr op_info info() { return {"greater", " > ", 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a > b;
    }
};
struct greater_equal {
    static constexpr op_info info() { return {"greater_equal", " >= ", 2, yields::boolean, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static bool value(T a, T b) {
        return a >= b;
    }
};
/// `where(condition, a, b)`: the only entry whose first operand has a type of its own, bool.
struct where {
    static constexpr op_info info() { return {"where", nullptr, 3, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(bool c, T a, T b) {
        return c ? a : b;
    }
};
struct neg {
    static constexpr op_info info() { return {"neg", nullptr, 1, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        if constexpr (same_v<T, int64>) {
            return wrapping(T(0), a, minus_f{});
        } else {
            return static_cast<T>(-a);
        }
    }
};
struct abs {
    static constexpr op_info info() { return {"abs", nullptr, 1, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        if constexpr (same_v<T, bool>) {
            return a;
        } else if constexpr (same_v<T, int64>) {
            return a < 0 ? neg::value(a) : a;
        } else if constexpr (same_v<T, float>) {  // the sign bit alone: -0 becomes 0
            return bits_as<float>(bits_as<uint32>(a) & 0x7fffffffU);
        } else {
            return bits_as<double>(bits_as<uint64>(a) & 0x7fffffffffffffffUL);
        }
    }
};
struct relu {
    static constexpr op_info info() { return {"relu", nullptr, 1, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {  // NaN propagates, as in PyTorch
        return a <= T(0) ? T(0) : a;
    }
};
struct exp {
    static constexpr op_info info() { return {"exp", nullptr, 1, yields::floating, 14}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::exp(a);
    }
};
struct log {
    static constexpr op_info info() { return {"log", nullptr, 1, yields::floating, 14}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::log(a);
    }
};
struct sqrt {
    static constexpr op_info info() { return {"sqrt", nullptr, 1, yields::floating, 4}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::sqrt(a);
    }
};
struct sin {
    static constexpr op_info info() { return {"sin", nullptr, 1, yields::floating, 14}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::sin(a);
    }
};
struct tanh {
    static constexpr op_info info() { return {"tanh", nullptr, 1, yields::floating, 20}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::tanh(a);
    }
};
/// 1 / (1 + exp(-a)).
struct sigmoid {
    static constexpr op_info info() { return {"sigmoid", nullptr, 1, yields::floating, 19}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return T(1) / (T(1) + math::exp(-a));
    }
};

}  // namespace op

template <class... O>
struct op_list {};
/// The operations, by position.
using operations = op_list<op::add,
                           op::sub,
                           op::mul,
                           op::div,
                           op::maximum,
                           op::minimum,
                           op::equal,
                           op::not_equal,
                           op::less,
                           op::less_equal,
                           op::greater,
                           op::greater_equal,
                           op::where,
                           op::neg,
                           op::abs,
                           op::relu,
                           op::exp,
                           op::log,
                           op::sqrt,
                           op::sin,
                           op::tanh,
                           op::sigmoid>;

template <class L>
struct op_table;
template <class... O>
struct op_table<op_list<O...>> {
    static constexpr int size = sizeof...(O);
    template <class X>
    static constexpr int find() {
        int k = 0, found = -1;
        ((found = same_v<X, O> ? k : found, ++k), ...);
        return found;
    }
    template <int I>
    using at = typename type_at<I, O...>::type;
    static constexpr op_info info(int i) {
        const op_info all[] = {O::info()...};
        return all[i];
    }
};
inline constexpr int op_count = op_table<operations>::size;

// Pointwise nodes that are no table entry: a conversion to the node's dtype, a broadcast to a given
// shape, and the user's own functor.
inline constexpr int op_cast = 253, op_expand = 254, op_user = 255;

/// The number by which the compiler knows operation `O`.
template <class O>
inline constexpr int op_id = op_table<operations>::find<O>();
template <int I>
using operation = typename op_table<operations>::template at<I>;

constexpr op_info info_of(int id) {
    if (id == op_cast) return {"astype", nullptr, 1, yields::same, 1};
    if (id == op_expand) return {"broadcast_to", nullptr, 1, yields::same, 0};
    if (id == op_user) return {"elementwise", nullptr, -1, yields::same, 1};
    return op_table<operations>::info(id);
}

}  // namespace sinter::ir
