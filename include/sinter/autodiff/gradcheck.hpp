// Checking gradients against differences of values.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "sinter/autodiff/variable.hpp"

namespace sinter {

/// How `gradcheck` compares: central differences with this step, relative to the element where that
/// is larger than 1, and |analytic - numeric| <= absolute + relative * |numeric|. Of so many
/// elements as `every` says, it compares one.
struct gradcheck_options {
    double step = 1e-5, relative = 1e-6, absolute = 1e-7;
    int64 every = 1;
};

/// What `gradcheck` found; true when every gradient agrees.
struct gradcheck_result {
    bool passed = true;
    int64 checked = 0;    // elements of all inputs
    double worst = 0;     // the largest |analytic - numeric|
    std::string first{};  // the first disagreement in words
    explicit operator bool() const { return passed; }
};

namespace detail {

// Numbers that no gradient cancels by accident.
inline double gradcheck_weight(int64 i) { return 0.5 + 0.25 * static_cast<double>((i * 7) % 11); }

template <class B, int R>
std::vector<double> host_values(const tensor<double, R>& t) {
    const tensor<double, R> h = t.template to<B>(device::host()).template clone<B>();
    return {h.data(), h.data() + h.size()};
}
// The k-th element of `t` in row-major order, as a view.
template <int R>
tensor_view<double, 0> element_of(const tensor<double, R>& t, int64 k) {
    int64 offset = t.offset();
    for (std::size_t i = R; i-- > 0; k /= t.extents()[i])
        offset += k % t.extents()[i] * t.strides()[i];
    return tensor_view<double, 0>(tensor<double, 0>::over(t.memory(), offset, {}, {}));
}
template <class B, class F, class... X>
double weighted_sum(const F& f, const X&... x) {
    const no_grad scope;
    const variable y = f(x...);
    double s = 0;
    const std::vector<double> v = host_values<B>(y.detach());
    for (std::size_t i = 0; i < v.size(); ++i) s += v[i] * gradcheck_weight(static_cast<int64>(i));
    return s;
}

}  // namespace detail

/// Compares the gradients of f(x...), by every element of every x, with central differences. f
/// gives an expression of any rank over its arguments, which are double variables that want a
/// gradient; they keep their values and have no gradient afterwards.
template <class F, int... R, class B = backend>
gradcheck_result gradcheck(const F& f, gradcheck_options o, variable<double, R>... x) {
    (x.zero_grad(), ...);
    {
        const enable_grad scope;
        const variable y = f(x...);
        const auto values = y.detach();
        tensor<double, decltype(values)::rank> seed(values.extents(), device::host());
        for (int64 i = 0; i < seed.size(); ++i) seed.data()[i] = detail::gradcheck_weight(i);
        y.backward(seed.template to<B>(values.where()));
    }
    gradcheck_result r;
    int input = 0;
    const auto check = [&](const auto& v) {
        const auto value = v.value();
        const std::vector<double> given = detail::host_values<B>(value),
                                  found = detail::host_values<B>(v.grad());
        const auto stride = static_cast<std::size_t>(o.every > 1 ? o.every : 1);
        for (std::size_t i = 0; i < given.size(); i += stride, ++r.checked) {
            const double h = o.step * (std::abs(given[i]) > 1 ? std::abs(given[i]) : 1);
            auto at = detail::element_of(value, static_cast<int64>(i));
            at = given[i] + h;
            const double above = detail::weighted_sum<B>(f, x...);
            at = given[i] - h;
            const double below = detail::weighted_sum<B>(f, x...);
            at = given[i];
            const double numeric = (above - below) / (2 * h), off = std::abs(found[i] - numeric);
            if (off > r.worst) r.worst = off;
            if (off <= o.absolute + o.relative * std::abs(numeric)) continue;
            r.passed = false;
            if (r.first.empty())
                r.first = "input " + std::to_string(input) + ", element " + std::to_string(i) +
                          ": the gradient is " + std::to_string(found[i]) +
                          ", differences of values give " + std::to_string(numeric);
        }
        ++input;
    };
    (check(x), ...);
    (x.zero_grad(), ...);
    return r;
}
template <class F, int... R, class B = backend>
gradcheck_result gradcheck(const F& f, variable<double, R>... x) {
    return gradcheck(f, gradcheck_options{}, x...);
}

}  // namespace sinter
