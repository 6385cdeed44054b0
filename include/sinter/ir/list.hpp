// One stage as a list of integers: the only template argument of a kernel besides the user's
// functor types. Equal stages of different expressions are the same type and share one kernel.
// Device-readable.
//
// A stage walks an index space. Its axes are split into outer axes and *row* axes (those that its
// reductions fold; none in a map). Pass k walks the row and completes the reductions of level k;
// the last pass also writes the results. A value is a row constant when it has one value per row. A
// stage may be built around one contraction, its core: then two more loops evaluate the core's
// operands. And it may end with totals: reductions over its rows, of values per row or of elements
// (then down the columns, or of everything), and what is computed from these when all rows are
// done.
#pragma once

#include "sinter/ir/reductions.hpp"

namespace sinter::ir {

/// A total reduces over rows, `after` computes from totals: a row constant has one value for the
/// whole stage, else one per column. Their `level` is the number of passes.
enum class how : unsigned char { load, scalar, constant, compute, reduce, core, total, after };

/// The loops of a stage: passes 0..max_passes-1, then the two operands of its contraction.
inline constexpr int max_passes = 6, side_a = 6, side_b = 7, loop_count = 8;

/// A load of coordinates reads no memory: its value follows from where the element lies. Like an
/// array it has an address and strides, so that views, collapsed axes and vectors need no code of
/// their own; the distance of an element's address from this origin, in elements, is its value.
inline constexpr uint64 coordinate_origin = uint64{1} << 62;
/// The number that the coordinate `offset` elements from address `first` stands for.
template <class T>
SINTER_HD constexpr T coordinate_at(uint64 first, int64 offset) {
    constexpr int64 bytes = static_cast<int64>(sizeof(T));
    return static_cast<T>(static_cast<int64>(first - coordinate_origin) / bytes + offset);
}

/// A bit of the `op` of a core whose operands, floats, may be rounded to tf32 on devices.
inline constexpr unsigned char core_tf32 = 1;
/// A bit of the `op` of a core that sums along several axes, as convolutions do, rows of windows
/// with columns of filters: the kernel for short sums may be worth having.
inline constexpr unsigned char core_windows = 2;

/// One instruction. `op` is an operation id, or a reduction id for how::reduce; of a load bit 0
/// says that it is of coordinates, the others how many guards it has; of a core see core_tf32
/// and core_windows.
struct instr {
    how h = how::load;
    unsigned char op = 0;
    dtype type = dtype::f32;
    bool row_constant = false;      // one value per row: evaluated outside the loop over the row
    unsigned char level = 0;        // the first pass in which the value is there
    unsigned char loops = 0;        // bit k: evaluated inside loop k
    bool may_spread = false;        // a dear operation that may turn out to be broadcast
    bool same_for_windows = false;  // a load that does not move with the windows of the stage
    short in[3] = {-1, -1, -1};
    uint64 value = 0;  // constant: the bits of a double or int64; user functor: its slot

    SINTER_HD constexpr bool is_coordinate() const { return h == how::load && (op & 1); }
    /// Along how many axes zeros lie around the array that no memory holds.
    SINTER_HD constexpr int guards() const { return h == how::load ? op >> 1 : 0; }
    /// True for what is known only when all rows are done.
    SINTER_HD constexpr bool is_late() const { return h == how::total || h == how::after; }
    SINTER_HD constexpr bool has_value() const {
        return h == how::constant || ((h == how::compute || h == how::after) && op == op_user);
    }
    SINTER_HD constexpr uint64 word() const {
        return static_cast<uint64>(h) | static_cast<uint64>(op) << 4 |
               static_cast<uint64>(type) << 12 | static_cast<uint64>(row_constant) << 16 |
               static_cast<uint64>(level) << 17 | static_cast<uint64>(loops) << 20 |
               static_cast<uint64>(in[0] + 1) << 28 | static_cast<uint64>(in[1] + 1) << 38 |
               static_cast<uint64>(in[2] + 1) << 48 | static_cast<uint64>(may_spread) << 58 |
               static_cast<uint64>(same_for_windows) << 59;
    }
    SINTER_HD static constexpr instr from_word(uint64 w, uint64 value) {
        instr i;
        i.h = static_cast<how>(w & 15);
        i.op = static_cast<unsigned char>(w >> 4 & 255);
        i.type = static_cast<dtype>(w >> 12 & 15);
        i.row_constant = (w >> 16 & 1) != 0;
        i.level = static_cast<unsigned char>(w >> 17 & 7);
        i.loops = static_cast<unsigned char>(w >> 20 & 255);
        i.may_spread = (w >> 58 & 1) != 0;
        i.same_for_windows = (w >> 59 & 1) != 0;
        for (int k = 0; k < 3; ++k)
            i.in[k] = static_cast<short>(static_cast<int>(w >> (28 + 10 * k) & 1023) - 1);
        i.value = value;
        return i;
    }
};

/// The shape of a stage besides its instructions: `core` and its operands are instruction numbers
/// or -1; `windows` says that it folds windows of an array, which may overlap.
struct stage_head {
    short core = -1, core_a = -1, core_b = -1;
    unsigned char passes = 1;
    bool windows = false;
    SINTER_HD constexpr uint64 word() const {
        return static_cast<uint64>(core + 1) | static_cast<uint64>(core_a + 1) << 10 |
               static_cast<uint64>(core_b + 1) << 20 | static_cast<uint64>(passes) << 30 |
               static_cast<uint64>(windows) << 34;
    }
    SINTER_HD static constexpr stage_head from_word(uint64 w) {
        return {static_cast<short>(static_cast<int>(w & 1023) - 1),
                static_cast<short>(static_cast<int>(w >> 10 & 1023) - 1),
                static_cast<short>(static_cast<int>(w >> 20 & 1023) - 1),
                static_cast<unsigned char>(w >> 30 & 15),
                (w >> 34 & 1) != 0};
    }
};

/// The user's functor types, in the order of their slots.
template <class... F>
struct functor_types {};

/// A fixed-capacity list of instruction numbers.
template <int N>
struct index_list {
    short at[N > 0 ? N : 1]{};
    int count = 0;
    SINTER_HD constexpr void push(int i) { at[count++] = static_cast<short>(i); }
    SINTER_HD constexpr int find(int i) const {
        for (int j = 0; j < count; ++j)
            if (at[j] == i) return j;
        return -1;
    }
};

/// A stage as a type: S stored values (instruction numbers), N instruction words, then the value
/// words of those instructions that have one.
template <class Functors, int N, int S, uint64 Head, uint64... W>
struct stage_code {
    using functors = Functors;
    static constexpr int size = N, stores = S;
    SINTER_HD static constexpr stage_head head() { return stage_head::from_word(Head); }
    /// Instruction `j`.
    SINTER_HD static constexpr instr at(int j) {
        const uint64 w[] = {W...};
        int k = S + N;
        for (int i = 0; i < j; ++i) k += instr::from_word(w[S + i], 0).has_value();
        const instr x = instr::from_word(w[S + j], 0);
        return x.has_value() ? instr::from_word(w[S + j], w[k]) : x;
    }
    /// The instruction whose value the j-th store writes.
    SINTER_HD static constexpr int stored(int j) {
        const uint64 w[] = {W...};
        return static_cast<int>(w[j]);
    }
    template <class Keep>
    SINTER_HD static constexpr index_list<N> select(Keep keep) {
        const uint64 w[] = {W...};
        index_list<N> r;
        for (int i = 0; i < N; ++i)
            if (keep(instr::from_word(w[S + i], 0))) r.push(i);
        return r;
    }
};

struct is_load {
    SINTER_HD constexpr bool operator()(const instr& x) const { return x.h == how::load; }
};
struct is_scalar {
    SINTER_HD constexpr bool operator()(const instr& x) const { return x.h == how::scalar; }
};
struct is_reduce {
    SINTER_HD constexpr bool operator()(const instr& x) const { return x.h == how::reduce; }
};
/// All arrays that a stage reads, in the order in which kernels take them; likewise scalars and
/// reductions.
template <class C>
SINTER_HD constexpr auto loads_of() {
    return C::select(is_load{});
}
template <class C>
SINTER_HD constexpr auto scalars_of() {
    return C::select(is_scalar{});
}
template <class C>
SINTER_HD constexpr auto reductions_of() {
    return C::select(is_reduce{});
}

struct is_row_total {
    SINTER_HD constexpr bool operator()(const instr& x) const { return x.h == how::total; }
};
/// True when stage C ends with totals over its rows.
template <class C>
SINTER_HD constexpr bool has_totals() {
    return C::select(is_row_total{}).count > 0;
}

/// True when the only values written are per row, after a single pass: such a stage may split its
/// rows over blocks (the reduce kernel) and need not keep a row in one block.
template <class C>
SINTER_HD constexpr bool is_pure_reduction() {
    bool pure = C::head().passes == 2 && C::head().core < 0 && !has_totals<C>();
    for (int j = 0; j < C::stores; ++j)
        pure = pure && (C::at(C::stored(j)).row_constant || C::at(C::stored(j)).level == 0);
    return pure;
}

}  // namespace sinter::ir
