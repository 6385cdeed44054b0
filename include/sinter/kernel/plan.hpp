// What a launch is: which kernel, with what grid, block and memory. Host code.
#pragma once

#include "sinter/kernel/limits.hpp"
#include "sinter/kernel/map.hpp"
#include "sinter/kernel/matmul.hpp"
#include "sinter/kernel/matmul_direct.hpp"
#include "sinter/kernel/reduce.hpp"
#include "sinter/kernel/row.hpp"

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
    using type = map<C, Sync>;
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

/// Grid, block and memory of one launch.
struct launch_shape {
    simt::dim grid, block;
    unsigned shared_bytes = 0;
    /// Bytes of workspace in device memory, aligned to 16; the first `zeroed_bytes` must be zero,
    /// and are zero again after the launch.
    int64 workspace_bytes = 0, zeroed_bytes = 0;
    // Of a product with reductions: where their counters begin, and their states behind all of
    // them.
    struct {
        int64 counters = 0, states = 0;
    } of_folds;
    bool nothing = false;      // the space is empty: nothing to launch
    bool direct = false;       // direct_matmul runs what `matmul` would
    bool cooperative = false;  // all blocks have to run at the same time
};

/// A launch that is ready but for its workspace.
template <class C, class Sync = device_sync>
struct launch_plan : launch_shape {
    kernel_of<C, Sync> kernel{};

    /// Calls f with the kernel to launch.
    template <class F>
    void with_kernel(const F& f) {
        if constexpr (may_be_direct<C>()) {
            if (direct) return f(direct_matmul<C, Sync>{kernel.p});
        }
        f(kernel);
    }
    /// Hands over `workspace_bytes` bytes, of which the first `zeroed_bytes` are zero.
    void use_workspace(void* p) {
        constexpr kernel_kind kind = kernel_kind_of<C>();
        if constexpr (kind == kernel_kind::reduce || kind == kernel_kind::row) {
            char* bytes = static_cast<char*>(p);
            kernel.counters = reinterpret_cast<unsigned*>(bytes);
            kernel.partials = reinterpret_cast<decltype(kernel.partials)>(bytes + zeroed_bytes);
        } else if constexpr (kind == kernel_kind::matmul) {
            char* bytes = static_cast<char*>(p);
            kernel.p.counters = reinterpret_cast<unsigned*>(bytes);
            kernel.p.partials = reinterpret_cast<product_t<C>*>(bytes + zeroed_bytes);
            if constexpr (has_folds<C>()) {
                auto& f = kernel.p.folds;
                f.counters = reinterpret_cast<unsigned*>(bytes + of_folds.counters);
                f.partials =
                    reinterpret_cast<decltype(f.partials)>(bytes + zeroed_bytes + of_folds.states);
            }
        }
    }
};

namespace detail {

inline bool aligned(const void* p, int64 bytes) {
    return reinterpret_cast<uint64>(p) % static_cast<uint64>(bytes) == 0;
}
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
/// The loads of stage C that have one value per row.
template <class C>
constexpr ir::index_list<C::size> row_constant_loads() {
    ir::index_list<C::size> slots;
    const auto loads = ir::loads_of<C>();
    for (int k = 0; k < loads.count; ++k)
        if (C::at(loads.at[k]).row_constant) slots.push(k);
    return slots;
}
/// True when a row constant that is loaded before the first pass moves along the outer axes.
template <class C>
bool row_constants_vary(const ir::bound_stage& b) {
    constexpr auto slots = row_constant_loads<C>();
    for (int i = 0; i < slots.count; ++i)
        for (int d = 0; d < b.outer_rank; ++d)
            if (b.extent[d] != 1 && b.load[slots.at[i]].stride[d] != 0) return true;
    return false;
}

}  // namespace detail

}  // namespace sinter::kernel
