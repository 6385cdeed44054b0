// Normalisation layers and dropout.
#pragma once

#include "sinter/expr/compose.hpp"
#include "sinter/nn/linear.hpp"

namespace sinter::nn {

struct norm_options {
    double epsilon = 1e-5;
};
struct batch_norm_options {
    double epsilon = 1e-5, momentum = 0.1;
};

namespace detail {

template <element T>
variable<T, 1> filled(int64 n, double value) {
    return variable<T, 1>(full<T>(shape<1>{n}, static_cast<T>(value)));
}
/// `x` as an array: an expression is evaluated, once.
template <expression X>
auto stored(const X& x) {
    using S = symbol_of<X>;
    return variable<storage_t<S::type>, S::rank>(x);
}
template <element T, int R>
const variable<T, R>& stored(const variable<T, R>& x) {
    return x;
}

template <int R, class Positions = make_ints<R - 1>>
struct all_but_last;
template <int R, int... J>
struct all_but_last<R, ints<J...>> {
    static constexpr auto axes = axis<J...>;
};

}  // namespace detail

/// (x - mean) / sqrt(var + epsilon) * weight + bias for each channel, the last axis. In training
/// the statistics are the batch's, over all other axes, and the running ones follow: running = (1 -
/// momentum) running + momentum batch, with the unbiased variance. Else they are the running ones.
/// As PyTorch's BatchNorm1d and 2d.
template <element T = float>
struct batch_norm {
    variable<T, 1> weight, bias;
    tensor<T, 1> running_mean, running_var;
    batch_norm_options options;
    bool training = true;
    static constexpr auto kernel_role = detail::kernel_part::beginning;

    explicit batch_norm(int64 channels, const batch_norm_options& o = {})
        : weight(detail::filled<T>(channels, 1)),
          bias(detail::filled<T>(channels, 0)),
          running_mean(zeros<T>(channels)),
          running_var(ones<T>(channels)),
          options(o) {}
    template <class V>
    void members(V&& v) {
        v("weight", weight);
        v("bias", bias);
        v("running_mean", running_mean);
        v("running_var", running_var);
    }
    template <expression X>
    auto operator()(const X& e) {
        constexpr auto others = detail::all_but_last<symbol_of<X>::rank>::axes;
        const auto x = detail::stored(e);
        variable<T, 1> mean_of, var_of;
        if (training) {
            mean_of = mean(x, others);
            var_of = mean(square(x - mean_of), others);
            follow(mean_of.detach(), var_of.detach(), x.size());
        } else {
            mean_of = sinter::constant(running_mean);
            var_of = sinter::constant(running_var);
        }
        return (x - mean_of) * rsqrt(var_of + options.epsilon) * weight + bias;
    }

private:
    void follow(const tensor<T, 1>& m, const tensor<T, 1>& v, int64 size) {
        const double n = static_cast<double>(size) / static_cast<double>(m.size()),
                     unbiased = n > 1 ? n / (n - 1) : 1, p = options.momentum;
        evaluate(out(running_mean) = running_mean * (1 - p) + m * p,
                 out(running_var) = running_var * (1 - p) + v * (p * unbiased));
    }
};
batch_norm(int64)->batch_norm<float>;
batch_norm(int64, batch_norm_options)->batch_norm<float>;

/// layer_norm over the last axis, with a weight and a bias.
template <element T = float>
struct layer_norm {
    variable<T, 1> weight, bias;
    norm_options options;

    explicit layer_norm(int64 features, const norm_options& o = {})
        : weight(detail::filled<T>(features, 1)),
          bias(detail::filled<T>(features, 0)),
          options(o) {}
    template <class V>
    void members(V&& v) {
        v("weight", weight);
        v("bias", bias);
    }
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::layer_norm(x, weight, bias, options.epsilon);
    }
};
layer_norm(int64)->layer_norm<float>;
layer_norm(int64, norm_options)->layer_norm<float>;

/// rms_norm over the last axis, with a weight.
template <element T = float>
struct rms_norm {
    variable<T, 1> weight;
    norm_options options;

    explicit rms_norm(int64 features, const norm_options& o = {})
        : weight(detail::filled<T>(features, 1)), options(o) {}
    template <class V>
    void members(V&& v) {
        v("weight", weight);
    }
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::rms_norm(x, weight, options.epsilon);
    }
};
rms_norm(int64)->rms_norm<float>;
rms_norm(int64, norm_options)->rms_norm<float>;

/// Each example's channels in `groups` groups of neighbours, each group normalised over its
/// channels and all of space. Images (n, h, w, c); c must be a multiple of the groups, else an
/// error.
template <element T = float>
struct group_norm {
    variable<T, 1> weight, bias;
    int64 groups;
    norm_options options;
    static constexpr auto kernel_role = detail::kernel_part::beginning;

    group_norm(int64 groups_, int64 channels, const norm_options& o = {})
        : weight(detail::filled<T>(channels, 1)),
          bias(detail::filled<T>(channels, 0)),
          groups(groups_),
          options(o) {
        if (groups < 1 || channels % groups != 0)
            throw error("group_norm: " + std::to_string(channels) + " channels do not make " +
                        std::to_string(groups) + " equal groups.");
    }
    template <class V>
    void members(V&& v) {
        v("weight", weight);
        v("bias", bias);
    }
    template <expression X>
    auto operator()(const X& e) const {
        const auto whole = shape_of(e);
        const shape<4> parts{whole[0], whole[1] * whole[2], groups, whole[3] / groups};
        const auto x = detail::stored(reshape(e, parts));
        const auto m = detail::stored(mean(x, axis<1, 3>, keepdims));
        const auto v = detail::stored(mean(square(x - m), axis<1, 3>, keepdims));
        return reshape((x - m) * rsqrt(v + options.epsilon), whole) * weight + bias;
    }
};
group_norm(int64, int64)->group_norm<float>;
group_norm(int64, int64, norm_options)->group_norm<float>;

/// In training each element is 0 with probability p and else divided by 1 - p; outside training the
/// value itself. No mask is stored: it is a function of a key, another one for every call.
struct dropout {
    double p;
    bool training = true;

    explicit dropout(double probability = 0.5) : p(probability) {}
    template <class V>
    void members(V&&) {}
    template <expression X>
    auto operator()(const X& x) const {
        return sinter::dropout(x, training ? p : 0.0, training ? next_random_key() : random_key(0));
    }
};

}  // namespace sinter::nn
