// Plain products on a device may go to a library: <sinter/cublaslt.hpp> says to which.
#pragma once

#include "sinter/kernel/launch.hpp"
#include "sinter/runtime/launch.hpp"

namespace sinter::exec {

/// A matrix of a product, by the strides of its elements and of the batch.
struct product_matrix {
    void* data = nullptr;
    int64 row = 0, column = 0, batch = 0;
};
/// c = a b for each of a batch: (m, k) and (k, n), both of one floating type.
struct plain_product {
    dtype type = dtype::f32;
    dtype result = type;  // of c: `type`, or float where that is shorter
    bool tf32 = false;    // operands may be rounded
    int64 m = 0, n = 0, k = 0, batch = 1;
    product_matrix a{}, b{}, c{};
};
/// A library for products on CUDA devices and, in tests, the emulator.
struct product_library {
    const char* name = nullptr;
    /// True when the library is thought faster for these extents.
    bool (*worth)(int64 m, int64 n, int64 k) = nullptr;
    /// Queues the product on the current stream of the launch's device. False: it did nothing, and
    /// the kernel has to. Throws device_error when the device fails.
    bool (*run)(const plain_product&, const runtime::launch_record&) = nullptr;
    /// True when it is thought faster with a pass over its results behind it, which Sinter's own
    /// kernel would not need. Null: never.
    bool (*worth_with_pass)(int64 m, int64 n, int64 k) = nullptr;
};
/// No name: there is none.
inline constinit product_library the_product_library;

/// True when a stage is around one product of two floating arrays, as they lie in memory.
template <class Code>
constexpr bool is_product_of_arrays(const Code& code, const ir::stage_head& h) {
    if (h.core < 0 || h.passes != 1) return false;
    const ir::instr x = code.at(h.core), a = code.at(h.core_a), b = code.at(h.core_b);
    const auto plain = [&](const ir::instr& i) {
        return i.h == ir::how::load && i.type == x.type && i.op == 0;
    };
    return is_floating(x.type) && h.core_a != h.core_b && plain(a) && plain(b);
}
/// True when it is such a product and nothing else.
template <class Code>
constexpr bool is_plain_product(const Code& code, int size, int stores, const ir::stage_head& h) {
    return size == 3 && stores == 1 && is_product_of_arrays(code, h);
}

/// The product of stage C as a library takes it, without where its result goes.
template <class C>
plain_product product_of(const ir::bound_stage& s) {
    constexpr auto loads = ir::loads_of<C>();
    constexpr ir::instr core = C::at(C::head().core);
    const int m = s.rows_axis(), n = s.columns_axis(), k = s.summed_axis();
    const auto matrix = [&](short load, int row, int column) {
        const ir::bound_operand& o = s.load[loads.find(load)];
        return product_matrix{
            o.data, o.stride[row], o.stride[column], m > 0 ? o.stride[0] : int64{0}};
    };
    return {.type = core.type,
            .tf32 = (core.op & ir::core_tf32) != 0,
            .m = s.extent[m],
            .n = s.extent[n],
            .k = s.extent[k],
            .batch = s.batch(),
            .a = matrix(C::head().core_a, m, k),
            .b = matrix(C::head().core_b, k, n)};
}
/// True when a library has the axes for the product of `s`: three, and the batch.
inline bool has_product_axes(const ir::bound_stage& s) {
    return s.row_rank == 1 && s.outer_rank <= 3;
}

/// Runs stage C by the library, where there is one and it takes the product.
template <class C>
bool run_by_library(const ir::bound_stage& s, const runtime::launch_record& record) {
    if constexpr (is_plain_product(C{}, C::size, C::stores, C::head())) {
        const product_library& library = the_product_library;
        if (!library.name || !has_product_axes(s) || !s.store[0].data) return false;
        plain_product p = product_of<C>(s);
        if (!library.worth(p.m, p.n, p.k)) return false;
        const int m = s.rows_axis();
        const ir::bound_operand& to = s.store[0];
        p.c = {to.data, to.stride[m], to.stride[s.columns_axis()], m > 0 ? to.stride[0] : int64{0}};
        if (!library.run(p, record)) return false;
        runtime::note_launch(record);
        return true;
    } else {
        return false;
    }
}

}  // namespace sinter::exec
