// A layer whose products may round.
#pragma once

#include "sinter/nn/sequential.hpp"

namespace sinter::nn {

/// A layer whose products of float, and their gradients, may run on tensor cores, operands rounded
/// to tf32: see allow_tf32. `sequential{tf32{linear(784, 128)}, relu(), tf32{linear(128, 10)}}`.
/// Its members have the names that they have in the layer, so that files fit both. Of a module that
/// assigns variables on its way, as sequential does, only the last expression would round: wrap the
/// layers that it is made of.
template <class L>
struct tf32 {
    L layer;
    static constexpr auto kernel_role = detail::part_of<L>();

    explicit tf32(L l) : layer(std::move(l)) {}
    template <class V>
    void members(V&& v) requires(module<L>) {
        layer.members(v);
    }
    template <expression X>
    auto operator()(const X& x) {
        return allow_tf32(layer(x));
    }
};

}  // namespace sinter::nn
