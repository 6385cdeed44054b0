// The inner loops of a stage: all that is compiled for each of them.
#pragma once

#include "sinter/cpu/flow.hpp"

namespace sinter::cpu {

// clang++ reports loops that it cannot make vector code of: those that call functions of the user.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

/// Everything about loop W of stage C.
template <class C, int W>
struct loop_of {
    using P = ir::pass<C, W>;
    using regs = ir::registers<C>;
    using functors = typename P::functors;
    static constexpr auto loads = [] {
        if constexpr (W < ir::max_passes) {
            return flow_of<C>.loads[W];
        } else {
            return P::loads();
        }
    }();
    static constexpr auto point = [] {
        if constexpr (W < ir::max_passes) {
            return flow_of<C>.point[W];
        } else {
            return P::point();
        }
    }();
    static constexpr auto row_values = P::row_values();
    static constexpr deliveries<C, W> out{};
    static constexpr dtype core_type =
        C::head().core >= 0 ? code_of<C>.at[C::head().core >= 0 ? C::head().core : 0].type
                            : dtype::f32;

    /// Registers that the loop reads: of the whole stage (scalars), or one value per row.
    static constexpr ir::index_list<C::size> uniforms(bool of_stage) {
        ir::index_list<C::size> r;
        const auto add = [&r, of_stage](int j) {
            const ir::instr& x = code_of<C>.at[j];
            const bool of_row = x.row_constant && W < ir::max_passes && x.h != ir::how::constant;
            const bool is_scalar = x.h == ir::how::scalar;
            if ((of_stage ? is_scalar : of_row && !is_scalar) && r.find(j) < 0) r.push(j);
        };
        for (int k = 0; k < point.count; ++k)
            for (const short j : code_of<C>.at[point.at[k]].in)
                if (j >= 0) add(j);
        for (int k = 0; k < out.count; ++k) add(out.at[k].value);
        return r;
    }
    static constexpr auto scalars = uniforms(true);
    static constexpr auto of_row = uniforms(false);
    /// What the values of the row are computed from, and those that are computed.
    static constexpr ir::index_list<C::size> row_computed(bool inputs, bool scalars_too) {
        ir::index_list<C::size> r, computed;
        for (int k = 0; k < row_values.count; ++k)
            if (code_of<C>.at[row_values.at[k]].h == ir::how::compute)
                computed.push(row_values.at[k]);
        if (!inputs) return computed;
        for (int k = 0; k < computed.count; ++k)
            for (const short j : code_of<C>.at[computed.at[k]].in) {
                if (j < 0 || computed.find(j) >= 0 || r.find(j) >= 0) continue;
                const ir::how h = code_of<C>.at[j].h;
                if (h != ir::how::constant && (h == ir::how::scalar) == scalars_too) r.push(j);
            }
        return r;
    }
    static constexpr auto row_scalars = row_computed(true, true);
    static constexpr auto row_in = row_computed(true, false);
    static constexpr auto row_out = row_computed(false, false);

    /// Row `r.at` of register J.
    template <int J>
    static SINTER_INLINE auto* lane_of(const row_lanes& r) {
        using type = compute_t<code_of<C>.at[J].type>;
        return reinterpret_cast<type*>(r.first + code_of<C>.reg(J) * r.stride) + r.at;
    }
    /// The register of the whole stage.
    template <int J>
    static SINTER_INLINE auto scalar_of(const row_lanes& r) {
        return *lane_of<J>({r.first, r.stride, 0});
    }

    template <int K>
    static SINTER_INLINE void read(regs& v, const void* const* p, int64 i) {
        constexpr int J = loads.at[K];
        constexpr ir::instr x = code_of<C>.at[J];
        constexpr dtype d = x.type;
        constexpr bool kept = x.h == ir::how::compute;
        using memory = storage_t<x.h == ir::how::core ? core_memory(d)
                                 : kept               ? compute_dtype(d)
                                                      : d>;
        const auto value = static_cast<compute_t<d>>(static_cast<const memory*>(p[K])[i]);
        v.template at<J>() = x.h == ir::how::core ? ir::wrapped<d>(value) : value;
    }
    static const functors& functors_at([[maybe_unused]] const void* f) {
        if constexpr (same_v<typename C::functors, ir::functor_types<>>) {
            static constexpr functors none{};
            return none;
        } else {
            return *static_cast<const functors*>(f);
        }
    }
    template <int K>
    static SINTER_INLINE void write(const regs& v, void* const* q, int64 i) {
        constexpr delivery<C> o = out.at[K];
        constexpr dtype d = code_of<C>.at[o.value].type;
        const auto x = P::template get<o.value>(v, v);
        if constexpr (o.to == goes_to::fold || o.to == goes_to::keep) {
            static_cast<compute_t<d>*>(q[K])[i] = x;
        } else if constexpr (o.to == goes_to::store) {
            static_cast<storage_t<d>*>(q[K])[i] = static_cast<storage_t<d>>(x);
        } else {
            // The core multiplies values of its own type: a core of a 16-bit float rounds its
            // operands.
            constexpr dtype m = core_memory(core_type);
            static_cast<storage_t<m>*>(q[K])[i] =
                static_cast<storage_t<m>>(ir::convert<core_type>(x));
        }
    }
    /// Element i, of row j.
    template <int... L, int... O, int... S, int... R>
    static SINTER_INLINE void element([[maybe_unused]] const void* const* p,
                                      [[maybe_unused]] void* const* q,
                                      [[maybe_unused]] const regs& fixed,
                                      [[maybe_unused]] const void* const* rows,
                                      [[maybe_unused]] const functors& f,
                                      [[maybe_unused]] int64 i,
                                      [[maybe_unused]] int64 j,
                                      ints<L...>,
                                      ints<O...>,
                                      ints<S...>,
                                      ints<R...>) {
        [[maybe_unused]] regs v;
        if constexpr (sizeof...(L) + sizeof...(S) + sizeof...(R) + point.count == 0) v = regs{};
        ((v.template at<scalars.at[S]>() = fixed.template at<scalars.at[S]>()), ...);
        ((v.template at<of_row.at[R]>() = row_value_at<of_row.at[R]>(rows[R], j)), ...);
        (read<L>(v, p, i), ...);
        compute(v, f, make_ints<point.count>{});
        (write<O>(v, q, i), ...);
    }
    template <int... K>
    static SINTER_INLINE void compute([[maybe_unused]] regs& v,
                                      [[maybe_unused]] const functors& f,
                                      ints<K...>) {
        ((v.template at<point.at[K]>() = P::template value<point.at[K]>(v, v, f)), ...);
    }
    template <int J>
    static SINTER_INLINE auto row_value_at(const void* row, int64 j) {
        return static_cast<const compute_t<code_of<C>.at[J].type>*>(row)[j];
    }
    template <int... L, int... O, int... S, int... R>
    static void run_all([[maybe_unused]] const void* const* in,
                        [[maybe_unused]] void* const* to,
                        [[maybe_unused]] const row_lanes& row,
                        const functors& f,
                        int64 n,
                        int64 lines,
                        ints<L...> l,
                        ints<O...> o,
                        ints<S...> s,
                        ints<R...> r) {
        // Local copies: what the loop writes must not look as if it could change them.
        const void* const p[] = {in[L]..., nullptr};
        void* const q[] = {to[O]..., nullptr};
        [[maybe_unused]] const void* const rows[] = {lane_of<of_row.at[R]>(row)..., nullptr};
        [[maybe_unused]] regs fixed;
        ((fixed.template at<scalars.at[S]>() = scalar_of<scalars.at[S]>(row)), ...);
        if constexpr (sizeof...(R) == 0) {
            const int64 whole = n * lines & ~(group - 1);  // g++ -O2 wants to see the multiple
            SINTER_INDEPENDENT
            for (int64 i = 0; i < whole; ++i) element(p, q, fixed, rows, f, i, 0, l, o, s, r);
        } else {
            int64 i = 0;
            for (int64 e = 0; e < lines; ++e)
                for (int64 c = 0; c < n; c += group, i += group) {
                    SINTER_INDEPENDENT
                    for (int64 k = 0; k < group; ++k)
                        element(p, q, fixed, rows, f, i + k, c + k, l, o, s, r);
                }
        }
    }
    static void run(const void* const* in,
                    void* const* to,
                    const row_lanes& row,
                    const void* f,
                    int64 n,
                    int64 lines) {
        run_all(in,
                to,
                row,
                functors_at(f),
                n,
                lines,
                make_ints<loads.count>{},
                make_ints<out.count>{},
                make_ints<scalars.count>{},
                make_ints<of_row.count>{});
    }
    template <int... S, int... I, int... O>
    static void row_all([[maybe_unused]] const row_lanes& row,
                        const functors& f,
                        int64 n,
                        ints<S...>,
                        ints<I...>,
                        ints<O...>) {
        [[maybe_unused]] regs fixed;
        ((fixed.template at<row_scalars.at[S]>() = scalar_of<row_scalars.at[S]>(row)), ...);
        [[maybe_unused]] const void* const in[] = {lane_of<row_in.at[I]>(row)..., nullptr};
        [[maybe_unused]] void* const to[] = {lane_of<row_out.at[O]>(row)..., nullptr};
        const int64 whole = n & ~(group - 1);
        SINTER_INDEPENDENT
        for (int64 i = 0; i < whole; ++i) {
            regs v;
            ((v.template at<row_scalars.at[S]>() = fixed.template at<row_scalars.at[S]>()), ...);
            ((v.template at<row_in.at[I]>() = row_value_at<row_in.at[I]>(in[I], i)), ...);
            P::compute_row(v, f);
            ((static_cast<compute_t<code_of<C>.at[row_out.at[O]].type>*>(to[O])[i] =
                  v.template at<row_out.at[O]>()),
             ...);
        }
    }
    static void compute_rows(const row_lanes& row, const void* f, int64 n) {
        row_all(row,
                functors_at(f),
                n,
                make_ints<row_scalars.count>{},
                make_ints<row_in.count>{},
                make_ints<row_out.count>{});
    }
};

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

}  // namespace sinter::cpu
