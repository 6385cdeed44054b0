// Entries: rounding. Integers stay as they are.
#pragma once

#include "sinter/ir/ops/entry.hpp"

namespace sinter::ir {
namespace op {

struct floor {
    static constexpr op_info info() { return {"floor", nullptr, 1, yields::same, 3}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        if constexpr (floating_v<T>) {
            return math::floor(a);
        } else {
            return a;
        }
    }
    template <class V>
    static constexpr V derivative(V, V, V) {
        return {};
    }
};
struct ceil {
    static constexpr op_info info() { return {"ceil", nullptr, 1, yields::same, 3}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        if constexpr (floating_v<T>) {
            return math::ceil(a);
        } else {
            return a;
        }
    }
    template <class V>
    static constexpr V derivative(V, V, V) {
        return {};
    }
};
struct round {
    static constexpr op_info info() { return {"round", nullptr, 1, yields::same, 3}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        if constexpr (floating_v<T>) {
            return math::round(a);
        } else {
            return a;
        }
    }
    template <class V>
    static constexpr V derivative(V, V, V) {
        return {};
    }
};
struct trunc {
    static constexpr op_info info() { return {"trunc", nullptr, 1, yields::same, 3}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        if constexpr (floating_v<T>) {
            return math::trunc(a);
        } else {
            return a;
        }
    }
    template <class V>
    static constexpr V derivative(V, V, V) {
        return {};
    }
};

}  // namespace op

using rounding = op_list<op::floor, op::ceil, op::round, op::trunc>;

}  // namespace sinter::ir

namespace sinter {

/// The largest integer not above a.
template <class A>
    requires elementwise_operands<A>
auto floor(A&& a) { return detail::elementwise<ir::op::floor>(static_cast<A&&>(a)); }
/// The smallest integer not below a.
template <class A>
    requires elementwise_operands<A>
auto ceil(A&& a) { return detail::elementwise<ir::op::ceil>(static_cast<A&&>(a)); }
/// The nearest integer, ties to even.
template <class A>
    requires elementwise_operands<A>
auto round(A&& a) { return detail::elementwise<ir::op::round>(static_cast<A&&>(a)); }
/// The integer part.
template <class A>
    requires elementwise_operands<A>
auto trunc(A&& a) { return detail::elementwise<ir::op::trunc>(static_cast<A&&>(a)); }

}  // namespace sinter
