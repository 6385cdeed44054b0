// Losses: means over all elements or rows, as lazy expressions of rank 0. `cross_entropy` is among
// the compositions.
#pragma once

#include "sinter/nn/module.hpp"
#include "sinter/tensor/inside.hpp"

namespace sinter::nn {

/// The mean of (x - y)^2.
template <expression X, expression Y>
auto mse_loss(const X& x, const Y& y) {
    return mean(square(x - y));
}
/// The mean of |x - y|.
template <expression X, expression Y>
auto l1_loss(const X& x, const Y& y) {
    return mean(abs(x - y));
}

namespace detail {

struct huber_of {
    double delta;
    template <class D>
    auto operator()(D d) const {
        return where(abs(d) <= delta, 0.5 * (d * d), delta * (abs(d) - 0.5 * delta));
    }
};

}  // namespace detail

/// The mean of (x - y)^2 / 2 where |x - y| <= delta, else of delta (|x - y| - delta / 2).
template <expression X, expression Y>
auto huber_loss(const X& x, const Y& y, double delta = 1) {
    return mean(with(detail::huber_of{delta}, x - y));
}
/// The mean of -t log(s) - (1 - t) log(1 - s) with s = sigmoid(x), computed from the logits x so
/// that nothing overflows.
template <expression X, expression Y>
auto binary_cross_entropy_with_logits(const X& x, const Y& target) {
    return mean(maximum(x, 0) - x * target + log1p(exp(-abs(x))));
}
namespace detail {

// Rows whose label is outside are NaN, and `slot` is told.
struct nll_of {
    int64 classes, slot;
    template <class X, class L>
    auto operator()(X log_p, L label) const {
        const auto own =
            sum(where(coordinate(log_p, axis<1>) == label, log_p, 0), axis<1>, keepdims);
        return mean(where(sinter::detail::inside(label, classes, slot), -own, __builtin_nan("")));
    }
};

}  // namespace detail

/// The mean of -log p of each row's class: `log_p` (n, classes) are log probabilities, `labels` (n)
/// integers. A label outside [0, classes) is an index_error, as for cross_entropy.
template <expression X, expression Y, class B = backend>
auto nll_loss(const X& log_p, const Y& labels) {
    static_assert(symbol_of<X>::rank == 2 && symbol_of<Y>::rank == 1,
                  "nll_loss: takes log probabilities (n, classes) and labels (n).");
    using sinter::detail::check_labels, sinter::detail::place_of;
    const auto s = shape_of(log_p);
    const int64 slot = check_labels<B>("nll_loss", labels, place_of(log_p), 1, s);
    return with(detail::nll_of{s[1], slot}, log_p, astype<int64>(unsqueeze(labels, axis<1>)));
}
/// The mean over rows of sum(t (log t - log_p)): how far the probabilities t are from exp(log_p).
/// Where t is 0 a term is 0. PyTorch's reduction "batchmean".
template <expression X, expression Y>
auto kl_div_loss(const X& log_p, const Y& target) {
    return mean(
        sum(where(target > 0, target * (log(where(target > 0, target, 1)) - log_p), 0), axis<-1>));
}

}  // namespace sinter::nn
