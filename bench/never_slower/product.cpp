// Matrix products: what is done to their operands, to their result, and with several of them.
#include "comparison.hpp"

namespace {

using namespace fusion;

struct layer {
    matrix x, w, v;
    vector bias;
    matrix column;
    matrix y, t, u, p, q;
};
// x (m, k), w and v (k, n)
layer layer_of(int64 m, int64 k, int64 n) {
    return {sample(m, k),
            sample(k, n),
            sample(k, n),
            sample(n),
            sample(m, int64{1}),
            sample(m, n),
            sample(m, n),
            sample(m, n),
            sample(m, k),
            sample(k, n)};
}

void add_layers(const std::string& size, int64 m, int64 k, int64 n) {
    const auto make = [m, k, n] { return layer_of(m, k, n); };
    compare("relu(x w + bias)" + size, make)
        .fused([](layer& o) { o.y = relu(matmul(o.x, o.w) + o.bias); })
        .split([](layer& o) {
            o.t = matmul(o.x, o.w);
            o.y = relu(o.t + o.bias);
        });
    compare("costly epilogue" + size, make)
        .fused([](layer& o) { o.y = tanh(matmul(o.x, o.w) + o.bias) * exp(o.column); })
        .split([](layer& o) {
            o.t = matmul(o.x, o.w);
            o.y = tanh(o.t + o.bias) * exp(o.column);
        })
        .split([](layer& o) {
            o.t = tanh(matmul(o.x, o.w) + o.bias);
            const matrix part = exp(o.column);
            o.y = o.t * part;
        });
    compare("relu of the left operand" + size, make)
        .fused([](layer& o) { o.y = matmul(relu(o.x), o.w); })
        .split([](layer& o) {
            o.p = relu(o.x);
            o.y = matmul(o.p, o.w);
        });
    compare("exp of the left operand" + size, make)
        .fused([](layer& o) { o.y = matmul(exp(o.x), o.w); })
        .split([](layer& o) {
            o.p = exp(o.x);
            o.y = matmul(o.p, o.w);
        });
    compare("tanh of the right operand" + size, make)
        .fused([](layer& o) { o.y = matmul(o.x, tanh(o.w)); })
        .split([](layer& o) {
            o.q = tanh(o.w);
            o.y = matmul(o.x, o.q);
        });
    compare("rows scaled by a column" + size, make)
        .fused([](layer& o) { o.y = matmul(o.x * o.column, o.w); })
        .split([](layer& o) {
            o.p = o.x * o.column;
            o.y = matmul(o.p, o.w);
        });
    compare("two products" + size, make)
        .fused([](layer& o) { o.y = sigmoid(matmul(o.x, o.w)) * tanh(matmul(o.x, o.v)); })
        .split([](layer& o) {
            o.t = matmul(o.x, o.w);
            o.u = matmul(o.x, o.v);
            o.y = sigmoid(o.t) * tanh(o.u);
        })
        .split([](layer& o) {
            o.t = sigmoid(matmul(o.x, o.w));
            o.u = tanh(matmul(o.x, o.v));
            o.y = o.t * o.u;
        });
    compare("softmax of a product" + size, make)
        .fused([](layer& o) { o.y = softmax(matmul(o.x, o.w) * 0.01F); })
        .split([](layer& o) {
            o.t = matmul(o.x, o.w) * 0.01F;
            o.y = softmax(o.t);
        })
        .split([](layer& o) {
            o.t = matmul(o.x, o.w);
            o.y = softmax(o.t * 0.01F);
        });
    compare("a product less its row means" + size, make)
        .fused([](layer& o) {
            const auto h = matmul(o.x, o.w);
            o.y = h - mean(h, axis<-1>, keepdims);
        })
        .split([](layer& o) {
            o.t = matmul(o.x, o.w);
            o.y = o.t - mean(o.t, axis<-1>, keepdims);
        });
}

void add_others() {
    struct squares {
        matrix x, z, y, t, u;
    };
    const auto make = [] {
        constexpr int64 n = 320;
        return squares{sample(n, n), sample(n, n), sample(n, n), sample(n, n), sample(n, n)};
    };
    compare("both operands transposed", make)
        .fused([](squares& o) { o.y = matmul(transpose(o.x), transpose(o.z)); })
        .split([](squares& o) {
            o.t = transpose(o.x) * 1.0F;
            o.u = transpose(o.z) * 1.0F;
            o.y = matmul(o.t, o.u);
        })
        .split([](squares& o) {
            o.t = matmul(o.z, o.x);
            o.y = transpose(o.t) * 1.0F;
        });
    compare("x + transpose(z) as an operand", make)
        .fused([](squares& o) { o.y = matmul(o.x + transpose(o.z), o.z); })
        .split([](squares& o) {
            o.t = o.x + transpose(o.z);
            o.y = matmul(o.t, o.z);
        });
    compare("softmax as an operand", make)
        .fused([](squares& o) { o.y = matmul(softmax(o.x), o.z); })
        .split([](squares& o) {
            o.t = softmax(o.x);
            o.y = matmul(o.t, o.z);
        });
    compare("a product of products", make)
        .fused([](squares& o) { o.y = matmul(matmul(o.x, o.z), o.x) + o.z; })
        .split([](squares& o) {
            o.t = matmul(o.x, o.z);
            o.u = matmul(o.t, o.x);
            o.y = o.u + o.z;
        });
    compare("row sums of a product, over the elements", make)
        .fused([](squares& o) { o.y = o.z / sum(matmul(o.x, o.z), axis<-1>, keepdims); })
        .split([](squares& o) {
            o.t = matmul(o.x, o.z);
            o.y = o.z / sum(o.t, axis<-1>, keepdims);
        });
    struct halves {
        sn::tensor<sn::bfloat16, 2> x, w, y, t;
    };
    compare("relu(x w) of bfloat16", [] {
        constexpr int64 n = 256;
        using h = sn::bfloat16;
        return halves{sample<h>(n, n), sample<h>(n, n), sample<h>(n, n), sample<h>(n, n)};
    }).fused([](halves& o) {
          o.y = relu(matmul(o.x, o.w));
      }).split([](halves& o) {
        o.t = matmul(o.x, o.w);
        o.y = relu(o.t);
    });
}

const bool added = [] {
    add_layers(", 256 x 256 x 256", 256, 256, 256);
    add_layers(", 2000 x 64 x 10", 2000, 64, 10);
    add_layers(", 4 x 1000 x 1000", 4, 1000, 1000);
    add_others();
    return true;
}();

}  // namespace
