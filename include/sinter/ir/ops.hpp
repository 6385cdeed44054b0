// The table of elementwise operations. An entry holds everything there is to know of an operation:
// its name, how many operands it takes, what type it yields, what it costs and its value; beside it
// stands the function that users call. The compiler names an operation by its position in
// `operations`, so an entry in a list below is all that the host loops, the kernels, the
// interpreter and `explain` need. Device-readable.
#pragma once

#include "sinter/ir/ops/activation.hpp"
#include "sinter/ir/ops/arithmetic.hpp"
#include "sinter/ir/ops/exponential.hpp"
#include "sinter/ir/ops/logic.hpp"
#include "sinter/ir/ops/rounding.hpp"
#include "sinter/ir/ops/trigonometric.hpp"

namespace sinter::ir {

/// The operations, by position.
using operations = join_lists<arithmetic, logic, exponential, trigonometric, rounding, activation>;

/// The table's types by number, and their numbers: each is one look-up among the bases of one
/// class.
template <int I, class O>
struct numbered {
    using type = O;
};
template <class L, class I>
struct op_table;
template <class... O, int... I>
struct op_table<op_list<O...>, ints<I...>> : numbered<I, O>... {};
using all_operations = op_table<operations, make_ints<operations::size>>;
template <int I, class O>
numbered<I, O> operation_at(const numbered<I, O>*);
template <class O, int I>
number<I> number_of(const numbered<I, O>*);

/// The number by which the compiler knows operation `O`.
template <class O>
inline constexpr int op_id =
    decltype(number_of<O>(static_cast<const all_operations*>(nullptr)))::value;
template <int I>
using operation =
    typename decltype(operation_at<I>(static_cast<const all_operations*>(nullptr)))::type;
inline constexpr int op_count = operations::size;

// Pointwise nodes that are no table entry: a conversion to the node's dtype, a broadcast to a given
// shape, the user's own functor, the element of an array (its address is operand 1) at an int64
// offset, and whether an index lies in [0, operand 1): where it does not, a kernel writes it to the
// index_slot whose address is operand 2, if that is not 0.
inline constexpr int op_inside = 251, op_take = 252, op_cast = 253, op_expand = 254, op_user = 255;
static_assert(op_count <= op_inside);

/// What is known of every operation, by number.
struct op_infos {
    op_info at[op_count];
    template <class... O>
    constexpr explicit op_infos(op_list<O...>) : at{O::info()...} {}
};
inline constexpr op_infos all_infos{operations{}};

constexpr op_info info_of(int id) {
    if (id == op_cast) return {"astype", nullptr, 1, yields::same, 1};
    if (id == op_expand) return {"broadcast_to", nullptr, 1, yields::same, 0};
    if (id == op_user) return {"elementwise", nullptr, -1, yields::same, 1};
    if (id == op_inside) return {"inside", nullptr, 3, yields::boolean, 1};
    if (id == op_take) return {"take", nullptr, 2, yields::same, 2};
    return all_infos.at[id];
}

}  // namespace sinter::ir
