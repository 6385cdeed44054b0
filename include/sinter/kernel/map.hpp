// The kernel of a stage without reductions.
//
// Shape: a thread handles a few vectors of up to 16 bytes of the widest operand and starts all
// their loads before it uses one, because what keeps memory busy is bytes in flight. Vectors lie
// along the last axis and begin where the first result is aligned; the ragged head and tail of a
// row go element by element. How an operand is moved (one access, two halves, one by one, one value
// for all) is decided on the host and is a uniform branch here, so that the computation is there
// once. Indices are divided by multiplications of 32 bits: the host cuts larger spaces into pieces
// with bases of 64 bits. There is no loop over vectors; the grid covers the space.
//
// Operands whose neighbours lie along another axis pass through tiles in shared memory: the block
// reads their columns, each thread takes rows. Lanes then lie along the last axis and a thread's
// vector along the other, so that results and the operands without a tile move in full lines.
//
// Traffic: each wanted array is read once and written once; a value that is the same along a vector
// is read once for it. The loads of an element precede its stores and are made by the same thread,
// of the kind that may be overwritten later, so that an output may be an input's own memory. Tiles
// are the exception: the host gives none to an operand whose memory is also a result's.
#pragma once

#include "sinter/kernel/map_work.hpp"

namespace sinter::kernel {

#if SINTER_NVCC || SINTER_EMULATOR

template <class C, class Sync>
SINTER_DEVICE void map<C, Sync>::operator()() const {
    static_assert(C::head().passes == 1 && C::head().core < 0);
    map_work<C, Sync> work(*this);
    take_scalars(work.row, a);
    if (walk.path == map_path::flat) {
        work.load_flat_vectors();
    } else {
        work.find();
        if (walk.path == map_path::tiles) work.fill_tiles();
        work.load_vector();
    }
    if (!row_varies) take_row_values<C, 0, reading::own>(work.row, a, no_offsets<C>());
    work.finish();
    work.leftovers();
}

#endif

}  // namespace sinter::kernel
