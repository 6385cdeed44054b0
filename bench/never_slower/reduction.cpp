// Reductions of computed values, and reductions whose results meet the elements again.
#include "comparison.hpp"

namespace {

using namespace fusion;

struct grid {
    matrix x, z, y, t, u;
    matrix column, other_column, row;
    vector scale, shift;
    scalar one;
};
grid grid_of(int64 m, int64 n) {
    return {sample(m, n),
            sample(m, n),
            sample(m, n),
            sample(m, n),
            sample(m, n),
            sample(m, int64{1}),
            sample(m, int64{1}),
            sample(int64{1}, n),
            sample(n),
            sample(n),
            sample()};
}

struct to_scalar {
    matrix x, z, t;
    scalar y;
};
struct to_vector {
    matrix x, z, t;
    vector y;
};

void add_folds(const std::string& size, int64 m, int64 n) {
    const auto scalars = [m, n] {
        return to_scalar{sample(m, n), sample(m, n), sample(m, n), sample()};
    };
    compare("sum(x * z)" + size, scalars)
        .fused([](to_scalar& o) { o.y = sum(o.x * o.z); })
        .split([](to_scalar& o) {
            o.t = o.x * o.z;
            o.y = sum(o.t);
        });
    compare("mean(exp(x))" + size, scalars)
        .fused([](to_scalar& o) { o.y = mean(exp(o.x)); })
        .split([](to_scalar& o) {
            o.t = exp(o.x);
            o.y = mean(o.t);
        });
    compare("sum(x * transpose of a transposed copy)" + size, [m, n] {
        return to_scalar{sample(m, n), sample(n, m), sample(m, n), sample()};
    }).fused([](to_scalar& o) {
          o.y = sum(o.x * transpose(o.z));
      }).split([](to_scalar& o) {
        o.t = transpose(o.z) * 1.0F;
        o.y = sum(o.x * o.t);
    });
    const auto rows = [m, n] {
        return to_vector{sample(m, n), sample(m, n), sample(m, n), sample(m)};
    };
    compare("rows of (x - z)^2" + size, rows)
        .fused([](to_vector& o) { o.y = sum((o.x - o.z) * (o.x - o.z), axis<1>); })
        .split([](to_vector& o) {
            o.t = (o.x - o.z) * (o.x - o.z);
            o.y = sum(o.t, axis<1>);
        });
    compare("rows of max(sin(x) * z)" + size, rows)
        .fused([](to_vector& o) { o.y = max(sin(o.x) * o.z, axis<1>); })
        .split([](to_vector& o) {
            o.t = sin(o.x) * o.z;
            o.y = max(o.t, axis<1>);
        })
        .split([](to_vector& o) {
            o.t = sin(o.x);
            o.y = max(o.t * o.z, axis<1>);
        });
    const auto columns = [m, n] {
        return to_vector{sample(m, n), sample(m, n), sample(m, n), sample(n)};
    };
    compare("columns of exp(x) * z" + size, columns)
        .fused([](to_vector& o) { o.y = sum(exp(o.x) * o.z, axis<0>); })
        .split([](to_vector& o) {
            o.t = exp(o.x) * o.z;
            o.y = sum(o.t, axis<0>);
        });
    compare("columns of x * z" + size, columns)
        .fused([](to_vector& o) { o.y = mean(o.x * o.z, axis<0>); })
        .split([](to_vector& o) {
            o.t = o.x * o.z;
            o.y = mean(o.t, axis<0>);
        });
}

void add_rows(const std::string& size, int64 m, int64 n) {
    const auto make = [m, n] { return grid_of(m, n); };
    compare("softmax" + size, make)
        .fused([](grid& o) { o.y = softmax(o.x); })
        .split([](grid& o) {
            o.column = max(o.x, axis<-1>, keepdims);
            o.t = exp(o.x - o.column);
            o.column = sum(o.t, axis<-1>, keepdims);
            o.y = o.t / o.column;
        })
        .split([](grid& o) {
            o.t = exp(o.x - max(o.x, axis<-1>, keepdims));
            o.y = o.t / sum(o.t, axis<-1>, keepdims);
        });
    compare("log_softmax" + size, make)
        .fused([](grid& o) { o.y = log_softmax(o.x); })
        .split([](grid& o) {
            o.t = o.x - max(o.x, axis<-1>, keepdims);
            o.y = o.t - log(sum(exp(o.t), axis<-1>, keepdims));
        })
        .split([](grid& o) {
            o.column = max(o.x, axis<-1>, keepdims);
            o.t = exp(o.x - o.column);
            o.other_column = log(sum(o.t, axis<-1>, keepdims)) + o.column;
            o.y = o.x - o.other_column;
        });
    // Three passes over the row would compute sin three times.
    compare("softmax(sin(x) * z)" + size, make)
        .fused([](grid& o) { o.y = softmax(sin(o.x) * o.z); })
        .split([](grid& o) {
            o.t = sin(o.x) * o.z;
            o.y = softmax(o.t);
        })
        .split([](grid& o) {
            o.t = sin(o.x) * o.z;
            o.column = max(o.t, axis<-1>, keepdims);
            o.t = exp(o.t - o.column);
            o.column = sum(o.t, axis<-1>, keepdims);
            o.y = o.t / o.column;
        });
    compare("layer_norm" + size, make)
        .fused([](grid& o) { o.y = layer_norm(o.x, o.scale, o.shift); })
        .split([](grid& o) {
            o.column = mean(o.x, axis<-1>, keepdims);
            o.t = o.x - o.column;
            o.column = sqrt(mean(o.t * o.t, axis<-1>, keepdims) + 1e-5);
            o.y = o.t / o.column * o.scale + o.shift;
        })
        .split([](grid& o) {
            o.t = layer_norm(o.x);
            o.y = o.t * o.scale + o.shift;
        });
    compare("layer_norm(x + tanh(z))" + size, make)
        .fused([](grid& o) { o.y = layer_norm(o.x + tanh(o.z), o.scale, o.shift); })
        .split([](grid& o) {
            o.t = o.x + tanh(o.z);
            o.y = layer_norm(o.t, o.scale, o.shift);
        });
    compare("rms norm" + size, make)
        .fused(
            [](grid& o) { o.y = o.x / sqrt(mean(o.x * o.x, axis<-1>, keepdims) + 1e-5) * o.scale; })
        .split([](grid& o) {
            o.column = sqrt(mean(o.x * o.x, axis<-1>, keepdims) + 1e-5);
            o.y = o.x / o.column * o.scale;
        })
        .split([](grid& o) {
            o.t = o.x * o.x;
            o.column = sqrt(mean(o.t, axis<-1>, keepdims) + 1e-5);
            o.y = o.x / o.column * o.scale;
        });
    compare("rows over their sum of exp" + size, make)
        .fused([](grid& o) { o.y = exp(o.x) / sum(exp(o.x), axis<-1>, keepdims); })
        .split([](grid& o) {
            o.t = exp(o.x);
            o.y = o.t / sum(o.t, axis<-1>, keepdims);
        });
}

// Reductions over the rows of what is computed by rows.
struct with_totals {
    matrix x, z, t;
    vector y;
};
void add_totals(const std::string& size, int64 m, int64 n) {
    const auto make = [m, n] {
        return with_totals{sample(m, n), sample(m, n), sample(m, n), sample(n)};
    };
    compare("(softmax(x) - z) / 8 and its columns" + size, make)
        .fused([](with_totals& o) {
            const auto g = (softmax(o.x) - o.z) / 8.0F;
            evaluate(out(o.t) = g, out(o.y) = sum(g, axis<0>));
        })
        .split([](with_totals& o) {
            o.t = (softmax(o.x) - o.z) / 8.0F;
            o.y = sum(o.t, axis<0>);
        });
    compare("columns of softmax(x) * z" + size, make)
        .fused([](with_totals& o) { o.y = sum(softmax(o.x) * o.z, axis<0>); })
        .split([](with_totals& o) {
            o.t = softmax(o.x);
            o.y = sum(o.t * o.z, axis<0>);
        })
        .split([](with_totals& o) {
            o.t = softmax(o.x) * o.z;
            o.y = sum(o.t, axis<0>);
        });
}

void add_others() {
    const auto make = [] { return grid_of(1000, 1000); };
    compare("softmax of columns", make)
        .fused([](grid& o) { o.y = softmax(o.x, axis<0>); })
        .split([](grid& o) {
            o.row = max(o.x, axis<0>, keepdims);
            o.t = exp(o.x - o.row);
            o.row = sum(o.t, axis<0>, keepdims);
            o.y = o.t / o.row;
        });
    compare("softmax of a transposed matrix", make)
        .fused([](grid& o) { o.y = softmax(transpose(o.x)); })
        .split([](grid& o) {
            o.t = transpose(o.x) * 1.0F;
            o.y = softmax(o.t);
        });
    compare("centred columns", make)
        .fused([](grid& o) { o.y = o.x - mean(o.x, axis<0>, keepdims); })
        .split([](grid& o) {
            o.row = mean(o.x, axis<0>, keepdims);
            o.y = o.x - o.row;
        });
    compare("x over its sum", make).fused([](grid& o) { o.y = o.x / sum(o.x); }).split([](grid& o) {
        o.one = sum(o.x);
        o.y = o.x / o.one;
    });
    compare("exp(x) less the mean of everything", make)
        .fused([](grid& o) { o.y = exp(o.x) - mean(exp(o.x)); })
        .split([](grid& o) {
            o.t = exp(o.x);
            o.one = mean(o.t);
            o.y = o.t - o.one;
        });
    compare("x * its column sums + its row sums", make)
        .fused(
            [](grid& o) { o.y = o.x * sum(o.x, axis<0>, keepdims) + sum(o.x, axis<1>, keepdims); })
        .split([](grid& o) {
            o.row = sum(o.x, axis<0>, keepdims);
            o.column = sum(o.x, axis<1>, keepdims);
            o.y = o.x * o.row + o.column;
        });
    compare("x + transpose(z) over its row maximum", make)
        .fused([](grid& o) {
            const auto s = o.x + transpose(o.z);
            o.y = s / max(s, axis<-1>, keepdims);
        })
        .split([](grid& o) {
            o.t = o.x + transpose(o.z);
            o.column = max(o.t, axis<-1>, keepdims);
            o.y = o.t / o.column;
        });
    compare("row sums of the product of a row and a column",
            [] {
                struct outer {
                    vector row;
                    matrix column, t;
                    vector y;
                };
                return outer{sample(1000), sample(1000, 1), sample(1000, 1000), sample(1000)};
            })
        .fused([](auto& o) { o.y = sum(exp(o.row) * o.column, axis<1>); })
        .split([](auto& o) {
            o.t = exp(o.row) * o.column;
            o.y = sum(o.t, axis<1>);
        })
        .split([](auto& o) {
            const vector part = exp(o.row);
            o.y = sum(part * o.column, axis<1>);
        });
}

const bool added = [] {
    add_folds(", 1000 x 1000", 1000, 1000);
    add_folds(", 100000 x 10", 100'000, 10);
    add_rows(", 1000 x 1000", 1000, 1000);
    add_rows(", 50000 x 10", 50'000, 10);
    add_rows(", 8 x 100000", 8, 100'000);
    add_totals(", 1000 x 1000", 1000, 1000);
    add_totals(", 50000 x 10", 50'000, 10);
    add_totals(", 100 x 16384", 100, 16'384);
    add_totals(", 2 x 500000", 2, 500'000);
    add_others();
    return true;
}();

}  // namespace
