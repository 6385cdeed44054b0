// The derivative rules of the table of operations, by number.
#pragma once

#include "sinter/ir/symbolic.hpp"

namespace sinter::ir {

/// The rule of one operation: from its value and operands and the derivative dy by its value, the
/// derivatives by its operands.
using derivative_rule = void (*)(symbolic y,
                                 symbolic dy,
                                 const symbolic (&in)[3],
                                 symbolic (&out)[3]);

/// True when values of the operation can have a derivative: bool and integers have none.
constexpr bool may_have_derivative(const op_info& o) {
    return o.result != yields::boolean && o.operands != takes::bits &&
           o.operands != takes::integers;
}

/// True when O's entry has a rule.
template <class O>
inline constexpr bool has_derivative = requires(symbolic v) {
    O::derivative(v, v, v);
}
|| requires(symbolic v) { O::derivative(v, v, v, v); }
|| requires(symbolic v) { O::derivative(v, v, v, v, v); };

template <class O>
constexpr void derive([[maybe_unused]] symbolic y,
                      [[maybe_unused]] symbolic dy,
                      [[maybe_unused]] const symbolic (&in)[3],
                      [[maybe_unused]] symbolic (&out)[3]) {
    constexpr op_info o = O::info();
    if constexpr (!may_have_derivative(o)) {
    } else if constexpr (!has_derivative<O>) {
        throw "Sinter: an operation of this expression has no derivative: pass it through stop_gradient.";
    } else if constexpr (o.arity == 1) {
        out[0] = O::derivative(in[0], y, dy);
    } else {
        partials<symbolic> p;
        if constexpr (o.arity == 2) {
            p = O::derivative(in[0], in[1], y, dy);
        } else {
            p = O::derivative(in[0], in[1], in[2], y, dy);
        }
        out[0] = p.a, out[1] = p.b, out[2] = p.c;
    }
}

/// The rule of a user's own functor: its static member `derivative`, written as those of the table.
template <class F>
constexpr void derive_user([[maybe_unused]] symbolic y,
                           [[maybe_unused]] symbolic dy,
                           [[maybe_unused]] const symbolic (&in)[3],
                           [[maybe_unused]] symbolic (&out)[3]) {
    if constexpr (!has_derivative<F>) {
        throw "Sinter: a functor of your own has no derivative: give it one, or pass its result through stop_gradient.";
    } else if constexpr (requires { F::derivative(y, y, y); }) {
        out[0] = F::derivative(in[0], y, dy);
    } else {
        partials<symbolic> p;
        if constexpr (requires { F::derivative(y, y, y, y); }) {
            p = F::derivative(in[0], in[1], y, dy);
        } else {
            p = F::derivative(in[0], in[1], in[2], y, dy);
        }
        out[0] = p.a, out[1] = p.b, out[2] = p.c;
    }
}

struct derivative_table {
    derivative_rule at[op_count];
    template <class... O>
    constexpr explicit derivative_table(op_list<O...>) : at{&derive<O>...} {}
};
inline constexpr derivative_table derivative_rules{operations{}};

}  // namespace sinter::ir
