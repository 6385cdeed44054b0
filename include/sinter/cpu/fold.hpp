// Reductions on the host: along lines of values, or across them, where every lane is one row.
#pragma once

#include <cstring>

#include "sinter/cpu/loops.hpp"

namespace sinter::cpu {

#if !SINTER_NVCC
/// The largest or the least of floating numbers, and NaN where there is one. Comparisons skip NaN,
/// which is looked for beside them: three instructions for a vector, where one comparison that lets
/// NaN through takes six.
template <class T, bool Largest>
struct extremes {
    typedef T vector __attribute__((vector_size(vector_bytes)));
    using mask = decltype(vector{} < vector{});
    static constexpr int width = vector_bytes / static_cast<int>(sizeof(T)), many = 4 * width;
    static constexpr T nothing = static_cast<T>(Largest ? -infinity : infinity);

    static SINTER_INLINE vector pick(vector s, vector x) {
        if constexpr (Largest) {
            return x > s ? x : s;
        } else {
            return x < s ? x : s;
        }
    }
    static SINTER_INLINE void take(vector& s, mask& nan, const std::byte* at) {
        vector x;
        std::memcpy(&x, at, sizeof x);
        s = pick(s, x);
        nan |= x != x;
    }
    template <int... V>
    static SINTER_INLINE void take_all(vector* s, mask* nan, const std::byte* at, ints<V...>) {
        (take(s[V], nan[V], at + V * vector_bytes), ...);
    }
    static T of_line(const T* x, int64 n) {
        T most = nothing;
        if (n < width) {
            for (int64 i = 0; i < n; ++i)
                if (most == most && !(Largest ? x[i] <= most : x[i] >= most)) most = x[i];
            return most;
        }
        const std::byte* at = reinterpret_cast<const std::byte*>(x);
        const vector start = vector{} + nothing;
        vector s[4] = {start, start, start, start};
        mask nan[4]{};
        int64 i = 0;
        for (; i + many <= n; i += many, at += 4 * vector_bytes)
            take_all(s, nan, at, make_ints<4>{});
        for (; i + width <= n; i += width, at += vector_bytes) take(s[0], nan[0], at);
        if (i < n)  // some of them again
            take(s[1], nan[1], reinterpret_cast<const std::byte*>(x + n - width));
        const vector all = pick(pick(s[0], s[1]), pick(s[2], s[3]));
        const mask any = nan[0] | nan[1] | nan[2] | nan[3];
        bool found = false;
        for (int l = 0; l < width; ++l) {
            most = (Largest ? all[l] > most : all[l] < most) ? all[l] : most;
            found = found || any[l] != 0;
        }
        return found ? static_cast<T>(not_a_number) : most;
    }
    /// How many of n lanes were done.
    static int64 across(T* states, const T* x, int64 line, int64 lines, int64 n) {
        int64 i = 0;
        for (; i + many <= n; i += many) {
            vector s[4];
            std::memcpy(s, states + i, sizeof s);
            mask nan[4] = {s[0] != s[0], s[1] != s[1], s[2] != s[2], s[3] != s[3]};
            const std::byte* at = reinterpret_cast<const std::byte*>(x + i);
            for (int64 l = 0; l < lines; ++l, at += line) take_all(s, nan, at, make_ints<4>{});
            const vector none = vector{} + static_cast<T>(not_a_number);
            const vector r[] = {nan[0] ? none : s[0],
                                nan[1] ? none : s[1],
                                nan[2] ? none : s[2],
                                nan[3] ? none : s[3]};
            std::memcpy(states + i, r, sizeof r);
        }
        return i;
    }
};
#endif

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

#if SINTER_NVCC
    static constexpr bool extreme = false;  // its reader of C++ is not sure of vectors
#else
    static constexpr bool extreme = (same_v<R, ir::red::max> || same_v<R, ir::red::min>)&&(
        same_v<folded, float> || same_v<folded, double>);
    using most = extremes<folded, same_v<R, ir::red::max>>;
#endif

    static void init(void* states, int64 n) {
        state* s = static_cast<state*>(states);
        const int64 whole = groups(n);
        for (int64 i = 0; i < whole; ++i) s[i] = R::template init<folded>();
        for (int64 i = whole; i < n; ++i) s[i] = R::template init<folded>();
    }
    // Loops over as many states become vector code.
    static int64 groups(int64 n) { return simple ? n / group * group : 0; }
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
#if !SINTER_NVCC
        if constexpr (extreme) {
            for (int64 l = 0; l < lines; ++l)
                s[l] = most::of_line(moved(static_cast<const value*>(x), l * line), n);
            return;
        }
#endif
        for (int64 l = 0; l < lines; ++l)
            s[l] = of_line(moved(static_cast<const value*>(x), l * line), n, at);
    }
    static void across(void* states, const void* x, int64 line, int64 lines, int64 n, int64 at) {
        state* s = static_cast<state*>(states);
        const value* from = static_cast<const value*>(x);
        int64 i = 0;
#if !SINTER_NVCC
        if constexpr (extreme)
            if (lines > 1) i = most::across(s, from, line, lines, n);
#endif
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
        const int64 whole = groups(n);
        for (int64 i = 0; i < whole; ++i) R::template merge<folded>(s[i], o[i]);
        for (int64 i = whole; i < n; ++i) R::template merge<folded>(s[i], o[i]);
    }
    static void result(const void* states, void* lanes_of, int64 n) {
        const state* __restrict s = static_cast<const state*>(states);
        compute_t<To>* __restrict to = static_cast<compute_t<To>*>(lanes_of);
        const int64 whole = groups(n);
        for (int64 i = 0; i < whole; ++i)
            to[i] = ir::convert<compute_dtype(To)>(R::template result<folded>(s[i]));
        for (int64 i = whole; i < n; ++i)
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
