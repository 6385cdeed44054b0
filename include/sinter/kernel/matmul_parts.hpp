// What both matrix product kernels share: the elements of the two operands (prologue) and what
// happens to a finished product (epilogue). Device-readable.
#pragma once

#include "sinter/kernel/element.hpp"
#include "sinter/kernel/sync.hpp"
#include "sinter/kernel/tuning.hpp"

namespace sinter::kernel {

/// True when tensor cores do the product: both operands are bfloat16, or both are half.
template <class C>
SINTER_HD constexpr bool uses_tensor_cores() {
    if (C::head().core < 0) return false;
    const dtype t = C::at(C::head().core_a).type;
    return is_half_size(t) && C::at(C::head().core_b).type == t;
}
/// What a product is accumulated in.
template <class C>
using product_t = compute_t<C::at(C::head().core).type>;

/// The instruction that side W (side_a or side_b) delivers.
template <class C, int W>
SINTER_HD constexpr int side_value() {
    return W == ir::side_a ? C::head().core_a : C::head().core_b;
}
/// True when side W is an array as it lies in memory.
template <class C, int W>
SINTER_HD constexpr bool side_is_plain() {
    return C::at(side_value<C, W>()).h == ir::how::load;
}

/// Parameters of a matrix product. Axes of `a`: 0 and 1 are the rows and columns of the result, 2
/// is summed (k), as are those up to first_batch; the batch follows.
template <class C>
struct matmul_args {
    args<C> a;
    int first_batch, axes;
    bool along_k[2];   // the elements of this side are contiguous along k (a choice, not a must)
    bool vectors[2];   // 8 neighbours of this plain side can be copied at once
    bool row_varies;   // some row constant of the epilogue is not the same for all elements
    unsigned tiles_n;  // tiles along the columns
    unsigned tiles;    // of one product of the batch
    int64 steps;       // of a tile along all summed axes
};

#if SINTER_NVCC || SINTER_EMULATOR

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
/// division.
template <class C>
struct product_place {
    const matmul_args<C>& p;
    int64 batch, first_m, first_n;
    int64 steps;  // that this block takes
    int64 sums = 0, k = 0;
    offsets<C> at;  // of the product and the outer summed axes

    SINTER_DEVICE product_place(const matmul_args<C>& parameters, int tile_m, int tile_n)
        : p(parameters) {
        const unsigned tile = simt::bid().x % p.tiles;
        batch = static_cast<int64>(simt::bid().x / p.tiles);
        steps = p.steps;
        first_m = static_cast<int64>(tile / p.tiles_n) * tile_m;
        first_n = static_cast<int64>(tile % p.tiles_n) * tile_n;
        at = of_batch();
    }
    SINTER_DEVICE offsets<C> of_batch() const {
        offsets<C> o = no_offsets<C>();
        locate(o, p.a, p.first_batch, p.axes, batch);
        return o;
    }
    SINTER_DEVICE void next(int tile_k) {
        k += tile_k;
        if (k < p.a.extent[2]) return;
        k = 0;
        at = of_batch();
        locate(at, p.a, 3, p.first_batch, ++sums);
    }
};

/// Takes the product at (i, j), a product_t<C>, through the epilogue and stores the results; `from`
/// is where the product of the batch begins.
template <class C, class T>
SINTER_DEVICE void finish_product(const matmul_args<C>& p,
                                  ir::registers<C>& row,
                                  const offsets<C>& from,
                                  T product,
                                  int64 i,
                                  int64 j) {
    const args<C>& a = p.a;
    offsets<C> o = from;
    move(o, a, 0, i);
    move(o, a, 1, j);
    if (p.row_varies) take_row_values<C, 0, reading::own>(row, a, o);
    ir::registers<C> v;
    v.template at<C::head().core>() = ir::wrapped<C::at(C::head().core).type>(product);
    load_elements<C, 0, reading::own>(v, a, o);
    ir::pass<C, 0>::compute(v, row, a.functors);
    store_values<C, 0, which::all>(v, row, a, o);
}

#endif

}  // namespace sinter::kernel
