// Reductions on the host: along lines of values, or across them, where every lane is one row.
#pragma once

#include <cstring>

#include "sinter/cpu/loops.hpp"

namespace sinter::cpu {

/// Reduction R of values of type D into a register of type To.
template <class R, dtype D, dtype To>
struct fold_of {
    using value = compute_t<D>;
    static constexpr bool position = R::info().result == ir::reduces_to::position;
    using folded = select_t<position, value, compute_t<To>>;
    using state = typename R::template state<folded>;
    static_assert(sizeof(state) <= state_bytes);
    static constexpr bool simple = same_v<state, folded>;
    // Independent lanes make a sum both fast and accurate.
    static constexpr int lanes = simple ? 32 : 1, few = simple ? 8 : 1;
    // A list of statements keeps the lanes of a sum in registers, a loop those of a maximum (g++).
    static constexpr bool listed = same_v<R, ir::red::sum> || same_v<R, ir::red::prod>;

    static void init(void* states, int64 n) {
        state* s = static_cast<state*>(states);
        for (int64 i = 0; i < n; ++i) s[i] = R::template init<folded>();
    }
    static SINTER_INLINE void take(state& s, value x, int64 at) {
        R::template step<folded>(s, ir::convert<dtype_v<folded>>(x), at);
    }
    template <int... I>
    static SINTER_INLINE void take_list(state* lane, const value* x, int64 at, ints<I...>) {
        (take(lane[I], x[I], at + I), ...);
    }
    /// x[l] into each of N lanes.
    template <int N>
    static SINTER_INLINE void take_lanes(state* lane, const value* x, int64 at) {
        if constexpr (listed) {
            take_list(lane, x, at, make_ints<N>{});
        } else {
            for (int l = 0; l < N; ++l) take(lane[l], x[l], at + l);
        }
    }
    // Counts known to the compiler: lanes stay in registers.
    template <int From, int To_>
    static SINTER_INLINE void halve(state* lane) {
        if constexpr (From > To_) {
            for (int l = 0; l < From / 2; ++l)
                R::template merge<folded>(lane[l], lane[l + From / 2]);
            halve<From / 2, To_>(lane);
        }
    }
    static SINTER_INLINE state of_line(const value* x, int64 n, int64 at) {
        state lane[lanes];
        int64 i = 0;
        for (int l = 0; l < few; ++l) lane[l] = R::template init<folded>();
        if (n >= 2 * lanes) {
            for (int l = few; l < lanes; ++l) lane[l] = R::template init<folded>();
            for (; i + lanes <= n; i += lanes) take_lanes<lanes>(lane, x + i, at + i);
            halve<lanes, few>(lane);
        }
        for (; i + few <= n; i += few) take_lanes<few>(lane, x + i, at + i);
        for (int l = 0; i < n; ++i, ++l) take(lane[l], x[i], at + i);
        halve<few, 1>(lane);
        return lane[0];
    }
    static const value* moved(const value* x, int64 bytes) {
        return reinterpret_cast<const value*>(reinterpret_cast<const std::byte*>(x) + bytes);
    }
    static void along(void* states, const void* x, int64 line, int64 lines, int64 n, int64 at) {
        state* s = static_cast<state*>(states);
        for (int64 l = 0; l < lines; ++l)
            s[l] = of_line(moved(static_cast<const value*>(x), l * line), n, at);
    }
    static void across(void* states, const void* x, int64 line, int64 lines, int64 n, int64 at) {
        state* s = static_cast<state*>(states);
        const value* from = static_cast<const value*>(x);
        int64 i = 0;
        if constexpr (simple) {
            for (; lines > 1 && i + lanes <= n; i += lanes) {  // lanes in registers, down the lines
                state lane[lanes];
                std::memcpy(lane, s + i, sizeof lane);
                for (int64 l = 0; l < lines; ++l)
                    take_lanes<lanes>(lane, moved(from + i, l * line), 0);
                std::memcpy(s + i, lane, sizeof lane);
            }
        }
        for (int64 l = 0; l < lines && i < n; ++l) {
            const value* __restrict of = moved(from, l * line);
            state* __restrict to = s;
            int64 j = i;
            if constexpr (simple)
                for (const int64 whole = i + (n - i) / group * group; j < whole; ++j)
                    take(to[j], of[j], 0);
            for (; j < n; ++j) take(to[j], of[j], at + l);
        }
    }
    static void merge(void* states, const void* other, int64 n) {
        state* __restrict s = static_cast<state*>(states);
        const state* __restrict o = static_cast<const state*>(other);
        for (int64 i = 0; i < n; ++i) R::template merge<folded>(s[i], o[i]);
    }
    static void result(const void* states, void* lanes_of, int64 n) {
        const state* s = static_cast<const state*>(states);
        compute_t<To>* to = static_cast<compute_t<To>*>(lanes_of);
        for (int64 i = 0; i < n; ++i)
            to[i] = ir::convert<compute_dtype(To)>(R::template result<folded>(s[i]));
    }
};
template <class R, dtype D, dtype To>
inline constexpr fold_ops fold_ops_of = {
    static_cast<int>(sizeof(typename fold_of<R, D, To>::state)),
    !fold_of<R, D, To>::position,
    fold_of<R, D, To>::init,
    fold_of<R, D, To>::merge,
    fold_of<R, D, To>::along,
    fold_of<R, D, To>::across,
    fold_of<R, D, To>::result};

}  // namespace sinter::cpu
