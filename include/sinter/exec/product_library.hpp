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
/// c = a b for each of a batch: (m, k) and (k, n), all of one floating type.
struct plain_product {
    dtype type = dtype::f32;
    bool tf32 = false;  // operands may be rounded
    int64 m = 0, n = 0, k = 0, batch = 1;
    product_matrix a, b, c;
};
/// A library for products on CUDA devices and, in tests, the emulator.
struct product_library {
    const char* name = nullptr;
    /// True when the library is thought faster for these extents.
    bool (*worth)(int64 m, int64 n, int64 k) = nullptr;
    /// Queues the product on the current stream of the launch's device. False: it did nothing, and
    /// the kernel has to. Throws device_error when the device fails.
    bool (*run)(const plain_product&, const runtime::launch_record&) = nullptr;
};
/// No name: there is none.
inline constinit product_library the_product_library;

/// True when a stage is a product of two floating arrays, as they lie in memory, and nothing else.
template <class Code>
constexpr bool is_plain_product(const Code& code, int size, int stores, const ir::stage_head& h) {
    if (h.core < 0 || size != 3 || stores != 1 || h.passes != 1) return false;
    const ir::instr x = code.at(h.core), a = code.at(h.core_a), b = code.at(h.core_b);
    const auto plain = [&](const ir::instr& i) {
        return i.h == ir::how::load && i.type == x.type && i.op == 0;
    };
    return is_floating(x.type) && h.core_a != h.core_b && plain(a) && plain(b);
}

/// Runs stage C by the library, where there is one and it takes the product.
template <class C>
bool run_by_library(const ir::bound_stage& s, const runtime::launch_record& record) {
    if constexpr (is_plain_product(C{}, C::size, C::stores, C::head())) {
        const product_library& library = the_product_library;
        const int m = s.rows_axis(), n = s.columns_axis(), k = s.summed_axis();
        if (!library.name || s.row_rank != 1 || s.outer_rank > 3 || !s.store[0].data ||
            !library.worth(s.extent[m], s.extent[n], s.extent[k]))
            return false;
        constexpr auto loads = ir::loads_of<C>();
        const auto matrix = [&](const ir::bound_operand& o, int row, int column) {
            return product_matrix{
                o.data, o.stride[row], o.stride[column], m > 0 ? o.stride[0] : int64{0}};
        };
        const plain_product p{.type = C::at(C::head().core).type,
                              .tf32 = C::at(C::head().core).op == ir::core_tf32,
                              .m = s.extent[m],
                              .n = s.extent[n],
                              .k = s.extent[k],
                              .batch = s.batch(),
                              .a = matrix(s.load[loads.find(C::head().core_a)], m, k),
                              .b = matrix(s.load[loads.find(C::head().core_b)], k, n),
                              .c = matrix(s.store[0], m, n)};
        if (!library.run(p, record)) return false;
        runtime::note_launch(record);
        return true;
    } else {
        return false;
    }
}

}  // namespace sinter::exec
