// The kernel of a stage around one matrix product: prologue on both operands, product, epilogue.
//
// Shape: a block computes one tile of the result, or its part of the sums of one: where tiles are
// few and sums long, several blocks share a tile, and the last of them adds what they found in a
// fixed order. Tiles of the operands pass through shared memory in two sets: while one is
// multiplied, the elements of the next are on their way to registers (and through the prologue), so
// one barrier per step along k is enough. float, double and int64 multiply in registers, bfloat16
// and half in tensor cores (matmul_mma.hpp) with float sums. The products go through shared memory
// once more, so that the epilogue is code for one element in a loop (not one copy per register) and
// neighbouring threads touch neighbouring columns.
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
    // A second block on a processor would take 128 registers per thread: large tiles spill there.
    static constexpr int min_blocks = 1;

    matmul_args<C> p;
    SINTER_DEVICE void operator()() const;
};

#if SINTER_NVCC || SINTER_EMULATOR

/// A block at work on one tile, multiplying in registers. A thread has four rows and four columns
/// of every square of 64 x 64 results.
template <class C, class Sync, class Tile>
struct tile_work {
    using T = product_t<C>;
    static constexpr int side = Tile::side, tile_k = Tile::k, squares = side / 64;
    static constexpr int pitch = side + tuning::tile_padding;
    static constexpr int tile_size = tile_k * pitch;
    static constexpr int per_thread = side * tile_k / tuning::tile_threads;
    // Products leave in as many rows at once as the tiles' memory holds.
    static constexpr int rows_at_once = 4096 / side;
    static_assert(4 * tile_size >= rows_at_once * side && 64 % rows_at_once == 0);
    // Large tiles are taken where they fill the device: then none is shared.
    static constexpr bool may_be_shared = side == tuning::small_tile::side;
    // Room for the states of the epilogue's reductions, for large tiles where there are such.
    static constexpr int most = has_large_tiles<C>() ? tuning::large_tile::side : side;
    static constexpr int room =
        folds_of_tile<C, Sync, most, most, tuning::tile_threads>::bytes / int(4 * sizeof(T));
    using tiles = simt::vec<T, 4>[tile_size + room];
    using folds_type = typename folds_of_tile<C, Sync, side, side, tuning::tile_threads>::type;

    const matmul_args<C>& p;
    T* memory;  // A, B, the next A, the next B: k by rows
    ir::registers<C> row;
    product_place<C, side, side, tile_k> here;
    T next[2][per_thread];
    T sum[4 * squares][4 * squares];

    SINTER_DEVICE tile_work(const matmul_args<C>& parameters, T* shared)
        : p(parameters), memory(shared), here(p) {}
    // Element `u` of this thread: neighbouring threads are neighbours in memory. Along k they form
    // sectors of 32 bytes, because a whole warp along k would write one bank of a tile.
    template <int W>
    SINTER_DEVICE void place(int u, int& outer, int& k) const {
        constexpr int run = 32 / static_cast<int>(sizeof(T));
        const int e = static_cast<int>(simt::tid().x) + u * tuning::tile_threads;
        if (p.along_k[W - ir::side_a]) {
            outer = e / run % side;
            k = e / (run * side) * run + e % run;
        } else {
            outer = e % side;
            k = e / side;
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
        const int64 first = W == ir::side_a ? here.first_m() : here.first_n();
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
        const T* a = memory + 2 * set * tile_size + t / 16 * 4;
        const T* b = memory + (2 * set + 1) * tile_size + t % 16 * 4;
        SINTER_ROLLED
        for (int k = 0; k < tile_k; ++k) {
            simt::vec<T, 4> x[squares], y[squares];
            SINTER_UNROLLED
            for (int s = 0; s < squares; ++s) {
                x[s] = simt::load_shared<4>(a + k * pitch + s * 64);
                y[s] = simt::load_shared<4>(b + k * pitch + s * 64);
            }
            SINTER_UNROLLED
            for (int i = 0; i < 4 * squares; ++i) {
                SINTER_UNROLLED
                for (int j = 0; j < 4 * squares; ++j)
                    sum[i][j] = ir::op::add::value(
                        sum[i][j], ir::op::mul::value(x[i / 4][i % 4], y[j / 4][j % 4]));
            }
        }
    }
    SINTER_DEVICE void run() {
        folds_type folds(here, memory + 4 * tile_size);
        run_products<C, Sync>(*this, folds, memory);
    }
    SINTER_DEVICE void one_product(folds_type& folds) {
        SINTER_UNROLLED
        for (int i = 0; i < 4 * squares; ++i) {
            SINTER_UNROLLED
            for (int j = 0; j < 4 * squares; ++j) sum[i][j] = T(0);
        }
        const int64 steps = here.steps();
        int set = 0;
        // The first time round nothing is there to multiply: so the code of a prologue, which is
        // long, stands here once.
        SINTER_ROLLED
        for (int64 step = 0; step <= steps; ++step) {
            const bool more = step < steps;
            if (more) {
                if (step > 0) here.next();
                fetch<ir::side_a>();
                fetch<ir::side_b>();
            }
            if (step > 0) {
                multiply(set);
                set ^= 1;
            }
            if (more) {
                put<ir::side_a>(set);
                put<ir::side_b>(set);
            }
            Sync::template block<1>();
        }
        const offsets<C> from = here.of_batch();
        SINTER_ROLLED
        for (int top = 0; top < side; top += rows_at_once) {
            if (top > 0) Sync::template block<3>();
            finish(top, from, folds);
        }
        if constexpr (may_be_shared)
            if (p.splits > 1) finish_shared<Sync>(here, row, from, folds, memory);
    }
    // Rows [top, top + rows_at_once) of the tile.
    SINTER_DEVICE void finish(int top, const offsets<C>& from, folds_type& folds) {
        const args<C>& a = p.a;
        const int t = static_cast<int>(simt::tid().x);
        SINTER_UNROLLED
        for (int i = 0; i < 4 * squares; ++i) {
            const int r = i / 4 * 64 + t / 16 * 4 + i % 4 - top;
            if (r < 0 || r >= rows_at_once) continue;
            SINTER_UNROLLED
            for (int s = 0; s < squares; ++s) {
                const T* x = sum[i] + 4 * s;
                simt::store_shared<4>(memory + r * side + s * 64 + t % 16 * 4,
                                      simt::vec<T, 4>{{x[0], x[1], x[2], x[3]}});
            }
        }
        Sync::template block<2>();
        SINTER_ROLLED
        for (int e = t; e < rows_at_once * side; e += tuning::tile_threads) {
            const int64 i = here.first_m() + top + e / side, j = here.first_n() + e % side;
            if constexpr (has_folds<C>()) {
                if (!may_be_shared || p.splits == 1) {
                    const known_product<T> product{simt::load_shared<1>(memory + e)[0]};
                    fold_product(p, row, from, product, i, j, top + e / side, e % side, folds);
                    continue;
                }
            }
            if (i >= a.extent[0] || j >= a.extent[1]) continue;
            const auto product = simt::load_shared<1>(memory + e);
            if (may_be_shared && p.splits > 1)
                simt::store<1>(here.partials(here.split()) + top * side + e, product);
            else
                finish_product(p, row, from, product[0], i, j);
        }
    }
};

/// Runs a block of stage C as `Work`, in the memory that its variants share.
template <class C, class Work, class Memory>
SINTER_DEVICE void work_on_tile(const matmul_args<C>& p, Memory& memory) {
    static_assert(sizeof(typename Work::tiles) <= sizeof(Memory));
    Work work(p, &memory[0][0]);
    take_scalars(work.row, p.a);
    if (!p.row_varies) take_row_values<C, 0, reading::own>(work.row, p.a, no_offsets<C>());
    work.run();
}

template <class C, class Sync>
SINTER_DEVICE void matmul<C, Sync>::operator()() const {
    static_assert(C::head().passes <= 2 && C::head().core >= 0);
    if constexpr (uses_tensor_cores<C>()) {
        using work = mma_work<C, Sync>;
        work_on_tile<C, work>(p, simt::shared<typename work::tiles, work>());
    } else {
        using work = tile_work<C, Sync, tuning::small_tile>;
        auto& memory = simt::shared<typename work::tiles, work>();
        if constexpr (has_large_tiles<C>()) {
            if (p.large) return work_on_tile<C, tile_work<C, Sync, tuning::large_tile>>(p, memory);
        }
        work_on_tile<C, work>(p, memory);
    }
}

#endif

}  // namespace sinter::kernel
