// A bound program in words.
#pragma once

#include <string>
#include <vector>

#include "sinter/exec/choose.hpp"
#include "sinter/exec/device_work.hpp"
#include "sinter/exec/launch_kernel.hpp"
#include "sinter/ir/explain.hpp"
#include "sinter/ir/frames.hpp"

namespace sinter::exec {

/// How often the row kernel reads memory for stage `s` of `b`, and why. Empty for other stages, and
/// on the host.
template <class Binding>
std::string row_note(const Binding& b, const stage_table& s) {
    if (b.where.is_host() || s.kind != kernel::kernel_kind::row) return {};
    ir::stage_launch frames[ir::max_stage_stores];
    if (ir::frames_of(b.table->graph, s, b.value, frames) < 1) return {};
    short stored[ir::max_stage_stores];
    for (int j = 0; j < s.stores; ++j) stored[j] = s.store[j].value;
    kernel::row_facts facts = kernel::row_facts_of(s.code, s.size, stored, s.stores, s.head.passes);
    facts.state_bytes = kernel::state_bytes_of(s.code, s.size, s.head.passes);
    // Rows as they lie in the arrays; views of one array count as one.
    ir::bound_stage row;
    row.outer_rank = row.row_rank = 1;
    for (int j = 0; j < max_rank; ++j)
        ((s.row_axes >> j & 1) ? row.row_length : row.rows) *= frames[0].extent[j];
    row.extent[0] = row.rows;
    row.extent[1] = row.row_length;
    if (row.rows == 0 || row.row_length == 0) return {};
    ir::bound_operand load[kernel::row_facts::most], store[kernel::row_facts::most];
    for (int j = 0; j < facts.loads; ++j) {
        load[j].data = b.value[s.node_of[s.loads[j]]].data;
        load[j].stride[0] = row.row_length;
        load[j].stride[1] = 1;
    }
    row.load = load;
    row.store = store;
    const kernel::row_choice c = kernel::choose_row(facts, row, limits_of(b.where));
    if (facts.walks == 1) return {};
    const std::string bytes = ir::detail::bytes_text(c.row_bytes);
    if (c.all_kept)
        return "keeps each row in shared memory (" + bytes +
               (c.g.team > 1 ? ", spread over " + std::to_string(c.g.team) + " blocks" : "") +
               "): every array is read once";
    int most = 0;
    for (int j = 0; j < facts.loads; ++j) most = most < c.reads[j] ? c.reads[j] : most;
    std::string r = "cannot keep rows of " + std::to_string(row.row_length) +
                    " elements in shared memory: what several passes need is read up to " +
                    std::to_string(most) + " times";
    if (facts.walks > 2) r += ", because each reduction needs the one before it";
    return r;
}

/// What runs stage `s` of `b` where it folds windows that may overlap.
template <class Binding>
std::string window_note(const Binding& b, const stage_table& s) {
    ir::stage_launch frames[ir::max_stage_stores];
    if (b.where.is_host() || !s.head.windows || s.kind != kernel::kernel_kind::reduce ||
        ir::frames_of(b.table->graph, s, b.value, frames) < 1)
        return {};
    short stored[ir::max_stage_stores];
    for (int j = 0; j < s.stores; ++j) stored[j] = s.store[j].value;
    int64 rows = 1, row_length = 1;
    for (int j = 0; j < max_rank; ++j)
        ((s.row_axes >> j & 1) ? row_length : rows) *= frames[0].extent[j];
    const int width = kernel::strip_width_of(s.code, s.size, stored, s.stores);
    if (!kernel::windows_are_short(rows, row_length, width, limits_of(b.where))) return {};
    return "one thread folds a window of " + std::to_string(row_length) +
           " elements, and keeps for the next one what both need (window kernel)";
}

/// What does the product of stage `s`, where that is not plain arithmetic of its type.
template <class Binding>
std::string product_note(const Binding& b, const stage_table& s) {
    const stage_instructions code{s.code};
    ir::stage_launch frames[ir::max_stage_stores];
    const product_library& library = the_product_library;
    const bool plain = is_plain_product(code, s.size, s.stores, s.head);
    const auto worth = plain ? library.worth : s.takes_pass ? library.worth_with_pass : nullptr;
    if (!b.where.is_host() && library.name && worth &&
        ir::frames_of(b.table->graph, s, b.value, frames) == 1) {
        const ir::array_ref& left = b.value[s.node_of[s.head.core_a]];
        const ir::node& product = b.table->graph.n[s.node_of[s.head.core]];
        int64 k = 1;
        for (int j = 0; j < max_rank; ++j)
            if (product.axes >> j & 1) k *= left.extent[j];
        if (worth(frames[0].extent[1], frames[0].extent[0], k))
            return std::string("goes to ") + library.name +
                   (plain ? ", which takes large products that nothing is fused with"
                          : ", which takes products with sums as long as this, and one pass over "
                            "its result: two launches");
    }
    const kernel::multiplier m = kernel::multiplier_of(code, s.head);
    if (m == kernel::multiplier::registers) return {};
    const bool tf32 = m == kernel::multiplier::tf32;
    if (b.where.is_host()) return tf32 ? "tf32 is allowed, but the host multiplies floats" : "";
    const bool may_be_short = (code.at(s.head.core).op & ir::core_windows) != 0;
    return std::string("multiplies in tensor cores") + (tf32 ? ", floats rounded to tf32" : "") +
           (may_be_short ? "; sums of few products in registers" : "");
}

/// "3 tiles": where operand `d` of a product is computed.
template <class Binding>
std::string tiles_text(const Binding& b, const ir::dear_value& d) {
    const program_table& t = *b.table;
    scratch room;
    plan_launches fused;
    find_launches(t, *t.fused, b.value, room, fused);
    const double n = computed_by_tiles(t, *t.fused, fused, b.value, b.where, d);
    return std::to_string(static_cast<long>(n)) + (n == 1 ? " tile" : " tiles");
}

/// Why this program and this plan run, in a line each; empty where there was nothing to choose.
template <class Binding>
std::string choice_text(const Binding& b) {
    const program_table& t = *b.table;
    std::string r;
    if (b.refused)
        r += "  plain program, because operands that look alike are not the same\n";
    else if (b.guessed)
        r += "  operands that look alike are the same, as this program assumes\n";
    if (b.stores_operands)
        r += "  the operand of a product is stored: to compute it more often than once would take "
             "longer\n";
    if (!t.second) return r;
    bool pools = false, operands = t.fused->plan.dears > 0;
    for (int k = 0; k < t.fused->stages; ++k) pools = pools || t.fused->stage[k].pool >= 0;
    for (int k = 0; k < t.fused->plan.dears; ++k)
        operands = operands && ir::is_operand(t.graph.n, t.fused->plan.dear[k]);
    // A host has the second plan for nothing but what tiles compute again.
    if (b.where.is_host() && operands && !pools && !t.may_need_split) return r;
    std::string times;
    const bool by_tiles =
        b.choice.dear >= 0 && ir::is_operand(t.graph.n, t.fused->plan.dear[b.choice.dear]);
    if (b.choice.dear >= 0) {
        const ir::dear_value& d = t.fused->plan.dear[b.choice.dear];
        times = "a costly value of " + std::to_string(ir::elements_of(b.value[d.value])) +
                " elements is " +
                (by_tiles ? "computed by " + tiles_text(b, d) + " of its product"
                          : "read " + std::to_string(reads_of(d, b.value)) + " times");
    }
    switch (b.choice.why) {
        case reason_for_plan::rows:
            return r +
                   (pools
                        ? "  second plan, because windows overlap or have few channels, or rows "
                          "differ in length\n"
                        : "  split plan, because the rows of one kernel would differ in length\n");
        case reason_for_plan::dear:
            return r + "  " + (t.may_need_split ? "split" : "storing") + " plan, because " + times +
                   "\n";
        case reason_for_plan::work:
            return r + "  fused plan: " + times + ", but to store it would not pay\n";
        default: break;
    }
    r += "  fused plan: ";
    if (t.may_need_split || pools)
        r += pools ? "no windows overlap, and the rows of each kernel are equally long"
                   : "the rows of each kernel are equally long";
    if (t.fused->plan.dears > 0)
        r += std::string(t.may_need_split ? ", and " : "") +
             (b.where.is_host() ? "no costly value is read often enough to store it"
                                : "a GPU computes costly values again while it waits for memory");
    return r + "\n";
}

/// Calls use(ir::explanation) for a program whose extents are known.
template <class Binding, class Use>
std::string explained(const Binding& b, Use use) {
    const plan_table& p = *b.choice.plan;
    const std::vector<ir::stage_view> stages(p.stage, p.stage + p.stages);
    std::vector<std::string> notes;
    for (int k = 0; k < p.stages; ++k)
        notes.push_back(row_note(b, p.stage[k]) + window_note(b, p.stage[k]) +
                        product_note(b, p.stage[k]));
    const std::string choice = choice_text(b);
    return use(ir::explanation{.g = b.table->graph,
                               .p = p.plan,
                               .stage = stages.data(),
                               .value = b.value,
                               .note = notes.data(),
                               .choice = &choice});
}
/// The plan as text. These are templates so that only files that explain compile them.
template <class Binding>
std::string explain_text(const Binding& b) {
    return explained(b, &ir::explain_text<ir::explanation>);
}
/// The plan in the DOT language.
template <class Binding>
std::string explain_dot(const Binding& b) {
    return explained(b, &ir::explain_dot<ir::explanation>);
}

}  // namespace sinter::exec
