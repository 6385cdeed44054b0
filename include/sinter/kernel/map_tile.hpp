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

/// Where element (column, row) of a tile lies in shared memory, in elements of `bytes` bytes. Each
/// column is stored as a whole; its words change places by its number (exclusive or), so that lanes
/// along a column and lanes along a row both meet every bank once. No padding is needed.
SINTER_HD constexpr int tile_slot(int bytes, int width, int column, int row) {
    const int unit = bytes < 4 ? 4 : bytes;       // what lanes must not share a bank for
    const int packed = unit / bytes;              // elements of a unit
    const int units = tile_rows(width) / packed;  // of a column
    const int turn = column / (128 / unit / units) % units;
    return column * tile_rows(width) + (row / packed ^ turn) * packed + row % packed;
}

#if SINTER_NVCC || SINTER_EMULATOR

template <int Bytes>
struct unit_of_bytes;
template <>
struct unit_of_bytes<1> {
    using type = uint8;
};
template <>
struct unit_of_bytes<2> {
    using type = uint16;
};
template <>
struct unit_of_bytes<4> {
    using type = uint32;
};
template <>
struct unit_of_bytes<8> {
    using type = uint64;
};

/// An unsigned integer of so many bytes.
template <int Bytes>
using unit_t = typename unit_of_bytes<Bytes>::type;

/// Fills a tile from `from`, of which `columns` x `rows` elements exist. Lanes are neighbours along
/// a column; the block has 256 threads. All loads precede the stores.
template <int Bytes, int Width>
SINTER_DEVICE void fill_tile(unsigned char* tile,
                             const unit_t<Bytes>* from,
                             int64 column_stride,
                             int64 row_stride,
                             int columns,
                             int rows) {
    using unit = unit_t<Bytes>;
    constexpr int height = tile_rows(Width), at_once = 8 * simt::warp_size / height;
    const int row = static_cast<int>(simt::tid().x) % height;
    const int column = static_cast<int>(simt::tid().x) / height;
    from += scaled(static_cast<uint32>(row), row_stride) +
            scaled(static_cast<uint32>(column), column_stride);
    simt::vec<unit, 1> v[Width];
    SINTER_UNROLLED
    for (int i = 0; i < Width; ++i) {
        v[i] = {};
        if (row < rows && column + i * at_once < columns) v[i] = simt::load<1>(from);
        from += at_once * column_stride;
    }
    SINTER_UNROLLED
    for (int i = 0; i < Width; ++i)
        simt::store_shared<1>(
            reinterpret_cast<unit*>(tile) + tile_slot(Bytes, Width, column + i * at_once, row),
            v[i]);
}

#endif

}  // namespace sinter::kernel
