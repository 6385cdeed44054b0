// The dense layer.
#pragma once

#include "sinter/nn/init.hpp"

namespace sinter::nn {

/// Says that a layer has no bias: `linear(784, 10, no_bias)`.
struct no_bias_tag {};
inline constexpr no_bias_tag no_bias{};

namespace detail {

template <element T, int R>
variable<T, R> parameter(const shape<R>& s) {
    return variable<T, R>(tensor<T, R>(s));
}
// PyTorch's default for dense and convolution layers: both uniform within 1 / sqrt(inputs).
template <element T, int R>
void default_init(variable<T, R>& weight, variable<T, 1>& bias) {
    const auto inputs = init::detail::fan_in(weight.extents());
    const double bound = inputs > 0 ? 1 / std::sqrt(static_cast<double>(inputs)) : 0;
    init::uniform(weight, -bound, bound);
    if (bias.shared_state()) init::uniform(bias, -bound, bound);
}

}  // namespace detail

/// x w^T + b: (..., in) to (..., out). The weight is (out, in), as PyTorch's; both begin uniform
/// within 1 / sqrt(in).
template <element T = float, bool Bias = true>
struct linear {
    variable<T, 2> weight;
    variable<T, 1> bias;
    /// Begins a kernel: see sequential.
    static constexpr auto kernel_role = detail::kernel_part::beginning;

    linear(int64 in, int64 out) : weight(detail::parameter<T, 2>({out, in})) {
        if constexpr (Bias) bias = detail::parameter<T, 1>({out});
        detail::default_init(weight, bias);
    }
    linear(int64 in, int64 out, no_bias_tag) : linear(in, out) {}
    template <class V>
    void members(V&& v) {
        v("weight", weight);
        if constexpr (Bias) v("bias", bias);
    }
    template <expression X>
    auto operator()(const X& x) const {
        if constexpr (Bias) {
            return matmul(x, transpose(weight)) + bias;
        } else {
            return matmul(x, transpose(weight));
        }
    }
};
linear(int64, int64)->linear<float, true>;
linear(int64, int64, no_bias_tag)->linear<float, false>;

}  // namespace sinter::nn
