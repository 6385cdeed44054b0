// What a kernel of a stage takes: the bound stage with its arrays inline, trivially copyable, the
// same bytes for g++, nvcc and NVRTC.
#pragma once

#include "sinter/ir/bound.hpp"

namespace sinter::kernel {

constexpr int at_least_one(int n) { return n > 0 ? n : 1; }

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

    /// The arguments for a bound stage (host only).
    static args from(const ir::bound_stage& b) {
        args a{};
        for (int j = 0; j < loads; ++j) a.load[j] = b.load[j];
        for (int j = 0; j < stores; ++j) a.store[j] = b.store[j];
        for (int j = 0; j < scalars; ++j) a.scalar[j] = b.scalar[j];
        for (int d = 0; d < max_rank; ++d) a.extent[d] = b.extent[d];
        a.rows = b.rows;
        a.row_length = b.row_length;
        a.outer_rank = b.outer_rank;
        a.row_rank = b.row_rank;
        if (b.functors)
            a.functors = *static_cast<const ir::functor_pack<typename C::functors>*>(b.functors);
        return a;
    }
};

}  // namespace sinter::kernel
