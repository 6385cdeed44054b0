// Layers one after the other.
#pragma once

#include <tuple>

#include "sinter/nn/module.hpp"

namespace sinter::nn {

namespace detail {

/// A layer built around a product, a reduction or windows: what comes before it ends in memory.
template <class L>
constexpr bool begins_kernel() {
    if constexpr (requires { L::begins_kernel; }) {
        return L::begins_kernel;
    } else {
        return false;
    }
}

}  // namespace detail

/// Layers one after the other: `sequential(linear(784, 128), relu(), linear(128, 10))`. What it
/// returns is lazy. Where a layer begins a kernel and an earlier one has, the value before it is
/// assigned to a variable: one step of the tape, so that a convolution, its bias, relu and the
/// reshape behind it are one launch, and compile time stays bounded however many layers there are.
/// Members are called "0", "1", ..., as in PyTorch.
template <class... L>
struct sequential {
    std::tuple<L...> layers;

    explicit sequential(L... l) : layers(std::move(l)...) {}
    template <class V>
    void members(V&& v) {
        name_members(v, std::index_sequence_for<L...>{});
    }
    template <expression X>
    auto operator()(const X& x) {
        return from<0, false>(x);
    }
    /// Layer I.
    template <std::size_t I>
    auto& at() {
        return std::get<I>(layers);
    }

private:
    template <class V, std::size_t... I>
    void name_members(V& v, std::index_sequence<I...>) {
        (name_member<I>(v), ...);
    }
    template <std::size_t I, class V>
    void name_member(V& v) {
        if constexpr (module<std::tuple_element_t<I, std::tuple<L...>>>)
            v(std::to_string(I).c_str(), std::get<I>(layers));
    }
    template <std::size_t I, bool Begun, class X>
    auto from(const X& x) {
        if constexpr (I == sizeof...(L)) {
            return x;
        } else {
            auto& layer = std::get<I>(layers);
            constexpr bool begins = detail::begins_kernel<std::remove_cvref_t<decltype(layer)>>();
            if constexpr (begins && Begun) {
                using S = symbol_of<X>;
                const variable<storage_t<S::type>, S::rank> stored(x);
                return from<I + 1, true>(layer(stored));
            } else {
                return from < I + 1, Begun || begins > (layer(x));
            }
        }
    }
};

}  // namespace sinter::nn
