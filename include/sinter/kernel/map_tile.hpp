// The tiles of a map: how a block brings the columns of an operand into shared memory, from where
// its threads take rows. Device-readable.
#pragma once

#include "sinter/kernel/map_walk.hpp"
#include "sinter/simt/simt.hpp"

namespace sinter::kernel {

/// Columns of a tile per vector of a thread: lanes along the last axis write full lines.
inline constexpr int tile_columns = simt::warp_size;
/// Rows of a tile: a vector of each of eight warps.
SINTER_HD constexpr int tile_rows(int width) { return 8 * width; }

/// Where a thread's vector lies in a tile, in vectors of `bytes` bytes: the `vector`-th (of eight)
/// of a column. Columns lie one after another; the vectors of a column change places by its number
/// (exclusive or), word by word where they are shorter, so that lanes along a column and lanes
/// along a row both meet every bank once. No padding is needed.
SINTER_HD constexpr int tile_slot(int bytes, int column, int vector) {
    const int unit = bytes < 4 ? 4 : bytes;  // what lanes must not share a bank for
    const int packed = unit / bytes;         // vectors of a unit
    const int units = 8 / packed;            // of a column
    const int turn = column / (128 / unit / units) % units;
    return column * 8 + (vector / packed ^ turn) * packed + vector % packed;
}

#if SINTER_NVCC || SINTER_EMULATOR

/// Fills the tile of an operand from element (first_column, first_row), of the `columns` x `rows`
/// that there are from `from` on. Lanes are neighbours along a column; the block has 256 threads.
/// All loads precede the stores.
template <int Bytes, int Width>
SINTER_DEVICE void fill_tile(unsigned char* tile,
                             const unsigned_t<Bytes>* from,
                             int64 column_stride,
                             int64 row_stride,
                             int first_column,
                             int first_row,
                             int columns,
                             int rows) {
    using unit = unsigned_t<Bytes>;
    constexpr int height = tile_rows(Width), at_once = 8 * simt::warp_size / height;
    const int row = static_cast<int>(simt::tid().x) % height;
    const int column = static_cast<int>(simt::tid().x) / height;
    from += scaled(static_cast<uint32>(first_row + row), row_stride) +
            scaled(static_cast<uint32>(first_column + column), column_stride);
    const int left = first_row + row < rows ? columns - first_column - column : 0;
    simt::vec<unit, 1> v[Width];
    SINTER_UNROLLED
    for (int i = 0; i < Width; ++i) {
        v[i] = {};
        if (i * at_once < left) v[i] = simt::load<1>(from);
        from += at_once * column_stride;
    }
    SINTER_UNROLLED
    for (int i = 0; i < Width; ++i)
        simt::store_shared<1>(
            reinterpret_cast<unit*>(tile) +
                (tile_slot(Bytes * Width, column + i * at_once, row / Width) * Width + row % Width),
            v[i]);
}

#endif

}  // namespace sinter::kernel
