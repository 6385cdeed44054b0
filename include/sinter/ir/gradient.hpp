// The gradient of a value as a node of the same graph: of what `gradient` makes an expression.
#pragma once

#include "sinter/ir/differentiate.hpp"

namespace sinter::ir {

/// Adds the gradient of the sum of `top` by `argument`, as graph_nodes::argument gave it: a value
/// of its shape.
template <int Cap>
constexpr short gradient_by(graph<Cap>& g, short top, short argument) {
    short seed = g.constant(g.n[top].type, 1);
    if (g.n[top].ones != 0xff) seed = g.expand_like(seed, top);
    const gradient_parts parts =
        differentiator<Cap>(g, g.n[argument].op).run(top, seed, {}, nullptr);
    const node x = g.n[argument];
    short found = g.constant(x.type, 0);
    for (int k = 0; k < parts.count; ++k) {
        if (parts.at[k].through >= 0 || parts.at[k].cut >= 0)
            throw "Sinter: gradient: a function that cuts its argument, or sees a computed value in windows or slices, has no gradient as an expression: use a variable and backward().";
        found = parts.at[k].node;
    }
    if (g.n[found].rank > x.rank && g.n[found].ones != 0xff) {
        axis_map m;
        m.rank = x.rank;
        for (signed char j = 0; j < m.rank; ++j) m.at[j] = j;
        found = g.permute(found, m);
    }
    const bool same = g.n[found].rank == x.rank && g.n[found].ones == x.ones &&
                      extent_sources<Cap>(g).proven_same(found, argument);
    return same ? found : g.expand_like(found, argument, true);
}

}  // namespace sinter::ir
