// Grid, block, workspace and arguments of the row kernel. Host code.
#pragma once

#include "sinter/kernel/plan.hpp"
#include "sinter/kernel/row_choice.hpp"

namespace sinter::kernel {

/// The facts of stage C.
template <class C>
constexpr row_facts row_facts_for() {
    row_facts f =
        row_facts_of(code_of<C>().at, C::size, stored_of<C>().at, C::stores, C::head().passes);
    f.state_bytes = largest_fold_states<C>();
    static_assert(largest_fold_states<C>() <=
                  state_bytes_of(code_of<C>().at, C::size, C::head().passes));
    return f;
}

template <class C, class Sync>
void plan_row(launch_plan<C, Sync>& p, const ir::bound_stage& b, const device_limits& d) {
    static constexpr row_facts facts = row_facts_for<C>();
    auto& k = p.kernel;
    const row_choice c = choose_row(facts, b, d);
    k.g = c.g;
    for (int j = 0; j < args<C>::loads; ++j) {
        k.kept_at[j] = c.kept_at[j];
        k.same[j] = c.same[j];
        k.kept_load[j] = c.kept_load[j];
        k.kept_size[j] = c.kept_size[j];
    }
    k.once = detail::stored_once<C>(b);
    k.last_walk = false;
    for (int j = 0; j < C::stores; ++j)
        k.last_walk |= b.store[j].data && (!store_is_per_row<C>(j) || !(k.once >> j & 1));
    p.block.x = c.block;
    p.grid.x = static_cast<unsigned>(c.grid);
    p.shared_bytes = static_cast<unsigned>(c.shared_bytes);
    if (c.g.team > 1) {
        const int64 teams = c.grid / c.g.team;
        p.cooperative = true;
        p.zeroed_bytes = detail::round_up(teams * 2 * static_cast<int64>(sizeof(unsigned)), 16);
        p.workspace_bytes = p.zeroed_bytes + teams * 2 * c.g.partial_bytes;
    }
}

}  // namespace sinter::kernel
