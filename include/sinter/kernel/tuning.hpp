// Every number of the kernels that is a choice, and why it is chosen. Device-readable.
#pragma once

#include "sinter/core/types.hpp"

namespace sinter::kernel::tuning {

// ---- plans, on the host
// How often at least a costly value is read again before it is stored: what one more loop costs.
inline constexpr int host_dear_reads = 2048;
// Channels from which on a host pools a convolution while it is in the cache.
inline constexpr int host_pooled_channels = 16;
// The work of a plan, in operations on one element: one more loop; loading or storing an element.
inline constexpr int host_loop_flops = 28 * 1024, host_element_flops = 4;

// ---- plans, on devices. The costly operand of a product is computed by every tile that reads it,
// or stored once. Taken from data sheets, not measured: an H200 runs 33e12 operations of a float
// (67e12 FLOP/s are half as many multiply-adds) while its memory moves 4.8e12 bytes, an A100 9.7e12
// and 1.6e12; and one more launch takes about 2 us until its memory is busy.
inline constexpr int device_flops_per_byte = 6, device_launch_bytes = 8 * 1024 * 1024;
// The same for what is mostly arithmetic of integers, of which a processor does half as much: what
// it may take to compute a product's operand again in all windows, and save a launch. 32 images of
// 28 x 28 that are moved at random fit, under windows of 3 x 3, 64 do not.
inline constexpr int64 recomputed_flops = int64{device_launch_bytes} * device_flops_per_byte / 2;

// ---- map
// 256 threads: eight warps, the rows of a tile. Six such blocks fit on an SM at up to 40 registers.
inline constexpr int map_threads = 256;
// One access of 16 bytes is the widest there is.
inline constexpr int vector_bytes = 16;
// A thread's vector repeats the code of the stage once per element; longer stages take shorter
// vectors, so that code stays below about this many instructions of the stage list.
inline constexpr int map_unrolled_instructions = 512;
// What keeps the memory of a device busy is bytes in flight per SM. A thread loads this much before
// it computes, where vectors are short or operands few: 48 KB for 1024 threads, which is what an
// H200 asks for; devices that ask for less take fewer vectors ...
inline constexpr int map_bytes_per_thread = 48;
inline constexpr int map_bytes_in_flight = 48 * 1024;
inline constexpr int map_threads_resident = 1024;
// ... as long as the code that is repeated for it stays small: it costs compile time.
inline constexpr int map_repeated_instructions = 128;
// Fewer vectors per thread where there would not be as many blocks for every SM.
inline constexpr int map_blocks_per_sm = 4;
// A row shorter than this many vectors and not aligned goes element by element.
inline constexpr int map_vectors_per_row = 2;
// The last axis and the other one are at least this long where tiles are worth their barrier.
inline constexpr int map_tile_side = 16;
// The most elements, and offsets in an operand, of what 32 bits number: below 2^31, so that sums do
// not overflow.
inline constexpr int map_piece = 1 << 29;

// ---- row
// At 512 threads a thread has at most 128 registers, so 512 threads of any kernel fit on a
// processor: what teams of blocks rely on, whose blocks must all run at the same time.
inline constexpr int row_threads = 512;
// Threads per row by its length, after QuACK's measurements on Hopper: few enough that several rows
// are under way per warp, many enough that a thread has at most 64 elements.
inline constexpr int row_lengths = 5;
inline constexpr int row_length_upto[row_lengths] = {64, 128, 3072, 6144, 16384};
inline constexpr int row_lanes[row_lengths + 1] = {8, 16, 32, 64, 128, 256};
// Small blocks leave a processor free sooner; four warps share what a block costs.
inline constexpr int row_block = 128;
// With fewer threads than this per processor a row gets more of them, down to four elements each.
inline constexpr int row_threads_per_sm = 512;
inline constexpr int row_least_elements = 4;
inline constexpr int row_blocks_per_sm = 32;
// Two blocks should fit into the shared memory of a processor, so that one loads while one
// computes.
inline constexpr int row_blocks_resident = 2;
// Rows that lie across memory: a block takes 32 of them, or as few as 8, which still make a whole
// sector of 32 bytes; 256 threads, about 8 elements each.
inline constexpr int row_most_across = 32, row_least_across = 8, row_threads_across = 256;
inline constexpr int row_elements_across = 8;
// Teams: two blocks of 256 threads per processor, so that one computes while one waits. A member
// gets at least this many elements: fewer take less time than the meeting (about 2 us).
inline constexpr int team_threads = 256, team_blocks_per_sm = 2;
inline constexpr int team_least_elements = 16384;
// What 32 bits number without overflow, strips included.
inline constexpr int64 row_piece = int64{1} << 28;

// ---- strips of row and reduce
// Eight elements at most: 16 of one byte would repeat the code of the stage 16 times.
inline constexpr int strip_most = 8;
// The code of a stage is repeated per element of a strip; longer stages take shorter strips.
inline constexpr int strip_instructions = 512;
// With totals of columns every element has states of its own on the way: longer ones would spill.
inline constexpr int strip_instructions_columns = 128;

// ---- reduce
// Two blocks of 256 threads fit on a processor at 128 registers each: a wave of that many blocks is
// resident at once and no second one follows, which would leave most processors idle.
inline constexpr int reduce_threads = 256;
inline constexpr int reduce_blocks_per_sm = 2;
// Threads of a warp along the outputs, where those are neighbours in memory: whole lines.
inline constexpr int reduce_columns = 32;
// Without a split: no more blocks than this; they stride over the tiles of outputs.
inline constexpr int reduce_most_blocks_per_sm = 32;
// Each element of a strip has its own states; more bytes of them would not stay in registers.
inline constexpr int reduce_state_bytes = 128;
// Strips of 16 bytes that a thread loads before it folds: with 512 threads, four strips of one
// array are 32 KiB in flight. What was loaded and three times the states (two are being merged into
// one) share the registers that addresses leave. Every strip repeats the code of the stage and
// costs compile time: stages of more instructions, which read more arrays at once, take fewer.
inline constexpr int reduce_most_strips = 4;
inline constexpr int reduce_register_bytes = 224;
inline constexpr int reduce_instructions = 32;
// A block that is split off folds at least this many elements per thread: less is cheaper than
// merging one more partial state.
inline constexpr int reduce_elements_per_thread = 16;
// What a launch of a split reduction may ask for at most: one counter per tile of outputs.
inline constexpr int reduce_tiles_split = 1024;
inline constexpr int reduce_splits = 1024;
// ---- windows
// Two blocks of 256 threads per processor at up to 128 registers each.
inline constexpr int window_threads = 256;
// Strips of a thread along the axis on which windows slide: of 3 x 3 windows, 4 of them read 6
// columns where one by one they would read 12. The strips of the loads and the states of all
// results have to stay in registers, beside what addresses need; and the code of the stage is
// repeated for every result.
inline constexpr int window_items = 4, window_register_bytes = 288, window_instructions = 256;
// The longest windows that one thread folds: 11 x 11; the outputs that are enough to do without
// more threads for each.
inline constexpr int window_longest = 121, window_threads_per_sm = 64;
// With fewer threads than this per processor a thread has fewer strips.
inline constexpr int window_threads_wanted = 256;
// Lanes along a strip's axis: 8 vectors of 16 bytes are a line; 32 single elements are one of
// floats. Then lines, then items: tiles whose halo is small.
inline constexpr int window_lanes = 8, window_single_lanes = 32, window_lines = 8;

// What every kernel gets of shared memory without asking.
inline constexpr int plain_shared_bytes = 48 * 1024;
// States must fit into that, beside the little that the kernel needs itself.
inline constexpr int reduce_shared_bytes = plain_shared_bytes - 1024;

// ---- matmul in registers: 16 x 16 threads and tiles of 128 x 128 results, 8 x 8 each, where there
// are enough of them for every processor and a result has four bytes; else of 64 x 64, 4 x 4 each
// (more doubles would not fit into registers). Each value that a thread reads from shared memory
// serves 8 or 4 products.
inline constexpr int tile_threads = 256;
struct large_tile {
    static constexpr int side = 128, k = 8;
};
struct small_tile {
    static constexpr int side = 64, k = 16;
};
// Rows of a tile are this much longer than its side: then a column's four neighbours fall into
// different banks when a tile is written across, and rows keep an alignment of 16 bytes.
inline constexpr int tile_padding = 4;

// ---- matmul, tiles that several blocks share: each takes at least this many steps along k, or
// adding the partial sums, which one block does, would cost more than they save.
inline constexpr int product_split_steps = 8, product_most_splits = 16;
// As many products of a batch whose elements are folded are taken by one block in turn: the windows
// of pooling. More of them take blocks of their own, which meet in the workspace.
inline constexpr int product_most_turns = 16;

// ---- matmul with short sums along several axes: see matmul_direct.hpp. Tiles of 128 x 32, 4 x 4
// results in each of 256 threads: filters are often few, places many. Two blocks on a processor, so
// that one gathers while one multiplies; more where shared memory has room.
inline constexpr int direct_threads = 256, direct_rows = 128, direct_columns = 32;
inline constexpr int direct_blocks_per_sm = 2, direct_most_blocks_per_sm = 4;
// The longest sum, so that tables and filters stay small, and the shortest part of one for which a
// tile is worth its barriers.
inline constexpr int direct_most_sums = 256, direct_least_pass = 8;
// What bringing an operand's element into shared memory costs, in products of a thread, and how
// many of these tensor cores do in the time of one.
inline constexpr int direct_gather = 16, direct_per_core = 8;

// ---- matmul on tensor cores: a 128 x 128 tile by 2 x 4 warps, 64 x 32 results each: a warp reads
// 6 fragments for 16 products of tensor cores. 64 bytes along k, two rows of which make one wave of
// ldmatrix: 32 of bfloat16 and half, 16 floats as tf32, 64 of 8-bit integers. Three tiles of both
// operands are what fits into the shared memory that needs no asking: two are on their way while
// one is multiplied.
inline constexpr int mma_m = 128, mma_n = 128, mma_row_bytes = 64, mma_threads = 256;
inline constexpr int mma_warp_m = 64, mma_warp_n = 32, mma_stages = 3;

}  // namespace sinter::kernel::tuning
