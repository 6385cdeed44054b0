// Kernels with one defect each, chosen by a number: 0 is the correct twin.
#pragma once

#include <stdexcept>

#include "support.hpp"

namespace emulator_test {

// ---- Shared memory and barriers: the sum of a block of 256, in every thread, twice

enum class sum_bug {
    none,
    no_barrier_before_read,
    no_barrier_before_reuse,
    array_too_small,
    index_off_by_one,
    divergent_barrier,
    early_return,
    different_barriers
};
template <sum_bug Bug>
struct block_sum {
    static constexpr int max_threads = 256, min_blocks = 1;
    const float* x;
    float* y;
    int n;

    float sum(float v) const {
        constexpr int slots = Bug == sum_bug::array_too_small ? 7 : 8;
        float(&part)[slots] = simt::shared<float[slots], struct part_tag>();
        for (int d = 16; d != 0; d /= 2) v += simt::shfl_xor(v, d);
        const unsigned w = simt::warp() + (Bug == sum_bug::index_off_by_one ? 1 : 0);
        if (simt::lane() == 0) simt::store_shared<1>(part + w, simt::vec<float, 1>{{v}});
        if constexpr (Bug != sum_bug::no_barrier_before_read) simt::sync_block();
        float total = 0;
        for (unsigned i = 0; i < 8; ++i) total += *(part + i);
        if constexpr (Bug != sum_bug::no_barrier_before_reuse) simt::sync_block();
        return total;
    }
    void operator()() const {
        const int t = int(simt::tid().x), at = int(simt::bid().x) * 256 + t;
        float v = t < n ? simt::load<1>(x + at)[0] : 0.0F;
        v += sum(v);
        if constexpr (Bug == sum_bug::early_return) {
            if (t >= n) return;
        }
        if constexpr (Bug == sum_bug::divergent_barrier) {
            if (t < n) simt::sync_block();
        }
        if constexpr (Bug == sum_bug::different_barriers) {
            if (t < n) {
                simt::sync_block();
            } else {
                simt::sync_block();
            }
        }
        simt::store<1>(y + at, simt::vec<float, 1>{{sum(v)}});
    }
};

// ---- Warps: a transpose through shared memory

enum class transpose_bug { none, no_sync, shuffle_for_sync };
template <transpose_bug Bug>
struct warp_transpose {
    static constexpr int max_threads = 64, min_blocks = 1;
    const float* x;
    float* y;
    void operator()() const {
        float(&tile)[2][32][33] = simt::shared<float[2][32][33], struct tile_tag>();
        const unsigned w = simt::warp(), l = simt::lane();
        const std::size_t at = (std::size_t(simt::bid().x) * 2 + w) * 1024;
        for (unsigned r = 0; r < 32; ++r) tile[w][r][l] = simt::load<1>(x + at + r * 32 + l)[0];
        if constexpr (Bug == transpose_bug::none) simt::sync_warp();
        if constexpr (Bug == transpose_bug::shuffle_for_sync) (void)simt::shfl(0, 0);
        for (unsigned r = 0; r < 32; ++r)
            simt::store<1>(y + at + r * 32 + l, simt::vec<float, 1>{{tile[w][l][r]}});
    }
};

// ---- Global memory: y = 2x by vectors, tails included; a sum over the grid

enum class map_bug {
    none,
    over_the_tail,
    reads_past_end,
    misaligned,
    missing_block_offset,
    reads_own_result
};
template <map_bug Bug>
struct double_all {
    static constexpr int max_threads = 64, min_blocks = 1;
    const float* x;
    float* y;
    int n;
    void operator()() const {
        constexpr int shift = Bug == map_bug::misaligned ? 1 : 0;
        const int block = Bug == map_bug::missing_block_offset ? 0 : int(simt::bid().x);
        const int at = (block * 64 + int(simt::tid().x)) * 4;
        if (Bug == map_bug::over_the_tail ? at < n : at + 4 <= n) {
            auto v = Bug == map_bug::over_the_tail ? simt::vec<float, 4>{}
                                                   : simt::load<4>(x + at + shift);
            for (int i = 0; i < 4; ++i) v[i] *= 2;
            simt::store<4>(y + at, v);
            if constexpr (Bug == map_bug::reads_own_result)
                simt::store<4>(y + at, simt::load<4>(y + at));
        } else {
            for (int i = at; i < n; ++i) {
                const float v = simt::load<1>(x + i + (Bug == map_bug::reads_past_end ? 3 : 0))[0];
                simt::store<1>(y + i, simt::vec<float, 1>{{2 * v}});
            }
        }
    }
};
template <bool Atomic>
struct grid_count {
    static constexpr int max_threads = 64, min_blocks = 1;
    float* out;
    void operator()() const {
        if (simt::lane() != 0) return;
        if constexpr (Atomic)
            simt::atomic_add(out, 1.0F);
        else
            *out += 1.0F;
    }
};
template <bool Written>
struct reads_unwritten {
    static constexpr int max_threads = 64, min_blocks = 1;
    float* y;
    void operator()() const {
        float(&s)[65] = simt::shared<float[65], struct unwritten_tag>();
        const unsigned t = simt::tid().x;
        s[t] = float(t);
        if (Written && t == 0) s[64] = 64.0F;
        simt::sync_block();
        simt::store<1>(y + t, simt::vec<float, 1>{{s[t + 1]}});
    }
};

// ---- Ticket and fence: the last block adds the partial sums of all blocks

enum class ticket_bug {
    none,
    fence_before_barrier,  // correct as well: every thread fences, then the barrier, then the
                           // ticket
    fence_by_reader,       // correct as well: the fence of the reading side before the barrier
    drawn_by_other,        // correct as well: one thread stores and fences, another draws
    drawn_in_warp,         // the same behind a warp barrier
    fence_by_one,
    no_fence,
    no_fence_after,
    no_atomic,
    no_barrier_before,
    no_barrier_after,
    read_only_load
};
template <ticket_bug Bug>
struct ticket_sum {
    static constexpr int max_threads = 64, min_blocks = 1;
    float *partial, *out;
    unsigned* counter;

    unsigned draw() const {
        const unsigned last = simt::gdim().x - 1;
        if constexpr (Bug == ticket_bug::no_atomic) {
            const unsigned old = *counter;
            *counter = old == last ? 0 : old + 1;
            return old;
        }
        return simt::atomic_inc(counter, last);
    }
    float read(const float* p) const {
        if constexpr (Bug == ticket_bug::read_only_load) return simt::load<1>(p)[0];
        return simt::load_coherent<1>(p)[0];
    }
    void operator()() const {
        constexpr bool early = Bug == ticket_bug::fence_before_barrier;
        unsigned& ticket = simt::shared<unsigned, struct ticket_tag>();
        const unsigned t = simt::tid().x, blocks = simt::gdim().x;
        constexpr bool in_warp = Bug == ticket_bug::drawn_in_warp;
        constexpr bool by_other = in_warp || Bug == ticket_bug::drawn_by_other;
        constexpr bool by_one = by_other || Bug == ticket_bug::fence_by_one;
        float* own = partial + simt::bid().x * 64;
        if constexpr (by_other) {
            for (unsigned i = 0; t == 0 && i < 64; ++i)
                simt::store<1>(own + i, simt::vec<float, 1>{{float(i)}});
        } else {
            simt::store<1>(own + t, simt::vec<float, 1>{{float(t)}});
        }
        if constexpr (early) simt::fence();
        if (by_one && t == 0) simt::fence();
        if constexpr (in_warp) simt::sync_warp();
        if constexpr (Bug != ticket_bug::no_barrier_before && !in_warp) simt::sync_block();
        if (t == (in_warp ? 5U : by_other ? 40U : 0U)) {
            if constexpr (Bug != ticket_bug::no_fence && !early && !by_one) simt::fence();
            ticket = draw();
            if constexpr (Bug == ticket_bug::fence_by_reader) simt::fence();
        }
        if constexpr (Bug != ticket_bug::no_barrier_after) simt::sync_block();
        if (ticket != blocks - 1) return;
        if constexpr (Bug != ticket_bug::no_fence_after && Bug != ticket_bug::fence_by_reader)
            simt::fence();
        float sum = 0;
        for (unsigned b = 0; b < blocks; ++b) sum += read(partial + b * 64 + (t + 1) % 64);
        simt::store<1>(out + t, simt::vec<float, 1>{{sum}});
    }
};

// ---- Blocks that wait for one another: each passes its value on, several rounds, two buffers

enum class round_bug {
    none,
    no_fence,
    no_fence_after,
    no_wait,
    waits_too_little,
    no_barrier_after,
    one_buffer,
    read_only_load,
    one_never_arrives,
    not_cooperative
};
template <round_bug Bug>
struct pass_round {
    static constexpr int max_threads = 64, min_blocks = 1;
    float *slot, *out;  // two slots for each block
    unsigned* counter;

    void meet(unsigned round) const {
        const unsigned blocks = simt::gdim().x;
        if (simt::tid().x == 0) {
            if constexpr (Bug != round_bug::no_fence) simt::fence();
            if (Bug != round_bug::one_never_arrives || simt::bid().x != 1 || round != 2)
                simt::atomic_add(counter, 1U);
            const unsigned early = Bug == round_bug::waits_too_little ? 1U : 0U;
            if constexpr (Bug != round_bug::no_wait)
                simt::wait_until(counter, (round + 1) * blocks - early);
            if constexpr (Bug != round_bug::no_fence_after) simt::fence();
        }
        if constexpr (Bug != round_bug::no_barrier_after) simt::sync_block();
    }
    float read(const float* p) const {
        if constexpr (Bug == round_bug::read_only_load) return simt::load<1>(p)[0];
        return simt::load_coherent<1>(p)[0];
    }
    void operator()() const {
        const unsigned blocks = simt::gdim().x, b = simt::bid().x;
        float mine = float(b);
        for (unsigned round = 0; round < 4; ++round) {
            float* to = slot + (Bug == round_bug::one_buffer ? 0 : round % 2 * blocks);
            if (simt::tid().x == 0) simt::store<1>(to + b, simt::vec<float, 1>{{mine}});
            meet(round);
            mine = read(to + (b + 1) % blocks) + 1.0F;
            simt::sync_block();
        }
        simt::store<1>(out + b * 64 + simt::tid().x, simt::vec<float, 1>{{mine}});
    }
};

// ---- Asynchronous copies: a pipeline of three stages that sums tiles of 256

enum class pipeline_bug {
    none,
    no_barrier,
    no_wait,
    waits_too_little,
    prefetch_before_barrier,
    never_waits_for_last,
    reads_past_end,
    wrong_swizzle
};
template <pipeline_bug Bug>
struct pipeline {
    static constexpr int max_threads = 64, min_blocks = 1;
    const float* x;
    float* y;
    int tiles;

    void prefetch(float (*s)[256], int tile) const {
        const int t = int(simt::tid().x);
        const int limit = Bug == pipeline_bug::reads_past_end ? tiles + 1 : tiles;
        const int chunk = Bug == pipeline_bug::wrong_swizzle ? t ^ 1 : t;
        if (tile < limit) simt::cp_async<16>(&s[tile % 3][chunk * 4], x + tile * 256 + t * 4);
        simt::cp_async_commit();
    }
    void operator()() const {
        float(&s)[3][256] = simt::shared<float[3][256], struct stage_tag>();
        const int t = int(simt::tid().x);
        float sum = 0;
        prefetch(s, 0);
        prefetch(s, 1);
        for (int i = 0; i < tiles; ++i) {
            if constexpr (Bug == pipeline_bug::prefetch_before_barrier) prefetch(s, i + 2);
            constexpr int pending = Bug == pipeline_bug::waits_too_little ? 2 : 1;
            if constexpr (Bug != pipeline_bug::no_wait) simt::cp_async_wait<pending>();
            if constexpr (Bug != pipeline_bug::no_barrier) simt::sync_block();
            if constexpr (Bug != pipeline_bug::prefetch_before_barrier) prefetch(s, i + 2);
            for (int k = 0; k < 4; ++k) sum += s[i % 3][(t * 4 + 4 + k) % 256] * float(i + 1);
        }
        if constexpr (Bug == pipeline_bug::never_waits_for_last) {
            simt::sync_block();
            simt::cp_async<16>(&s[0][t * 4], x + t * 4);
            simt::cp_async_commit();
        } else {
            simt::cp_async_wait<0>();
        }
        simt::store<1>(y + t, simt::vec<float, 1>{{sum}});
    }
};

// ---- One short kernel for each rule that the engine checks itself. F runs in every thread.

template <class F>
struct one_rule {
    static constexpr int max_threads = 64, min_blocks = 1;
    float* y;
    F rule;
    void operator()() const {
        float(&s)[64] = simt::shared<float[64], F>();
        s[simt::tid().x] = 1.0F;
        simt::sync_block();
        rule(y, s);
    }
};

}  // namespace emulator_test
