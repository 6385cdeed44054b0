// The inner loops of a stage: all that is compiled for each of them.
#pragma once

#include "sinter/cpu/flow.hpp"

namespace sinter::cpu {

// clang++ reports loops that it cannot make vector code of: those that call functions of the user.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

/// Everything about loop V of loop W of stage C.
template <class C, int W, int V = joined>
struct loop_of {
    using P = ir::pass<C, W>;
    using regs = ir::registers<C>;
    using functors = typename P::functors;
    static constexpr auto loads = [] {
        if constexpr (W < ir::max_passes) {
            return loop_flow_of<C, W, V>.loads;
        } else {
            return P::loads();
        }
    }();
    static constexpr auto point = [] {
        if constexpr (W < ir::max_passes) {
            return loop_flow_of<C, W, V>.point;
        } else {
            return P::point();
        }
    }();
    static constexpr auto row_values = P::row_values();
    static constexpr deliveries<C, W, V> out{};
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
        constexpr bool made = x.h == ir::how::compute;
        using memory = storage_t<x.h == ir::how::core ? core_memory(d)
                                 : made               ? compute_dtype(d)
                                                      : d>;
        const auto value = static_cast<compute_t<d>>(static_cast<const memory*>(p[K])[i]);
        v.template at<J>() = x.h == ir::how::core ? ir::wrapped<d>(value) : value;
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
    /// The registers of element i, of row j.
    template <bool Near, int... L, int... S, int... R>
    static SINTER_INLINE void fill([[maybe_unused]] regs& v,
                                   [[maybe_unused]] const void* const* p,
                                   [[maybe_unused]] const regs& fixed,
                                   [[maybe_unused]] const void* const* rows,
                                   [[maybe_unused]] const functors& f,
                                   [[maybe_unused]] int64 i,
                                   [[maybe_unused]] int64 j,
                                   ints<L...>,
                                   ints<S...>,
                                   ints<R...>) {
        if constexpr (sizeof...(L) + sizeof...(S) + sizeof...(R) + point.count == 0) v = regs{};
        v.exists(false);  // the host looks at indices before it runs
        ((v.template at<scalars.at[S]>() = fixed.template at<scalars.at[S]>()), ...);
        ((v.template at<of_row.at[R]>() = row_value_at<of_row.at[R]>(rows[R], j)), ...);
        (read<L>(v, p, i), ...);
        compute<Near>(v, f, make_ints<point.count>{});
    }
    template <bool Near, int... L, int... O, int... S, int... R>
    static SINTER_INLINE void element(const void* const* p,
                                      [[maybe_unused]] void* const* q,
                                      const regs& fixed,
                                      const void* const* rows,
                                      const functors& f,
                                      int64 i,
                                      int64 j,
                                      ints<L...> l,
                                      ints<O...>,
                                      ints<S...> s,
                                      ints<R...> r) {
        [[maybe_unused]] regs v;
        fill<Near>(v, p, fixed, rows, f, i, j, l, s, r);
        (write<O>(v, q, i), ...);
    }
    template <bool Near, int... K>
    static SINTER_INLINE void compute([[maybe_unused]] regs& v,
                                      [[maybe_unused]] const functors& f,
                                      ints<K...>) {
        ((v.template at<point.at[K]>() = value<Near, point.at[K]>(v, f)), ...);
    }
    template <bool Near, int J>
    static SINTER_INLINE auto value(const regs& v, const functors& f) {
        if constexpr (Near && is_angle_function(J)) {
            return ir::operation<code_of<C>.at[J].op>::near(argument<J>(v));
        } else {
            return P::template value<J>(v, v, f);
        }
    }
    // Functions of a float's angle. Most angles are near, which costs a fraction of the others: so
    // the loop looks at a stretch of elements before it computes it, and while nothing is written.
    static constexpr bool is_angle_function(int j) {
        const ir::instr& x = code_of<C>.at[j];
        return x.h == ir::how::compute &&
               (x.op == ir::op_id<ir::op::sin> || x.op == ir::op_id<ir::op::cos> ||
                x.op == ir::op_id<ir::op::tan>)&&compute_dtype(x.type) == dtype::f32;
    }
    static constexpr auto angle_functions = [] {
        ir::index_list<C::size> r;
        for (int k = 0; k < point.count; ++k)
            if (is_angle_function(point.at[k])) r.push(point.at[k]);
        return r;
    }();
    static constexpr int64 stretch = 512;
    template <int J>
    static SINTER_INLINE float argument(const regs& v) {
        return P::template get<code_of<C>.at[J].in[0]>(v, v);
    }
    template <int J>
    static SINTER_INLINE auto row_value_at(const void* row, int64 j) {
        return static_cast<const compute_t<code_of<C>.at[J].type>*>(row)[j];
    }
    // Part of its caller always, as run_all and row_all are: g++ 12 -O1 rewrites the addresses of a
    // loop as sums of integers, then takes what it stores there for local and drops the call.
    /// n elements of each of `lines` lines, from i on.
    template <bool Near, int... L, int... O, int... S, int... R>
    static SINTER_INLINE void run_from([[maybe_unused]] const void* const* in,
                                       [[maybe_unused]] void* const* to,
                                       [[maybe_unused]] const row_lanes& row,
                                       const functors& f,
                                       int64 i,
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
            for (int64 k = 0; k < whole; ++k)
                element<Near>(p, q, fixed, rows, f, i + k, 0, l, o, s, r);
        } else {
            for (int64 e = 0; e < lines; ++e)
                for (int64 c = 0; c < n; c += group, i += group) {
                    SINTER_INDEPENDENT
                    for (int64 k = 0; k < group; ++k)
                        element<Near>(p, q, fixed, rows, f, i + k, c + k, l, o, s, r);
                }
        }
    }
    /// Whether angles of such elements are far.
    template <int... A, int... L, int... S, int... R>
    [[gnu::noinline]] static bool any_far([[maybe_unused]] const void* const* in,
                                          [[maybe_unused]] const row_lanes& row,
                                          const functors& f,
                                          int64 i,
                                          int64 n,
                                          int64 lines,
                                          ints<A...>,
                                          ints<L...> l,
                                          ints<S...> s,
                                          ints<R...> r) {
        const void* const p[] = {in[L]..., nullptr};
        const void* const rows[] = {lane_of<of_row.at[R]>(row)..., nullptr};
        [[maybe_unused]] regs fixed;
        ((fixed.template at<scalars.at[S]>() = scalar_of<scalars.at[S]>(row)), ...);
        uint32 lanes[group] = {};  // g++ -O2 makes no vector code of a sum
        for (int64 e = 0; e < lines; ++e)
            for (int64 c = 0; c < n; c += group, i += group) {
                SINTER_INDEPENDENT
                for (int64 k = 0; k < group; ++k) {
                    regs v;
                    fill<true>(v, p, fixed, rows, f, i + k, c + k, l, s, r);
                    lanes[k] |= (math::is_far(argument<angle_functions.at[A]>(v)) | ...);
                }
            }
        uint32 far = 0;
        for (const uint32 x : lanes) far |= x;
        return far >> 31 != 0;
    }
    template <bool Near, class... Lists>
    [[gnu::noinline]] static void run_stretch(const void* const* in,
                                              void* const* to,
                                              const row_lanes& row,
                                              const functors& f,
                                              int64 i,
                                              int64 n,
                                              int64 lines,
                                              Lists... lists) {
        asm volatile("" ::: "memory");  // so that g++ 12 -O1 sees an effect: see run_from
        run_from<Near>(in, to, row, f, i, n, lines, lists...);
    }
    template <class L, class O, class S, int... R>
    static SINTER_INLINE void run_all(const void* const* in,
                                      void* const* to,
                                      const row_lanes& row,
                                      const functors& f,
                                      int64 n,
                                      int64 lines,
                                      L l,
                                      O o,
                                      S s,
                                      ints<R...> r) {
        if constexpr (angle_functions.count == 0) {
            run_from<false>(in, to, row, f, 0, n, lines, l, o, s, r);
        } else {
            const int64 line = sizeof...(R) == 0 ? n * lines : n;
            const int64 count = sizeof...(R) == 0 ? 1 : lines;
            const int64 width = least(line, stretch), height = stretch / (width > 0 ? width : 1);
            for (int64 e = 0; e < count; e += height)  // several lines only if they are whole
                for (int64 c = 0; c < line; c += width) {
                    const int64 i = e * line + c, w = least(line - c, width);
                    const int64 h = least(count - e, height);
                    const row_lanes at{row.first, row.stride, row.at + c};
                    if (any_far(in, at, f, i, w, h, make_ints<angle_functions.count>{}, l, s, r))
                        run_stretch<false>(in, to, at, f, i, w, h, l, o, s, r);
                    else
                        run_stretch<true>(in, to, at, f, i, w, h, l, o, s, r);
                }
        }
    }
    static constexpr int64 least(int64 a, int64 b) { return a < b ? a : b; }
    static void run(const void* const* in,
                    void* const* to,
                    const row_lanes& row,
                    const void* f,
                    int64 n,
                    int64 lines) {
        run_all(in,
                to,
                row,
                functors_of<C>(f),
                n,
                lines,
                make_ints<loads.count>{},
                make_ints<out.count>{},
                make_ints<scalars.count>{},
                make_ints<of_row.count>{});
    }
    template <int... S, int... I, int... O>
    static SINTER_INLINE void row_all([[maybe_unused]] const row_lanes& row,
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
            v.exists(false);
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
                functors_of<C>(f),
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
