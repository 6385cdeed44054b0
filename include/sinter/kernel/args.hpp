// What a kernel of a stage takes: the bound stage with its arrays inline, trivially copyable, the
// same bytes for g++, nvcc and NVRTC.
#pragma once

#include "sinter/ir/bound.hpp"

namespace sinter::kernel {

constexpr int at_least_one(int n) { return n > 0 ? n : 1; }

#if !SINTER_RTC
/// Copies the arrays, numbers and extents of a bound stage: one function for all stages.
inline void copy_bound(const ir::bound_stage& b,
                       ir::bound_operand* load,
                       int loads,
                       ir::bound_operand* store,
                       int stores,
                       ir::scalar_bits* scalar,
                       int scalars,
                       int64* extent) {
    for (int j = 0; j < loads; ++j) load[j] = b.load[j];
    for (int j = 0; j < stores; ++j) store[j] = b.store[j];
    for (int j = 0; j < scalars; ++j) scalar[j] = b.scalar[j];
    for (int d = 0; d < max_rank; ++d) extent[d] = b.extent[d];
}
#endif

/// Kernel parameters of stage C.
template <class C>
struct args {
    static constexpr int loads = ir::loads_of<C>().count, scalars = ir::scalars_of<C>().count,
                         stores = C::stores;
    ir::bound_operand load[at_least_one(loads)];
    ir::bound_operand store[at_least_one(stores)];
    ir::scalar_bits scalar[at_least_one(scalars)];
    int64 extent[max_rank];
    int64 rows, row_length;
    int outer_rank, row_rank;
    ir::functor_pack<typename C::functors> functors;

#if !SINTER_RTC
    /// The arguments for a bound stage (host only).
    static args from(const ir::bound_stage& b) {
        args a{};
        copy_bound(b, a.load, loads, a.store, stores, a.scalar, scalars, a.extent);
        a.rows = b.rows;
        a.row_length = b.row_length;
        a.outer_rank = b.outer_rank;
        a.row_rank = b.row_rank;
        if (b.functors)
            a.functors = *static_cast<const ir::functor_pack<typename C::functors>*>(b.functors);
        return a;
    }
#endif
};

}  // namespace sinter::kernel
