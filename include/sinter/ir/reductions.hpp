// The table of reductions. A reduction folds the values of some axes into a state, states can be
// merged in any grouping, and a state gives the result. Device-readable.
#pragma once

#include "sinter/ir/ops.hpp"

namespace sinter::ir {

/// What a reduction yields: its operand's type; sums and products of bool and integers are int64;
/// bool, of operands taken as `x != 0`; the int64 position of an element.
enum class reduces_to : unsigned char { same, wide, boolean, position };

struct reduction_info {
    const char* name;
    reduces_to result;
    bool empty_allowed;  // has a value for no elements
};

namespace red {

/// A reduction that joins its values by operation O, which is associative; the state is the value
/// so far.
template <class O>
struct joins_by {
    template <class T>
    using state = T;
    template <class T>
    SINTER_HD SINTER_INLINE static void step(T& s, T x, int64) {
        s = O::value(s, x);
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void merge(T& a, const T& b) {
        a = O::value(a, b);
    }
    template <class T>
    SINTER_HD SINTER_INLINE static T result(const T& s) {
        return s;
    }
};

struct sum : joins_by<op::add> {
    static constexpr reduction_info info() { return {"sum", reduces_to::wide, true}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T init() {
        return T(0);
    }
};
struct prod : joins_by<op::mul> {
    static constexpr reduction_info info() { return {"prod", reduces_to::wide, true}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T init() {
        return T(1);
    }
};
/// NaN propagates: one NaN makes the maximum NaN.
struct max : joins_by<op::maximum> {
    static constexpr reduction_info info() { return {"max", reduces_to::same, false}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T init() {
        if constexpr (same_v<T, bool>) {
            return false;
        } else if constexpr (integral_v<T>) {
            return least_v<T>;
        } else {
            return static_cast<T>(-infinity);
        }
    }
};
/// NaN propagates, as in `max`.
struct min : joins_by<op::minimum> {
    static constexpr reduction_info info() { return {"min", reduces_to::same, false}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T init() {
        if constexpr (same_v<T, bool>) {
            return true;
        } else if constexpr (integral_v<T>) {
            return largest_v<T>;
        } else {
            return static_cast<T>(infinity);
        }
    }
};
struct any : joins_by<op::maximum> {
    static constexpr reduction_info info() { return {"any", reduces_to::boolean, true}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T init() {
        return T(false);
    }
};
struct all : joins_by<op::minimum> {
    static constexpr reduction_info info() { return {"all", reduces_to::boolean, true}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T init() {
        return T(true);
    }
};

/// The position of the first extreme value along the reduced axes, counted in row-major order; NaN
/// counts as more extreme than every number, as in NumPy. Least: the minimum, else the maximum.
template <bool Least>
struct first_extreme {
    template <class T>
    struct state {
        T value;
        int64 at;
    };
    template <class T>
    SINTER_HD SINTER_INLINE static state<T> init() {
        if constexpr (Least) {
            return {min::init<T>(), 0x7fffffffffffffffL};
        } else {
            return {max::init<T>(), 0x7fffffffffffffffL};
        }
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void step(state<T>& s, T x, int64 i) {
        merge(s, state<T>{x, i});
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void merge(state<T>& a, const state<T>& b) {
        const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
        const bool tie = a_nan ? b_nan : a.value == b.value;
        const bool beyond = Least ? b.value < a.value : b.value > a.value;
        const bool better = b_nan ? !a_nan : !a_nan && beyond;
        if (better || (tie && b.at < a.at)) a = b;
    }
    template <class T>
    SINTER_HD SINTER_INLINE static int64 result(const state<T>& s) {
        return s.at;
    }
};
struct argmax : first_extreme<false> {
    static constexpr reduction_info info() { return {"argmax", reduces_to::position, false}; }
};
struct argmin : first_extreme<true> {
    static constexpr reduction_info info() { return {"argmin", reduces_to::position, false}; }
};

}  // namespace red

template <class... R>
struct reduction_list {};
using reductions = reduction_list<red::sum,
                                  red::max,
                                  red::argmax,
                                  red::min,
                                  red::argmin,
                                  red::prod,
                                  red::any,
                                  red::all>;

template <class L>
struct reduction_table;
template <class... R>
struct reduction_table<reduction_list<R...>> {
    static constexpr int size = sizeof...(R);
    template <class X>
    static constexpr int find() {
        int k = 0, found = -1;
        ((found = same_v<X, R> ? k : found, ++k), ...);
        return found;
    }
    template <int I>
    using at = typename type_at<I, R...>::type;
    static constexpr reduction_info info(int i) {
        const reduction_info all[] = {R::info()...};
        return all[i];
    }
};
inline constexpr int reduction_count = reduction_table<reductions>::size;
template <class R>
inline constexpr int reduction_id = reduction_table<reductions>::find<R>();
template <int I>
using reduction_op = typename reduction_table<reductions>::template at<I>;
constexpr reduction_info reduction_info_of(int id) { return reduction_table<reductions>::info(id); }

/// The dtype of a reduction's result over values of type `d`.
constexpr dtype reduced_dtype(int id, dtype d) {
    switch (reduction_info_of(id).result) {
        case reduces_to::position: return dtype::i64;
        case reduces_to::boolean: return dtype::boolean;
        case reduces_to::wide: return is_floating(d) ? d : dtype::i64;
        default: return d;
    }
}

/// The type that values of type `d` take before they are folded: the result's, except where that
/// is a position.
constexpr dtype folded_dtype(int id, dtype d) {
    return reduction_info_of(id).result == reduces_to::position ? d : reduced_dtype(id, d);
}

}  // namespace sinter::ir
