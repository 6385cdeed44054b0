// What training makes small, and how often a model is right.
#pragma once

#include "sinter/expr/reduce.hpp"
#include "sinter/nn/loss.hpp"
#include "sinter/tensor/arange.hpp"
#include "sinter/tensor/cross_entropy.hpp"

namespace sinter::train {

/// The cross-entropy of logits (n, classes) and integer labels (n), or probabilities (n, classes);
/// accuracy is counted for integer labels.
struct cross_entropy_loss {
    template <expression Z, expression Y>
    auto operator()(const Z& z, const Y& y) const {
        return sinter::cross_entropy(z, y);
    }
};
/// The mean squared error.
struct mse_loss {
    template <expression Z, expression Y>
    auto operator()(const Z& z, const Y& y) const {
        return nn::mse_loss(z, y);
    }
};
/// The binary cross-entropy of logits and targets in [0, 1] of one shape; a row is right where the
/// logit's sign says what the target, above or below a half, does.
struct binary_cross_entropy_loss {
    template <expression Z, expression Y>
    auto operator()(const Z& z, const Y& y) const {
        return nn::binary_cross_entropy_with_logits(z, y);
    }
    template <expression Z, expression Y>
    auto correct(const Z& z, const Y& y) const {
        return (z > 0) == (y > 0.5);
    }
};

namespace detail {

/// True where rows are classified: logits (n, classes) beside integer labels (n).
template <class Z, class Y>
constexpr bool classifies() {
    return category(symbol_of<Y>::type) == 1 && symbol_of<Z>::rank == symbol_of<Y>::rank + 1;
}
/// True where a loss lets rows be counted as right or wrong: by its `correct(z, y)`, or by labels.
template <class Loss, class Z, class Y>
constexpr bool counts() {
    return requires(const Loss& l, const Z& z, const Y& y) { l.correct(z, y); }
    || classifies<Z, Y>();
}
/// 1 where the model is right, else 0.
template <class Loss, class Z, class Y>
auto right_of(const Loss& loss, const Z& z, const Y& y) {
    if constexpr (requires { loss.correct(z, y); }) {
        return astype<int64>(loss.correct(z, y));
    } else {
        return astype<int64>(argmax(z, axis<-1>) == y);
    }
}

}  // namespace detail
}  // namespace sinter::train
