// What makes a struct a module: it names its members. Whatever walks over parameters goes through
// this one function.
#pragma once

#include <string>
#include <vector>

#include "sinter/autodiff/variable.hpp"
#include "sinter/random.hpp"

namespace sinter::nn {

namespace detail {

struct any_member {
    template <class M>
    void operator()(const char*, M&) const {}
};

template <class V>
inline constexpr bool is_variable = false;
template <element T, int R>
inline constexpr bool is_variable<variable<T, R>> = true;
template <class V>
inline constexpr bool is_tensor = false;
template <element T, int R>
inline constexpr bool is_tensor<tensor<T, R>> = true;
template <class V>
inline constexpr bool is_list = false;
template <class M>
inline constexpr bool is_list<std::vector<M>> = true;

/// What a layer is to the kernel that computes what comes before it.
enum class kernel_part {
    none,      // an elementwise layer or a view: part of any kernel
    product,   // begins a kernel, which can pool its result on its way out
    pooling,   // ends a kernel that is a product, begins one behind everything else
    view,      // sees an array under another shape
    beginning  // begins a kernel: a reduction, or a product that is not pooled
};

inline std::string joined(const std::string& path, const std::string& name) {
    return path.empty() ? name : path + "." + name;
}

}  // namespace detail

/// A struct with a member `template <class V> void members(V&& v)` that calls v("name", member) for
/// each parameter (a variable), buffer (a tensor), module and std::vector of modules.
template <class M>
concept module = requires(M& m, detail::any_member v) {
    m.members(v);
};

/// Calls f(name, member) for every variable and tensor of a module and of the modules in it; names
/// are joined by points, as in PyTorch: "conv1.weight", "blocks.0.bias".
template <module M, class F>
void for_each_member(M& m, F&& f, const std::string& path = {}) {
    m.members([&](const std::string& name, auto& member) {
        using T = std::remove_cvref_t<decltype(member)>;
        const std::string whole = detail::joined(path, name);
        if constexpr (detail::is_list<T>) {
            for (std::size_t i = 0; i < member.size(); ++i)
                for_each_member(member[i], f, detail::joined(whole, std::to_string(i)));
        } else if constexpr (detail::is_variable<T> || detail::is_tensor<T>) {
            f(whole, member);
        } else {
            static_assert(module<T>,
                          "members: names variables, tensors, modules and vectors of modules.");
            for_each_member(member, f, whole);
        }
    });
}
/// The same for its parameters.
template <module M, class F>
void for_each_parameter(M& m, F&& f) {
    for_each_member(m, [&](const std::string& name, auto& member) {
        if constexpr (detail::is_variable<std::remove_cvref_t<decltype(member)>>) f(name, member);
    });
}
/// The number of elements of all parameters.
template <module M>
int64 parameter_count(M& m) {
    int64 n = 0;
    for_each_parameter(m, [&](const std::string&, auto& p) { n += p.size(); });
    return n;
}
/// Forgets the gradients of all parameters.
template <module M>
void zero_grad(M& m) {
    for_each_parameter(m, [](const std::string&, auto& p) { p.zero_grad(); });
}
/// Says whether parameters want a gradient: false freezes a module.
template <module M>
void requires_grad(M& m, bool wanted) {
    for_each_parameter(m, [&](const std::string&, auto& p) { p.requires_grad(wanted); });
}

/// Says to every module in `m` that has a flag `training` whether it trains: dropout and
/// batch_norm do something else then.
template <module M>
void set_training(M& m, bool training) {
    if constexpr (requires { m.training = training; }) m.training = training;
    m.members([&](const std::string&, auto& member) {
        using T = std::remove_cvref_t<decltype(member)>;
        if constexpr (detail::is_list<T>) {
            for (auto& one : member) set_training(one, training);
        } else if constexpr (module<T>) {
            set_training(member, training);
        }
    });
}
/// Training mode: dropout drops, batch_norm uses and follows the statistics of the batch.
template <module M>
void train(M& m) {
    set_training(m, true);
}
/// Evaluation mode: dropout does nothing, batch_norm uses its running statistics.
template <module M>
void evaluation(M& m) {
    set_training(m, false);
}

}  // namespace sinter::nn
