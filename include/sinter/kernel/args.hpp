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

/// How many guards the first `end` loads of stage C have.
template <class C>
SINTER_HD constexpr int guards_before(int end) {
    int n = 0;
    const auto loads = ir::loads_of<C>();
    for (int k = 0; k < end; ++k) n += C::at(loads.at[k]).guards();
    return n;
}
/// The guards of a stage's loads; most stages have none.
template <int N>
struct guard_args {
    ir::bound_guard guard[N];
};
template <>
struct guard_args<0> {};

/// Kernel parameters of stage C.
template <class C>
struct args : guard_args<guards_before<C>(ir::loads_of<C>().count)> {
    static constexpr int guards = guards_before<C>(ir::loads_of<C>().count);
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
        if constexpr (guards > 0)
            for (int k = 0; k < guards; ++k) a.guard[k] = b.guard[k];
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
