// Writes stages by hand: a list of instructions whose levels, loops and types follow from the data
// flow, and the stage_code type made of it.
#pragma once

#include "sinter/ir/list.hpp"

namespace sinter_test {

using sinter::dtype;
using sinter::int64;
using sinter::uint64;
namespace ir = sinter::ir;

/// A stage under construction. Functions return instruction numbers.
struct stage_builder {
    static constexpr int capacity = 64;
    ir::instr at[capacity]{};
    int stored[16]{};
    int size = 0, stores = 0;
    bool rows = false;  // the stage has row axes
    ir::stage_head head{};

    /// A stage over an index space with row axes (or without).
    constexpr explicit stage_builder(bool with_rows = false) : rows(with_rows) {}

    constexpr int push(const ir::instr& x) {
        at[size] = x;
        return size++;
    }
    constexpr int load(dtype t) { return push({.h = ir::how::load, .type = t}); }
    /// A load of one value per row, needed from pass `level` on.
    constexpr int row_load(dtype t, int level = 0) {
        return push({.h = ir::how::load,
                     .type = t,
                     .row_constant = true,
                     .level = static_cast<unsigned char>(level)});
    }
    constexpr int scalar(dtype t) { return push({.h = ir::how::scalar, .type = t}); }
    constexpr int constant(double x, dtype t = dtype::f32) {
        return push({.h = ir::how::constant, .type = t, .value = __builtin_bit_cast(uint64, x)});
    }
    constexpr int constant_int(int64 x, dtype t = dtype::i64) {
        return push({.h = ir::how::constant, .type = t, .value = static_cast<uint64>(x)});
    }
    /// Operation O.
    template <class O>
    constexpr int op(int a, int b = -1, int c = -1) {
        const dtype in = at[c >= 0 ? b : a].type;
        const ir::yields y = O::info().result;
        const dtype t = y == ir::yields::boolean                                ? dtype::boolean
                        : y == ir::yields::floating && !sinter::is_floating(in) ? dtype::f32
                                                                                : in;
        return compute(ir::op_id<O>, t, 0, a, b, c);
    }
    constexpr int cast(int a, dtype t) { return compute(ir::op_cast, t, 0, a); }
    /// The functor in this slot.
    constexpr int user(int slot, dtype t, int a, int b = -1, int c = -1) {
        return compute(ir::op_user, t, static_cast<uint64>(slot), a, b, c);
    }
    /// Reduction R over the row.
    template <class R>
    constexpr int reduce(int a) {
        return push({.h = ir::how::reduce,
                     .op = static_cast<unsigned char>(ir::reduction_id<R>),
                     .type = ir::reduced_dtype(ir::reduction_id<R>, at[a].type),
                     .row_constant = true,
                     .level = static_cast<unsigned char>(at[a].level + 1),
                     .in = {static_cast<short>(a), -1, -1}});
    }
    /// The contraction of a and b.
    constexpr int core(int a, int b, dtype t) {
        head.core = static_cast<short>(size);
        head.core_a = static_cast<short>(a);
        head.core_b = static_cast<short>(b);
        return push({.h = ir::how::core, .type = t});
    }
    constexpr void store(int value) { stored[stores++] = value; }
    /// Says that operation `i` may turn out to be broadcast, and returns it.
    constexpr int spread(int i) {
        at[i].may_spread = true;
        return i;
    }

    /// Completes levels, loops and the number of passes.
    constexpr stage_builder done() const {
        stage_builder b = *this;
        int passes = 1;
        for (int i = 0; i < size; ++i)
            passes = b.at[i].level >= passes ? b.at[i].level + 1 : passes;
        b.head.passes = static_cast<unsigned char>(passes);
        for (int i = 0; i < size; ++i)
            if (at[i].h == ir::how::reduce) b.need(at[i].in[0], at[i].level - 1);
        for (int j = 0; j < stores; ++j) b.need(stored[j], passes - 1);
        if (head.core >= 0) {
            b.need(head.core_a, ir::side_a);
            b.need(head.core_b, ir::side_b);
        }
        return b;
    }

private:
    constexpr bool uniform(int i) const {
        return at[i].row_constant || at[i].h == ir::how::scalar || at[i].h == ir::how::constant;
    }
    constexpr int compute(int op, dtype t, uint64 value, int a, int b = -1, int c = -1) {
        ir::instr x{.h = ir::how::compute,
                    .op = static_cast<unsigned char>(op),
                    .type = t,
                    .row_constant = rows,
                    .in = {static_cast<short>(a), static_cast<short>(b), static_cast<short>(c)},
                    .value = value};
        for (const short i : x.in) {
            if (i < 0) continue;
            x.row_constant = x.row_constant && uniform(i);
            x.level = at[i].level > x.level ? at[i].level : x.level;
        }
        return push(x);
    }
    constexpr void need(int i, int loop) {
        if (i < 0 || uniform(i) || (at[i].loops >> loop & 1) != 0) return;
        at[i].loops = static_cast<unsigned char>(at[i].loops | 1U << loop);
        if (at[i].h == ir::how::compute)
            for (const short j : at[i].in) need(j, loop);
    }
};

/// The type of the stage that function F builds.
template <stage_builder (*F)(), class Functors = ir::functor_types<>>
struct stage_of {
    static constexpr stage_builder made = F().done();
    static constexpr int values() {
        int n = 0;
        for (int i = 0; i < made.size; ++i) n += made.at[i].has_value();
        return n;
    }
    static constexpr uint64 word(int i) {
        if (i < made.stores) return static_cast<uint64>(made.stored[i]);
        i -= made.stores;
        if (i < made.size) return made.at[i].word();
        i -= made.size;
        for (int j = 0; j < made.size; ++j)
            if (made.at[j].has_value() && i-- == 0) return made.at[j].value;
        return 0;
    }
    template <int... I>
    static auto code(sinter::ints<I...>)
        -> ir::stage_code<Functors, made.size, made.stores, made.head.word(), word(I)...>;
    using type = decltype(code(sinter::make_ints<made.stores + made.size + values()>{}));
};
template <stage_builder (*F)(), class Functors = ir::functor_types<>>
using stage = typename stage_of<F, Functors>::type;

}  // namespace sinter_test
