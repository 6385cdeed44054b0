// Stages with reductions. Rows whose elements lie side by side are walked one by one; where rows
// are short, or lie side by side themselves, many of them advance together, one in each lane.
#pragma once

#include "sinter/cpu/row_plan.hpp"
#include "sinter/cpu/totals.hpp"
#include "sinter/cpu/walk_terms.hpp"

namespace sinter::cpu {

class row_engine {
public:
    /// With memory for what passes keep and for totals, or without: then it comes by join().
    row_engine(const row_plan& p,
               const stage_loops& code,
               const ir::bound_stage& b,
               arena& m,
               bool keeps = true)
        : plan_(p), context_(code, b, m, p.rows(), p.block.room()) {
        const rows_are r = p.lanes ? rows_are::elements : rows_are::lines;
        for (int k = 0; keeps && k < code.made.count; ++k)
            if (code.made[k].kept && context_.load[code.loads + 1 + k].data == nullptr)
                context_.made[k] = m.bytes(p.kept() * code.made[k].bytes);
        if (keeps && code.totals.count > 0 && !p.columns_again)
            totals_ = new (m.array<row_totals>(1)) row_totals(p, code, m);
        if (p.terms) terms_ = new (m.array<walked_terms>(1)) walked_terms(p, context_);
        int64 folds = 0;
        for (int k = 0; k < code.passes; ++k)
            for (const output& o : code.pass[k].outputs) folds += o.to == goes_to::fold;
        const int levels = p.chunks() > 1 ? 2 : 1;  // parts of a row, and whole rows
        tally* tallies = m.array<tally>(levels * folds);
        pass_ = m.array<runner>(code.passes);
        for (int k = 0; k < code.passes; ++k) {
            new (pass_ + k) runner(context_, code.pass[k], p.block, r);
            part_[k] = tallies;
            whole_[k] = tallies + (levels - 1) * pass_[k].folds();
            for (int f = 0; f < levels * this->folds(k); ++f)
                new (tallies++) tally(pass_[k].fold(f % pass_[k].folds()), m, p.rows());
        }
    }

    /// All passes over the rows of an outer tile, and their values per row.
    void run(int64 outer) {
        begin(outer);
        for (int k = 0; k < context_.code.passes; ++k) {
            enter(k);
            if (terms_ != nullptr) {
                if (k == 0) terms_->run(outer_);
            } else if (plan_.chunks() <= 1) {
                fold(k, 0);
                results(k, part_[k]);
            } else {
                start(k);
                for (int64 i = 0; i < plan_.chunks(); ++i) {
                    fold(k, i);
                    for (int f = 0; f < folds(k); ++f) add(k, f, part(k, f));
                }
                results(k, whole_[k]);
            }
        }
        leave();
    }

    // The same in steps, for rows so long that threads share one.
    void begin(int64 outer) { outer_ = plan_.outer_tiling().at(plan_.outer(), outer); }
    /// Goes on with the rows, the registers and the memory of another engine.
    void join(const row_engine& e) {
        outer_ = e.outer_;
        totals_ = e.totals_;
        for (int k = 0; k < context_.code.made.count; ++k)
            if (context_.code.made[k].kept) context_.made[k] = e.context_.made[k];
        std::memcpy(context_.row.first,
                    e.context_.row.first,
                    static_cast<std::size_t>(context_.code.registers * context_.row.stride));
    }
    /// Reads the values of the rows that pass k needs from memory, then computes the others.
    void enter(int k) {
        const loop& l = context_.code.pass[k];
        for (const row_value& v : l.row_loads) {
            const operand& o = context_.load[v.number];
            const loop_space& s = plan_.outer();
            stream outer;
            outer.follow(o, s);
            const std::byte* first =
                o.data + (o.offset + outer.offset(o, s, plan_.outer_tiling(), outer_));
            outer.for_each_run(
                o, s, plan_.outer_tiling(), outer_, [&](int64 from, int64 begin, int64 n) {
                    const int size = size_of(compute_dtype(v.type));
                    load_lanes(o,
                               v.type,
                               context_.lanes(v.reg) + begin * size,
                               first + from,
                               outer.step,
                               n);
                });
        }
        if (l.row != nullptr)
            l.row(context_.row, context_.bound.functors, whole_groups(outer_.count));
    }
    /// Pass k over one chunk of the rows.
    void fold(int k, int64 chunk) {
        runner& r = pass_[k];
        if (!r.wanted()) return;
        for (int f = 0; f < folds(k); ++f) part_[k][f].start(outer_.count);
        const tiling& by = plan_.row_tiling();
        const int64 first = chunk * plan_.chunk, end = std::min(first + plan_.chunk, by.count);
        for (int64 i = first; i < end; ++i) {
            const tile t = by.at(plan_.row(), i);
            if (plan_.lanes) {
                r.evaluate(outer_, t, i);
                for (int f = 0; f < folds(k); ++f)
                    part_[k][f].across(r.value(f), t.count, t.begin, r.value_bytes(f));
            } else {
                r.evaluate(t, outer_, i);
                for (int f = 0; f < folds(k); ++f) part_[k][f].along(r.value(f), t.count, t.begin);
            }
            if (totals_ != nullptr && k + 1 == context_.code.passes)
                totals_->take(r, i, t.count, outer_.count);
        }
    }
    /// False where pass k has nothing to do with elements.
    bool walks(int k) const { return pass_[k].wanted(); }
    /// Reductions of rows that pass k completes.
    int folds(int k) const {
        const bool of_totals = context_.code.totals.count > 0 && k + 1 == context_.code.passes;
        return of_totals ? 0 : pass_[k].folds();
    }
    /// Where the stage reduces its rows: what they give, from start() to leave().
    row_totals& totals() { return *totals_; }
    /// Copies what part() yields.
    void copy_part(int k, int f, std::byte* to) {
        std::memcpy(
            to, part(k, f), static_cast<std::size_t>(outer_.count * pass_[k].fold(f).bytes));
    }
    /// The states of reduction f over the chunk that was folded last.
    const std::byte* part(int k, int f) { return part_[k][f].finish(); }
    void start(int k) {
        for (int f = 0; f < folds(k); ++f) whole_[k][f].start(outer_.count);
    }
    void add(int k, int f, const std::byte* states) { whole_[k][f].add(states); }
    void finish(int k) { results(k, whole_[k]); }
    /// Writes the values of the rows.
    void leave() {
        if (totals_ != nullptr) totals_->take_rows(context_, outer_.count);
        for (const row_value& v : context_.code.row_stores) {
            operand& o = context_.store[v.number];
            if (o.data == nullptr) continue;
            const bool one = v.one_for_all;
            const std::byte* values = context_.lanes(v.reg);
            if (is_narrowed(v.type)) {
                if (narrow_ == nullptr)
                    narrow_ = context_.memory.bytes(plan_.rows() * size_of(v.type));
                narrow_lanes(v.type, narrow_, values, one ? 1 : outer_.count);
                values = narrow_;
            }
            store_lanes(o,
                        values,
                        one ? 0 : o.bytes,
                        plan_.outer(),
                        plan_.outer_tiling(),
                        outer_,
                        plan_.row());
        }
    }

private:
    void results(int k, tally* of) {
        const table<output>& outputs = context_.code.pass[k].outputs;
        for (int f = 0; f < folds(k); ++f)
            of[f].fold().result(of[f].finish(), context_.lanes(outputs[f].reg), outer_.count);
    }
    const row_plan& plan_;
    context context_;
    runner* pass_;
    tally *part_[ir::max_passes], *whole_[ir::max_passes];
    tile outer_;
    std::byte* narrow_ = nullptr;
    row_totals* totals_ = nullptr;
    walked_terms* terms_ = nullptr;
};

}  // namespace sinter::cpu
