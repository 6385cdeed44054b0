// Reductions on the host: over the values of a tile, or of many rows side by side.
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
    // Independent lanes make a sum both fast and accurate.
    static constexpr int lanes = same_v<state, folded> ? 32 : 1;

    static void init(void* states, int64 n) {
        state* s = static_cast<state*>(states);
        for (int64 i = 0; i < n; ++i) s[i] = R::template init<folded>();
    }
    // Counts known to the compiler: lanes stay in registers.
    template <int Half>
    static SINTER_INLINE void halve(state* lane) {
        if constexpr (Half > 0) {
            for (int l = 0; l < Half; ++l) R::template merge<folded>(lane[l], lane[l + Half]);
            halve<Half / 2>(lane);
        }
    }
    static void fold(void* to, const void* values, int64 n, int64 at) {
        const value* x = static_cast<const value*>(values);
        state total;
        if (n < lanes) {
            total = R::template init<folded>();
            for (int64 i = 0; i < n; ++i)
                R::template step<folded>(total, ir::convert<dtype_v<folded>>(x[i]), at + i);
        } else {
            state lane[lanes];
            for (int l = 0; l < lanes; ++l) {
                lane[l] = R::template init<folded>();
                R::template step<folded>(lane[l], ir::convert<dtype_v<folded>>(x[l]), at + l);
            }
            int64 i = lanes;
            for (; i + lanes <= n; i += lanes)
                for (int l = 0; l < lanes; ++l)
                    R::template step<folded>(
                        lane[l], ir::convert<dtype_v<folded>>(x[i + l]), at + i + l);
            for (int l = 0; i < n; ++i, ++l)
                R::template step<folded>(lane[l], ir::convert<dtype_v<folded>>(x[i]), at + i);
            halve<lanes / 2>(lane);
            total = lane[0];
        }
        std::memcpy(to, &total, sizeof total);
    }
    static void step(void* states, const void* values, int64 n, int64 at) {
        state* __restrict s = static_cast<state*>(states);
        const value* __restrict x = static_cast<const value*>(values);
        for (int64 i = 0; i < n; ++i)
            R::template step<folded>(s[i], ir::convert<dtype_v<folded>>(x[i]), at);
    }
    static void merge(void* states, const void* other, int64 n) {
        state* __restrict s = static_cast<state*>(states);
        const state* __restrict o = static_cast<const state*>(other);
        for (int64 i = 0; i < n; ++i) R::template merge<folded>(s[i], o[i]);
    }
    static void result(const void* from, void* reg) {
        const auto r = R::template result<folded>(*static_cast<const state*>(from));
        const compute_t<To> x = ir::convert<compute_dtype(To)>(r);
        std::memcpy(reg, &x, sizeof x);
    }
};
template <class R, dtype D, dtype To>
inline constexpr fold_ops fold_ops_of = {
    static_cast<int>(sizeof(typename fold_of<R, D, To>::state)),
    fold_of<R, D, To>::init,
    fold_of<R, D, To>::fold,
    fold_of<R, D, To>::step,
    fold_of<R, D, To>::merge,
    fold_of<R, D, To>::result};

/// The fold of one row, tile by tile. Tiles are merged pairwise, so that the error of a sum grows
/// with the logarithm of the row's length.
class tally {
public:
    void clear() { tiles_ = 0; }
    void add(const fold_ops& f, const void* x, int64 n, int64 at) {
        if ((tiles_ & 1) == 0) {
            f.fold(level_[0].bytes, x, n, at);
            ++tiles_;
            return;
        }
        slot s;
        f.fold(s.bytes, x, n, at);
        int l = 0;
        for (; (tiles_ >> l & 1) != 0; ++l) {
            f.merge(level_[l].bytes, s.bytes, 1);
            s = level_[l];
        }
        level_[l] = s;
        ++tiles_;
    }
    void finish(const fold_ops& f, void* reg) {
        if (tiles_ == 1) return f.result(level_[0].bytes, reg);
        slot s;
        f.init(s.bytes, 1);
        bool any = false;
        for (int l = 0; tiles_ >> l != 0; ++l) {
            if ((tiles_ >> l & 1) == 0) continue;
            if (any) f.merge(level_[l].bytes, s.bytes, 1);
            s = level_[l];
            any = true;
        }
        f.result(s.bytes, reg);
    }

private:
    struct slot {
        alignas(state_bytes) std::byte bytes[state_bytes]{};
    };
    slot level_[56];
    uint64 tiles_ = 0;
};

}  // namespace sinter::cpu
