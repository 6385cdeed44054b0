// The inner loops of a stage, and the tables that describe the stage to the engine.
#pragma once

#include <array>

#include "sinter/cpu/fold.hpp"
#include "sinter/cpu/product.hpp"

namespace sinter::cpu {

/// The instructions of stage C as an array.
template <class C>
struct decoded {
    ir::instr at[static_cast<std::size_t>(C::size > 0 ? C::size : 1)]{};
    struct writer {
        ir::instr* to;
        SINTER_HD constexpr bool operator()(const ir::instr& x) {
            *to++ = x;
            return false;
        }
    };
    constexpr decoded() { C::select(writer{at}); }
    /// One value for the whole row: held by the row's registers.
    constexpr bool uniform(int j) const {
        return at[j].h == ir::how::scalar || at[j].h == ir::how::constant || at[j].row_constant;
    }
};
template <class C>
inline constexpr decoded<C> code_of{};

/// The type of a core in memory: sums of products of bool would not fit in bool.
constexpr dtype core_memory(dtype d) { return d == dtype::boolean ? dtype::i64 : compute_dtype(d); }

/// What loop W of stage C delivers: instruction numbers.
template <class C>
struct delivery {
    goes_to to = goes_to::operand;
    short value = -1, number = -1;  // number: of the store, or the instruction of the reduction
};
template <class C, int W>
struct deliveries {
    static constexpr int most = C::size + C::stores + 1;
    delivery<C> at[static_cast<std::size_t>(most)]{};
    int count = 0;
    constexpr deliveries() {
        const decoded<C>& code = code_of<C>;
        if (W >= ir::max_passes) {
            at[count++] = {
                goes_to::operand, W == ir::side_a ? C::head().core_a : C::head().core_b, -1};
            return;
        }
        constexpr auto folds = ir::pass<C, W>::folds();
        for (int k = 0; k < folds.count; ++k)
            at[count++] = {goes_to::fold, code.at[folds.at[k]].in[0], folds.at[k]};
        for (int j = 0; j < C::stores; ++j) {
            const int v = C::stored(j);
            if (!code.uniform(v) && W == C::head().passes - 1)
                at[count++] = {goes_to::store, static_cast<short>(v), static_cast<short>(j)};
        }
    }
};

/// Everything about loop W of stage C.
template <class C, int W>
struct loop_of {
    using P = ir::pass<C, W>;
    using regs = ir::registers<C>;
    using functors = typename P::functors;
    static constexpr auto loads = P::loads();
    static constexpr auto point = P::point();
    static constexpr auto row_values = P::row_values();
    static constexpr deliveries<C, W> out{};
    static constexpr dtype core_type =
        C::head().core >= 0 ? code_of<C>.at[C::head().core >= 0 ? C::head().core : 0].type
                            : dtype::f32;

    /// Registers of the row that the loop reads.
    static constexpr ir::index_list<C::size> row_inputs() {
        ir::index_list<C::size> r;
        const auto add = [&r](int j) {
            const ir::instr& x = code_of<C>.at[j];
            const bool of_row = x.row_constant && W < ir::max_passes && x.h != ir::how::constant;
            if ((x.h == ir::how::scalar || of_row) && r.find(j) < 0) r.push(j);
        };
        for (int k = 0; k < point.count; ++k)
            for (const short j : code_of<C>.at[point.at[k]].in)
                if (j >= 0) add(j);
        for (int k = 0; k < out.count; ++k) add(out.at[k].value);
        return r;
    }
    static constexpr auto from_row = row_inputs();

    // A call into the maths library ends every hope of vector code; then one loop is enough.
    static constexpr bool simple() {
        for (int k = 0; k < point.count; ++k)
            if (ir::info_of(code_of<C>.at[point.at[k]].op).flops > 8) return false;
        return true;
    }

    template <int K>
    static SINTER_INLINE void read(regs& v, const void* const* p, int64 i) {
        constexpr int J = loads.at[K];
        constexpr ir::instr x = code_of<C>.at[J];
        constexpr dtype d = x.type;
        using memory = select_t<x.h == ir::how::core, storage_t<core_memory(d)>, storage_t<d>>;
        v.template at<J>() = static_cast<compute_t<d>>(static_cast<const memory*>(p[K])[i]);
    }
    template <int K>
    static SINTER_INLINE void write(const regs& v, const regs& row, void* const* q, int64 i) {
        constexpr delivery<C> o = out.at[K];
        constexpr dtype d = code_of<C>.at[o.value].type;
        const auto x = P::template get<o.value>(v, row);
        if constexpr (o.to == goes_to::fold) {
            static_cast<compute_t<d>*>(q[K])[i] = x;
        } else if constexpr (o.to == goes_to::store) {
            static_cast<storage_t<d>*>(q[K])[i] = static_cast<storage_t<d>>(x);
        } else {
            // The core multiplies values of its own type: a bfloat16 core rounds its operands.
            constexpr dtype m = core_memory(core_type);
            static_cast<storage_t<m>*>(q[K])[i] =
                static_cast<storage_t<m>>(ir::convert<core_type>(x));
        }
    }
    template <int... L, int... O>
    static SINTER_INLINE void element([[maybe_unused]] const void* const* p,
                                      [[maybe_unused]] void* const* q,
                                      [[maybe_unused]] const regs& row,
                                      [[maybe_unused]] const functors& f,
                                      [[maybe_unused]] int64 i,
                                      ints<L...>,
                                      ints<O...>) {
        [[maybe_unused]] regs v;
        if constexpr (loads.count + point.count == 0) v = regs{};
        (read<L>(v, p, i), ...);
        if constexpr (point.count > 0) P::compute(v, row, f);
        (write<O>(v, row, q, i), ...);
    }
    template <int... L, int... O, int... R>
    static void run_all([[maybe_unused]] const void* const* in,
                        [[maybe_unused]] void* const* to,
                        [[maybe_unused]] const regs& from,
                        const functors& f,
                        int64 n,
                        ints<L...> l,
                        ints<O...> o,
                        ints<R...>) {
        // Local copies: what the loop writes must not look as if it could change them.
        const void* const p[] = {in[L]..., nullptr};
        void* const q[] = {to[O]..., nullptr};
        [[maybe_unused]] regs row;
        ((row.template at<from_row.at[R]>() = from.template at<from_row.at[R]>()), ...);
        int64 i = 0;
        if constexpr (simple()) {  // g++ -O2 vectorises only counts that it knows a multiple of
            const int64 whole = n & ~int64{15};
#if defined(__GNUC__) && !defined(__clang__) && !SINTER_NVCC
#pragma GCC ivdep
#endif
            for (i = 0; i < whole; ++i) element(p, q, row, f, i, l, o);
        }
        for (; i < n; ++i) element(p, q, row, f, i, l, o);
    }
    static const functors& functors_at([[maybe_unused]] const void* f) {
        if constexpr (same_v<typename C::functors, ir::functor_types<>>) {
            static constexpr functors none{};
            return none;
        } else {
            return *static_cast<const functors*>(f);
        }
    }
    static void run(
        const void* const* in, void* const* to, const void* row, const void* f, int64 n) {
        run_all(in,
                to,
                *static_cast<const regs*>(row),
                functors_at(f),
                n,
                make_ints<loads.count>{},
                make_ints<out.count>{},
                make_ints<from_row.count>{});
    }
    static void compute_row(void* row, const void* f) {
        P::compute_row(*static_cast<regs*>(row), functors_at(f));
    }
};

}  // namespace sinter::cpu
