// The bfloat16 matrix product on tensor cores; see matmul.hpp for the shape that both share.
//
// Shared memory holds both operands as rows of 32 elements along k, four chunks of 16 bytes each.
// Chunk c of row r lies at c ^ (r / 2 % 4): eight rows at one chunk (what ldmatrix reads, and what
// eight threads write) then cover all 32 banks once. The operands have equal form, so that one code
// fills both, and neither ldmatrix transposes.
#pragma once

#include "sinter/kernel/matmul_parts.hpp"

namespace sinter::kernel {

#if SINTER_NVCC || SINTER_EMULATOR

/// A block at work on one tile, multiplying in tensor cores.
template <class C, class Sync>
struct mma_work {
    static constexpr int chunk = 8, chunks = tuning::mma_k / chunk;
    static constexpr int tile_size = tuning::mma_m * tuning::mma_k;  // elements of one operand
    static constexpr int per_thread = tuning::mma_m * chunks / tuning::mma_threads;
    static constexpr int warps_n = tuning::mma_n / tuning::mma_warp_n;
    static constexpr int frags_m = tuning::mma_warp_m / 16, frags_n = tuning::mma_warp_n / 8;
    // Products leave in halves of 64 rows. Eight floats more per row put the rows of a fragment
    // into different banks.
    static constexpr int pitch = tuning::mma_n + 8;
    static_assert(tuning::mma_m == tuning::mma_n && tuning::mma_k == 32);
    static constexpr int bytes = tuning::mma_warp_m * pitch * 4 > 4 * tile_size * 2
                                     ? tuning::mma_warp_m* pitch * 4
                                     : 4 * tile_size * 2;
    using tiles = simt::vec<uint32, 4>[bytes / 16];

    const matmul_args<C>& p;
    uint32* memory;  // A, B, the next A, the next B; then products
    ir::registers<C> row;
    product_place<C> here;
    simt::vec<uint32, 4> next[2][per_thread];
    float sum[frags_m * frags_n][4];

    SINTER_DEVICE mma_work(const matmul_args<C>& parameters, uint32* shared)
        : p(parameters), memory(shared), here(p, tuning::mma_m, tuning::mma_n) {}
    // The word at which chunk c of row r begins.
    SINTER_DEVICE static int word(int r, int c) {
        return (r * chunks + (c ^ (r / 2 % chunks))) * (chunk / 2);
    }
    SINTER_DEVICE uint32* tile(int set, int side) const {
        return memory + (2 * set + side) * (tile_size / 2);
    }
    template <int W>
    SINTER_DEVICE void place(int u, int& r, int& c) const {
        const int e = static_cast<int>(simt::tid().x) + u * tuning::mma_threads;
        if (p.along_k[W - ir::side_a]) {
            r = e / chunks;
            c = e % chunks;
        } else {
            r = e % tuning::mma_m;
            c = e / tuning::mma_m;
        }
    }
    template <int W>
    SINTER_DEVICE bfloat16 element(int64 outer, int64 k) const {
        const bool inside = outer < p.a.extent[W == ir::side_a ? 0 : 1] && k < p.a.extent[2];
        if (!inside) return bfloat16::from_bits(0);
        return bfloat16(ir::convert<dtype::f32>(side_element<C, W>(p.a, row, here.at, outer, k)));
    }
    template <int W>
    SINTER_DEVICE simt::vec<uint32, 4> fetch_chunk(int64 outer, int64 k) const {
        if constexpr (side_is_plain<C, W>()) {
            const args<C>& a = p.a;
            if (p.vectors[W - ir::side_a] && outer < a.extent[W == ir::side_a ? 0 : 1] &&
                k + chunk <= a.extent[2]) {
                constexpr int slot = load_slot<C>(side_value<C, W>());
                const int64* stride = a.load[slot].stride;
                const bfloat16* x = static_cast<const bfloat16*>(a.load[slot].data) +
                                    here.at.load[slot] + outer * stride[W == ir::side_a ? 0 : 1] +
                                    k;
                return bits_as<simt::vec<uint32, 4>>(simt::load<chunk>(x));
            }
        }
        simt::vec<uint32, 4> r;
        SINTER_UNROLLED
        for (int e = 0; e < chunk / 2; ++e) {
            r[e] = simt::pack(element<W>(outer, k + 2 * e), element<W>(outer, k + 2 * e + 1));
        }
        return r;
    }
    template <int W>
    SINTER_DEVICE void fetch() {
        SINTER_UNROLLED
        for (int u = 0; u < per_thread; ++u) {
            int r, c;
            place<W>(u, r, c);
            next[W - ir::side_a][u] = fetch_chunk<W>(
                (W == ir::side_a ? here.first_m : here.first_n) + r, here.k + c * chunk);
        }
    }
    template <int W>
    SINTER_DEVICE void put(int set) {
        SINTER_UNROLLED
        for (int u = 0; u < per_thread; ++u) {
            int r, c;
            place<W>(u, r, c);
            simt::store_shared<4>(tile(set, W - ir::side_a) + word(r, c), next[W - ir::side_a][u]);
        }
    }
    SINTER_DEVICE void multiply(int set) {
        const int lane = static_cast<int>(simt::lane()), w = static_cast<int>(simt::warp());
        const int m = w / warps_n * tuning::mma_warp_m, n = w % warps_n * tuning::mma_warp_n;
        const uint32 *a = tile(set, 0), *b = tile(set, 1);
        SINTER_UNROLLED
        for (int k = 0; k < chunks; k += 2) {
            uint32 x[frags_m][4], y[frags_n / 2][4];
            SINTER_UNROLLED
            for (int i = 0; i < frags_m; ++i)
                simt::ldmatrix_x4(x[i], a + word(m + i * 16 + lane % 16, k + lane / 16));
            SINTER_UNROLLED
            for (int j = 0; j < frags_n / 2; ++j) {
                const int r = n + j * 16 + lane % 8 + lane / 16 * 8;
                simt::ldmatrix_x4(y[j], b + word(r, k + lane / 8 % 2));
            }
            SINTER_UNROLLED
            for (int f = 0; f < frags_m * frags_n; ++f) {
                const int i = f / frags_n, j = f % frags_n;
                const uint32 right[2] = {y[j / 2][j % 2 * 2], y[j / 2][j % 2 * 2 + 1]};
                simt::mma_bf16_16816(sum[f], x[i], right);
            }
        }
    }
    SINTER_DEVICE void run() {
        SINTER_UNROLLED
        for (int f = 0; f < 4 * frags_m * frags_n; ++f) sum[f / 4][f % 4] = 0;
        if (p.steps > 0) {
            fetch<ir::side_a>();
            fetch<ir::side_b>();
            put<ir::side_a>(0);
            put<ir::side_b>(0);
            Sync::template block<0>();
        }
        int set = 0;
        SINTER_ROLLED
        for (int64 step = 1; step <= p.steps; ++step) {
            const bool more = step < p.steps;
            if (more) {
                here.next(tuning::mma_k);
                fetch<ir::side_a>();
                fetch<ir::side_b>();
            }
            multiply(set);
            set ^= 1;
            if (more) {
                put<ir::side_a>(set);
                put<ir::side_b>(set);
            }
            Sync::template block<1>();
        }
        SINTER_ROLLED
        for (int half = 0; half < tuning::mma_m / tuning::mma_warp_m; ++half) {
            if (half > 0) Sync::template block<3>();
            finish(half);
        }
    }
    SINTER_DEVICE void finish(int half) {
        float* products = reinterpret_cast<float*>(memory);
        const int lane = static_cast<int>(simt::lane()), w = static_cast<int>(simt::warp());
        if (w / warps_n == half) {
            SINTER_UNROLLED
            for (int f = 0; f < frags_m * frags_n; ++f) {
                const int i = f / frags_n, j = f % frags_n;
                float* at = products + (i * 16 + lane / 4) * pitch +
                            w % warps_n * tuning::mma_warp_n + j * 8 + lane % 4 * 2;
                const float* s = sum[f];
                simt::store_shared<2>(at, simt::vec<float, 2>{{s[0], s[1]}});
                simt::store_shared<2>(at + 8 * pitch, simt::vec<float, 2>{{s[2], s[3]}});
            }
        }
        Sync::template block<2>();
        const offsets<C> from = here.of_batch();
        const int64 top = here.first_m + half * tuning::mma_warp_m;
        SINTER_ROLLED
        for (int e = static_cast<int>(simt::tid().x); e < tuning::mma_warp_m * tuning::mma_n;
             e += tuning::mma_threads) {
            const int r = e / tuning::mma_n, c = e % tuning::mma_n;
            if (top + r < p.a.extent[0] && here.first_n + c < p.a.extent[1])
                finish_product(p,
                               row,
                               from,
                               simt::load_shared<1>(products + r * pitch + c)[0],
                               top + r,
                               here.first_n + c);
        }
    }
};

#endif

}  // namespace sinter::kernel
