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
    // Not signed: every divisor is a power of 2.
    const unsigned unit = bytes < 4 ? 4 : static_cast<unsigned>(bytes);  // lanes must not share a
    const unsigned packed = unit / static_cast<unsigned>(bytes);  // bank for; vectors of a unit
    const unsigned units = 8 / packed;                            // of a column
    const unsigned c = static_cast<unsigned>(column), v = static_cast<unsigned>(vector);
    const unsigned turn = c / (128 / unit / units) % units;
    return static_cast<int>(c * 8 + (v / packed ^ turn) * packed + v % packed);
}

#if SINTER_NVCC || SINTER_EMULATOR

/// Fills the tile of an operand. `own` is the first element of this thread's vector (column lane(),
/// rows from warp() * Width on), from which there are `columns` more columns and `rows` more rows;
/// either may be negative. Lanes are neighbours along a column; the block has 256 threads. All
/// loads precede the stores.
template <int Bytes, int Width>
SINTER_DEVICE void fill_tile(unsigned char* tile,
                             const unsigned_t<Bytes>* own,
                             int64 column_stride,
                             int64 row_stride,
                             int columns,
                             int rows) {
    using unit = unsigned_t<Bytes>;
    constexpr int height = tile_rows(Width), at_once = 8 * simt::warp_size / height;
    const int row = static_cast<int>(simt::tid().x % unsigned{height});
    const int column = static_cast<int>(simt::tid().x / unsigned{height});
    const uint32 lane = simt::lane(), first = simt::warp() * unsigned{Width};
    const unit* from = own - scaled(first, row_stride) - scaled(lane, column_stride) +
                       scaled(static_cast<uint32>(row), row_stride) +
                       scaled(static_cast<uint32>(column), column_stride);
    const int left =
        row - static_cast<int>(first) < rows ? columns + static_cast<int>(lane) - column : 0;
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
