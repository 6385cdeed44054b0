// Host side of the kernels: which one a stage takes, with what parameters, grid, block and memory.
// Plain code, read by every compiler; it launches nothing itself.
#pragma once

#include "sinter/kernel/map.hpp"
#include "sinter/kernel/matmul.hpp"
#include "sinter/kernel/reduce.hpp"
#include "sinter/kernel/row.hpp"
#include "sinter/kernel/row_buffers.hpp"

namespace sinter::kernel {

/// The four kernels.
enum class kernel_kind : unsigned char { map, row, reduce, matmul };
/// "map", "row", "reduce" or "matmul".
constexpr const char* name_of(kernel_kind k) {
    constexpr const char* names[] = {"map", "row", "reduce", "matmul"};
    return names[static_cast<int>(k)];
}

/// Which kernel runs stage C.
template <class C>
constexpr kernel_kind kernel_kind_of() {
    if (C::head().core >= 0) return kernel_kind::matmul;
    if (C::head().passes == 1) return kernel_kind::map;
    return ir::is_pure_reduction<C>() ? kernel_kind::reduce : kernel_kind::row;
}

template <class C, class Sync, kernel_kind K>
struct kernel_type;
template <class C, class Sync>
struct kernel_type<C, Sync, kernel_kind::map> {
    using type = map<C>;
};
template <class C, class Sync>
struct kernel_type<C, Sync, kernel_kind::row> {
    using type = row<C, Sync>;
};
template <class C, class Sync>
struct kernel_type<C, Sync, kernel_kind::reduce> {
    using type = reduce<C, Sync>;
};
template <class C, class Sync>
struct kernel_type<C, Sync, kernel_kind::matmul> {
    using type = matmul<C, Sync>;
};
/// The functor that runs stage C.
template <class C, class Sync = device_sync>
using kernel_of = typename kernel_type<C, Sync, kernel_kind_of<C>()>::type;

/// What plans depend on besides the stage.
struct device_limits {
    int sm_count = 1;
    int shared_per_block = tuning::plain_shared_bytes;  // bytes, with the opt-in
    int shared_per_sm = tuning::plain_shared_bytes;     // bytes
};

/// Grid, block and memory of one launch.
struct launch_shape {
    simt::dim grid, block;
    unsigned shared_bytes = 0;
    /// Bytes of workspace in device memory, aligned to 16; the first `zeroed_bytes` must be zero,
    /// and are zero again after the launch.
    int64 workspace_bytes = 0, zeroed_bytes = 0;
    bool nothing = false;  // the space is empty: nothing to launch
};

/// A launch that is ready but for its workspace.
template <class C, class Sync = device_sync>
struct launch_plan : launch_shape {
    kernel_of<C, Sync> kernel{};

    /// Hands over `workspace_bytes` bytes, of which the first `zeroed_bytes` are zero.
    void use_workspace(void* p) {
        if constexpr (kernel_kind_of<C>() == kernel_kind::reduce) {
            char* bytes = static_cast<char*>(p);
            kernel.counters = reinterpret_cast<unsigned*>(bytes);
            kernel.partials = reinterpret_cast<decltype(kernel.partials)>(bytes + zeroed_bytes);
        }
    }
};

namespace detail {

constexpr int64 smaller(int64 a, int64 b) { return a < b ? a : b; }
constexpr int64 larger(int64 a, int64 b) { return a > b ? a : b; }
inline int64 divide_up(int64 a, int64 b) { return (a + b - 1) / b; }
inline int64 power_of_two_from(int64 n, int64 limit) {
    int64 p = 1;
    while (p < n && p < limit) p *= 2;
    return p;
}
inline bool aligned(const void* p, int64 bytes) {
    return reinterpret_cast<uint64>(p) % static_cast<uint64>(bytes) == 0;
}
inline int64 magnitude(int64 x) { return x < 0 ? -x : x; }
/// Bit j: store j writes a row constant and has one place per row.
template <class C>
uint64 stored_once(const ir::bound_stage& b) {
    uint64 bits = 0;
    for (int j = 0; j < C::stores; ++j) {
        bool moves = !store_is_per_row<C>(j);
        for (int d = b.outer_rank; d < b.outer_rank + b.row_rank; ++d)
            moves |= b.extent[d] != 1 && b.store[j].stride[d] != 0;
        if (!moves) bits |= uint64{1} << j;
    }
    return bits;
}
/// True when a row constant that is loaded before the first pass moves along the outer axes.
template <class C>
bool row_constants_vary(const ir::bound_stage& b) {
    constexpr auto loads = ir::loads_of<C>();
    for (int k = 0; k < loads.count; ++k) {
        if (!C::at(loads.at[k]).row_constant) continue;
        for (int d = 0; d < b.outer_rank; ++d)
            if (b.extent[d] != 1 && b.load[k].stride[d] != 0) return true;
    }
    return false;
}

template <class C>
bool map_is_contiguous(const ir::bound_stage& b) {
    if (b.outer_rank > 1 || row_constants_vary<C>(b)) return false;
    constexpr int64 width = map_width<C>();
    const auto fits = [&](const ir::bound_operand& o, dtype type) {
        return (b.outer_rank == 0 || o.stride[0] == 1 || b.extent[0] == 1) &&
               aligned(o.data, width * size_of(type));
    };
    constexpr auto loads = ir::loads_of<C>();
    for (int k = 0; k < loads.count; ++k) {
        const ir::instr x = C::at(loads.at[k]);
        if (!x.row_constant && !fits(b.load[k], x.type)) return false;
    }
    for (int j = 0; j < C::stores; ++j)
        if (b.store[j].data && !fits(b.store[j], C::at(C::stored(j)).type)) return false;
    return true;
}

/// True when neighbours along the row lie closer together than neighbours along the outputs.
template <class C>
bool row_is_closer(const ir::bound_stage& b) {
    if (b.rows == 1) return true;
    if (b.row_length <= 1 || b.row_rank == 0) return false;
    int votes = 0;
    for (int k = 0; k < ir::loads_of<C>().count; ++k) {
        if (C::at(ir::loads_of<C>().at[k]).row_constant) continue;
        const int64 outer = magnitude(b.load[k].stride[b.outer_rank - 1]);
        const int64 inner = magnitude(b.load[k].stride[b.outer_rank + b.row_rank - 1]);
        if (inner != outer) votes += inner != 0 && (outer == 0 || inner < outer) ? 1 : -1;
    }
    return votes > 0;
}

}  // namespace detail

/// The map kernel: no more blocks than keep the device full.
template <class C, class Sync>
void plan_map(launch_plan<C, Sync>& p, const ir::bound_stage& b, const device_limits& d) {
    p.kernel.contiguous = detail::map_is_contiguous<C>(b);
    p.kernel.row_varies = detail::row_constants_vary<C>(b);
    const int64 items = p.kernel.contiguous ? detail::divide_up(b.rows, map_width<C>()) : b.rows;
    const int64 threads =
        detail::smaller(detail::power_of_two_from(items, 1 << 20), tuning::map_threads);
    p.block.x = static_cast<unsigned>(detail::larger(threads, simt::warp_size));
    p.grid.x = static_cast<unsigned>(
        detail::smaller(detail::divide_up(items, p.block.x),
                        static_cast<int64>(d.sm_count) * tuning::map_blocks_per_sm));
}

/// Threads of a block of the row kernel for rows of this length.
inline unsigned row_block(int64 row_length) {
    const int64 wanted = detail::divide_up(row_length, tuning::row_elements_per_thread);
    return static_cast<unsigned>(
        detail::power_of_two_from(detail::larger(wanted, simt::warp_size), tuning::row_threads));
}
/// Bytes of shared memory that row buffers of stage C may take on a device, for rows of this
/// length.
template <class C>
int64 row_buffer_room(int64 row_length, const device_limits& d) {
    const int64 states = row_state_bytes<C>(row_block(row_length) / simt::warp_size);
    // 1 KiB of each block is CUDA's own.
    const int64 share = d.shared_per_sm / tuning::row_blocks_resident - 1024;
    const int64 room = detail::smaller(d.shared_per_block, detail::larger(share, 0));
    return detail::larger(room - (states + 15) / 16 * 16, 0);
}

template <class C, class Sync>
void plan_row(launch_plan<C, Sync>& p, const ir::bound_stage& b, const device_limits& d) {
    auto& k = p.kernel;
    p.block.x = row_block(b.row_length);
    p.grid.x = static_cast<unsigned>(
        detail::smaller(b.rows, static_cast<int64>(d.sm_count) * tuning::row_blocks_per_sm));
    // Buffers lie one after another in the order of their numbers.
    int64 bytes = 0;
    for (int number = 0; number < b.buffers; ++number) {
        int64 size = 0;
        for (int j = 0; j < ir::loads_of<C>().count; ++j) {
            if (k.a.buffer[j] != number) continue;
            k.buffer_offset[j] = static_cast<unsigned>(bytes);
            size = row_buffer_bytes(C::at(ir::loads_of<C>().at[j]).type, b.row_length);
        }
        bytes += size;
    }
    k.buffer_bytes = static_cast<unsigned>(bytes);
    const unsigned states = row_state_bytes<C>(p.block.x / simt::warp_size);
    p.shared_bytes = (states + 15) / 16 * 16 + k.buffer_bytes;
    k.once = detail::stored_once<C>(b);
    k.last_loop = false;
    for (int j = 0; j < C::stores; ++j)
        k.last_loop |= b.store[j].data && (!store_is_per_row<C>(j) || !(k.once >> j & 1));
}

template <class C, class Sync>
void plan_reduce(launch_plan<C, Sync>& p, const ir::bound_stage& b, const device_limits& d) {
    auto& k = p.kernel;
    using states = typename kernel_of<C, Sync>::states;
    int64 limit = tuning::reduce_threads;
    while (limit > simt::warp_size &&
           limit * static_cast<int64>(sizeof(states)) > tuning::reduce_shared_bytes)
        limit /= 2;
    k.along_row = detail::row_is_closer<C>(b);
    int64 columns, depth;
    if (k.along_row) {
        depth = detail::power_of_two_from(b.row_length, limit);
        columns = detail::power_of_two_from(b.rows, limit / depth);
    } else {
        columns = detail::power_of_two_from(b.rows, tuning::reduce_columns);
        depth = detail::power_of_two_from(b.row_length, limit / columns);
        columns = detail::power_of_two_from(b.rows, limit / depth);
    }
    // Whole warps: idle threads at the depth end have nothing to fold.
    while (columns * depth < simt::warp_size) depth *= 2;
    k.columns = static_cast<unsigned>(columns);
    k.depth = static_cast<unsigned>(depth);
    k.tiles = detail::divide_up(b.rows, columns);
    const int64 wanted = static_cast<int64>(d.sm_count) * tuning::reduce_blocks_per_sm;
    int64 splits = 1;
    if (k.tiles < wanted && k.tiles <= tuning::reduce_tiles_split) {
        splits = detail::smaller(detail::divide_up(wanted, k.tiles), tuning::reduce_splits);
        splits =
            detail::smaller(splits, b.row_length / (depth * tuning::reduce_elements_per_thread));
        splits = detail::larger(splits, 1);
    }
    k.chunk = detail::larger(detail::divide_up(detail::divide_up(b.row_length, splits), depth), 1) *
              depth;
    splits = detail::larger(detail::divide_up(b.row_length, k.chunk), 1);
    k.once = detail::stored_once<C>(b);
    k.spread = false;
    for (int j = 0; j < C::stores; ++j)
        k.spread |= b.store[j].data && store_is_per_row<C>(j) && !(k.once >> j & 1);
    p.block.x = static_cast<unsigned>(columns * depth);
    const int64 most = static_cast<int64>(d.sm_count) * tuning::reduce_most_blocks_per_sm;
    p.grid.x = static_cast<unsigned>(splits > 1 ? k.tiles : detail::smaller(k.tiles, most));
    p.grid.y = static_cast<unsigned>(splits);
    p.shared_bytes = p.block.x * static_cast<unsigned>(sizeof(states));
    if (splits > 1) {
        p.zeroed_bytes = (k.tiles * static_cast<int64>(sizeof(unsigned)) + 15) / 16 * 16;
        p.workspace_bytes = p.zeroed_bytes + splits * b.rows * static_cast<int64>(sizeof(states));
    }
}

template <class C, class Sync>
void plan_matmul(launch_plan<C, Sync>& p, const ir::bound_stage& b) {
    matmul_args<C>& q = p.kernel.p;
    constexpr auto loads = ir::loads_of<C>();
    for (int side = 0; side < 2; ++side) {
        int votes = 0;
        for (int k = 0; k < loads.count; ++k) {
            const ir::instr x = C::at(loads.at[k]);
            const int64* stride = b.load[k].stride;
            if (x.loops >> (ir::side_a + side) & 1)
                votes +=
                    (detail::magnitude(stride[2]) == 1) - (detail::magnitude(stride[side]) == 1);
        }
        q.along_k[side] = votes > 0;
        q.vectors[side] = false;
        const int value = side == 0 ? C::head().core_a : C::head().core_b;
        if (const int slot = loads.find(value); slot >= 0) {
            const ir::bound_operand& o = b.load[slot];
            q.vectors[side] = o.stride[2] == 1 && o.stride[side] % 8 == 0 &&
                              detail::aligned(o.data, tuning::vector_bytes);
        }
    }
    q.row_varies = detail::row_constants_vary<C>(b);
    constexpr int tile_m = uses_tensor_cores<C>() ? tuning::mma_m : tuning::tile_m;
    constexpr int tile_n = uses_tensor_cores<C>() ? tuning::mma_n : tuning::tile_n;
    const int64 m = detail::divide_up(b.extent[0], tile_m);
    const int64 n = detail::divide_up(b.extent[1], tile_n);
    q.tiles_n = static_cast<unsigned>(n);
    p.grid.x = static_cast<unsigned>(m * n);
    p.block.x = static_cast<unsigned>(kernel_of<C, Sync>::max_threads);
}

/// How to launch stage C on arrays `b`: the kernel with its parameters, grid, block, shared memory
/// and workspace. `nothing` is set when there is no element to write.
template <class C, class Sync = device_sync>
launch_plan<C, Sync> plan_launch(const ir::bound_stage& b, const device_limits& d) {
    launch_plan<C, Sync> p;
    if (b.rows == 0) {
        p.nothing = true;
        return p;
    }
    if constexpr (kernel_kind_of<C>() == kernel_kind::matmul) {
        p.kernel.p.a = args<C>::from(b);
        plan_matmul(p, b);
    } else {
        p.kernel.a = args<C>::from(b);
        if constexpr (kernel_kind_of<C>() == kernel_kind::map) {
            plan_map(p, b, d);
        } else if constexpr (kernel_kind_of<C>() == kernel_kind::row) {
            plan_row(p, b, d);
        } else {
            plan_reduce(p, b, d);
        }
    }
    return p;
}

}  // namespace sinter::kernel
