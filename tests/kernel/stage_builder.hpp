// Stages written by hand: a constexpr list of instructions becomes a stage_code type. Levels,
// passes and loops follow from the instructions, by rules that are written here a second time so
// that the kernels' tests do not lean on the compiler of the library.
#pragma once

#include "sinter/ir/list.hpp"

namespace kernel_test {

using sinter::dtype;
using sinter::int64;
using sinter::uint64;
namespace ir = sinter::ir;

struct builder {
    ir::instr code[96];
    int size = 0;
    int stored[8]{};
    int stores = 0;
    ir::stage_head head;

    constexpr int push(ir::instr x) {
        code[size] = x;
        return size++;
    }
    /// An array; `row_constant`: one value per row.
    constexpr int load(dtype t, bool row_constant = false) {
        ir::instr x;
        x.type = t;
        x.row_constant = row_constant;
        return push(x);
    }
    /// A load of what lies in the midst of zeros along so many axes.
    constexpr int load_among_zeros(dtype t, int axes) {
        const int j = load(t);
        code[j].op = static_cast<unsigned char>(axes << 1);
        return j;
    }
    constexpr int scalar(dtype t) {
        ir::instr x;
        x.h = ir::how::scalar;
        x.type = t;
        x.row_constant = true;
        return push(x);
    }
    constexpr int constant(dtype t, double v) {
        ir::instr x;
        x.h = ir::how::constant;
        x.type = t;
        x.row_constant = true;
        x.value = sinter::is_floating(t) ? __builtin_bit_cast(uint64, v)
                                         : static_cast<uint64>(static_cast<int64>(v));
        return push(x);
    }
    constexpr int compute(int op, dtype t, int a, int b = -1, int c = -1) {
        ir::instr x;
        x.h = ir::how::compute;
        x.op = static_cast<unsigned char>(op);
        x.type = t;
        x.in[0] = static_cast<short>(a);
        x.in[1] = static_cast<short>(b);
        x.in[2] = static_cast<short>(c);
        x.row_constant = true;
        for (const short i : x.in) {
            if (i < 0) continue;
            x.row_constant = x.row_constant && code[i].row_constant;
            if (code[i].level > x.level) x.level = code[i].level;
        }
        return push(x);
    }
    /// An operation of the table, of its first operand's type.
    template <class O>
    constexpr int op(int a, int b = -1, int c = -1) {
        const int last = c >= 0 ? c : b >= 0 ? b : a;
        const dtype t = O::info().result == ir::yields::boolean ? dtype::boolean : code[last].type;
        return compute(ir::op_id<O>, t, a, b, c);
    }
    constexpr int cast(dtype t, int a) { return compute(ir::op_cast, t, a); }
    template <class R>
    constexpr int reduce(int a) {
        ir::instr x;
        x.h = ir::how::reduce;
        x.op = static_cast<unsigned char>(ir::reduction_id<R>);
        x.type = ir::reduced_dtype(x.op, code[a].type);
        x.in[0] = static_cast<short>(a);
        x.row_constant = true;
        x.level = static_cast<unsigned char>(code[a].level + 1);
        return push(x);
    }
    /// A reduction over the rows: of everything, or one for each column.
    template <class R>
    constexpr int total(int a, bool of_columns) {
        ir::instr x;
        x.h = ir::how::total;
        x.op = static_cast<unsigned char>(ir::reduction_id<R>);
        x.type = ir::reduced_dtype(x.op, code[a].type);
        x.in[0] = static_cast<short>(a);
        x.row_constant = !of_columns;
        return push(x);
    }
    /// Operation O of totals and numbers.
    template <class O>
    constexpr int after(int a, int b) {
        const int j = op<O>(a, b);
        code[j].h = ir::how::after;
        return j;
    }
    constexpr int product(dtype t, int a, int b, bool tf32 = false, bool windows = false) {
        head.core_a = static_cast<short>(a);
        head.core_b = static_cast<short>(b);
        ir::instr x;
        x.h = ir::how::core;
        x.op = static_cast<unsigned char>((tf32 ? ir::core_tf32 : 0) |
                                          (windows ? ir::core_windows : 0));
        x.type = t;
        head.core = static_cast<short>(push(x));
        return head.core;
    }
    constexpr void store(int value) { stored[stores++] = value; }

    constexpr void need(int value, int loop) {
        ir::instr& x = code[value];
        const bool outside = x.row_constant && loop < ir::max_passes;
        if (outside || (x.loops >> loop & 1)) return;
        x.loops = static_cast<unsigned char>(x.loops | 1 << loop);
        if (x.h != ir::how::compute) return;
        for (const short i : x.in)
            if (i >= 0) need(i, loop);
    }
    constexpr builder finish() const {
        builder b = *this;
        int passes = 1;
        for (int i = 0; i < size; ++i)
            if (!code[i].is_late() && code[i].level + 1 > passes) passes = code[i].level + 1;
        b.head.passes = static_cast<unsigned char>(passes);
        const int storing = head.core >= 0 ? 0 : passes - 1;
        for (int j = 0; j < stores; ++j)
            if (!code[stored[j]].is_late()) b.need(stored[j], storing);
        for (int i = 0; i < size; ++i) {
            if (code[i].h == ir::how::reduce) b.need(code[i].in[0], code[i].level - 1);
            if (code[i].h == ir::how::total) b.need(code[i].in[0], storing);
            if (code[i].is_late()) b.code[i].level = b.head.passes;
        }
        if (head.core >= 0) {
            b.need(head.core_a, ir::side_a);
            b.need(head.core_b, ir::side_b);
        }
        return b;
    }
    constexpr int value_words() const {
        int n = 0;
        for (int i = 0; i < size; ++i) n += code[i].has_value();
        return n;
    }
    constexpr uint64 word(int i) const {
        if (i < stores) return static_cast<uint64>(stored[i]);
        i -= stores;
        if (i < size) return code[i].word();
        i -= size;
        for (int j = 0; j < size; ++j)
            if (code[j].has_value() && i-- == 0) return code[j].value;
        return 0;
    }
};

template <class Make, class Functors, class I>
struct code_of;
template <class Make, class Functors, int... I>
struct code_of<Make, Functors, sinter::ints<I...>> {
    static constexpr builder b = Make::make().finish();
    using type = ir::stage_code<Functors, b.size, b.stores, b.head.word(), b.word(I)...>;
};
template <class Make>
constexpr int words_of() {
    const builder b = Make::make();
    return b.stores + b.size + b.value_words();
}
/// The stage that `Make::make()` describes.
template <class Make, class Functors = ir::functor_types<>>
using stage = typename code_of<Make, Functors, sinter::make_ints<words_of<Make>()>>::type;

}  // namespace kernel_test
