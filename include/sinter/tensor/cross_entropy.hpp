// The loss of a classifier from its logits.
#pragma once

#include "sinter/expr/coordinate.hpp"
#include "sinter/expr/statistics.hpp"
#include "sinter/tensor/inside.hpp"
#include "sinter/tensor/rearrange.hpp"

namespace sinter {

/// What a loss makes of its rows: `none` keeps one value per row.
enum class reduction { none, mean, sum };

/// Options of `cross_entropy`, as designated initialisers: `{.label_smoothing = 0.1}`.
struct cross_entropy_options {
    /// Rows with this label count neither in the sum nor in the mean.
    int64 ignore_index = -100;
    /// The part of each row's probability, in [0, 1], that is spread evenly over all classes.
    double label_smoothing = 0;
};

namespace detail {

// 0 where a row is left out, NaN where its label is outside: then `slot` is told. What it sees has
// names: the same comparison written twice would be a guess that it is one, and a second program.
struct finished_row {
    int64 slot;
    template <class X, class L, class O, class N>
    auto operator()(X row, L label, O left_out, N classes) const {
        const auto valid = inside(where(left_out, 0, label), classes, slot);
        return where(left_out, 0, where(valid, row, __builtin_nan("")));
    }
};
// Rows of one value each, as (..., 1), of logits x. Without smoothing no mean of a row is computed.
// `slot`: where a label outside is told.
template <bool Smooth, class X, class Y>
auto rows_of_labels(const X& x, const Y& label, const cross_entropy_options& o, int64 slot) {
    const auto c = x - stop_gradient(max(x, axis<-1>, keepdims));
    const auto log_sum = log(sum(exp(c), axis<-1>, keepdims));
    const auto own = sum(where(coordinate(x, axis<-1>) == label, c, 0), axis<-1>, keepdims);
    // As int64: no label is compared in a type that cannot hold it.
    const auto classes = make<sym::count<1, dtype::i64, symbol_of<X>>>(x);
    const auto finish = [&](const auto& row) {
        return with(finished_row{slot}, row, label, label == o.ignore_index, classes);
    };
    if constexpr (Smooth) {
        const double s = o.label_smoothing;
        return finish((log_sum - own) * (1 - s) + (log_sum - mean(c, axis<-1>, keepdims)) * s);
    } else {
        return finish(log_sum - own);
    }
}
// The same where y holds the probability of each class.
template <bool Smooth, class X, class Y>
auto rows_of_probabilities(const X& x, const Y& y, const cross_entropy_options& o) {
    const auto c = x - stop_gradient(max(x, axis<-1>, keepdims));
    const auto log_sum = log(sum(exp(c), axis<-1>, keepdims));
    const auto row = log_sum * sum(y, axis<-1>, keepdims) - sum(c * y, axis<-1>, keepdims);
    if constexpr (Smooth) {
        const double s = o.label_smoothing;
        return row * (1 - s) + (log_sum - mean(c, axis<-1>, keepdims)) * s;
    } else {
        return row;
    }
}

template <reduction R, bool Smooth, bool Labels>
struct cross_entropy_of {
    cross_entropy_options options;
    int64 slot;
    template <class X, class Y>
    auto operator()(X x, Y y) const {
        constexpr dtype given = floating_type(symbol_of<X>::type);
        constexpr dtype t = is_half_size(given) ? dtype::f32 : given;
        const auto logits = make<sym::as<t, symbol_of<X>>>(x);
        if constexpr (Labels) {
            const auto label = astype<int64>(unsqueeze(y, axis<-1>));
            const auto rows = rows_of_labels<Smooth>(logits, label, options, slot);
            if constexpr (R == reduction::mean) {
                const auto valid = astype<storage_t<t>>(label != options.ignore_index);
                // As many as the logits have rows, known when compiling: so both sums are one walk.
                const auto row = max(logits, axis<-1>, keepdims);
                const auto each =
                    make<sym::spread<symbol_of<decltype(valid)>, symbol_of<decltype(row)>>>(valid,
                                                                                            row);
                return astype<storage_t<given>>(sum(rows) / sum(each));
            } else {
                return reduced<given>(rows);
            }
        } else {
            return reduced<given>(
                rows_of_probabilities<Smooth>(logits, make<sym::as<t, symbol_of<Y>>>(y), options));
        }
    }

private:
    template <dtype D, class Rows>
    static auto reduced(const Rows& rows) {
        if constexpr (R == reduction::none) {
            return astype<storage_t<D>>(kept<false, -1>(rows));
        } else if constexpr (R == reduction::sum) {
            return astype<storage_t<D>>(sum(rows));
        } else {
            return astype<storage_t<D>>(mean(rows));
        }
    }
};

template <reduction R, bool Smooth, class B, class X, class Y>
auto cross_entropy(X&& x, Y&& y, const cross_entropy_options& o) {
    using SX = symbol_of<X>;
    using SY = symbol_of<Y>;
    constexpr bool labels = !is_floating(SY::type);
    static_assert(
        SX::rank >= 1 && SY::rank == SX::rank - (labels ? 1 : 0),
        "cross_entropy: logits of shape (..., classes) take integer labels of shape (...) "
        "or probabilities of shape (..., classes).");
    static_assert(SY::type != dtype::boolean,
                  "cross_entropy: labels are integers, or the probabilities of all classes.");
    int64 slot = 0;
    if constexpr (labels)
        slot = check_labels<B>(
            "cross_entropy", y, place_of(x), SX::rank - 1, extents_of(x), &o.ignore_index);
    return with(
        cross_entropy_of<R, Smooth, labels>{o, slot}, std::forward<X>(x), std::forward<Y>(y));
}

}  // namespace detail

/// The cross entropy of softmax(logits) over the last axis: of integer labels, one fewer axis,
/// logsumexp(x) - x[label]; of the probabilities of all classes, -sum(p * log_softmax(x)). The mean
/// over all rows, or with `cross_entropy<reduction::none>` and `<reduction::sum>` the rows or their
/// sum. Rows labelled -100 are left out; a label outside [0, classes) is an index_error: on the
/// host before anything else happens, of a device, where the row is NaN, at the next point where
/// the host waits for it. Half and bfloat16 compute in float. One kernel, the mean or sum included,
/// reads the logits once where rows fit on chip.
template <reduction R = reduction::mean, expression X, expression Y, class B = backend>
auto cross_entropy(X&& logits, Y&& labels) {
    return detail::cross_entropy<R, false, B>(
        std::forward<X>(logits), std::forward<Y>(labels), cross_entropy_options{});
}
/// The same with options: another ignore_index, and label smoothing, (1 - s) times the loss plus s
/// times the mean of -log_softmax(x) over the classes.
template <reduction R = reduction::mean, expression X, expression Y, class B = backend>
auto cross_entropy(X&& logits, Y&& labels, cross_entropy_options options) {
    if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
        throw error("cross_entropy: label_smoothing must lie in [0, 1], but is " +
                    std::to_string(options.label_smoothing) + ".");
    return detail::cross_entropy<R, true, B>(
        std::forward<X>(logits), std::forward<Y>(labels), options);
}

}  // namespace sinter
