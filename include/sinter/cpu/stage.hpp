// The tables of a stage.
#pragma once

#include <array>

#include "sinter/cpu/engine.hpp"
#include "sinter/cpu/fold.hpp"
#include "sinter/cpu/inner.hpp"
#include "sinter/cpu/late.hpp"
#include "sinter/cpu/term_sums.hpp"

namespace sinter::cpu {

/// The tables of loop V of loop W of stage C.
template <class C, int W, int V = joined>
struct loop_table {
    using L = loop_of<C, W, V>;
    using P = ir::pass<C, W>;
    template <class T, int N>
    using array = std::array<T, static_cast<std::size_t>(N > 0 ? N : 1)>;

    static constexpr auto make_inputs() {
        constexpr auto all = ir::loads_of<C>();
        array<input, L::loads.count> r{};
        for (int k = 0; k < L::loads.count; ++k) {
            const ir::instr& x = code_of<C>.at[L::loads.at[k]];
            const bool made = x.h == ir::how::compute;
            const int load = x.h == ir::how::core ? all.count
                             : made ? all.count + 1 + flow_of<C>.made.find(L::loads.at[k])
                                    : all.find(L::loads.at[k]);
            r[static_cast<std::size_t>(k)] = {static_cast<short>(load),
                                              static_cast<short>(size_of(held_type(x)))};
        }
        return r;
    }
    /// The type in memory of what a loop reads.
    static constexpr dtype held_type(const ir::instr& x) {
        if (x.h == ir::how::core) return core_memory(x.type);
        return x.h == ir::how::compute ? compute_dtype(x.type) : x.type;
    }
    /// The type of a delivered value in its buffer.
    static constexpr dtype memory_type(const delivery<C>& o) {
        const dtype d = code_of<C>.at[o.value].type;
        if (o.to == goes_to::fold || o.to == goes_to::keep) return compute_dtype(d);
        return o.to == goes_to::store ? d : core_memory(L::core_type);
    }
    template <int K>
    static constexpr output make_output() {
        constexpr delivery<C> o = L::out.at[K];
        constexpr ir::instr x = code_of<C>.at[o.value];
        output r;
        r.to = o.to;
        r.bytes = static_cast<short>(size_of(memory_type(o)));
        if constexpr (o.to == goes_to::store) r.store = o.number;
        if constexpr (o.to == goes_to::fold) {
            constexpr ir::instr f = code_of<C>.at[o.number];
            r.fold = &fold_ops_of<ir::reduction_op<f.op>, x.type, f.type>;
            r.reg = code_of<C>.reg(o.number);
        }
        if constexpr (W < ir::max_passes)
            if (flow_of<C>.first[o.value] == W &&
                (V == o.value || !flow_of<C>.reads(x, o.value, W, V == apart)))
                r.keep = static_cast<short>(flow_of<C>.made.find(o.value));
        // A loaded value needs no loop of its own if memory holds what is delivered, to the bit.
        const bool rounded = o.to == goes_to::operand && is_half_size(L::core_type);
        const bool wraps = x.h == ir::how::core && is_short(x.type);
        if (memory_type(o) == held_type(x) && !rounded && !wraps)
            r.from = static_cast<short>(L::loads.find(o.value));
        return r;
    }
    template <int... K>
    static constexpr auto make_outputs(ints<K...>) {
        return array<output, L::out.count>{make_output<K>()...};
    }
    static constexpr int row_load_count() {
        int n = 0;
        for (int k = 0; k < L::row_values.count; ++k)
            n += code_of<C>.at[L::row_values.at[k]].h == ir::how::load;
        return n;
    }
    static constexpr auto make_row_loads() {
        constexpr auto all = ir::loads_of<C>();
        array<row_value, row_load_count()> r{};
        std::size_t n = 0;
        for (int k = 0; k < L::row_values.count; ++k) {
            const int j = L::row_values.at[k];
            if (code_of<C>.at[j].h == ir::how::load)
                r[n++] = {
                    static_cast<short>(all.find(j)), code_of<C>.reg(j), code_of<C>.at[j].type, {}};
        }
        return r;
    }
    static constexpr auto make_row_reads() {
        array<row_value, L::of_row.count> r{};
        for (int k = 0; k < L::of_row.count; ++k) {
            const int j = L::of_row.at[k];
            r[static_cast<std::size_t>(k)] = {-1, code_of<C>.reg(j), code_of<C>.at[j].type, {}};
        }
        return r;
    }
    static constexpr auto inputs = make_inputs();
    static constexpr auto outputs = make_outputs(make_ints<L::out.count>{});
    static constexpr auto row_loads = make_row_loads();
    static constexpr auto row_reads = make_row_reads();
    static constexpr bool used = L::out.count > 0;

    // The loops of their own, operands first.
    static constexpr auto list_before() {
        ir::index_list<C::size> r;
        if (W < ir::max_passes && V < 0)
            for (int j = 0; j < C::size; ++j)
                if (flow_of<C>.own[j] != own_loop::no && flow_of<C>.first[j] == W) r.push(j);
        return r;
    }
    static constexpr auto alone = list_before();
    template <int... K>
    static constexpr auto make_before(ints<K...>) {
        return array<loop, alone.count>{loop_table<C, W, alone.at[K]>::make()...};
    }
    static constexpr auto before = make_before(make_ints<alone.count>{});
    static constexpr bool has_apart() {
        if constexpr (W < ir::max_passes) {
            return V == joined && flow_of<C>.lifts[W];
        } else {
            return false;
        }
    }
    static constexpr loop make_apart() {
        if constexpr (has_apart()) {
            return loop_table<C, W, apart>::make();
        } else {
            return {};
        }
    }
    static constexpr loop loop_apart = make_apart();

    /// The loop for sums of products, where the pass is one.
    static constexpr add_terms terms() {
        if constexpr (W == 0 && V == joined && L::out.count == 1 && L::loads.count == 2 &&
                      L::point.count == 1) {
            constexpr delivery<C> o = L::out.at[0];
            constexpr ir::instr x = code_of<C>.at[L::point.at[0]];
            constexpr ir::instr a = code_of<C>.at[L::loads.at[0]],
                                b = code_of<C>.at[L::loads.at[1]];
            if constexpr (o.to == goes_to::fold && o.value == L::point.at[0] &&
                          x.op == ir::op_id<ir::op::mul> && a.h == ir::how::load &&
                          b.h == ir::how::load && a.type == x.type && b.type == x.type) {
                constexpr ir::instr f = code_of<C>.at[o.number];
                if constexpr (same_v<ir::reduction_op<f.op>, ir::red::sum> && f.type == x.type) {
                    if constexpr (x.type == dtype::f32) return &term_sums<float>::run;
                    if constexpr (x.type == dtype::f64) return &term_sums<double>::run;
                }
            }
        }
        return nullptr;
    }
    static constexpr loop make() {
        loop l;
        l.inputs = {inputs.data(), L::loads.count};
        l.outputs = {outputs.data(), L::out.count};
        l.row_reads = {row_reads.data(), L::of_row.count};
        if constexpr (used) l.run = L::run;
        if constexpr (V < 0) {
            l.row_loads = {row_loads.data(), row_load_count()};
            l.before = {before.data(), alone.count};
            if constexpr (has_apart()) l.apart = &loop_apart;
            l.terms = terms();
            if constexpr (L::row_out.count > 0) l.row = L::compute_rows;
        }
        return l;
    }
};

/// The tables of stage C.
template <class C>
struct stage_table {
    template <class T, int N>
    using array = std::array<T, static_cast<std::size_t>(N > 0 ? N : 1)>;
    static constexpr int core = C::head().core, passes = C::head().passes;
    static constexpr auto scalar_list = ir::scalars_of<C>();
    static constexpr auto load_list = ir::loads_of<C>();
    static constexpr auto make_load_bytes() {
        array<short, load_list.count> r{};
        for (int k = 0; k < load_list.count; ++k)
            r[static_cast<std::size_t>(k)] =
                static_cast<short>(size_of(code_of<C>.at[load_list.at[k]].type));
        return r;
    }
    static constexpr auto make_store_bytes() {
        array<short, C::stores> r{};
        for (int k = 0; k < C::stores; ++k)
            r[static_cast<std::size_t>(k)] =
                static_cast<short>(size_of(code_of<C>.at[C::stored(k)].type));
        return r;
    }
    static constexpr auto make_made() {
        array<made_value, flow_of<C>.made.count> r{};
        for (int k = 0; k < flow_of<C>.made.count; ++k) {
            const int j = flow_of<C>.made.at[k];
            r[static_cast<std::size_t>(k)] = {
                static_cast<short>(size_of(compute_dtype(code_of<C>.at[j].type))),
                flow_of<C>.kept[j],
                flow_of<C>.own[j] == own_loop::when_broadcast};
        }
        return r;
    }
    static constexpr auto make_scalars() {
        array<row_value, scalar_list.count> r{};
        for (int k = 0; k < scalar_list.count; ++k) {
            const int j = scalar_list.at[k];
            r[static_cast<std::size_t>(k)] = {
                static_cast<short>(k), code_of<C>.reg(j), code_of<C>.at[j].type, {}};
        }
        return r;
    }
    /// Stores of one value per row; of constants alone: they need a register.
    static constexpr int row_store_count(bool only_constants) {
        int n = 0;
        for (int k = 0; k < C::stores; ++k)
            n += only_constants ? code_of<C>.at[C::stored(k)].h == ir::how::constant
                                : code_of<C>.uniform(C::stored(k));
        return n;
    }
    template <bool Constants>
    static constexpr auto make_row_stores() {
        array<row_value, row_store_count(Constants)> r{};
        std::size_t n = 0;
        for (int k = 0; k < C::stores; ++k) {
            const int j = C::stored(k);
            const bool constant = code_of<C>.at[j].h == ir::how::constant;
            if (Constants ? !constant : !code_of<C>.uniform(j)) continue;
            r[n++] = {static_cast<short>(k),
                      code_of<C>.reg(j),
                      code_of<C>.at[j].type,
                      ir::scalar_bits{constant ? C::at(j).value : 0},
                      !code_of<C>.at[j].row_constant || code_of<C>.at[j].h == ir::how::scalar ||
                          constant};
        }
        return r;
    }
    static constexpr int late_count(bool stores) {
        int n = 0;
        if (stores)
            for (int k = 0; k < C::stores; ++k) n += code_of<C>.at[C::stored(k)].is_late();
        else
            for (const ir::instr& x : code_of<C>.at) n += x.h == ir::how::total;
        return n;
    }
    template <int J>
    static constexpr void add_total(total_value*& to) {
        constexpr ir::instr x = code_of<C>.at[J];
        if constexpr (x.h == ir::how::total) {
            constexpr dtype of = code_of<C>.at[x.in[0]].type;
            const bool row = code_of<C>.uniform(x.in[0]);
            *to++ = {&fold_ops_of<ir::reduction_op<x.op>, of, x.type>,
                     row ? code_of<C>.reg(x.in[0]) : short{-1},
                     late_of<C>::number(J),
                     !x.row_constant,
                     compute_dtype(of) == of ? stored_as(x.in[0]) : short{-1}};
        }
    }
    static constexpr short stored_as(int value) {
        for (int k = 0; k < C::stores; ++k)
            if (C::stored(k) == value) return static_cast<short>(k);
        return -1;
    }
    template <int... J>
    static constexpr auto make_totals(ints<J...>) {
        array<total_value, late_count(false)> r{};
        [[maybe_unused]] total_value* to = r.data();
        (add_total<J>(to), ...);
        return r;
    }
    static constexpr auto make_late_stores() {
        array<late_store, late_count(true)> r{};
        std::size_t n = 0;
        for (int k = 0; k < C::stores; ++k) {
            const int j = C::stored(k);
            const ir::instr& x = code_of<C>.at[j];
            if (x.is_late())
                r[n++] = {static_cast<short>(k), late_of<C>::number(j), x.type, !x.row_constant};
        }
        return r;
    }
    static constexpr auto totals = make_totals(make_ints<C::size>{});
    static constexpr auto late_stores = make_late_stores();
    static constexpr auto load_bytes = make_load_bytes();
    static constexpr auto store_bytes = make_store_bytes();
    static constexpr auto made = make_made();
    static constexpr auto scalars = make_scalars();
    static constexpr auto constants = make_row_stores<true>();
    static constexpr auto row_stores = make_row_stores<false>();

    template <int W>
    static constexpr loop make_loop() {
        if constexpr (W < ir::max_passes ? W < passes : core >= 0) {
            return loop_table<C, W>::make();
        } else {
            return {};
        }
    }
    template <int... W>
    static constexpr void make_passes(stage_loops& s, ints<W...>) {
        ((s.pass[W] = make_loop<W>()), ...);
    }
    static constexpr bool has_row_values() {
        for (int j = 0; j < C::size; ++j)
            if (code_of<C>.at[j].row_constant &&
                (code_of<C>.at[j].h == ir::how::load || code_of<C>.at[j].h == ir::how::compute))
                return true;
        return false;
    }
    static constexpr engine_kind engine() {
        if (core >= 0) return engine_kind::product;
        if (passes > 1) return engine_kind::rows;
        return has_row_values() ? engine_kind::either : engine_kind::elements;
    }
    static constexpr stage_loops make() {
        static_assert(passes >= 1 && passes <= ir::max_passes);
        static_assert(core < 0 || passes <= 2, "What follows a contraction is folded once.");
        stage_loops s;
        s.loads = load_list.count;
        s.stores = C::stores;
        s.passes = passes;
        s.registers = code_of<C>.reg(C::size);
        for (int k = 0; k < load_list.count; ++k)
            if (code_of<C>.at[load_list.at[k]].is_coordinate()) s.counted |= 1U << k;
        s.load_bytes = load_bytes.data();
        s.store_bytes = store_bytes.data();
        s.made = {made.data(), flow_of<C>.made.count};
        s.scalars = {scalars.data(), scalar_list.count};
        s.constants = {constants.data(), row_store_count(true)};
        s.row_stores = {row_stores.data(), row_store_count(false)};
        if constexpr (late_count(false) > 0) {
            s.totals = {totals.data(), late_count(false)};
            s.late_stores = {late_stores.data(), late_count(true)};
            s.lates = late_of<C>::number(C::size);
            if (s.lates > late_count(false)) s.after = &late_of<C>::run;
        }
        make_passes(s, make_ints<ir::max_passes>{});
        for (const ir::instr& x : code_of<C>.at)
            for (int w = 0; w < passes; ++w)
                if ((x.loops >> w & 1) != 0 && x.h == ir::how::compute)
                    s.flops += ir::info_of(x.op).flops;
        for (int j = 0; j < C::size; ++j)
            if (code_of<C>.at[j].h == ir::how::reduce)
                s.ordered = s.ordered || ir::reduction_info_of(code_of<C>.at[j].op).result ==
                                             ir::reduces_to::position;
        if constexpr (core >= 0) {
            s.side[0] = make_loop<ir::side_a>();
            s.side[1] = make_loop<ir::side_b>();
            s.product = product_kernels_for<core_memory(code_of<C>.at[core].type)>();
        }
        return s;
    }
};

/// The loops of stage C. Compilers that see one program differently name different backends.
template <class C, class Backend>
const stage_loops& loops_for() {
    static constexpr stage_loops loops = [] {
        stage_loops s = stage_table<C>::make();
        s.run = &run_stage<team_of<Backend>, stage_table<C>::engine(), (flow_of<C>.made.count > 0)>;
        return s;
    }();
    return loops;
}

}  // namespace sinter::cpu
