// Named programs as graphs.
#pragma once

#include "sinter/ir/graph.hpp"

namespace sinter::test {

using namespace sinter::ir;

inline constexpr axis_map transpose{{1, 0, -1, -1, -1, -1, -1, -1}, 2};

template <class O, class G>
constexpr short op1(G& g, short a) {
    return g.apply(op_id<O>, a);
}
template <class G>
constexpr short add(G& g, short a, short b) {
    return g.apply(op_id<op::add>, a, b);
}
template <class G>
constexpr short sub(G& g, short a, short b) {
    return g.apply(op_id<op::sub>, a, b);
}
template <class G>
constexpr short mul(G& g, short a, short b) {
    return g.apply(op_id<op::mul>, a, b);
}
template <class G>
constexpr short div(G& g, short a, short b) {
    return g.apply(op_id<op::div>, a, b);
}
template <class G>
constexpr short sum(G& g, unsigned char axes, short a) {
    return g.reduce(reduction_id<red::sum>, axes, a);
}
template <class G>
constexpr short max(G& g, unsigned char axes, short a) {
    return g.reduce(reduction_id<red::max>, axes, a);
}
template <class G>
constexpr short matrix(G& g) {
    return g.leaf(dtype::f32, 2);
}
template <class G>
constexpr short vector(G& g) {
    return g.leaf(dtype::f32, 1);
}
template <class G>
constexpr short mean(G& g, unsigned char axes, short a) {
    return div(g, sum(g, axes, a), g.extent(a, axes, dtype::f32));
}
template <class G>
constexpr short softmax_of(G& g, short z) {
    const short e = op1<op::exp>(g, sub(g, z, max(g, 1, z)));
    return div(g, e, sum(g, 1, e));
}
template <class G>
constexpr short dense_of(G& g) {
    const short x = matrix(g), w = matrix(g), b = vector(g);
    return add(g, g.matmul(x, w), b);
}
template <class G>
constexpr void result(G& g, short a) {
    g.root[g.roots++] = a;
}
using program = graph<64>;

constexpr program softmax() {
    program g;
    result(g, softmax_of(g, matrix(g)));
    return g;
}
constexpr program softmax_with_saved_parts() {
    program g;
    const short z = matrix(g), m = max(g, 1, z), e = op1<op::exp>(g, sub(g, z, m)),
                s = sum(g, 1, e);
    result(g, m);
    result(g, e);
    result(g, s);
    result(g, div(g, e, s));
    return g;
}
constexpr program layer_norm() {
    program g;
    const short z = matrix(g), d = sub(g, z, mean(g, 1, z)), v = mean(g, 1, mul(g, d, d));
    const short n = div(g, d, op1<op::sqrt>(g, add(g, v, g.constant(dtype::f32, 1e-5))));
    const short scale = vector(g), shift = vector(g);
    result(g, add(g, mul(g, n, scale), shift));
    return g;
}
constexpr program mean_of_everything() {
    program g;
    const short x = matrix(g), d = sub(g, x, matrix(g)), m = mean(g, 3, mul(g, d, d));
    result(g, g.drop(m, 3));
    return g;
}
/// mean over rows of log(sum(exp(z - max))) + max
constexpr program cross_entropy_mean() {
    program g;
    const short z = matrix(g), m = max(g, 1, z);
    const short s = sum(g, 1, op1<op::exp>(g, sub(g, z, m)));
    const short row = g.drop(add(g, op1<op::log>(g, s), m), 1);
    result(g, g.drop(mean(g, 1, row), 1));
    return g;
}
/// relu(matmul(a * s, w) + b) + residual
constexpr program dense_layer() {
    program g;
    const short a = matrix(g), s = vector(g), w = matrix(g), b = vector(g), residual = matrix(g);
    const short z = add(g, g.matmul(mul(g, a, s), w), b);
    result(g, add(g, op1<op::relu>(g, z), residual));
    return g;
}
constexpr program softmax_of_dense() {
    program g;
    result(g, softmax_of(g, dense_of(g)));
    return g;
}
constexpr program log_softmax_of_dense() {
    program g;
    const short z = dense_of(g);
    result(g, sub(g, z, op1<op::log>(g, sum(g, 1, op1<op::exp>(g, z)))));
    return g;
}
constexpr program gated() {
    program g;
    const short x = matrix(g), u = matrix(g), v = matrix(g);
    const short gate = op1<op::sigmoid>(g, g.matmul(x, u));
    result(g, mul(g, gate, g.matmul(x, v)));
    return g;
}
constexpr program attention() {
    program g;
    const short q = matrix(g), k = matrix(g), v = matrix(g);
    result(g, g.matmul(softmax_of(g, g.matmul(q, g.permute(k, transpose))), v));
    return g;
}
constexpr program chain_of_products() {
    program g;
    short x = matrix(g);
    for (int i = 0; i < 12; ++i) x = op1<op::relu>(g, g.matmul(x, matrix(g)));
    result(g, x);
    return g;
}
/// A contraction whose operand is a softmax in the contraction's own index space.
constexpr program product_of_softmax() {
    program g;
    const short p = softmax_of(g, g.leaf(dtype::f32, 3)), y = g.leaf(dtype::f32, 3);
    result(g, g.contract(4, 2, p, y));
    return g;
}
/// A hidden layer that is a result itself, and what follows from it.
constexpr program hidden_and_output() {
    program g;
    const short h = op1<op::relu>(g, dense_of(g));
    result(g, h);
    result(g, g.matmul(h, matrix(g)));
    return g;
}
/// Several row statistics and what follows from them.
constexpr program row_statistics() {
    program g;
    const short x = matrix(g), s = sum(g, 1, x);
    result(g, s);
    result(g, max(g, 1, x));
    result(g, op1<op::log>(g, s));
    return g;
}
constexpr program product_and_its_mean() {
    program g;
    const short x = matrix(g), e = mul(g, x, x);
    result(g, e);
    result(g, g.drop(mean(g, 3, e), 3));
    return g;
}
/// y / sum(x, axis<-1>)
constexpr program divided_by_total() {
    program g;
    const short x = matrix(g), y = matrix(g);
    result(g, div(g, y, g.drop(sum(g, 1, x), 1)));
    return g;
}
constexpr program exp_less_its_total() {
    program g;
    const short e = op1<op::exp>(g, matrix(g));
    result(g, sub(g, e, g.drop(sum(g, 3, e), 3)));
    return g;
}
constexpr program minus_maximum_of_vector() {
    program g;
    const short x = matrix(g), v = vector(g);
    result(g, sub(g, x, max(g, 1, v)));
    return g;
}
/// (1, n) * sum(x, keepdims)
constexpr program scaled_total() {
    program g;
    const short x = matrix(g), v = vector(g);
    result(g, mul(g, v, sum(g, 3, x)));
    return g;
}
constexpr program broadcast_product() {
    program g;
    const short x = matrix(g), w = matrix(g);
    result(g, add(g, g.matmul(x, w), g.leaf(dtype::f32, 3)));
    return g;
}
constexpr program plus_exp_of_vector() {
    program g;
    const short x = matrix(g);
    result(g, add(g, x, op1<op::exp>(g, g.leaf(dtype::f32, 1))));
    return g;
}
constexpr program product_minus_row_maximum() {
    program g;
    const short x = matrix(g), w = matrix(g), r = matrix(g);
    result(g, sub(g, g.matmul(x, w), max(g, 1, r)));
    return g;
}
constexpr program reshaped_sum() {
    program g;
    const short x = matrix(g), y = matrix(g), s = add(g, x, y);
    result(g, op1<op::exp>(g, g.reshape(s, 1)));
    return g;
}
constexpr program column_sum_of_softmax() {
    program g;
    result(g, sum(g, 2, softmax_of(g, matrix(g))));
    return g;
}
constexpr program two_unrelated() {
    program g;
    result(g, op1<op::exp>(g, matrix(g)));
    result(g, op1<op::tanh>(g, matrix(g)));
    return g;
}
template <int N>
constexpr auto long_chain() {
    graph<2 * N + 8> g;
    short x = matrix(g);
    const short y = matrix(g);
    for (int i = 0; i < N; ++i) x = i % 2 ? add(g, x, y) : mul(g, x, y);
    result(g, x);
    return g;
}
template <int N>
constexpr auto sum_of_leaves() {
    graph<2 * N + 8> g;
    short x = matrix(g);
    for (int i = 1; i < N; ++i) x = add(g, x, matrix(g));
    result(g, x);
    return g;
}
/// x - max(x - max(x - ...)): one more pass each.
template <int N>
constexpr auto nested_reductions() {
    graph<4 * N + 8> g;
    const short x = matrix(g);
    short y = x;
    for (int i = 0; i < N; ++i) y = sub(g, x, max(g, 1, y));
    result(g, y);
    return g;
}

}  // namespace sinter::test
