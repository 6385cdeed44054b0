// The parameters of a module.
#pragma once

#include "sinter/nn/module.hpp"
#include "sinter/optim/variable.hpp"

namespace sinter::optim {

/// All parameters of a module that want a gradient, by their names: `optim::adam
/// opt(optim::parameters_of(net), {.lr = 1e-3})`.
template <element T = float, nn::module M>
parameters<T> parameters_of(M& m) {
    parameters<T> r;
    nn::for_each_parameter(m, [&](const std::string& name, auto& p) {
        using V = typename std::remove_cvref_t<decltype(p)>::value_type;
        static_assert(same_v<V, T>,
                      "parameters_of: all parameters have one element type: name it, as in "
                      "parameters_of<double>(net).");
        if constexpr (same_v<V, T>)
            if (p.requires_grad()) r.add(name, p);
    });
    return r;
}

}  // namespace sinter::optim
