// Entries: activation functions of neural networks, defined as in PyTorch. Integers become float
// but in relu.
#pragma once

#include "sinter/ir/ops/entry.hpp"

namespace sinter::ir {
namespace op {

// Named by derivatives.
struct abs;
struct erfc;
struct exp;
struct expm1;
struct tanh;

struct relu {
    static constexpr op_info info() { return {"relu", nullptr, 1, yields::same, 1}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return a <= T(0) ? T(0) : a;
    }
    template <class V>
    static constexpr V derivative(V, V y, V dy) {
        return choose(y > 0.0, dy, 0.0);
    }
};
struct leaky_relu {
    static constexpr op_info info() { return {"leaky_relu", nullptr, 2, yields::floating, 2}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T slope) {
        return math::by_sign(a, a * slope, a);
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V slope, V, V dy) {
        return {choose(a > 0.0, dy, dy * slope), choose(a > 0.0, 0.0, dy * a)};
    }
};
struct elu {
    static constexpr op_info info() { return {"elu", nullptr, 2, yields::floating, 18}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T alpha) {
        return math::by_sign(a, alpha * math::expm1(a), a);
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V alpha, V y, V dy) {
        return {choose(a > 0.0, dy, dy * (y + alpha)), choose(a > 0.0, 0.0, dy * of<expm1>(a))};
    }
};
struct celu {
    static constexpr op_info info() { return {"celu", nullptr, 2, yields::floating, 22}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a, T alpha) {
        return math::by_sign(a, alpha * math::expm1(a / alpha), a);
    }
    template <class V>
    static constexpr partials<V> derivative(V a, V alpha, V, V dy) {
        const V u = a / alpha, e = of<exp>(u);
        return {choose(a > 0.0, dy, dy * e), choose(a > 0.0, 0.0, dy * (of<expm1>(u) - u * e))};
    }
};
struct selu {
    static constexpr op_info info() { return {"selu", nullptr, 1, yields::floating, 19}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        constexpr T scale = T(1.0507009873554804934193349852946);
        constexpr T alpha =
            T(1.7580993408473768599402175208123);  // scale times 1.6732632423543772848
        return math::by_sign(a, alpha * math::expm1(a), scale * a);
    }
    template <class V>
    static constexpr V derivative(V a, V y, V dy) {
        return choose(a > 0.0,
                      1.0507009873554804934193349852946 * dy,
                      dy * (y + 1.7580993408473768599402175208123));
    }
};
struct sigmoid {
    static constexpr op_info info() { return {"sigmoid", nullptr, 1, yields::floating, 19}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        // e^-|a| cannot overflow, and the result keeps its digits on both sides.
        const T e = math::exp(-math::copysign(a, T(1)));
        return math::by_sign(a, e, T(1)) / (T(1) + e);
    }
    template <class V>
    static constexpr V derivative(V, V y, V dy) {
        return dy * (y * (1.0 - y));
    }
};
struct silu {
    static constexpr op_info info() { return {"silu", nullptr, 1, yields::floating, 20}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return a * sigmoid::value(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        const V s = of<sigmoid>(a);
        return dy * (s * (1.0 + a * (1.0 - s)));
    }
};
struct gelu {
    static constexpr op_info info() { return {"gelu", nullptr, 1, yields::floating, 34}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return T(0.5) * a * math::erfc(a * T(-0.70710678118654752440));
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        const V below = 0.5 * of<erfc>(-0.70710678118654752440 * a);
        return dy * (below + 0.39894228040143267794 * (a * of<exp>(-0.5 * (a * a))));
    }
};
struct gelu_tanh {
    static constexpr op_info info() { return {"gelu_tanh", nullptr, 1, yields::floating, 28}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        // (1 + tanh(u)) / 2 = sigmoid(2 u)
        return a * sigmoid::value(
                       a * (T(1.5957691216057307117) + T(0.071354816272600248776) * (a * a)));
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        const V q = a * a,
                s = of<sigmoid>(a * (1.5957691216057307117 + 0.071354816272600248776 * q));
        const V slope = 1.5957691216057307117 + 0.21406444881780074633 * q;
        return dy * (s + a * (s * (1.0 - s) * slope));
    }
};
struct softplus {
    static constexpr op_info info() { return {"softplus", nullptr, 1, yields::floating, 36}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        const T tail = math::log1p(math::exp(-math::copysign(a, T(1))));
        return math::by_sign(a, T(0), a) + tail;
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return dy * of<sigmoid>(a);
    }
};
struct softsign {
    static constexpr op_info info() { return {"softsign", nullptr, 1, yields::floating, 5}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return a / (T(1) + math::copysign(a, T(1)));
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        const V d = 1.0 + of<abs>(a);
        return dy / (d * d);
    }
};
struct mish {
    static constexpr op_info info() { return {"mish", nullptr, 1, yields::floating, 28}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        // tanh(log(1 + e^a)) is n / (n + 2) with n = e^a (e^a + 2); here in powers of e^-|a|.
        const T e = math::exp(-math::copysign(a, T(1)));
        const T n = math::by_sign(a, e * (e + T(2)), T(1) + T(2) * e);
        return a * (n / (n + math::by_sign(a, T(2), T(2) * (e * e))));
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        const V t = of<tanh>(of<softplus>(a));
        return dy * (t + a * ((1.0 - t * t) * of<sigmoid>(a)));
    }
};
struct hardsigmoid {
    static constexpr op_info info() { return {"hardsigmoid", nullptr, 1, yields::floating, 6}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return math::ramp(a + T(3), T(6)) / T(6);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return choose(a > -3.0, choose(a < 3.0, dy / 6.0, 0.0), 0.0);
    }
};
struct hardswish {
    static constexpr op_info info() { return {"hardswish", nullptr, 1, yields::floating, 7}; }
    template <class T>
    SINTER_HD SINTER_INLINE static T value(T a) {
        return a * hardsigmoid::value(a);
    }
    template <class V>
    static constexpr V derivative(V a, V, V dy) {
        return choose(a > -3.0, choose(a < 3.0, dy * (a / 3.0 + 0.5), dy), 0.0);
    }
};

}  // namespace op

using activation = op_list<op::relu,
                           op::leaky_relu,
                           op::elu,
                           op::celu,
                           op::selu,
                           op::sigmoid,
                           op::silu,
                           op::gelu,
                           op::gelu_tanh,
                           op::softplus,
                           op::softsign,
                           op::mish,
                           op::hardsigmoid,
                           op::hardswish>;

}  // namespace sinter::ir

namespace sinter {

/// max(a, 0); NaN stays.
template <class A>
    requires elementwise_operands<A>
auto relu(A&& a) { return detail::elementwise<ir::op::relu>(static_cast<A&&>(a)); }
/// a, or slope a where a is negative.
template <class A, class B = double>
    requires elementwise_operands<A, B>
auto leaky_relu(A&& a, B&& slope = 0.01) {
    return detail::elementwise<ir::op::leaky_relu>(static_cast<A&&>(a), static_cast<B&&>(slope));
}
/// a, or alpha (e^a - 1) where a is negative.
template <class A, class B = double>
    requires elementwise_operands<A, B>
auto elu(A&& a, B&& alpha = 1.0) {
    return detail::elementwise<ir::op::elu>(static_cast<A&&>(a), static_cast<B&&>(alpha));
}
/// a, or alpha (e^(a / alpha) - 1) where a is negative; alpha > 0.
template <class A, class B = double>
    requires elementwise_operands<A, B>
auto celu(A&& a, B&& alpha = 1.0) {
    return detail::elementwise<ir::op::celu>(static_cast<A&&>(a), static_cast<B&&>(alpha));
}
/// 1.0507 elu(a, 1.6733), which keeps mean 0 and variance 1.
template <class A>
    requires elementwise_operands<A>
auto selu(A&& a) { return detail::elementwise<ir::op::selu>(static_cast<A&&>(a)); }
/// 1 / (1 + e^-a).
template <class A>
    requires elementwise_operands<A>
auto sigmoid(A&& a) { return detail::elementwise<ir::op::sigmoid>(static_cast<A&&>(a)); }
/// a sigmoid(a).
template <class A>
    requires elementwise_operands<A>
auto silu(A&& a) { return detail::elementwise<ir::op::silu>(static_cast<A&&>(a)); }
/// a times the normal distribution function: a (1 + erf(a / sqrt(2))) / 2.
template <class A>
    requires elementwise_operands<A>
auto gelu(A&& a) { return detail::elementwise<ir::op::gelu>(static_cast<A&&>(a)); }
/// gelu by its usual approximation: a (1 + tanh(sqrt(2 / pi) (a + 0.044715 a^3))) / 2.
template <class A>
    requires elementwise_operands<A>
auto gelu_tanh(A&& a) { return detail::elementwise<ir::op::gelu_tanh>(static_cast<A&&>(a)); }
/// log(1 + e^a).
template <class A>
    requires elementwise_operands<A>
auto softplus(A&& a) { return detail::elementwise<ir::op::softplus>(static_cast<A&&>(a)); }
/// a / (1 + |a|).
template <class A>
    requires elementwise_operands<A>
auto softsign(A&& a) { return detail::elementwise<ir::op::softsign>(static_cast<A&&>(a)); }
/// a tanh(softplus(a)).
template <class A>
    requires elementwise_operands<A>
auto mish(A&& a) { return detail::elementwise<ir::op::mish>(static_cast<A&&>(a)); }
/// min(max(a + 3, 0), 6) / 6.
template <class A>
    requires elementwise_operands<A>
auto hardsigmoid(A&& a) { return detail::elementwise<ir::op::hardsigmoid>(static_cast<A&&>(a)); }
/// a hardsigmoid(a).
template <class A>
    requires elementwise_operands<A>
auto hardswish(A&& a) { return detail::elementwise<ir::op::hardswish>(static_cast<A&&>(a)); }

}  // namespace sinter
