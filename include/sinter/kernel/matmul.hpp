// The kernel of a stage around one matrix product: prologue on both operands, product, epilogue.
//
// Shape: a block computes one tile of the result. Tiles of the operands pass through shared memory
// in two sets: while one is multiplied, the elements of the next are on their way to registers (and
// through the prologue), so one barrier per step along k is enough. float, double and int64
// multiply in registers, bfloat16 and half in tensor cores (matmul_mma.hpp) with float sums. The
// products go through shared memory once more, so that the epilogue is code for one element in a
// loop (not one copy per register) and neighbouring threads touch neighbouring columns.
//
// Traffic: every element of A is read once per column of tiles, of B once per row of tiles;
// operands of the epilogue and results once. The prologue runs as often as its element is read. Any
// strides do: where neither k nor the rows of an operand are contiguous, loads are not coalesced.
#pragma once

#include "sinter/kernel/matmul_mma.hpp"
#include "sinter/kernel/matmul_parts.hpp"

namespace sinter::kernel {

/// The matrix product kernel of stage C.
template <class C, class Sync = device_sync>
struct matmul {
    static constexpr int max_threads =
        uses_tensor_cores<C>() ? tuning::mma_threads : tuning::tile_threads;
    static constexpr int min_blocks = 1;

    matmul_args<C> p;
    SINTER_DEVICE void operator()() const;
};

#if SINTER_NVCC || SINTER_EMULATOR

/// A block at work on one tile, multiplying in registers.
template <class C, class Sync>
struct tile_work {
    using T = product_t<C>;
    static constexpr int pitch = tuning::tile_m + tuning::tile_padding;
    static constexpr int tile_size = tuning::tile_k * pitch;
    static constexpr int per_thread = tuning::tile_m * tuning::tile_k / tuning::tile_threads;
    static_assert(tuning::tile_m == tuning::tile_n);
    static_assert(4 * tile_size >= tuning::tile_m * tuning::tile_n);
    using tiles = simt::vec<T, 4>[4 * tile_size / 4];

    const matmul_args<C>& p;
    T* memory;  // A, B, the next A, the next B: k by rows
    ir::registers<C> row;
    product_place<C> here;
    T next[2][per_thread];
    T sum[tuning::thread_m][tuning::thread_n];

    SINTER_DEVICE tile_work(const matmul_args<C>& parameters, T* shared)
        : p(parameters), memory(shared), here(p, tuning::tile_m, tuning::tile_n) {}
    // Element `u` of this thread: neighbouring threads are neighbours in memory. Along k they form
    // sectors of 32 bytes, because a whole warp along k would write one bank of a tile.
    template <int W>
    SINTER_DEVICE void place(int u, int& outer, int& k) const {
        constexpr int run = 32 / static_cast<int>(sizeof(T));
        const int e = static_cast<int>(simt::tid().x) + u * tuning::tile_threads;
        if (p.along_k[W - ir::side_a]) {
            outer = e / run % tuning::tile_m;
            k = e / (run * tuning::tile_m) * run + e % run;
        } else {
            outer = e % tuning::tile_m;
            k = e / tuning::tile_m;
        }
    }
    // The type of a product is that of its operands: what a prologue computes for a half is
    // rounded, as the host and tensor cores do; what memory holds needs no rounding.
    template <int W>
    SINTER_HD static constexpr dtype side_type() {
        return C::at(side_value<C, W>()).h == ir::how::load ? dtype_v<T>
                                                            : C::at(C::head().core).type;
    }
    template <int W>
    SINTER_DEVICE void fetch() {
        const args<C>& a = p.a;
        const int64 first = W == ir::side_a ? here.first_m : here.first_n;
        const int64 extent = a.extent[W == ir::side_a ? 0 : 1];
        SINTER_UNROLLED
        for (int u = 0; u < per_thread; ++u) {
            int outer, k;
            place<W>(u, outer, k);
            T x = T(0);  // beyond the edge: adds nothing, whatever the prologue makes of a zero
            if (first + outer < extent && here.k + k < a.extent[2]) {
                x = ir::convert<side_type<W>()>(
                    side_element<C, W>(a, row, here.at, first + outer, here.k + k));
            }
            next[W - ir::side_a][u] = x;
        }
    }
    template <int W>
    SINTER_DEVICE void put(int set) {
        T* tile = memory + (2 * set + (W - ir::side_a)) * tile_size;
        SINTER_UNROLLED
        for (int u = 0; u < per_thread; ++u) {
            int outer, k;
            place<W>(u, outer, k);
            simt::store_shared<1>(tile + k * pitch + outer,
                                  simt::vec<T, 1>{{next[W - ir::side_a][u]}});
        }
    }
    SINTER_DEVICE void multiply(int set) {
        const int t = static_cast<int>(simt::tid().x);
        const T* a = memory + 2 * set * tile_size + t / 16 * tuning::thread_m;
        const T* b = memory + (2 * set + 1) * tile_size + t % 16 * tuning::thread_n;
        for (int k = 0; k < tuning::tile_k; ++k) {
            const auto x = simt::load_shared<4>(a + k * pitch);
            const auto y = simt::load_shared<4>(b + k * pitch);
            SINTER_UNROLLED
            for (int i = 0; i < tuning::thread_m; ++i) {
                SINTER_UNROLLED
                for (int j = 0; j < tuning::thread_n; ++j)
                    sum[i][j] = ir::op::add::value(sum[i][j], ir::op::mul::value(x[i], y[j]));
            }
        }
    }
    SINTER_DEVICE void run() {
        SINTER_UNROLLED
        for (int i = 0; i < tuning::thread_m; ++i) {
            SINTER_UNROLLED
            for (int j = 0; j < tuning::thread_n; ++j) sum[i][j] = T(0);
        }
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
                here.next(tuning::tile_k);
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
        finish();
    }
    SINTER_DEVICE void finish() {
        const args<C>& a = p.a;
        const int t = static_cast<int>(simt::tid().x);
        SINTER_UNROLLED
        for (int i = 0; i < tuning::thread_m; ++i) {
            T* at = memory + (t / 16 * tuning::thread_m + i) * tuning::tile_n +
                    t % 16 * tuning::thread_n;
            simt::store_shared<4>(at,
                                  simt::vec<T, 4>{{sum[i][0], sum[i][1], sum[i][2], sum[i][3]}});
        }
        Sync::template block<2>();
        const offsets<C> from = here.of_batch();
        SINTER_ROLLED
        for (int e = t; e < tuning::tile_m * tuning::tile_n; e += tuning::tile_threads) {
            const int64 i = here.first_m + e / tuning::tile_n;
            const int64 j = here.first_n + e % tuning::tile_n;
            if (i < a.extent[0] && j < a.extent[1])
                finish_product(p, row, from, simt::load_shared<1>(memory + e)[0], i, j);
        }
    }
};

template <class C, class Sync>
SINTER_DEVICE void matmul<C, Sync>::operator()() const {
    static_assert(C::head().passes == 1 && C::head().core >= 0);
    using work_type = select_t<uses_tensor_cores<C>(), mma_work<C, Sync>, tile_work<C, Sync>>;
    auto& memory = simt::shared<typename work_type::tiles, work_type>();
    work_type work(p, &memory[0][0]);
    take_scalars(work.row, p.a);
    if (!p.row_varies) take_row_values<C, 0, reading::own>(work.row, p.a, no_offsets<C>());
    work.run();
}

#endif

}  // namespace sinter::kernel
