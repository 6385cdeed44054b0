// What both matrix product kernels share: the elements of the two operands (prologue) and what
// happens to a finished product (epilogue). Device-readable.
#pragma once

#include "sinter/kernel/element.hpp"
#include "sinter/kernel/sync.hpp"
#include "sinter/kernel/tuning.hpp"

namespace sinter::kernel {

/// True when tensor cores do the product: both operands are bfloat16.
template <class C>
SINTER_HD constexpr bool uses_tensor_cores() {
    return C::head().core >= 0 && C::at(C::head().core_a).type == dtype::bf16 &&
           C::at(C::head().core_b).type == dtype::bf16;
}
/// What a product is accumulated in.
template <class C>
using product_t = compute_t<C::at(C::head().core).type>;

/// The instruction that side W (side_a or side_b) delivers.
template <class C, int W>
SINTER_HD constexpr int side_value() {
    return W == ir::side_a ? C::head().core_a : C::head().core_b;
}
/// True when side W is a bfloat16 array as it lies in memory.
template <class C, int W>
SINTER_HD constexpr bool side_is_plain() {
    const ir::instr x = C::at(side_value<C, W>());
    return x.h == ir::how::load && x.type == dtype::bf16;
}

/// Parameters of a matrix product: axes 0 and 1 are the rows and columns of the result, 2 is
/// summed.
template <class C>
struct matmul_args {
    args<C> a;
    bool along_k[2];   // the elements of this side are contiguous along k (a choice, not a must)
    bool vectors[2];   // 8 neighbours along k of this plain side can be loaded at once
    bool row_varies;   // some row constant of the epilogue is not the same for all elements
    unsigned tiles_n;  // tiles along the columns
};

#if SINTER_NVCC || SINTER_EMULATOR

template <class C, int W>
struct load_side {
    ir::registers<C>& v;
    const args<C>& a;
    int64 outer, k;
    template <int K>
    SINTER_DEVICE void operator()(number<K>) const {
        constexpr int j = element_loads<C, W>().at[K];
        constexpr int slot = load_slot<C>(j);
        const int64* stride = a.load[slot].stride;
        v.template at<j>() = read<C, slot, reading::constant>(
            a, outer * stride[W == ir::side_a ? 0 : 1] + k * stride[2]);
    }
};
/// Element (outer, k) of side W after its prologue; `row` holds the scalars.
template <class C, int W>
SINTER_DEVICE auto side_element(const args<C>& a,
                                const ir::registers<C>& row,
                                int64 outer,
                                int64 k) {
    ir::registers<C> v;
    each<element_loads<C, W>().count>(load_side<C, W>{v, a, outer, k});
    ir::pass<C, W>::compute(v, row, a.functors);
    return ir::pass<C, W>::template get<side_value<C, W>()>(v, row);
}

/// Takes the product at (i, j), a product_t<C>, through the epilogue and stores the results.
template <class C, class T>
SINTER_DEVICE void finish_product(
    const matmul_args<C>& p, ir::registers<C>& row, T product, int64 i, int64 j) {
    const args<C>& a = p.a;
    offsets<C> o = no_offsets<C>();
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
