// Layers one after the other.
#pragma once

#include <tuple>

#include "sinter/nn/module.hpp"

namespace sinter::nn {

namespace detail {

template <class L>
constexpr kernel_part part_of() {
    if constexpr (requires { L::kernel_role; }) {
        return L::kernel_role;
    } else {
        return kernel_part::none;
    }
}

}  // namespace detail

/// Layers one after the other: `sequential{linear(784, 128), relu(), linear(128, 10)}`. Braces make
/// the layers from left to right, so that a seed gives the same weights with every compiler; in
/// parentheses C++ leaves the order open. What it returns is lazy. Where a layer begins a kernel
/// and an earlier one has, the value before it is assigned to a variable: one step of the tape, so
/// that a convolution, its bias, relu and pooling are one launch (two while gradients are recorded,
/// which need what is pooled), and compile time stays bounded however many layers there are.
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
        return from<0, detail::kernel_part::none>(x);
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
    // `Begun`: what the kernel that computes x is so far.
    template <std::size_t I, detail::kernel_part Begun, class X>
    auto from(const X& x) {
        using detail::kernel_part;
        if constexpr (I == sizeof...(L)) {
            return x;
        } else {
            auto& layer = std::get<I>(layers);
            constexpr kernel_part part =
                detail::part_of<std::tuple_element_t<I, std::tuple<L...>>>();
            constexpr bool joins = part == kernel_part::none || Begun == kernel_part::none ||
                                   (part == kernel_part::pooling && Begun == kernel_part::product);
            if constexpr (joins) {
                constexpr bool same = part == kernel_part::none || part == kernel_part::view;
                constexpr kernel_part next = same ? Begun : part;
                return from<I + 1, next>(layer(x));
            } else {
                using S = symbol_of<X>;
                const variable<storage_t<S::type>, S::rank> stored(x);
                // A view of it is an array again.
                constexpr kernel_part next = part == kernel_part::view ? kernel_part::none : part;
                return from<I + 1, next>(layer(stored));
            }
        }
    }
};

}  // namespace sinter::nn
