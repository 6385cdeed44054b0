// What a stage computes when all its rows are done.
#pragma once

#include "sinter/cpu/flow.hpp"
#include "sinter/ir/ends.hpp"

namespace sinter::cpu {

/// The values of stage C that come from totals over its rows, for the engine.
template <class C>
struct late_of {
    using regs = ir::registers<C>;
    using functors = stage_functors<C>;

    /// The number of late value j among all of them; that of C::size: how many there are.
    static constexpr short number(int j) {
        short n = 0;
        for (int i = 0; i < j; ++i) n = static_cast<short>(n + code_of<C>.at[i].is_late());
        return n;
    }
    static void run(std::byte* late,
                    int64 stride,
                    const ir::scalar_bits* scalar,
                    const void* f,
                    int64 columns) {
        if constexpr (ir::ends<C, false>::values().count > 0)
            run_of<false>(late, stride, scalar, functors_of<C>(f), 1);
        if constexpr (ir::ends<C, true>::values().count > 0)
            run_of<true>(late, stride, scalar, functors_of<C>(f), columns);
    }

private:
    template <int J>
    static auto* place(std::byte* late, int64 stride) {
        return reinterpret_cast<compute_t<code_of<C>.at[J].type>*>(late + number(J) * stride);
    }
    // Totals of the stage and of the column.
    template <int J>
    static void take(regs& v, std::byte* late, int64 stride, int64 i) {
        constexpr ir::instr x = code_of<C>.at[J];
        if constexpr (x.is_late())
            v.template at<J>() = place<J>(late, stride)[x.row_constant ? 0 : i];
    }
    template <int... S>
    static void take_scalars(regs& v, const ir::scalar_bits* scalar, ints<S...>) {
        ((v.template at<scalars.at[S]>() =
              scalar[S].template as<code_of<C>.at[scalars.at[S]].type>()),
         ...);
    }
    template <int... J>
    static void take_totals(regs& v, std::byte* late, int64 stride, int64 i, ints<J...>) {
        (take<J>(v, late, stride, i), ...);
    }
    template <int... K>
    static void put(const regs& v, std::byte* late, int64 stride, int64 i, ints<K...>) {
        ((place<K>(late, stride)[i] = v.template at<K>()), ...);
    }
    template <bool Columns>
    static void run_of(
        std::byte* late, int64 stride, const ir::scalar_bits* scalar, const functors& f, int64 n) {
        using end = ir::ends<C, Columns>;
        constexpr int values = end::values().count;
        regs v{};
        v.exists(false);
        take_scalars(v, scalar, make_ints<scalars.count>{});
        end::compute_numbers(v, f);
        for (int64 i = 0; i < n; ++i) {
            take_totals(v, late, stride, i, make_ints<C::size>{});
            end::compute(v, f);
            put_all<Columns>(v, late, stride, i, make_ints<values>{});
        }
    }
    template <bool Columns, int... K>
    static void put_all(const regs& v, std::byte* late, int64 stride, int64 i, ints<K...>) {
        constexpr auto values = ir::ends<C, Columns>::values();
        put(v, late, stride, i, ints<values.at[K]...>{});
    }
    static constexpr auto scalars = ir::scalars_of<C>();
};

}  // namespace sinter::cpu
