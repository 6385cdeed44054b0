// draft
#pragma once
#include "sinter/ir/frames.hpp"
#include "sinter/ir/pass.hpp"
namespace sinter::ir {
/// The user's functors at run time: calls functor `slot` of the pack on registers; each register
/// holds a double (floating types) or an int64.
struct functor_calls {
    void (*call)(const void* pack, int slot, const scalar_bits* in, scalar_bits* out) = nullptr;
    const void* pack = nullptr;
};
/// Node by node on the host. `value`: as infer() left it. `scalars` by scalar slot. `out` by root: written
/// with conversion to its type. `stored`: by node, or null: values that are rounded to their type, as storing does.
void evaluate_graph(const graph_view& g, const array_ref* value, const slice_args* slices, const shape_args* shapes, const scalar_bits* scalars, const functor_calls& functors, const array_ref* out, const bool* stored = nullptr);
/// The lowered stages, in order, on the host. False when a row does not fit: nothing useful was written, run the split plan.
bool run_stages(const graph_view& g, const stage_view* stages, int count, const array_ref* value, const slice_args* slices, const shape_args* shapes, const scalar_bits* scalars, const functor_calls& functors, const array_ref* out);
}
