// Which of a program's plans runs: a function of the extents that binding found. Every decision
// that only run time can take is taken here; its numbers are in kernel/tuning.hpp.
#pragma once

#include "sinter/exec/binding.hpp"
#include "sinter/ir/frames.hpp"
#include "sinter/kernel/tuning.hpp"

namespace sinter::exec {

/// The launches of every stage of `p` into `out`, with memory from `room`. False when some stage
/// cannot run as one program, because extents that were to be equal differ.
[[gnu::noinline]] inline bool find_launches(const program_table& t,
                                            const plan_table& p,
                                            const ir::array_ref* value,
                                            scratch& room,
                                            plan_launches& out) {
    int most = 0;
    for (int k = 0; k < p.stages; ++k) most += p.stage[k].stores;
    out.list = room.take<ir::stage_launch>(most);
    out.count = room.take<int>(p.stages);
    ir::stage_launch* next = out.list;
    for (int k = 0; k < p.stages; ++k) {
        out.count[k] = ir::frames_of(t.graph, p.stage[k], value, next);
        if (out.count[k] < 0) return false;
        next += out.count[k];
    }
    return true;
}

/// What a plan makes a host do besides its products, in operations: what is computed, loaded,
/// stored and begun.
[[gnu::cold]] inline int64 work_of(const plan_table& p,
                                   const plan_launches& launches,
                                   const ir::array_ref* value) {
    namespace tuning = kernel::tuning;
    int64 work = 0;
    const ir::stage_launch* f = launches.list;
    for (int k = 0; k < p.stages; ++k) {
        const stage_table& s = p.stage[k];
        for (int i = 0; i < launches.count[k]; ++i, ++f) {
            int64 rows = 1, length = 1;
            for (int j = 0; j < max_rank; ++j)
                ((s.row_axes | s.core_axes) >> j & 1 ? length : rows) *= f->extent[j];
            work += tuning::host_loop_flops;
            for (int n = 0; n < s.size; ++n) {
                const ir::instr& x = s.code[n];
                if (!f->needed[n]) continue;
                const int64 times = x.row_constant ? rows : rows * length;
                if (x.h == ir::how::load)
                    work += tuning::host_element_flops * ir::elements_of(value[s.node_of[n]]);
                else if (x.h == ir::how::reduce || x.h == ir::how::total)
                    work += rows * length;
                else if (x.h == ir::how::compute)
                    work += times * ir::info_of(x.op).flops *
                            (x.loops ? __builtin_popcount(x.loops) : 1);
            }
            for (int j = 0; j < s.stores; ++j)
                if (f->stores >> j & 1)
                    work += tuning::host_element_flops * ir::elements_of(value[s.store[j].node]);
        }
    }
    return work;
}

/// How many values of `d` its readers ask for.
inline int64 reads_of(const ir::dear_value& d, const ir::array_ref* value) {
    return d.reader < 0 ? 2 * ir::elements_of(value[d.value]) : ir::elements_of(value[d.reader]);
}
/// The costly value of plan `p` that a host would compute most often again, and often enough to pay
/// for storing it; -1: none. It computes each operand of a product once, panel by panel.
inline int recomputed(const program_table& t, const plan_table& p, const ir::array_ref* value) {
    int worst = -1;
    int64 most = 0;
    for (int k = 0; k < p.plan.dears; ++k) {
        if (ir::is_operand(t.graph.n, p.plan.dear[k])) continue;
        const int64 n = ir::elements_of(value[p.plan.dear[k].value]),
                    reads = reads_of(p.plan.dear[k], value);
        if (reads < 2 * n || reads - n < kernel::tuning::host_dear_reads || reads - n <= most)
            continue;
        worst = k;
        most = reads - n;
    }
    return worst;
}

/// True when a product of plan `p` is pooled by its own kernel, although it has so few channels
/// that a host folds a window in less time from memory than it takes to walk it in another order.
inline bool pools_few(const plan_table& p, const ir::array_ref* value) {
    for (int k = 0; k < p.stages; ++k)
        for (int j = 0; p.stage[k].pool >= 0 && j < p.stage[k].stores; ++j)
            if (value[p.stage[k].store[j].node].extent[0] < kernel::tuning::host_pooled_channels)
                return true;
    return false;
}

/// True when program `t` takes longer to compute a product's operand again, in every window and
/// every tile, than to store it first.
///
/// - A host multiplies packed arrays several times faster than values that it computes on the way,
///   and storing costs it next to nothing.
/// - A device hides a few operations behind its loads. What takes more must be worth less than the
///   launch and the trip through memory that it saves.
inline bool recomputes_much(const program_table& t, const ir::array_ref* value, device where) {
    namespace tuning = kernel::tuning;
    const ir::again& r = t.recomputed;
    if (r.values < 0 || where.is_host()) return r.values >= 0;
    if (r.flops < ir::costly_flops) return false;
    const int64 columns = value[t.graph.root[0]].extent[0],
                tiles = (columns + tuning::mma_n - 1) / tuning::mma_n;
    return ir::elements_of(value[r.values]) * tiles - ir::elements_of(value[r.of]) >
           tuning::recomputed_flops / r.flops;
}

/// The plan of program `t` that runs on `where`, for values of these extents.
///
/// - Rows that turn out unequal leave no choice: the second plan stores every reduction.
/// - A GPU computes costly values while it waits for memory; a host stores one that is broadcast
///   often. Where the second plan also stores reductions, for the rows that might have been
///   unequal, the work of both is compared.
/// - The tiles of a product wait for its operands: a GPU stores a costly one where to compute it in
///   all tiles takes longer than to write, to read and one more launch. A host computes it once.
inline plan_choice choose(const program_table& t,
                          const ir::array_ref* value,
                          device where,
                          scratch& room) {
    plan_choice c;
    c.plan = t.fused;
    const bool fits = find_launches(t, *t.fused, value, room, c.launches) &&
                      !(where.is_host() && pools_few(*t.fused, value));
    if (fits && where.is_host()) c.dear = recomputed(t, *t.fused, value);
    if (fits && !where.is_host() && t.costs)
        c.dear = t.costs->recomputed(t, c.launches, value, where);
    if (fits && c.dear < 0) return c;
    plan_choice d = c;
    d.plan = t.second;
    if (t.second && find_launches(t, *t.second, value, room, d.launches)) {
        d.why = fits ? reason_for_plan::dear : reason_for_plan::rows;
        const auto pays = [&] {
            if (!where.is_host())
                return t.costs->work(t, *t.second, d.launches, value, where) <
                       t.costs->work(t, *t.fused, c.launches, value, where);
            return !t.may_need_split ||
                   work_of(*t.second, d.launches, value) < work_of(*t.fused, c.launches, value);
        };
        if (!fits || pays()) return d;
    }
    // Seldom a stage that stores a costly value does not fit, although the fused one does.
    if (!fits) throw error("Sinter: no plan of a program fits the extents of its operands.");
    c.why = reason_for_plan::work;
    return c;
}

}  // namespace sinter::exec
