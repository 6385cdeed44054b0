// What parameters begin with.
#pragma once

#include "sinter/nn/module.hpp"

namespace sinter::nn::init {

namespace detail {

/// The elements that one output sees, and the outputs that see one input element: of a matrix
/// (outputs, inputs) or of filters (outputs, window, channels).
template <std::size_t R>
int64 fan_in(const std::array<int64, R>& e) {
    int64 n = 1;
    for (std::size_t i = 1; i < R; ++i) n *= e[i];
    return n;
}
template <std::size_t R>
int64 fan_out(const std::array<int64, R>& e) {
    int64 n = e[0];
    for (std::size_t i = 1; i + 1 < R; ++i) n *= e[i];
    return n;
}
inline double bound_of(double deviation) { return std::sqrt(3.0) * deviation; }

}  // namespace detail

/// Uniform numbers in [low, high).
template <element T, int R>
void uniform(variable<T, R>& p, double low, double high, random_key key = next_random_key()) {
    p.value() = sinter::uniform<T>(p.extents(), low, high, key);
}
/// Gaussian numbers.
template <element T, int R>
void normal(variable<T, R>& p,
            double mean = 0,
            double deviation = 1,
            random_key key = next_random_key()) {
    p.value() = sinter::normal<T>(p.extents(), mean, deviation, key);
}
/// One value everywhere.
template <element T, int R>
void constant(variable<T, R>& p, double value) {
    p.value() = static_cast<T>(value);
}
/// Kaiming He's: deviation gain / sqrt(inputs), for layers before relu with gain sqrt(2).
template <element T, int R>
void kaiming_uniform(variable<T, R>& p,
                     double gain = 1.4142135623730951,
                     random_key key = next_random_key()) {
    const double bound =
        detail::bound_of(gain / std::sqrt(static_cast<double>(detail::fan_in(p.extents()))));
    uniform(p, -bound, bound, key);
}
template <element T, int R>
void kaiming_normal(variable<T, R>& p,
                    double gain = 1.4142135623730951,
                    random_key key = next_random_key()) {
    normal(p, 0, gain / std::sqrt(static_cast<double>(detail::fan_in(p.extents()))), key);
}
/// Xavier Glorot's: deviation gain * sqrt(2 / (inputs + outputs)), for layers before tanh.
template <element T, int R>
void xavier_uniform(variable<T, R>& p, double gain = 1, random_key key = next_random_key()) {
    const double fans =
        static_cast<double>(detail::fan_in(p.extents()) + detail::fan_out(p.extents()));
    const double bound = detail::bound_of(gain * std::sqrt(2 / fans));
    uniform(p, -bound, bound, key);
}
template <element T, int R>
void xavier_normal(variable<T, R>& p, double gain = 1, random_key key = next_random_key()) {
    const double fans =
        static_cast<double>(detail::fan_in(p.extents()) + detail::fan_out(p.extents()));
    normal(p, 0, gain * std::sqrt(2 / fans), key);
}

}  // namespace sinter::nn::init
