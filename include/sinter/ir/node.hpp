// The nodes of an expression graph. Axes are counted from the right: axis 0 is the last one, so
// that broadcasting aligns them without moving anything.
#pragma once

#include "sinter/ir/list.hpp"

namespace sinter::ir {

enum class kind : unsigned char {
    leaf,         // an array
    scalar,       // a run-time number
    constant,     // a number known when compiling
    extent,       // the number of elements of `in[0]` along `axes`
    pointwise,    // operation `op` on in[0..2]; op_cast, op_expand and op_user included
    reduction,    // reduction `op` of in[0] over `axes`, which stay with extent 1
    contraction,  // sum over `axes` of in[0] * in[1], both seen in one index space; the axes stay
                  // with extent 1
    index_map,    // in[0] stored, then seen under another shape (`slot`) and through `view`; with
                  // `padded` in the midst of zeros, at the bounds `axes`
    coordinate,   // the number of each element in row-major order, seen through `view`: of the
                  // run-time shape `slot`, or of in[0] along `axes`, whose values are not needed
    address,      // where the array in[0], a leaf, begins: what op_take reads from
};

/// One node. Reduced axes at or above `rank` are dropped from the result's shape: a reduction
/// without keepdims moves them there, so that the result's axes align from the right as any value's
/// do.
struct node {
    kind k = kind::leaf;
    unsigned char op = 0;
    dtype type = dtype::f32;
    signed char rank = 0;
    unsigned char ones = 0xff;  // bit j: the extent of axis j is 1, known when compiling
    // Reduction, contraction, extent, coordinate: bit per axis; user functor: what it costs.
    unsigned char axes = 0;
    short in[3] = {-1, -1, -1};
    short slot =
        -1;  // leaf, scalar, user functor: which one; op_expand, index_map: which run-time shape
    short view = -1;  // leaf, index_map, op_expand: the last view step it is seen through
    // constant: bits of a double (floating types) or of an int64; op_expand, index_map: see
    // like_value; contraction: see sums_broadcast
    uint64 value = 0;

    constexpr bool operator==(const node&) const = default;
    /// True when only the extents of in[0] matter, or its place.
    constexpr bool measures() const {
        return k == kind::extent || k == kind::coordinate || k == kind::address;
    }
};

/// The most axes along which a loaded array may lie in the midst of zeros.
inline constexpr int max_guards = 3;
/// The `op` of an index map, and of the conversion that it reads, when zeros lie around the
/// operand: both have the extents of the whole in `slot` and the number of the bounds in `axes`.
inline constexpr unsigned char padded = 1;
constexpr bool is_padded(const node& x) { return x.k == kind::index_map && x.op == padded; }
constexpr bool is_padded_copy(const node& x) {
    return x.k == kind::pointwise && x.op == op_cast && x.slot >= 0;
}

/// Where each axis of a permuted value comes from: `at[j]` is the axis of the operand, -1 a new one
/// of extent 1. Windows name an axis twice.
struct axis_map {
    signed char at[max_rank] = {-1, -1, -1, -1, -1, -1, -1, -1};
    signed char rank = 0;
    constexpr bool operator==(const axis_map&) const = default;
};

/// How a matrix product of rank `result` sees an operand of rank `rank`: columns, rows and batch
/// axes stay where they are, the summed axis (the left operand's last, the right one's last but
/// one) comes above them.
constexpr axis_map matrix_operand(bool right, int rank, int result) {
    axis_map m;
    for (int j = right ? 0 : 1; j < rank; ++j)
        if (j != 1 || !right) m.at[j] = static_cast<signed char>(j);
    m.at[result] = right ? 1 : 0;
    m.rank = static_cast<signed char>(result + 1);
    return m;
}
/// True for the maps that matrix_operand gives.
constexpr bool is_matrix_operand(const axis_map& m) {
    for (int rank = 2; rank < m.rank; ++rank)
        if (m == matrix_operand(false, rank, m.rank - 1) ||
            m == matrix_operand(true, rank, m.rank - 1))
            return true;
    return false;
}
/// One permutation, then another.
constexpr axis_map composed(const axis_map& first, const axis_map& then) {
    axis_map m;
    m.rank = then.rank;
    for (int j = 0; j < max_rank; ++j)
        if (then.at[j] >= 0) m.at[j] = first.at[then.at[j]];
    return m;
}

/// A step from an array as it lies to how a node sees it: a permutation, or a slice of `axes` by
/// the run-time bounds in `slot`. Steps form chains through `parent`, the step applied before.
struct view_step {
    short parent = -1;
    short slot = -1;   // slice: which bounds; -1 for a permutation
    short whole = -1;  // an array in the midst of zeros, which no memory holds: the shape with
                       // them; `slot` says where the array is
    unsigned char axes = 0;
    unsigned char inner = 0;  // slice: of two axes that split an axis of the array, the inner one
    axis_map map;
    constexpr bool operator==(const view_step&) const = default;
};

/// What bit 0 of `op` of a leaf says when its gradient may be wanted, and `slot` of a pointwise
/// operation or reduction that no gradient passes. The other bits of `op` number the arguments of
/// `gradient` while a graph is built: see graph_nodes::argument.
inline constexpr unsigned char leaf_variable = 1;
inline constexpr short gradient_stop = -2;
/// The `value` of a broadcast or index map whose shape is that of another node, and that node (-1:
/// none). Nothing else of that node is used.
constexpr uint64 like_value(short like) { return static_cast<uint64>(like) + 1; }
constexpr short like_of(const node& x) {
    const bool may = (x.k == kind::pointwise && x.op == op_expand) || x.k == kind::index_map;
    return may ? static_cast<short>(static_cast<int>(x.value) - 1) : short{-1};
}
/// The `slot` of such a broadcast that must not be longer than that node, where it has extent 1.
inline constexpr short exact_shape = -3;
/// The `value` of a contraction in a gradient, whose operands may be broadcast along summed axes.
inline constexpr uint64 sums_broadcast = 1;
/// More of it: the axes along which operand `side` has one element for several neighbours of the
/// other one, as a convolution's input has for the filters of a group.
constexpr uint64 with_groups(int side, unsigned char axes) {
    return static_cast<uint64>(axes) << (8 + 8 * side);
}
constexpr unsigned char groups_of(const node& x, int side) {
    return static_cast<unsigned char>(x.value >> (8 + 8 * side));
}

/// True when `m` names the axes of a value in their order, but for those of extent 1, `ones`.
constexpr bool keeps_order(const axis_map& m, unsigned char ones) {
    int last = -1, named = 0;
    for (int j = 0; j < max_rank; ++j) {
        const int a = m.at[j];
        if (a < 0 || (ones >> a & 1)) continue;
        if (a <= last) return false;
        last = a;
        named |= 1 << a;
    }
    return (named | ones) == 0xff;
}
/// True when index map `i` shows a value without axes of extent 1, or with more of them.
template <class G>
constexpr bool is_squeeze(const G& g, short i) {
    const node& x = g.n[i];
    if (x.k != kind::index_map || x.op == padded || x.view < 0) return false;
    const view_step& v = g.views[x.view];
    return v.parent < 0 && v.slot < 0 && v.whole < 0 && x.slot < 0 && x.value == 0 &&
           keeps_order(v.map, g.n[x.in[0]].ones);
}
/// The value that a kernel writes for root `k`: of a computed value in another shape that value,
/// which lies in memory as its result does.
template <class G>
constexpr short written_root(const G& g, int k) {
    const short i = g.root[k];
    const node& x = g.n[i];
    if (x.k != kind::index_map || x.op == padded || (x.view >= 0 && !is_squeeze(g, i))) return i;
    const kind c = g.n[x.in[0]].k;
    const bool computed = c == kind::pointwise || c == kind::reduction || c == kind::contraction;
    return computed && !is_padded_copy(g.n[x.in[0]]) ? x.in[0] : i;
}

/// The gradient of windows, whose run-time bounds and shape nobody gives: they follow from those of
/// node `windows`, which is an array seen in windows, when the extents of `of`, the derivative in
/// the same index space, are known, and those of `other`, the factor beside it (-1: none); node
/// `before` is the first that uses them. In that space axis kept[k] counts windows and axis
/// summed[k] the elements of one, or the other way round; the derivative has the first, not the
/// second. Element x of the array is element u of window p where x = u * step + p * stride: the
/// derivative, spread by `pad` in `shape`, is read by windows `slide`, and the other factor
/// backwards along summed[k] by `flip`.
struct turned_windows {
    short before = -1, windows = -1, of = -1, other = -1, shape = -1, pad = -1, slide = -1,
          flip = -1;
    signed char kept[3] = {-1, -1, -1}, summed[3] = {-1, -1, -1}, count = 0;
    // Of a contraction with groups: the axis that has them in `windows` and all their members in
    // `of`, whose members go to axis `members`; the shape of the array.
    signed char groups = -1, members = -1;
    short flat = -1;
};
inline constexpr int max_turned = 8;

constexpr unsigned char unit_axes(int rank) {
    return static_cast<unsigned char>(0xff << rank & 0xff);
}

/// What exp costs: more than reading a value that is stored.
inline constexpr int costly_flops = 14;
/// What a product may compute again in every window, as far as no operation of it is costly.
inline constexpr int most_again = 128;

/// The bits of a constant: a double for floating types, else an int64.
constexpr uint64 constant_bits(dtype t, double v) {
    return is_floating(t) ? bits_as<uint64>(v) : bits_as<uint64>(static_cast<int64>(v));
}

}  // namespace sinter::ir
