// What every kernel does with one element of a stage: find its operands in memory, load and store
// them. Device-readable; the functions exist where kernels can run.
#pragma once

#include "sinter/kernel/args.hpp"
#include "sinter/kernel/fields.hpp"
#include "sinter/simt/simt.hpp"

namespace sinter::kernel {

/// The position of load instruction J among the loads of stage C.
template <class C>
SINTER_HD constexpr int load_slot(int j) {
    return ir::loads_of<C>().find(j);
}
/// True when load slot K is of coordinates.
template <class C>
SINTER_HD constexpr bool slot_counts(int k) {
    return C::at(ir::loads_of<C>().at[k]).is_coordinate();
}
/// The loads of loop W that have a value per element: those of row constants come once a row.
template <class C, int W>
SINTER_HD constexpr auto element_loads() {
    ir::index_list<C::size> r;
    const auto all = ir::pass<C, W>::loads();
    for (int i = 0; i < all.count; ++i) {
        const ir::instr x = C::at(all.at[i]);
        if (x.h == ir::how::load && (W >= ir::max_passes || !x.row_constant)) r.push(all.at[i]);
    }
    return r;
}
/// True when some store of C has a value per element; those of row constants may be once a row.
template <class C>
SINTER_HD constexpr bool stores_elements() {
    for (int j = 0; j < C::stores; ++j)
        if (!C::at(C::stored(j)).row_constant) return true;
    return false;
}
/// True when store `j` writes a row constant.
template <class C>
SINTER_HD constexpr bool store_is_per_row(int j) {
    return C::at(C::stored(j)).row_constant;
}
/// True when store `j` writes what is known when all rows are done.
template <class C>
SINTER_HD constexpr bool store_is_late(int j) {
    return C::at(C::stored(j)).is_late();
}
template <class C, int J>
using stored_t = storage_t<C::at(C::stored(J)).type>;
template <class C, int J>
using loaded_t = storage_t<C::at(ir::loads_of<C>().at[J]).type>;

/// Where an element lies in each operand, in elements from its start. Signed 64 bits: views may run
/// backwards and arrays may exceed 2^31 elements. Offsets that a kernel does not use cost nothing.
template <class C>
struct offsets {
    int64 load[at_least_one(args<C>::loads)];
    int64 store[at_least_one(args<C>::stores)];
    int64 guard[at_least_one(args<C>::guards)];  // the places of guards, from where they are 0
};

#if SINTER_NVCC || SINTER_EMULATOR

template <class C>
SINTER_DEVICE offsets<C> no_offsets() {
    offsets<C> o;
    SINTER_UNROLLED
    for (int i = 0; i < args<C>::loads; ++i) o.load[i] = 0;
    SINTER_UNROLLED
    for (int j = 0; j < args<C>::stores; ++j) o.store[j] = 0;
    SINTER_UNROLLED
    for (int k = 0; k < args<C>::guards; ++k) o.guard[k] = 0;
    return o;
}
/// Moves `o` by `c` along one axis.
template <class C>
SINTER_DEVICE void move(offsets<C>& o, const args<C>& a, int axis, int64 c) {
    SINTER_UNROLLED
    for (int i = 0; i < args<C>::loads; ++i) o.load[i] += c * a.load[i].stride[axis];
    SINTER_UNROLLED
    for (int j = 0; j < args<C>::stores; ++j) o.store[j] += c * a.store[j].stride[axis];
    if constexpr (args<C>::guards > 0) {
        SINTER_UNROLLED
        for (int k = 0; k < args<C>::guards; ++k) o.guard[k] += c * a.guard[k].stride[axis];
    }
}
/// Moves `o` to the element whose row-major number within the axes first..end-1 is `index`.
/// Divides in 32 bits where both fit: a division in 64 bits costs four times as much.
template <class C>
SINTER_DEVICE void locate(offsets<C>& o, const args<C>& a, int first, int end, int64 index) {
    SINTER_ROLLED
    for (int d = end - 1; d > first; --d) {
        const int64 extent = a.extent[d];
        int64 quotient;
        if (((index | extent) >> 32) == 0) {
            quotient = static_cast<int64>(static_cast<uint32>(index) / static_cast<uint32>(extent));
        } else {
            quotient = index / extent;
        }
        move(o, a, d, index - quotient * extent);
        index = quotient;
    }
    if (end > first) move(o, a, first, index);
}

/// How a kernel reads global memory: `own` where it may write in place what it reads, so that the
/// compiler keeps the order; `constant` where no thread writes it while the kernel runs.
enum class reading { own, constant };

/// The number that element `offset` of load slot K, coordinates, stands for.
template <class C, int K>
SINTER_DEVICE auto count(const args<C>& a, int64 offset) {
    return ir::coordinate_at<loaded_t<C, K>>(reinterpret_cast<uint64>(a.load[K].data), offset);
}
/// The value of load slot K at an offset, as registers hold it.
template <class C, int K, reading R>
SINTER_DEVICE auto read(const args<C>& a, int64 offset) {
    using T = loaded_t<C, K>;
    if constexpr (slot_counts<C>(K)) {
        return count<C, K>(a, offset);
    } else {
        const T* p = static_cast<const T*>(a.load[K].data) + offset;
        simt::vec<T, 1> v;
        if constexpr (R == reading::own) {
            v = simt::load_own<1>(p);
        } else {
            v = simt::load<1>(p);
        }
        return static_cast<compute_t<dtype_v<T>>>(v[0]);
    }
}
/// Writes register value `x` to store J.
template <class C, int J, class X>
SINTER_DEVICE void write(const args<C>& a, int64 offset, X x) {
    using T = stored_t<C, J>;
    simt::store<1>(static_cast<T*>(a.store[J].data) + offset, simt::vec<T, 1>{{static_cast<T>(x)}});
}

template <class C>
struct take_scalar {
    ir::registers<C>& row;
    const args<C>& a;
    template <int K>
    SINTER_DEVICE void operator()(number<K>) const {
        constexpr int j = ir::scalars_of<C>().at[K];
        row.template at<j>() = a.scalar[K].template as<C::at(j).type>();
    }
};
/// Fills the scalars into the registers of the row.
template <class C>
SINTER_DEVICE void take_scalars(ir::registers<C>& row, const args<C>& a) {
    each<args<C>::scalars>(take_scalar<C>{row, a});
}

template <class C, int W, reading R>
struct load_row_value {
    ir::registers<C>& row;
    const args<C>& a;
    const offsets<C>& o;
    template <int K>
    SINTER_DEVICE void operator()(number<K>) const {
        constexpr int j = ir::pass<C, W>::row_values().at[K];
        if constexpr (C::at(j).h == ir::how::load) {
            constexpr int slot = load_slot<C>(j);
            row.template at<j>() = read<C, slot, R>(a, o.load[slot]);
        }
    }
};
/// Fills what the row knows before pass W: its loads, then its computations.
template <class C, int W, reading R>
SINTER_DEVICE void take_row_values(ir::registers<C>& row, const args<C>& a, const offsets<C>& o) {
    each<ir::pass<C, W>::row_values().count>(load_row_value<C, W, R>{row, a, o});
    ir::pass<C, W>::compute_row(row, a.functors);
}

template <class C, int W, reading R>
struct load_element {
    ir::registers<C>& v;
    const args<C>& a;
    const offsets<C>& o;
    template <int K>
    SINTER_DEVICE void operator()(number<K>) const {
        constexpr int j = element_loads<C, W>().at[K];
        constexpr int slot = load_slot<C>(j);
        v.template at<j>() = read<C, slot, R>(a, o.load[slot]);
    }
};
/// Loads what loop W wants of one element.
template <class C, int W, reading R>
SINTER_DEVICE void load_elements(ir::registers<C>& v, const args<C>& a, const offsets<C>& o) {
    each<element_loads<C, W>().count>(load_element<C, W, R>{v, a, o});
}

/// Which stores a call writes.
enum class which { all, per_element, per_row };

template <class C, int W, which S>
struct store_value {
    const ir::registers<C>&v, &row;
    const args<C>& a;
    const offsets<C>& o;
    uint64 skip;  // bit j: not store j
    template <int K>
    SINTER_DEVICE void operator()(number<K>) const {
        static_assert(C::stores <= 64, "A kernel stores at most 64 results.");
        constexpr bool row_value = store_is_per_row<C>(K);
        if constexpr (!store_is_late<C>(K) &&
                      (S == which::all || row_value == (S == which::per_row))) {
            if (a.store[K].data && !(skip >> K & 1))
                write<C, K>(a, o.store[K], ir::pass<C, W>::template get<C::stored(K)>(v, row));
        }
    }
};
/// Stores the results of one element after pass W. A null store is not wanted.
template <class C, int W, which S>
SINTER_DEVICE void store_values(const ir::registers<C>& v,
                                const ir::registers<C>& row,
                                const args<C>& a,
                                const offsets<C>& o,
                                uint64 skip = 0) {
    each<C::stores>(store_value<C, W, S>{v, row, a, o, skip});
}

#endif

}  // namespace sinter::kernel
