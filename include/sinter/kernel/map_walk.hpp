// How the threads of a map find their elements: which path they take, and division by what the host
// knows. Device-readable.
#pragma once

#include "sinter/simt/simt.hpp"

namespace sinter::kernel {

/// Division of numbers below 2^31 by a value that the host knows: a multiplication and a shift.
struct divisor {
    uint32 by = 1, magic = 1, shift = 0;

    /// The divisor `by`, from 1 to 2^31 (host only).
    static constexpr divisor of(int64 by) {
        divisor d{static_cast<uint32>(by), 1, 0};
        while ((int64{1} << d.shift) < by) ++d.shift;
        if (by > 1)
            d.magic = static_cast<uint32>(
                ((uint64{1} << 32) * ((uint64{1} << d.shift) - d.by)) / d.by + 1);
        return d;
    }
    SINTER_HD constexpr uint32 divide(uint32 n) const {
        return (static_cast<uint32>((uint64{n} * magic) >> 32) + n) >> shift;
    }
    /// Divides `n` and returns the remainder.
    SINTER_HD constexpr uint32 split(uint32& n) const {
        const uint32 q = divide(n), rest = n - q * by;
        n = q;
        return rest;
    }
};

#if SINTER_NVCC || SINTER_EMULATOR
/// index * stride out of products of 32 bits, which take a third of the time of one of 64.
SINTER_DEVICE int64 scaled(uint32 index, int64 stride) {
    const uint64 s = static_cast<uint64>(stride);
    const uint64 high = simt::mul_wide(index, static_cast<uint32>(s >> 32));
    return static_cast<int64>(simt::mul_wide(index, static_cast<uint32>(s)) + (high << 32));
}
#endif

/// What a thread handles. flat: several vectors of contiguous arrays; vectors: one vector along the
/// last axis; tiles: one vector along the axis before it, while lanes are neighbours along the
/// last; elements: one element.
enum class map_path : unsigned char { flat, vectors, tiles, elements };

/// How a thread moves a vector of an operand. one: a single access of at most 16 bytes; halves: two
/// accesses; each: element by element; same: one element stands for all; tile: from shared memory,
/// where the block has put it.
enum class map_access : unsigned char { one, halves, each, same, tile };

/// The index space of a map, cut for its threads. A step is a vector, a tile (of a block) or an
/// element. Steps are numbered in 32 bits, piece by piece: pieces are chunks of axis `cut` for each
/// index of the axes before it.
struct map_walk {
    map_path path = map_path::elements;
    int rank = 1;            // axes; a space without axes has one of extent 1
    int vector_axis = 0;     // along which the elements of a vector lie
    uint32 items = 1;        // flat: vectors per thread
    int lead = 0;            // the store whose vectors are aligned,
    uint32 phase = 0;        // where in a vector its first row begins,
    uint32 mask = 0;         // elements of a vector minus one; 0 where steps are elements
    divisor columns;         // steps along the last axis
    divisor tile_rows;       // tiles along the axis before it
    divisor axis[max_rank];  // extents
    int cut = 0;
    uint32 pieces = 1;
    divisor blocks, chunks;  // blocks of a piece, chunks of axis `cut`
    int64 chunk = 1;         // elements of axis `cut` in a piece
    uint32 slice = 0;        // steps for each index of axis `cut`; 0 where steps lie along it
};

}  // namespace sinter::kernel
