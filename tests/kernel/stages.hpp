// The stages that the kernels' tests run and the catalogue compiles.
#pragma once

#include "stage_builder.hpp"

namespace kernel_test {

namespace op = ir::op;
namespace red = ir::red;

// ---- map
// (x * y + s) and whether it is below x.
template <dtype D>
struct chain {
    static constexpr builder make() {
        builder b;
        const int x = b.load(D), y = b.load(D), s = b.scalar(D);
        const int v = b.op<op::add>(b.op<op::mul>(x, y), s);
        b.store(v);
        b.store(b.op<op::less>(v, x));
        return b;
    }
};

// x * s + y
template <dtype D>
struct saxpy {
    static constexpr builder make() {
        builder b;
        const int x = b.load(D), y = b.load(D);
        b.store(b.op<op::add>(b.op<op::mul>(x, b.scalar(D)), y));
        return b;
    }
};

// x + x
struct twice {
    static constexpr builder make() {
        builder b;
        const int x = b.load(dtype::f32);
        b.store(b.op<op::add>(x, x));
        return b;
    }
};

// Twenty operations over five arrays.
struct long_chain {
    static constexpr builder make() {
        builder b;
        const int x = b.load(dtype::f32), y = b.load(dtype::f32), z = b.load(dtype::f32),
                  u = b.load(dtype::f32), w = b.load(dtype::f32);
        int v = b.op<op::mul>(x, y);
        for (int k = 0; k < 4; ++k) {
            v = b.op<op::add>(b.op<op::mul>(v, z), u);
            v = b.op<op::div>(v, b.op<op::add>(b.op<op::abs>(w), b.constant(dtype::f32, k + 1)));
        }
        b.store(b.op<op::exp>(b.op<op::neg>(v)));
        return b;
    }
};

// double(x) + float(y) * constant, for operands of unequal width.
struct mixed {
    static constexpr builder make() {
        builder b;
        const int x = b.load(dtype::f64), y = b.load(dtype::bf16), z = b.load(dtype::boolean);
        const int f = b.op<op::mul>(b.cast(dtype::f32, y), b.constant(dtype::f32, 0.5));
        const int v = b.op<op::add>(x, b.cast(dtype::f64, f));
        b.store(b.op<op::where>(z, v, x));
        b.store(b.cast(dtype::i64, v));
        return b;
    }
};

struct scale_and_shift {
    float scale, shift;
    SINTER_HD float operator()(float x, float y) const { return x * scale + y + shift; }
};

struct user_call {
    static constexpr builder make() {
        builder b;
        const int x = b.load(dtype::f32), y = b.load(dtype::f32, true);
        const int twice = b.op<op::add>(y, y);  // once per thread, not per element
        b.store(b.compute(ir::op_user, dtype::f32, x, twice));
        return b;
    }
};

struct fill_constant {
    static constexpr builder make() {
        builder b;
        b.store(b.constant(dtype::f32, 3));
        b.store(b.scalar(dtype::i64));
        return b;
    }
};

struct add_one {
    static constexpr builder make() {
        builder b;
        const int x = b.load(dtype::f32), y = b.load(dtype::f32);
        const int one = b.constant(dtype::f32, 1);
        b.store(b.op<op::add>(y, one));
        b.store(b.op<op::add>(x, one));
        return b;
    }
};

// ---- row
template <dtype D>
struct softmax {
    static constexpr builder make() {
        builder b;
        const int z = b.load(D);
        const int e = b.op<op::exp>(b.op<op::sub>(z, b.reduce<red::max>(z)));
        b.store(b.op<op::div>(e, b.reduce<red::sum>(e)));
        return b;
    }
};

template <dtype D>
struct log_softmax {
    static constexpr builder make() {
        builder b;
        const int z = b.load(D);
        const int d = b.op<op::sub>(z, b.reduce<red::max>(z));
        b.store(b.op<op::sub>(d, b.op<op::log>(b.reduce<red::sum>(b.op<op::exp>(d)))));
        return b;
    }
};

// (z - mean) / sqrt(variance + eps) * gamma + beta + z, with mean and a bool as further results. z
// comes as two loads of one view.
template <dtype D>
struct layer_norm {
    static constexpr builder make() {
        builder b;
        const int z = b.load(D), again = b.load(D), gamma = b.load(D), beta = b.load(D);
        const int n = b.scalar(D), shift = b.load(D, true);
        const int mean = b.op<op::div>(b.reduce<red::sum>(z), n);
        const int d = b.op<op::sub>(z, mean);
        const int variance = b.op<op::div>(b.reduce<red::sum>(b.op<op::mul>(d, d)), n);
        const int scale = b.op<op::sqrt>(b.op<op::add>(variance, b.constant(D, 1e-5)));
        const int y = b.op<op::add>(b.op<op::mul>(b.op<op::div>(d, scale), gamma), beta);
        b.store(b.op<op::add>(b.op<op::add>(y, again), shift));
        b.store(mean);
        b.store(b.op<op::greater>(z, mean));
        return b;
    }
};

// Position of the maximum, and which elements equal it; also counts them.
template <dtype D>
struct peaks {
    static constexpr builder make() {
        builder b;
        const int x = b.load(D);
        const int top = b.reduce<red::max>(x), at = b.reduce<red::argmax>(x);
        const int is = b.op<op::equal>(x, top);
        b.store(at);
        b.store(is);
        b.store(b.reduce<red::sum>(is));
        b.store(top);
        return b;
    }
};

// (x - mean) / max(|x - mean|): a maximum that depends on a sum in a way that takes a walk of its
// own.
template <dtype D>
struct range_norm {
    static constexpr builder make() {
        builder b;
        const int x = b.load(D), n = b.scalar(D);
        const int d = b.op<op::sub>(x, b.op<op::div>(b.reduce<red::sum>(x), n));
        b.store(b.op<op::div>(d, b.reduce<red::max>(b.op<op::abs>(d))));
        return b;
    }
};

// Two pairs of walks: softmax of what layer norm yields, with the variance as a second result.
struct norm_softmax {
    static constexpr builder make() {
        builder b;
        const int z = b.load(dtype::f32), n = b.scalar(dtype::f32);
        const int mean = b.op<op::div>(b.reduce<red::sum>(z), n);
        const int d = b.op<op::sub>(z, mean);
        const int variance = b.op<op::div>(b.reduce<red::sum>(b.op<op::mul>(d, d)), n);
        const int y =
            b.op<op::div>(d, b.op<op::sqrt>(b.op<op::add>(variance, b.constant(dtype::f32, 1e-5))));
        const int e = b.op<op::exp>(b.op<op::sub>(y, b.reduce<red::max>(y)));
        b.store(b.op<op::div>(e, b.reduce<red::sum>(e)));
        b.store(variance);
        return b;
    }
};

// x - sum(x), the sum itself, and a sum that is also stored to every element.
struct whole_sum {
    static constexpr builder make() {
        builder b;
        const int x = b.load(dtype::i64);
        const int s = b.reduce<red::sum>(x);
        b.store(b.op<op::sub>(x, s));
        b.store(s);
        b.store(s);
        return b;
    }
};

// A softmax, the mean of its rows' log(sum of exp), and its largest element.
template <dtype D>
struct row_totals {
    static constexpr builder make() {
        builder b;
        const int z = b.load(D), scale = b.scalar(D);
        const int e = b.op<op::exp>(b.op<op::sub>(z, b.reduce<red::max>(z)));
        const int s = b.reduce<red::sum>(e), p = b.op<op::div>(e, s);
        b.store(p);
        b.store(b.after<op::mul>(b.total<red::sum>(b.op<op::log>(s), false), scale));
        b.store(b.total<red::max>(p, false));
        return b;
    }
};

// A softmax, the means of its columns, and their largest elements.
template <dtype D>
struct row_columns {
    static constexpr builder make() {
        builder b;
        const int z = b.load(D), scale = b.scalar(D);
        const int e = b.op<op::exp>(b.op<op::sub>(z, b.reduce<red::max>(z)));
        const int p = b.op<op::div>(e, b.reduce<red::sum>(e));
        b.store(p);
        b.store(b.after<op::mul>(b.total<red::sum>(p, true), scale));
        b.store(b.total<red::max>(p, true));
        return b;
    }
};

// ---- reduce
// sum(x * y) / n, max(x), argmax(x) and whether the sum is positive.
template <dtype D>
struct statistics {
    static constexpr builder make() {
        builder b;
        const int x = b.load(D), y = b.load(D), n = b.scalar(D);
        const int sum = b.reduce<red::sum>(b.op<op::mul>(x, y));
        b.store(b.op<op::div>(sum, n));
        b.store(b.reduce<red::max>(x));
        b.store(b.reduce<red::argmax>(x));
        b.store(b.op<op::greater>(sum, b.constant(b.code[sum].type, 0)));
        return b;
    }
};

// A sum whose terms are results too: e = x * r with r per row, sum(e), x + e, and the sum plus r.
struct running {
    static constexpr builder make() {
        builder b;
        const int x = b.load(dtype::f32), r = b.load(dtype::f32, true);
        const int e = b.op<op::mul>(x, r), sum = b.reduce<red::sum>(e);
        b.store(e);
        b.store(b.op<op::add>(b.op<op::add>(x, e), b.load(dtype::f32)));
        b.store(b.op<op::add>(sum, r));
        b.store(r);
        return b;
    }
};

// As `running`; the sum plus r goes to every element as well.
struct spread_sum {
    static constexpr builder make() {
        builder b = running::make();
        b.stored[3] = b.stored[2];
        return b;
    }
};

struct column_sum {
    static constexpr builder make() {
        builder b;
        b.store(b.reduce<red::sum>(b.load(dtype::f32)));
        return b;
    }
};

struct count {
    static constexpr builder make() {
        builder b;
        b.store(b.reduce<red::sum>(b.load(dtype::boolean)));
        return b;
    }
};

// So many reductions that a block of 256 threads has no room for its states.
struct many_sums {
    static constexpr builder make() {
        builder b;
        const int x = b.load(dtype::f64);
        int v = x;
        int total = -1;
        for (int k = 0; k < 14; ++k) {
            const int s = b.reduce<red::argmax>(v);
            const int f = b.cast(dtype::f64, s);
            total = total < 0 ? f : b.op<op::add>(total, f);
            v = b.op<op::sin>(v);
        }
        b.store(total);
        return b;
    }
};

// ---- matmul
// a b
template <dtype D>
struct plain {
    static constexpr builder make() {
        builder b;
        const int x = b.load(D), y = b.load(D);
        b.store(b.product(D, x, y));
        return b;
    }
};

// a b of floats that may be rounded to tf32.
struct plain_tf32 {
    static constexpr builder make() {
        builder b;
        const int x = b.load(dtype::f32), y = b.load(dtype::f32);
        b.store(b.product(dtype::f32, x, y, true));
        return b;
    }
};
// a b of 8-bit integers, as D.
template <dtype A, dtype B, dtype D>
struct bytes {
    static constexpr builder make() {
        builder b;
        const int x = b.load(A), y = b.load(B);
        b.store(b.product(D, b.cast(D, x), b.cast(D, y)));
        return b;
    }
};

// a b where a lies in the midst of zeros along two axes, as an image does.
template <dtype D, bool Short = false>
struct among_zeros {
    static constexpr builder make() {
        builder b;
        const int x = b.load_among_zeros(D, 2), y = b.load(D);
        b.store(b.product(D, x, y, false, Short));
        return b;
    }
};

// relu((a * r) b + bias), sums of its columns and its maxima, by tensor cores on floats or bytes.
template <dtype D, dtype Sum>
struct fused_cores {
    static constexpr builder make() {
        builder b;
        const int x = b.op<op::mul>(b.load(D), b.load(D)), y = b.load(D);
        const int left = D == Sum ? x : b.cast(Sum, x), right = D == Sum ? y : b.cast(Sum, y);
        const int p = b.product(Sum, left, right, D == dtype::f32);
        const int z = b.op<op::relu>(b.op<op::add>(p, b.load(Sum)));
        b.store(z);
        b.store(b.reduce<ir::red::sum>(z));
        return b;
    }
};

// relu((a * r * s) (b + 1) + bias) + residual, and whether the product is positive. r is a column.
// The 1 that is added shows that the padding of ragged edges is behind the prologue.
template <dtype D>
struct fused {
    static constexpr builder make() {
        builder b;
        const int x = b.load(D), r = b.load(D), s = b.scalar(D), y = b.load(D);
        const int left = b.op<op::mul>(b.op<op::mul>(x, r), s);
        const int right = b.op<op::add>(y, b.constant(D, 1));
        const int p = b.product(D, left, right);
        const int bias = b.load(D), residual = b.load(D), shift = b.load(D, true);
        const int z =
            b.op<op::relu>(b.op<op::add>(b.op<op::add>(p, bias), b.op<op::mul>(shift, s)));
        b.store(b.op<op::add>(z, residual));
        b.store(b.op<op::greater>(p, b.constant(D, 0)));
        return b;
    }
};

// What a layer does with a product: relu(product + bias).
template <dtype D>
struct dense {
    static constexpr builder make() {
        builder b;
        const int p = b.product(D, b.load(D), b.load(D));
        b.store(b.op<op::relu>(b.op<op::add>(p, b.load(D))));
        return b;
    }
};

// The results of a layer, and what is left of them when rows, columns or more are folded: the sum,
// times a number, and the maximum.
template <dtype D>
struct folded {
    static constexpr builder make() {
        builder b;
        const int p = b.product(D, b.load(D), b.load(D));
        const int z = b.op<op::relu>(b.op<op::add>(p, b.load(D)));
        const int sum = b.reduce<ir::red::sum>(z), top = b.reduce<ir::red::max>(z);
        b.store(z);
        b.store(b.op<op::mul>(sum, b.constant(b.code[sum].type, 2)));
        b.store(top);
        return b;
    }
};

// A layer of a network on images among zeros: relu((image * r) filters + bias) + residual; Pooled,
// only its maxima, plus a number for each channel. As kernels for short sums take it, or not.
template <dtype D, dtype Sum, bool Pooled, bool Short = true, bool Tf32 = false>
struct image_layer {
    static constexpr builder make() {
        builder b;
        const int x = b.op<op::mul>(b.load_among_zeros(D, 2), b.load(D)), y = b.load(D);
        const int left = D == Sum ? x : b.cast(Sum, x), right = D == Sum ? y : b.cast(Sum, y);
        const int p = b.product(Sum, left, right, Tf32, Short);
        const int z = b.op<op::relu>(b.op<op::add>(p, b.load(Sum)));
        const int r = b.op<op::add>(z, b.load(Sum));
        if (Pooled)
            b.store(b.op<op::add>(b.reduce<ir::red::max>(r), b.load(Sum, true)));
        else
            b.store(r);
        return b;
    }
};

// A float array rounded on the way into a product of bfloat16, stored as float.
struct rounded {
    static constexpr builder make() {
        builder b;
        const int x = b.load(dtype::f32), y = b.load(dtype::bf16);
        const int p = b.product(dtype::bf16, b.cast(dtype::bf16, x), y);
        b.store(b.cast(dtype::f32, p));
        return b;
    }
};

// ---- windows
// relu(sum(x * w) + bias), of a convolution of every channel by itself, and the sum.
template <dtype D>
struct depthwise {
    static constexpr builder make() {
        builder b;
        b.head.windows = true;
        const int x = b.load(D), w = b.load(D);
        const int bias = b.load(D, true);
        b.code[w].same_for_windows = b.code[bias].same_for_windows = true;
        const int sum = b.reduce<red::sum>(b.op<op::mul>(x, w));
        b.store(b.op<op::maximum>(b.op<op::add>(sum, bias), b.constant(D, 0)));
        b.store(sum);
        return b;
    }
};

// The maximum of scale * x + shift, its position, and that plus what lies beside the result.
template <dtype D>
struct scaled_pool {
    static constexpr builder make() {
        builder b;
        b.head.windows = true;
        const int x = b.load(D), scale = b.load(D, true), shift = b.load(D, true);
        b.code[scale].same_for_windows = true;
        const int v = b.op<op::add>(b.op<op::mul>(x, scale), shift);
        const int top = b.reduce<red::max>(v);
        b.store(top);
        b.store(b.reduce<red::argmax>(v));
        b.store(b.op<op::add>(top, shift));
        return b;
    }
};

}  // namespace kernel_test
