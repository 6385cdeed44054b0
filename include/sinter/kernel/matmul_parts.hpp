// What both matrix product kernels share: the elements of the two operands (prologue) and what
// happens to a finished product (epilogue). Device-readable.
#pragma once

#include "sinter/kernel/matmul_folds.hpp"
#include "sinter/kernel/sync.hpp"
#include "sinter/kernel/tuning.hpp"

namespace sinter::kernel {

SINTER_HD constexpr bool is_byte(dtype d) { return d == dtype::u8 || d == dtype::i8; }
/// What the 8-bit integers of operand `j` are: itself, what it widens, or -1 where it has none.
template <class Code>
SINTER_HD constexpr int bytes_behind(const Code& code, int j) {
    const ir::instr x = code.at(j);
    if (is_byte(x.type)) return j;
    const bool widens =
        x.h == ir::how::compute && x.op == ir::op_cast && is_byte(code.at(x.in[0]).type);
    return widens ? x.in[0] : -1;
}
/// What does a product: ordinary registers or tensor cores, and then on what. Bytes are 8-bit
/// integers whose sums fit in, or wrap to, an int32.
enum class multiplier : unsigned char { registers, halves, tf32, bytes };
/// The multiplier of a stage's instructions, `code.at(j)`.
template <class Code>
SINTER_HD constexpr multiplier multiplier_of(const Code& code, const ir::stage_head& head) {
    if (head.core < 0) return multiplier::registers;
    const ir::instr core = code.at(head.core);
    const dtype a = code.at(head.core_a).type, b = code.at(head.core_b).type;
    if (a == b && is_half_size(a)) return multiplier::halves;
    if (a == b && a == dtype::f32 && (core.op & ir::core_tf32)) return multiplier::tf32;
    const bool bytes = compute_dtype(core.type) == dtype::i32 &&
                       bytes_behind(code, head.core_a) >= 0 && bytes_behind(code, head.core_b) >= 0;
    return bytes ? multiplier::bytes : multiplier::registers;
}
template <class C>
SINTER_HD constexpr bool multiplies_bytes() {
    return multiplier_of(C{}, C::head()) == multiplier::bytes;
}
/// True when tensor cores do the product.
template <class C>
SINTER_HD constexpr bool uses_tensor_cores() {
    return multiplier_of(C{}, C::head()) != multiplier::registers;
}
/// True when the product has a large tile as well as a small one.
template <class C>
SINTER_HD constexpr bool has_large_tiles() {
    return !uses_tensor_cores<C>() && sizeof(compute_t<C::at(C::head().core).type>) == 4;
}
/// What a product is accumulated in.
template <class C>
using product_t = compute_t<C::at(C::head().core).type>;

/// The instruction that side W (side_a or side_b) delivers.
template <class C, int W>
SINTER_HD constexpr int side_value() {
    const int j = W == ir::side_a ? C::head().core_a : C::head().core_b;
    return multiplies_bytes<C>() ? bytes_behind(C{}, j) : j;
}
/// What tensor cores read of side W.
template <class C, int W>
using side_t = storage_t<C::at(side_value<C, W>()).type>;
/// Elements of an operand of tensor cores in 16 bytes, and along k in a tile.
template <class C>
SINTER_HD constexpr int mma_chunk() {
    return 16 / static_cast<int>(sizeof(side_t<C, ir::side_a>));
}
template <class C>
SINTER_HD constexpr int mma_k() {
    return tuning::mma_row_bytes / static_cast<int>(sizeof(side_t<C, ir::side_a>));
}
/// True when side W is an array as it lies in memory.
template <class C, int W>
SINTER_HD constexpr bool side_is_plain() {
    return C::at(side_value<C, W>()).h == ir::how::load;
}

/// True when stage C may take the kernel for short sums.
template <class C>
SINTER_HD constexpr bool may_be_direct() {
    return C::head().core >= 0 && (C::at(C::head().core).op & ir::core_windows);
}
/// What that kernel knows beside; see matmul_direct.hpp. There axis 0 is the innermost of the rows,
/// axes first_batch to rows_first are the batch, those to rows_end the other rows; the last ones
/// are folded.
struct direct_args {
    int k, pass;   // summed positions, and how many a tile takes at once
    int resident;  // columns whose filters are in shared memory; tiles_n times that are all
    int rows_first, rows_end;
    int64 rows;
    unsigned row_tiles, units;  // of one product; tiles of all
};
struct with_direct {
    direct_args direct;
};
struct without_direct {};
template <class C>
using maybe_direct = select_t<may_be_direct<C>(), with_direct, without_direct>;

/// Parameters of a matrix product. Axes of `a`: 0 and 1 are the rows and columns of the result, 2
/// is summed (k), as are those up to first_batch; the batch follows.
template <class C>
struct matmul_args : maybe_folds<C>, maybe_direct<C> {
    args<C> a;
    int first_batch, axes;
    bool along_k[2];   // the elements of this side are contiguous along k (a choice, not a must)
    bool vectors[2];   // 16 bytes of this plain side can be copied at once
    bool large;        // tiles of the larger size
    bool row_varies;   // some row constant of the epilogue is not the same for all elements
    unsigned tiles_n;  // tiles along the columns
    unsigned tiles;    // of one product of the batch
    int64 steps;       // of a tile along all summed axes
    // A tile whose steps are shared by several blocks: each leaves its sums in `partials`, and the
    // last one to arrive adds them in the order of the steps.
    unsigned splits;
    unsigned* counters;      // one per tile, zero
    product_t<C>* partials;  // by tile and split, tile_m * tile_n each
};

#if SINTER_NVCC || SINTER_EMULATOR

/// True where load slot K has an element at (outer, k) of side W, from where a block is.
template <class C, int W, int K>
SINTER_DEVICE bool is_inside(const args<C>& a, const offsets<C>& from, int64 outer, int64 k) {
    constexpr int first = guards_before<C>(K), end = guards_before<C>(K + 1);
    bool inside = true;
    if constexpr (end > first) {
        SINTER_UNROLLED
        for (int g = first; g < end; ++g) {
            const ir::bound_guard& x = a.guard[g];
            const int64 along =
                x.inner == 0 ? k : static_cast<int64>(static_cast<uint64>(k) * x.inner >> 32);
            const int64 place = x.start + from.guard[g] +
                                outer * x.stride[W == ir::side_a ? 0 : 1] + along * x.stride[2];
            inside = inside && place >= 0 && place < x.extent;
        }
    }
    return inside;
}
template <class C, int W>
struct load_side {
    ir::registers<C>& v;
    const args<C>& a;
    const offsets<C>& from;
    int64 outer, k;
    template <int K>
    SINTER_DEVICE void operator()(number<K>) const {
        constexpr int j = element_loads<C, W>().at[K];
        constexpr int slot = load_slot<C>(j);
        if (!is_inside<C, W, slot>(a, from, outer, k)) {
            v.template at<j>() = 0;
            return;
        }
        const int64* stride = a.load[slot].stride;
        v.template at<j>() = read<C, slot, reading::constant>(
            a, from.load[slot] + outer * stride[W == ir::side_a ? 0 : 1] + k * stride[2]);
    }
};
/// Element (outer, k) of side W after its prologue, from where a block is; `row` holds the scalars.
template <class C, int W>
SINTER_DEVICE auto side_element(
    const args<C>& a, const ir::registers<C>& row, const offsets<C>& from, int64 outer, int64 k) {
    ir::registers<C> v;
    each<element_loads<C, W>().count>(load_side<C, W>{v, a, from, outer, k});
    ir::pass<C, W>::compute(v, row, a.functors);
    return ir::pass<C, W>::template get<side_value<C, W>()>(v, row);
}

/// Where a block is: its product of the batch, its tile and its step along the summed axes. Steps
/// do not cross from one position of the outer summed axes to the next, so that no element needs a
/// division. Tiles have M rows and N columns, steps K.
template <class C, int M, int N, int K>
struct product_place {
    const matmul_args<C>& p;
    unsigned tile;  // of one product
    int64 sums = 0, k = 0;
    unsigned turn = 0;  // of products that this block takes one after the other
    offsets<C> at;      // of the product and the outer summed axes

    SINTER_DEVICE explicit product_place(const matmul_args<C>& parameters)
        : p(parameters), tile(tile_of_all() % p.tiles) {
        at = of_batch();
        const int64 first = first_step(split());
        if (first == 0) return;
        const int64 inner = (p.a.extent[2] + K - 1) / K;
        sums = first / inner;
        k = first % inner * K;
        locate(at, p.a, 3, p.first_batch, sums);
    }
    SINTER_DEVICE int64 first_m() const { return static_cast<int64>(tile / p.tiles_n) * M; }
    SINTER_DEVICE int64 first_n() const { return static_cast<int64>(tile % p.tiles_n) * N; }
    // Found again rather than kept: registers are what a tile has few of.
    SINTER_DEVICE unsigned tile_of_all() const { return simt::bid().x / p.splits; }
    SINTER_DEVICE unsigned split() const { return simt::bid().x % p.splits; }
    SINTER_DEVICE int64 first_step(unsigned of) const { return p.steps * of / p.splits; }
    /// The steps that this block takes.
    SINTER_DEVICE int64 steps() const { return first_step(split() + 1) - first_step(split()); }
    SINTER_DEVICE offsets<C> of_batch() const {
        offsets<C> o = no_offsets<C>();
        int64 product = tile_of_all() / p.tiles;
        if constexpr (has_folds<C>()) product = product * p.folds.turns + turn;
        locate(o, p.a, p.first_batch, p.axes, product);
        return o;
    }
    /// Goes to the next product of those that this block takes in turn.
    SINTER_DEVICE void next_turn() {
        ++turn;
        sums = k = 0;
        at = of_batch();
    }
    SINTER_DEVICE void next() {
        k += K;
        if (k < p.a.extent[2]) return;
        k = 0;
        at = of_batch();
        locate(at, p.a, 3, p.first_batch, ++sums);
    }
    /// The sums that split `s` of this tile leaves, one per result.
    SINTER_DEVICE product_t<C>* partials(unsigned s) const {
        return p.partials + (static_cast<int64>(tile_of_all()) * p.splits + s) * (M * N);
    }
};

/// Takes the product at (i, j), a product_t<C>, through the epilogue and stores the results; `from`
/// is where the product of the batch begins, `v` gets the values of the epilogue.
template <class C, class T>
SINTER_DEVICE void finish_element(const matmul_args<C>& p,
                                  ir::registers<C>& row,
                                  const offsets<C>& from,
                                  T product,
                                  int64 i,
                                  int64 j,
                                  ir::registers<C>& v) {
    const args<C>& a = p.a;
    offsets<C> o = from;
    move(o, a, 0, i);
    move(o, a, 1, j);
    if (p.row_varies) take_row_values<C, 0, reading::own>(row, a, o);
    v.template at<C::head().core>() = ir::wrapped<C::at(C::head().core).type>(product);
    load_elements<C, 0, reading::own>(v, a, o);
    ir::pass<C, 0>::compute(v, row, a.functors);
    store_values<C, 0, has_folds<C>() ? which::per_element : which::all>(v, row, a, o);
}
template <class C, class T>
SINTER_DEVICE void finish_product(const matmul_args<C>& p,
                                  ir::registers<C>& row,
                                  const offsets<C>& from,
                                  T product,
                                  int64 i,
                                  int64 j) {
    ir::registers<C> v;
    finish_element(p, row, from, product, i, j, v);
}

/// A product that a thread has.
template <class T>
struct known_product {
    T value;
    SINTER_DEVICE T operator()() const { return value; }
};
struct no_tile_folds {
    template <class Place>
    SINTER_DEVICE no_tile_folds(const Place&, void*) {}
};
/// The reductions of one tile of M rows and N columns, if there are any.
template <class C, class Sync, int M, int N, int Threads>
struct folds_of_tile {
    using type = no_tile_folds;
    static constexpr int bytes = 0;
};
template <class C, class Sync, int M, int N, int Threads>
    requires(has_folds<C>())
struct folds_of_tile<C, Sync, M, N, Threads> {
    using type = tile_folds<C, Sync, M, N, Threads>;
    static constexpr int bytes = type::room_bytes;
};
/// Takes the product at (i, j), element (r, c) of its tile, through the epilogue: `product` gives
/// it where the result exists.
template <class C, class Folds, class Product>
SINTER_DEVICE void fold_product(const matmul_args<C>& p,
                                ir::registers<C>& row,
                                const offsets<C>& from,
                                const Product& product,
                                int64 i,
                                int64 j,
                                int r,
                                int c,
                                Folds& folds) {
    typename Folds::states s;
    s.clear();
    if (i < p.a.extent[0] && j < p.a.extent[1] && !p.folds.empty) {
        ir::registers<C> v;
        finish_element(p, row, from, product(), i, j, v);
        s.step(v, row, 0);
    }
    folds.take(s, r, c);
}
/// What is left to do when all elements of a tile were taken. `spare` is shared memory that nobody
/// needs any more.
template <class C, class Place, class Folds>
SINTER_DEVICE void finish_folds(
    const Place& here, ir::registers<C>& row, const offsets<C>& from, Folds& folds, void* spare) {
    folds.leave();
    if (folds.arrives_last(*static_cast<unsigned*>(spare)))
        folds.deliver(here.p.a, row, from, here.first_m(), here.first_n());
}

/// The products of a block: one, or those that it folds in turn. `work.one_product(folds)` computes
/// and delivers one of them.
template <class C, class Sync, class Work, class Folds>
SINTER_DEVICE void run_products(Work& work, Folds& folds, void* spare) {
    if constexpr (has_folds<C>()) {
        for (;;) {
            work.one_product(folds);
            if (++folds.turn == work.p.folds.turns) break;
            Sync::template block<11>();
            work.here.next_turn();
        }
        if (work.p.splits == 1)
            finish_folds(work.here, work.row, work.here.of_batch(), folds, spare);
    } else {
        work.one_product(folds);
    }
}

template <class C, int M, int N, int K>
struct shared_product {
    const product_place<C, M, N, K>& here;
    int e;
    SINTER_DEVICE product_t<C> operator()() const {
        product_t<C> sum = 0;
        SINTER_ROLLED
        for (unsigned s = 0; s < here.p.splits; ++s)
            sum = ir::op::add::value(sum, simt::load_coherent<1>(here.partials(s) + e)[0]);
        return sum;
    }
};
/// The end of a tile whose steps were shared: every block has written its sums, the last one adds
/// them and finishes the products.
template <class Sync, class C, int M, int N, int K, class Folds>
SINTER_DEVICE void finish_shared(const product_place<C, M, N, K>& here,
                                 ir::registers<C>& row,
                                 const offsets<C>& from,
                                 Folds& folds,
                                 void* shared) {
    const matmul_args<C>& p = here.p;
    unsigned& last = *static_cast<unsigned*>(shared);
    if (!arrives_last<Sync, 4, 0>(p.counters + here.tile_of_all(), p.splits, last)) return;
    SINTER_ROLLED
    for (int e = static_cast<int>(simt::tid().x); e < M * N;
         e += static_cast<int>(simt::bdim().x)) {
        const int64 i = here.first_m() + e / N, j = here.first_n() + e % N;
        const shared_product<C, M, N, K> product{here, e};
        if constexpr (has_folds<C>()) {
            fold_product(p, row, from, product, i, j, e / N, e % N, folds);
        } else {
            if (i >= p.a.extent[0] || j >= p.a.extent[1]) continue;
            finish_product(p, row, from, product(), i, j);
        }
    }
    if constexpr (has_folds<C>()) finish_folds(here, row, from, folds, shared);
}

#endif

}  // namespace sinter::kernel
