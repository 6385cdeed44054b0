// The matrix product on tensor cores: of bfloat16 or half, of float rounded to tf32 where that is
// allowed, of 8-bit integers. See matmul.hpp for the shape that all products share.
//
// Tiles of both operands pass through a ring in shared memory: while one is multiplied, the next
// ones are on their way, so a step along k costs one barrier. What lies in memory as it is wanted
// is copied there by cp.async, 16 bytes at a time, past the registers; what a prologue computes, or
// is not aligned, takes its way through registers into the same places.
//
// A tile lies in shared memory as its operand lies in global memory, so that both are accessed in
// chunks of 16 bytes. Along k: rows of 64 bytes along k, four chunks each; chunk c of row r lies at
// c ^ (r / 2 % 4). Across: rows of 128 elements at one k; of 16-bit floats chunk c of row k lies at
// c ^ (k % 8), and ldmatrix transposes. Either way the eight chunks that ldmatrix reads, and those
// that eight threads write, cover all 32 banks once. ldmatrix cannot transpose elements of other
// sizes: floats that lie across are read one by one, from chunk c ^ (k % 4 * 2), so that a
// fragment's four k have different banks; bytes that lie across are turned round on their way and
// lie along k: a thread loads 8 bytes of four rows, permutes them to eight words along k, and
// stores these in such an order that the 32 words of a warp have different banks. Where an array
// does not lie so, or is computed, bytes are gathered one by one.
#pragma once

#include "sinter/kernel/matmul_parts.hpp"

namespace sinter::kernel {

#if SINTER_NVCC || SINTER_EMULATOR

/// A block at work on one tile, multiplying in tensor cores.
template <class C, class Sync>
struct mma_work {
    using A = side_t<C, ir::side_a>;
    using B = side_t<C, ir::side_b>;
    using T = product_t<C>;
    static constexpr int size = static_cast<int>(sizeof(A)), in_word = 4 / size;
    static constexpr int tile_k = mma_k<C>(), chunk = mma_chunk<C>(), chunks = tile_k / chunk;
    static constexpr int stages = tuning::mma_stages;
    static constexpr int tile_words = tuning::mma_m * tuning::mma_row_bytes / 4;  // of one operand
    static constexpr int per_thread = tuning::mma_m * chunks / tuning::mma_threads;
    static constexpr int warps_n = tuning::mma_n / tuning::mma_warp_n;
    static constexpr int frags_m = tuning::mma_warp_m / 16, frags_n = tuning::mma_warp_n / 8;
    // Products leave in halves of 64 rows. Eight words more per row put the rows of a fragment
    // into different banks.
    static constexpr int pitch = tuning::mma_n + 8;
    static_assert(tuning::mma_m == tuning::mma_n && chunks == 4 && sizeof(A) == sizeof(B));
    static_assert(same_v<T, simt::mma_sum_t<A>>);
    static_assert(tuning::mma_warp_m * pitch <= 2 * stages * tile_words);
    using tiles = simt::vec<uint32, 4>[2 * stages * tile_words / 4];
    using words = simt::vec<uint32, 4>;
    // States of the epilogue's reductions lie behind the products.
    using folding = folds_of_tile<C, Sync, tuning::mma_m, tuning::mma_n, tuning::mma_threads>;
    using folds_type = typename folding::type;
    static constexpr int products = tuning::mma_warp_m * pitch;
    static_assert(products * 4 + folding::bytes <= int(sizeof(tiles)));

    const matmul_args<C>& p;
    uint32* memory;  // A and B of each stage; then products
    ir::registers<C> row;
    product_place<C, tuning::mma_m, tuning::mma_n, tile_k> here;
    words next[2][per_thread];
    T sum[frags_m * frags_n][4];

    SINTER_DEVICE mma_work(const matmul_args<C>& parameters, uint32* shared)
        : p(parameters), memory(shared), here(p) {}
    SINTER_DEVICE uint32* tile(int stage, int side) const {
        return memory + (2 * stage + side) * tile_words;
    }
    // True where the tile of side W has rows along k.
    template <int W>
    SINTER_DEVICE bool lies_along() const {
        return size == 1 || p.along_k[W - ir::side_a];
    }
    // Chunk u of this thread: where it begins in the tile, and its word in shared memory.
    // Neighbouring threads are neighbours in global memory.
    template <int W>
    SINTER_DEVICE int place(int u, int& outer, int& k) const {
        const int e = static_cast<int>(simt::tid().x) + u * tuning::mma_threads;
        if (lies_along<W>()) {
            const bool gathers = size == 1 && !p.along_k[W - ir::side_a];
            const int c = gathers ? e / tuning::mma_m : e % chunks;
            outer = gathers ? e % tuning::mma_m : e / chunks;
            k = c * chunk;
            return word_along(outer, c);
        }
        constexpr int across = tuning::mma_m / chunk;
        k = e / across;
        outer = e % across * chunk;
        return word_across(k, e % across);
    }
    SINTER_DEVICE static int word_along(int r, int c) {
        return (r * chunks + (c ^ (r / 2 % chunks))) * 4;
    }
    SINTER_DEVICE static int word_across(int k, int c) {
        const int swizzle = size == 2 ? k % 8 : k % 4 * 2;
        return (k * (tuning::mma_m / chunk) + (c ^ swizzle)) * 4;
    }
    // The bits of an element, in the low end of a word.
    template <int W>
    SINTER_DEVICE uint32 element(int64 outer, int64 k) const {
        const bool inside = outer < p.a.extent[W == ir::side_a ? 0 : 1] && k < p.a.extent[2];
        if (!inside) return 0;
        const auto x = side_element<C, W>(p.a, row, here.at, outer, k);
        using S = side_t<C, W>;
        if constexpr (size == 1) {
            return static_cast<uint8>(static_cast<S>(x));
        } else if constexpr (size == 2) {
            return S(ir::convert<dtype::f32>(x)).bits;
        } else {
            return bits_as<uint32>(x);
        }
    }
    template <int W>
    SINTER_DEVICE bool copied() const {
        if constexpr (side_is_plain<C, W>()) {
            return p.vectors[W - ir::side_a] && (size > 1 || p.along_k[W - ir::side_a]);
        } else {
            return false;
        }
    }
    // True where bytes that lie across are loaded in vectors and turned round.
    template <int W>
    SINTER_DEVICE bool turned() const {
        if constexpr (size == 1 && side_is_plain<C, W>()) {
            return p.vectors[W - ir::side_a] && !p.along_k[W - ir::side_a];
        } else {
            return false;
        }
    }
    // The four rows of 8 bytes that this thread turns round. Four lanes load 32 neighbours, a
    // sector. A warp has eight groups of k, but not the one between: two of their bits pick the
    // word of a chunk, one the half of a row.
    SINTER_DEVICE static void turned_place(int& outer, int& k) {
        const int t = static_cast<int>(simt::tid().x);
        outer = (t % 4 + t / 32 % 4 * 4) * 8;
        k = (t / 4 % 4 + t / 128 * 4 + t / 16 % 2 * 8) * 4;
    }
    template <int W>
    SINTER_DEVICE void fetch_turned(int64 first) {
        if constexpr (size == 1 && side_is_plain<C, W>()) {
            static_assert(tuning::mma_threads * 32 == tuning::mma_m * tile_k && per_thread == 2);
            constexpr int slot = load_slot<C>(side_value<C, W>()), axis = W == ir::side_a ? 0 : 1;
            const args<C>& a = p.a;
            int outer, k;
            turned_place(outer, k);
            const auto* from =
                static_cast<const side_t<C, W>*>(a.load[slot].data) + here.at.load[slot];
            SINTER_UNROLLED
            for (int r = 0; r < 4; ++r) {
                const int64 at = here.k + k + r;
                simt::vec<uint32, 2> w{};
                if (first + outer < a.extent[axis] && at < a.extent[2] &&
                    is_inside<C, W, slot>(a, here.at, first + outer, at))
                    w = simt::load<2>(reinterpret_cast<const uint32*>(from + first + outer +
                                                                      at * a.load[slot].stride[2]));
                next[W - ir::side_a][r / 2][r % 2 * 2] = w[0];
                next[W - ir::side_a][r / 2][r % 2 * 2 + 1] = w[1];
            }
        }
    }
    // Two steps interleave four words as 4 x 4 bytes are transposed. Which bytes a step takes first
    // is different for neighbouring lanes: so neighbours store different ones of their rows at the
    // same time, of which two lie in each bank.
    template <int W>
    SINTER_DEVICE void put_turned(uint32* to) const {
        int outer, k;
        turned_place(outer, k);
        const int mine = static_cast<int>(simt::tid().x) % 4;
        const uint32 near = mine & 2 ? 0x7362 : 0x5140, far = near ^ (0x7362 ^ 0x5140);
        const uint32 even = mine & 1 ? 0x7632 : 0x5410, odd = even ^ (0x7632 ^ 0x5410);
        const words* const w = next[W - ir::side_a];
        SINTER_UNROLLED
        for (int h = 0; h < 2; ++h) {
            SINTER_UNROLLED
            for (int s = 0; s < 4; ++s) {
                const uint32 order = s < 2 ? near : far;
                const uint32 word =
                    simt::permute_bytes(simt::permute_bytes(w[0][h], w[0][h + 2], order),
                                        simt::permute_bytes(w[1][h], w[1][h + 2], order),
                                        s % 2 == 0 ? even : odd);
                simt::store_shared<1>(
                    to + word_along(outer + 4 * h + (s ^ mine), k / chunk) + k / 4 % 4,
                    simt::vec<uint32, 1>{{word}});
            }
        }
    }
    // Starts to bring the tile of side W at the current step to `to`; what takes its way through
    // registers is only loaded and has to be put there.
    template <int W>
    SINTER_DEVICE void fetch(uint32* to) {
        const int64 first = W == ir::side_a ? here.first_m() : here.first_n();
        if (turned<W>()) return fetch_turned<W>(first);
        SINTER_UNROLLED
        for (int u = 0; u < per_thread; ++u) {
            int outer, k;
            const int word = place<W>(u, outer, k);
            if (copied<W>()) {
                copy<W>(to + word, first + outer, here.k + k);
            } else {
                const int step_k = lies_along<W>() ? 1 : 0;
                SINTER_UNROLLED
                for (int w = 0; w < 4; ++w) {
                    uint32 bits = 0;
                    SINTER_UNROLLED
                    for (int e = 0; e < in_word; ++e) {
                        const int at = w * in_word + e;
                        bits |=
                            element<W>(first + outer + (1 - step_k) * at, here.k + k + step_k * at)
                            << (8 * size * e);
                    }
                    next[W - ir::side_a][u][w] = bits;
                }
            }
        }
    }
    template <int W>
    SINTER_DEVICE void copy(uint32* to, int64 outer, int64 k) const {
        if constexpr (side_is_plain<C, W>()) {
            constexpr int slot = load_slot<C>(side_value<C, W>()), axis = W == ir::side_a ? 0 : 1;
            const args<C>& a = p.a;
            const bool along = p.along_k[W - ir::side_a];
            const int64 left = along ? a.extent[2] - k : a.extent[axis] - outer;
            const bool inside = (along ? outer < a.extent[axis] : k < a.extent[2]) &&
                                is_inside<C, W, slot>(a, here.at, outer, k);
            const unsigned valid = !inside || left <= 0 ? 0 : left < chunk ? unsigned(left) : chunk;
            using S = side_t<C, W>;
            const S* from = static_cast<const S*>(a.load[slot].data) + here.at.load[slot];
            if (valid > 0)  // else there may be no such address
                from += outer * a.load[slot].stride[axis] + k * a.load[slot].stride[2];
            simt::cp_async<16>(to, from, valid * size);
        }
    }
    template <int W>
    SINTER_DEVICE void put(uint32* to) {
        if (copied<W>()) return;
        if (turned<W>()) return put_turned<W>(to);
        SINTER_UNROLLED
        for (int u = 0; u < per_thread; ++u) {
            int outer, k;
            const int word = place<W>(u, outer, k);
            simt::store_shared<4>(to + word, next[W - ir::side_a][u]);
        }
    }
    SINTER_DEVICE void fetch_both(int stage) {
        fetch<ir::side_a>(tile(stage, 0));
        fetch<ir::side_b>(tile(stage, 1));
    }
    SINTER_DEVICE void put_both(int stage) {
        put<ir::side_a>(tile(stage, 0));
        put<ir::side_b>(tile(stage, 1));
    }
    // The fragments of 16 rows of A, or of 16 columns of B, from `first` on, two chunks along k.
    // Lane l gives the row of a matrix: of A the matrices follow each other along the rows, then
    // along k; of B along k, then along the columns.
    SINTER_DEVICE void load_left(uint32 (&r)[4], const uint32* a, int first, int k) const {
        const int lane = static_cast<int>(simt::lane());
        if (lies_along<ir::side_a>()) {
            simt::ldmatrix_x4(r, a + word_along(first + lane % 16, k / chunk + lane / 16));
        } else if constexpr (size == 2) {
            const int at = k + lane % 8 + lane / 16 * 8;
            simt::ldmatrix_x4_trans(r, a + word_across(at, first / chunk + lane / 8 % 2));
        } else {
            SINTER_UNROLLED
            for (int h = 0; h < 4; ++h) r[h] = word_at(a, first + h % 2 * 8, k + h / 2 * 4);
        }
        round(r);
    }
    SINTER_DEVICE void load_right(uint32 (&r)[4], const uint32* b, int first, int k) const {
        const int lane = static_cast<int>(simt::lane());
        if (lies_along<ir::side_b>()) {
            const int n = first + lane % 8 + lane / 16 * 8;
            simt::ldmatrix_x4(r, b + word_along(n, k / chunk + lane / 8 % 2));
        } else if constexpr (size == 2) {
            simt::ldmatrix_x4_trans(r, b + word_across(k + lane % 16, first / chunk + lane / 16));
        } else {
            SINTER_UNROLLED
            for (int h = 0; h < 4; ++h) r[h] = word_at(b, first + h / 2 * 8, k + h % 2 * 4);
        }
        round(r);
    }
    // This lane's element of a matrix of 8 x 4 floats that lies across.
    SINTER_DEVICE static uint32 word_at(const uint32* tile, int outer, int k) {
        const int lane = static_cast<int>(simt::lane()), o = outer + lane / 4;
        return simt::load_shared<1>(tile + word_across(k + lane % 4, o / chunk) + o % chunk)[0];
    }
    // Here, because what cp.async copies passes no register on its way.
    SINTER_DEVICE static void round(uint32 (&r)[4]) {
        if constexpr (size == 4) {
            SINTER_UNROLLED
            for (uint32& x : r) x = simt::round_to_tf32(x);
        }
    }
    SINTER_DEVICE void multiply(int stage) {
        const int w = static_cast<int>(simt::warp());
        const int m = w / warps_n * tuning::mma_warp_m, n = w % warps_n * tuning::mma_warp_n;
        const uint32 *a = tile(stage, 0), *b = tile(stage, 1);
        SINTER_UNROLLED
        for (int k = 0; k < tile_k; k += 2 * chunk) {
            uint32 x[frags_m][4], y[frags_n / 2][4];
            SINTER_UNROLLED
            for (int i = 0; i < frags_m; ++i) load_left(x[i], a, m + i * 16, k);
            SINTER_UNROLLED
            for (int j = 0; j < frags_n / 2; ++j) load_right(y[j], b, n + j * 16, k);
            SINTER_UNROLLED
            for (int f = 0; f < frags_m * frags_n; ++f) {
                const int i = f / frags_n, j = f % frags_n;
                const uint32 right[2] = {y[j / 2][j % 2 * 2], y[j / 2][j % 2 * 2 + 1]};
                simt::mma<A, B>(sum[f], x[i], right);
            }
        }
    }
    SINTER_DEVICE void run() {
        folds_type folds(here, memory + products);
        run_products<C, Sync>(*this, folds, memory);
    }
    SINTER_DEVICE void one_product(folds_type& folds) {
        SINTER_UNROLLED
        for (int f = 0; f < 4 * frags_m * frags_n; ++f) sum[f / 4][f % 4] = 0;
        const int64 steps = here.steps();
        SINTER_ROLLED
        for (int s = 0; s < stages - 1; ++s) {
            if (s < steps) {
                if (s > 0) here.next();
                fetch_both(s);
                put_both(s);
            }
            simt::cp_async_commit();  // empty groups keep the count
        }
        int now = 0, free = stages - 1;
        SINTER_ROLLED
        for (int64 step = 0; step < steps; ++step) {
            Sync::template copies<0, stages - 2>();
            Sync::template block<1>();  // the tile is there, and the one before it was multiplied
            const bool more = step + stages - 1 < steps;
            if (more) {
                here.next();
                fetch_both(free);
            }
            simt::cp_async_commit();
            multiply(now);
            if (more) put_both(free);
            now = now + 1 == stages ? 0 : now + 1;
            free = free + 1 == stages ? 0 : free + 1;
        }
        Sync::template block<0>();  // the ring becomes room for products
        const offsets<C> from = here.of_batch();
        SINTER_ROLLED
        for (int half = 0; half < tuning::mma_m / tuning::mma_warp_m; ++half) {
            if (half > 0) Sync::template block<3>();
            finish(half, from, folds);
        }
        if (p.splits > 1) finish_shared<Sync>(here, row, from, folds, memory);
    }
    SINTER_DEVICE void finish(int half, const offsets<C>& from, folds_type& folds) {
        T* products_at = reinterpret_cast<T*>(memory);
        const int lane = static_cast<int>(simt::lane()), w = static_cast<int>(simt::warp());
        if (w / warps_n == half) {
            SINTER_UNROLLED
            for (int f = 0; f < frags_m * frags_n; ++f) {
                const int i = f / frags_n, j = f % frags_n;
                T* at = products_at + (i * 16 + lane / 4) * pitch +
                        w % warps_n * tuning::mma_warp_n + j * 8 + lane % 4 * 2;
                const T* s = sum[f];
                simt::store_shared<2>(at, simt::vec<T, 2>{{s[0], s[1]}});
                simt::store_shared<2>(at + 8 * pitch, simt::vec<T, 2>{{s[2], s[3]}});
            }
        }
        Sync::template block<2>();
        const int64 top = here.first_m() + half * tuning::mma_warp_m;
        constexpr int in_half = tuning::mma_warp_m * tuning::mma_n;
        SINTER_ROLLED
        for (int e = static_cast<int>(simt::tid().x); e < in_half; e += tuning::mma_threads) {
            const int r = e / tuning::mma_n, c = e % tuning::mma_n;
            if constexpr (has_folds<C>()) {
                if (p.splits == 1) {
                    const known_product<T> product{
                        simt::load_shared<1>(products_at + r * pitch + c)[0]};
                    fold_product(p,
                                 row,
                                 from,
                                 product,
                                 top + r,
                                 here.first_n() + c,
                                 half * tuning::mma_warp_m + r,
                                 c,
                                 folds);
                    continue;
                }
            }
            if (top + r >= p.a.extent[0] || here.first_n() + c >= p.a.extent[1]) continue;
            const auto product = simt::load_shared<1>(products_at + r * pitch + c);
            if (p.splits > 1)
                simt::store<1>(here.partials(here.split()) + half * in_half + e, product);
            else
                finish_product(p, row, from, product[0], top + r, here.first_n() + c);
        }
    }
};

#endif

}  // namespace sinter::kernel
