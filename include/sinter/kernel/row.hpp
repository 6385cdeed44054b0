// The kernel of a stage whose reductions feed further passes over the same row (softmax, layer
// norm): one block per row, always one launch.
//
// Shape: the threads of a block stride over the row, once per pass. A pass ends with its
// reductions: thread -> warp by shuffles -> shared memory -> every thread merges the warps' states
// in the same order, so that all hold the same bits. Two sets of states take turns, so a reduction
// costs one barrier. A thread meets the same positions of the row in every pass.
//
// Traffic: an array that has a row buffer in shared memory is read from global memory once; without
// one it is read once per pass that needs it (from L1 or L2 where the row fits there). Because
// positions belong to threads, buffers need no barrier. Every result is written once.
#pragma once

#include "sinter/kernel/element.hpp"
#include "sinter/kernel/fold.hpp"
#include "sinter/kernel/sync.hpp"
#include "sinter/kernel/tuning.hpp"

namespace sinter::kernel {

template <class C, int W>
SINTER_HD constexpr int largest_fold_states() {
    int bytes = 0;
    if constexpr (ir::pass<C, W>::folds().count > 0) bytes = sizeof(fold_states<C, W>);
    if constexpr (W + 1 < C::head().passes) {
        const int rest = largest_fold_states<C, W + 1>();
        bytes = rest > bytes ? rest : bytes;
    }
    return bytes;
}
/// Shared memory for the reductions of a block of `warps` warps, in bytes.
template <class C>
SINTER_HD constexpr unsigned row_state_bytes(unsigned warps) {
    return 2 * warps * static_cast<unsigned>(largest_fold_states<C, 0>());
}

/// The row kernel of stage C.
template <class C, class Sync = device_sync>
struct row {
    static constexpr int max_threads = tuning::row_threads, min_blocks = 1;

    args<C> a;
    unsigned buffer_offset[at_least_one(args<C>::loads)];  // in bytes, of the load's row buffer
    unsigned buffer_bytes;                                 // all buffers
    uint64 once;                                           // bit j: store j has one place per row
    bool last_loop;                                        // the last pass has to walk the row
    SINTER_DEVICE void operator()() const;
};

#if SINTER_NVCC || SINTER_EMULATOR

/// A block at work on one row.
template <class C, class Sync>
struct row_work {
    const row<C, Sync>& k;
    unsigned char* states;
    unsigned char* buffers;
    offsets<C> base;
    ir::registers<C> values;  // the row's
    unsigned turn = 0;        // which of the two sets of states is next

    SINTER_DEVICE row_work(const row<C, Sync>& kernel, unsigned char* fold, unsigned char* kept)
        : k(kernel), states(fold), buffers(kept) {}

    template <int W>
    struct load_one {
        const row_work& s;
        ir::registers<C>& v;
        const offsets<C>& o;
        int64 i;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            constexpr int j = element_loads<C, W>().at[K];
            constexpr int slot = load_slot<C>(j);
            using T = loaded_t<C, slot>;
            const args<C>& a = s.k.a;
            if (a.buffer[slot] < 0) {
                v.template at<j>() = read<C, slot, reading::own>(a, o.load[slot]);
                return;
            }
            T* mine = reinterpret_cast<T*>(s.buffers + s.k.buffer_offset[slot]) + i;
            if (a.fills[slot] >> W & 1) {
                const T* p = static_cast<const T*>(a.load[slot].data) + o.load[slot];
                const auto x = simt::load_own<1>(p);
                simt::store_shared<1>(mine, x);
                v.template at<j>() = static_cast<compute_t<dtype_v<T>>>(x[0]);
            } else {
                v.template at<j>() =
                    static_cast<compute_t<dtype_v<T>>>(simt::load_shared<1>(mine)[0]);
            }
        }
    };

    template <int W>
    struct shuffle_states {
        fold_states<C, W>&s, &other;
        int delta;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            other.all.template at<K>() = Sync::template shfl_down<0>(s.all.template at<K>(), delta);
        }
    };

    template <int W>
    SINTER_DEVICE void reduce(fold_states<C, W>& s) {
        using set = fold_states<C, W>;
        for (int delta = simt::warp_size / 2; delta > 0; delta /= 2) {
            set other;
            each<set::count()>(shuffle_states<W>{s, other, delta});
            s.merge(other);
        }
        const unsigned warps = simt::bdim().x / simt::warp_size;
        set* all = reinterpret_cast<set*>(states + turn * (row_state_bytes<C>(warps) / 2));
        turn ^= 1U;
        if (simt::lane() == 0) all[simt::warp()] = s;
        Sync::template block<0>();
        s = all[0];
        SINTER_ROLLED
        for (unsigned w = 1; w < warps; ++w) {
            set next = all[w];
            s.merge(next);
        }
        s.finish(values);
    }

    /// Walks the row for pass W; what it completes is in `values` afterwards.
    template <int W>
    SINTER_DEVICE void run() {
        using pass = ir::pass<C, W>;
        constexpr bool folds = pass::folds().count > 0, last = W + 1 == C::head().passes;
        take_row_values<C, W, reading::own>(values, k.a, base);
        if constexpr (folds) {
            fold_states<C, W> s;
            s.clear();
            walk<W>(s);
            reduce<W>(s);
        } else if constexpr (last) {
            if (k.last_loop) {
                no_states s;
                walk<W>(s);
            }
            if (simt::tid().x == 0)
                store_values<C, W, which::per_row>(values, values, k.a, base, ~k.once);
        }
    }
    struct no_states {
        SINTER_DEVICE void step(const ir::registers<C>&, const ir::registers<C>&, int64) {}
    };
    template <int W, class States>
    SINTER_DEVICE void walk(States& s) {
        const args<C>& a = k.a;
        for (int64 i = simt::tid().x; i < a.row_length; i += simt::bdim().x) {
            offsets<C> o = base;
            if (a.row_rank <= 1) {
                move(o, a, a.outer_rank, i);
            } else {
                locate(o, a, a.outer_rank, a.outer_rank + a.row_rank, i);
            }
            ir::registers<C> v;
            each<element_loads<C, W>().count>(load_one<W>{*this, v, o, i});
            ir::pass<C, W>::compute(v, values, a.functors);
            s.step(v, values, i);
            if constexpr (W + 1 == C::head().passes)
                store_values<C, W, which::all>(v, values, a, o, k.once);
        }
    }
    struct run_pass {
        row_work& s;
        template <int W>
        SINTER_DEVICE void operator()(number<W>) const {
            s.template run<W>();
        }
    };
};

template <class C, class Sync>
SINTER_DEVICE void row<C, Sync>::operator()() const {
    static_assert(C::head().passes >= 2 && C::head().core < 0);
    simt::carver cut;
    const unsigned warps = simt::bdim().x / simt::warp_size;
    unsigned char* states = cut.take<unsigned char>(row_state_bytes<C>(warps));
    unsigned char* buffers = states;
    if (buffer_bytes > 0) buffers = cut.take<unsigned char>(buffer_bytes);
    row_work<C, Sync> work(*this, states, buffers);
    take_scalars(work.values, a);
    SINTER_ROLLED
    for (int64 r = simt::bid().x; r < a.rows; r += simt::gdim().x) {
        work.base = no_offsets<C>();
        locate(work.base, a, 0, a.outer_rank, r);
        each<C::head().passes>(typename row_work<C, Sync>::run_pass{work});
    }
}

#endif

}  // namespace sinter::kernel
