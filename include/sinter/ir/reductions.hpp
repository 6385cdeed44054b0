// The table of reductions. A reduction folds the values of some axes into a state, states can be
// merged in any grouping, and a state gives the result. Device-readable.
#pragma once

#include "sinter/ir/ops.hpp"

namespace sinter::ir {

/// What a reduction yields: bool and integers sum as int64, `argmax` gives int64 positions.
enum class reduces_to : unsigned char { same, wide, position };

struct reduction_info {
    const char* name;
    reduces_to result;
    bool empty_allowed;  // has a value for no elements
};

namespace red {

struct sum {
    static constexpr reduction_info info() { return {"sum", reduces_to::wide, true}; }
    template <class T>
    using state = T;
    template <class T>
    SINTER_HD SINTER_INLINE static T init() {
        return T(0);
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void step(T& s, T x, int64) {
        s = op::add::value(s, x);
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void merge(T& a, const T& b) {
        a = op::add::value(a, b);
    }
    template <class T>
    SINTER_HD SINTER_INLINE static T result(const T& s) {
        return s;
    }
};
/// NaN propagates: one NaN makes the maximum NaN.
struct max {
    static constexpr reduction_info info() { return {"max", reduces_to::same, false}; }
    template <class T>
    using state = T;
    template <class T>
    SINTER_HD SINTER_INLINE static T init() {
        if constexpr (same_v<T, bool>) {
            return false;
        } else if constexpr (same_v<T, int64>) {
            return static_cast<int64>(1UL << 63);
        } else {
            return static_cast<T>(-infinity);
        }
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void step(T& s, T x, int64) {
        s = op::maximum::value(s, x);
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void merge(T& a, const T& b) {
        a = op::maximum::value(a, b);
    }
    template <class T>
    SINTER_HD SINTER_INLINE static T result(const T& s) {
        return s;
    }
};
/// The position of the first maximum along the reduced axes, counted in row-major order; NaN counts
/// as the largest value, as in NumPy.
struct argmax {
    static constexpr reduction_info info() { return {"argmax", reduces_to::position, false}; }
    template <class T>
    struct state {
        T value;
        int64 at;
    };
    template <class T>
    SINTER_HD SINTER_INLINE static state<T> init() {
        return {max::init<T>(), 0x7fffffffffffffffL};
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void step(state<T>& s, T x, int64 i) {
        merge(s, state<T>{x, i});
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void merge(state<T>& a, const state<T>& b) {
        const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
        const bool tie = a_nan ? b_nan : a.value == b.value;
        const bool greater = b_nan ? !a_nan : b.value > a.value;
        if (greater || (tie && b.at < a.at)) a = b;
    }
    template <class T>
    SINTER_HD SINTER_INLINE static int64 result(const state<T>& s) {
        return s.at;
    }
};

}  // namespace red

template <class... R>
struct reduction_list {};
using reductions = reduction_list<red::sum, red::max, red::argmax>;

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
        case reduces_to::wide: return is_floating(d) ? d : dtype::i64;
        default: return d;
    }
}

}  // namespace sinter::ir
