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
    f.total_bytes = total_state_bytes<C>();
    f.column_bytes = column_state_bytes<C>();
    if (f.total_bytes > f.state_bytes) f.state_bytes = f.total_bytes;
    // Sets of states per warp, which in the end are one state per thread.
    if (f.column_bytes * simt::warp_size > 2 * f.state_bytes)
        f.state_bytes = f.column_bytes * simt::warp_size / 2;
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
    k.last_walk = totals_elements<C>();
    for (int j = 0; j < C::stores; ++j)
        k.last_walk |= b.store[j].data && !store_is_late<C>(j) &&
                       (!store_is_per_row<C>(j) || !(k.once >> j & 1));
    p.block.x = c.block;
    p.grid.x = static_cast<unsigned>(c.grid);
    p.shared_bytes = static_cast<unsigned>(c.shared_bytes);
    int64 counters = 0, partials = 0;
    if (c.g.team > 1) {
        const int64 teams = c.grid / c.g.team;
        p.cooperative = true;
        counters = teams * 2;
        partials = teams * 2 * c.g.partial_bytes;
    }
    if constexpr (ir::has_totals<C>()) {
        k.totals.counter = static_cast<unsigned>(counters);
        k.totals.partials = partials;
        counters += c.grid > 1;
        partials += c.grid > 1 ? detail::round_up(c.grid * facts.total_bytes, 16) : 0;
    }
    if constexpr (column_state_bytes<C>() > 0) {
        k.totals.meeting = static_cast<unsigned>(counters);
        k.totals.columns = partials;
        k.totals.columns_in_shared = c.columns_in_shared;
        k.totals.columns_at = c.columns_at;
        k.totals.columns_per_block =
            static_cast<unsigned>(detail::larger(detail::divide_up(b.row_length, c.grid), 16));
        p.cooperative = true;
        counters += 2;
        partials += c.grid / c.g.team * (c.columns_in_shared ? 1 : c.g.rows) * b.row_length *
                    facts.column_bytes;
    }
    if (counters == 0) return;
    p.zeroed_bytes = detail::round_up(counters * static_cast<int64>(sizeof(unsigned)), 16);
    p.workspace_bytes = p.zeroed_bytes + partials;
}

}  // namespace sinter::kernel
