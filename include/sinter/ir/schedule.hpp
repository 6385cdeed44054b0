// The scheduler: decides which values are stored and which share a kernel. A stage has one index
// space, the right-aligned axes of its values; values in it are seen at the same coordinates. Its
// row axes are those that its reductions fold.
#pragma once

#include "sinter/ir/group.hpp"
#include "sinter/ir/proof.hpp"

namespace sinter::ir {

/// The plan of a graph. Nodes are visited once, operands first; a rule that refuses to fuse stores
/// an operand. Afterwards the stored values are grouped into stages; when a contraction would be
/// computed twice, the value that both readers share is stored as well and all starts again.
template <int Cap>
constexpr plan<Cap> schedule(const graph<Cap>& g, policy rules = {}) {
    node_set<Cap> forced;
    for (;;) {
        grouper<Cap> s(g, rules, forced);
        s.cut_all();
        const short again = s.group_all();
        if (again < 0) return s.p;
        forced.add(again);
    }
}

/// True when some reduction's operand cannot be proven to be as long as the row that it is folded
/// in: then run time may need the split plan. Proof: both are broadcasts of the
/// same arrays.
template <int Cap>
constexpr bool may_need_split(const graph<Cap>& g, const plan<Cap>& p) {
    for (int s = 0; s < p.stages; ++s)
        if (p.stage[s].row_axes && !rows_proven(g, p, s)) return true;
    return false;
}

/// True when some kernel pools a product: run time may find that windows overlap.
template <int Cap>
constexpr bool pools(const plan<Cap>& p) {
    for (int s = 0; s < p.stages; ++s)
        if (p.stage[s].pool >= 0) return true;
    return false;
}
/// True when plan `p` names the costly operand of a product; when it names nothing else: no host
/// stores those.
template <int Cap>
constexpr bool names_operand(const graph<Cap>& g, const plan<Cap>& p) {
    for (int k = 0; k < p.dears; ++k)
        if (is_operand(g.n, p.dear[k])) return true;
    return false;
}
template <int Cap>
constexpr bool names_only_operands(const graph<Cap>& g, const plan<Cap>& p) {
    for (int k = 0; k < p.dears; ++k)
        if (!is_operand(g.n, p.dear[k])) return false;
    return p.dears > 0;
}
/// The plan that serves where the fused one, `first`, does not.
template <int Cap>
constexpr plan<Cap> schedule_again(const graph<Cap>& g, const plan<Cap>& first) {
    policy rules{.split = may_need_split(g, first), .store_dear = first.dears > 0, .pool = false};
    const plan<Cap> second = schedule(g, rules);
    if (rules.split || !may_need_split(g, second)) return second;
    rules.split = true;
    return schedule(g, rules);
}

}  // namespace sinter::ir
