// Chains, many arrays, costly functions, repeated operands, other types, strided views.
#include "comparison.hpp"

namespace {

using namespace fusion;

struct flat {
    vector a, b, c, d, e, f, y, t, u, v;
};
flat flat_of(int64 n) {
    return {sample(n),
            sample(n),
            sample(n),
            sample(n),
            sample(n),
            sample(n),
            sample(n),
            sample(n),
            sample(n),
            sample(n)};
}
constexpr int64 large = 1'000'000, small = 4096;

template <class T>
struct typed {
    sn::tensor<T, 1> a, b, c, y, t;
};
template <class T>
typed<T> typed_of(int64 n) {
    return {sample<T>(n), sample<T>(n), sample<T>(n), sample<T>(n), sample<T>(n)};
}

struct many {
    vector x[24], y, t, u;
};
many many_of(int64 n) {
    many m;
    for (vector& v : m.x) v = sample(n);
    m.y = sample(n), m.t = sample(n), m.u = sample(n);
    return m;
}
auto eight_of(const vector* x) { return x[0] * x[1] + x[2] * x[3] + x[4] * x[5] + x[6] * x[7]; }
auto eight_more(const vector& t, const vector* x) {
    return t + x[0] * x[1] + x[2] * x[3] + x[4] * x[5] + x[6] * x[7];
}

void add_chains(const std::string& size, int64 n) {
    compare("a * b + c" + size, [n] {
        return flat_of(n);
    }).fused([](flat& o) {
          o.y = o.a * o.b + o.c;
      }).split([](flat& o) {
        o.t = o.a * o.b;
        o.y = o.t + o.c;
    });
    compare("chain of 5 arrays" + size, [n] { return flat_of(n); })
        .fused([](flat& o) { o.y = ((o.a * o.b + o.c) * o.d - o.e) * o.a; })
        .split([](flat& o) {
            o.t = o.a * o.b + o.c;
            o.y = (o.t * o.d - o.e) * o.a;
        })
        .split([](flat& o) {
            o.t = (o.a * o.b + o.c) * o.d;
            o.y = (o.t - o.e) * o.a;
        });
    compare("operands repeated by an auto" + size, [n] { return flat_of(n); })
        .fused([](flat& o) {
            const auto p = o.a * o.b + o.c;
            const auto q = p * p - o.a * 0.5F;
            const auto m = relu(q * o.b + p);
            o.y = (m - o.c) * (q + 2) + m * p;
        })
        .split([](flat& o) {
            o.t = o.a * o.b + o.c;
            o.u = o.t * o.t - o.a * 0.5F;
            o.v = relu(o.u * o.b + o.t);
            o.y = (o.v - o.c) * (o.u + 2) + o.v * o.t;
        })
        .split([](flat& o) {
            o.t = o.a * o.b + o.c;
            const auto q = o.t * o.t - o.a * 0.5F;
            const auto m = relu(q * o.b + o.t);
            o.y = (m - o.c) * (q + 2) + m * o.t;
        });
    compare("costly parts repeated by an auto" + size, [n] { return flat_of(n); })
        .fused([](flat& o) {
            const auto p = exp(o.a * o.b);
            const auto q = p + sin(p);
            o.y = q * q + p;
        })
        .split([](flat& o) {
            o.t = exp(o.a * o.b);
            o.u = o.t + sin(o.t);
            o.y = o.u * o.u + o.t;
        })
        .split([](flat& o) {
            o.t = exp(o.a * o.b);
            const auto q = o.t + sin(o.t);
            o.y = q * q + o.t;
        });
    compare("a * b + sin(c)" + size, [n] {
        return flat_of(n);
    }).fused([](flat& o) {
          o.y = o.a * o.b + sin(o.c);
      }).split([](flat& o) {
        o.t = sin(o.c);
        o.y = o.a * o.b + o.t;
    });
    compare("six costly functions" + size, [n] { return flat_of(n); })
        .fused([](flat& o) {
            o.y = tanh(exp(-o.a * o.a)) + sigmoid(o.b) * log(o.c) + sqrt(o.d) * sin(o.e);
        })
        .split([](flat& o) {
            o.t = tanh(exp(-o.a * o.a));
            o.u = sigmoid(o.b) * log(o.c);
            o.y = o.t + o.u + sqrt(o.d) * sin(o.e);
        })
        .split([](flat& o) {
            o.t = exp(-o.a * o.a);
            o.t = tanh(o.t);
            o.u = sigmoid(o.b);
            o.v = log(o.c);
            o.t = o.t + o.u * o.v;
            o.u = sqrt(o.d);
            o.v = sin(o.e);
            o.y = o.t + o.u * o.v;
        });
    compare("where of two costly sides" + size, [n] {
        return flat_of(n);
    }).fused([](flat& o) {
          o.y = where(o.a > o.b, exp(o.c), sin(o.d));
      }).split([](flat& o) {
        o.t = exp(o.c);
        o.u = sin(o.d);
        o.y = where(o.a > o.b, o.t, o.u);
    });
}

void add_many_arrays() {
    compare("sum of 12 products of 24 arrays", [] { return many_of(500'000); })
        .fused([](many& o) { o.y = eight_of(o.x) + eight_of(o.x + 8) + eight_of(o.x + 16); })
        .split([](many& o) {
            o.t = eight_of(o.x);
            o.u = eight_more(o.t, o.x + 8);
            o.y = eight_more(o.u, o.x + 16);
        })
        .split([](many& o) {
            o.t = eight_of(o.x) + eight_of(o.x + 8);
            o.y = eight_more(o.t, o.x + 16);
        });
    compare("sum of 4 products of 8 arrays", [] {
        return many_of(500'000);
    }).fused([](many& o) {
          o.y = eight_of(o.x);
      }).split([](many& o) {
        o.t = o.x[0] * o.x[1] + o.x[2] * o.x[3];
        o.y = o.t + o.x[4] * o.x[5] + o.x[6] * o.x[7];
    });
}

void add_types() {
    compare("bfloat16 chain", [] {
        return typed_of<sn::bfloat16>(large);
    }).fused([](auto& o) {
          o.y = relu(o.a * o.b + o.c) * o.a;
      }).split([](auto& o) {
        o.t = relu(o.a * o.b + o.c);
        o.y = o.t * o.a;
    });
    compare("bfloat16 costly", [] {
        return typed_of<sn::bfloat16>(large);
    }).fused([](auto& o) {
          o.y = exp(o.a) * sin(o.b);
      }).split([](auto& o) {
        o.t = sin(o.b);
        o.y = exp(o.a) * o.t;
    });
    compare("double chain", [] {
        return typed_of<double>(large);
    }).fused([](auto& o) {
          o.y = exp(o.a * o.b) + o.c;
      }).split([](auto& o) {
        o.t = o.a * o.b;
        o.y = exp(o.t) + o.c;
    });
    struct mixed {
        sn::tensor<int64, 1> i;
        sn::tensor<bool, 1> mask;
        sn::tensor<sn::bfloat16, 1> h;
        vector a, y, t;
    };
    compare("bool, int64, bfloat16 and float",
            [] {
                return mixed{sn::arange(large),
                             eval(sample(large) > 1),
                             sample<sn::bfloat16>(large),
                             sample(large),
                             sample(large),
                             sample(large)};
            })
        .fused([](mixed& o) { o.y = where(o.mask, o.h * o.a, astype<float>(o.i) + o.a); })
        .split([](mixed& o) {
            o.t = astype<float>(o.i);
            o.y = where(o.mask, o.h * o.a, o.t + o.a);
        })
        .split([](mixed& o) {
            o.t = o.h * o.a;
            o.y = where(o.mask, o.t, astype<float>(o.i) + o.a);
        });
}

struct views {
    matrix x, y, t, u, z;
};
views views_of(int64 n) {
    return {sample(n, 2 * n), sample(n, n), sample(n, n), sample(n, n), sample(n, 2 * n)};
}
void add_views() {
    compare("every second column of two", [] { return views_of(1000); })
        .fused([](views& o) {
            const int64 n = o.x.extent(1);
            o.y = slice(o.x, _, range(0, n, 2)) * slice(o.z, _, range(1, n, 2));
        })
        .split([](views& o) {
            const int64 n = o.x.extent(1);
            o.t = slice(o.x, _, range(0, n, 2)) * 1.0F;
            o.u = slice(o.z, _, range(1, n, 2)) * 1.0F;
            o.y = o.t * o.u;
        });
    compare("columns backwards", [] { return views_of(1000); })
        .fused([](views& o) {
            const int64 n = o.y.extent(1);
            o.y = exp(slice(o.t, _, range(n, -n - 1, -1))) + o.u;
        })
        .split([](views& o) {
            const int64 n = o.y.extent(1);
            o.z = exp(o.t);
            o.y = slice(o.z, _, range(n, -n - 1, -1)) + o.u;
        });
    compare("misaligned halves of rows", [] { return views_of(1000); })
        .fused([](views& o) {
            const int64 n = o.y.extent(1);
            o.y = slice(o.x, _, range(1, n + 1)) * slice(o.z, _, range(3, n + 3)) + o.u;
        })
        .split([](views& o) {
            const int64 n = o.y.extent(1);
            o.t = slice(o.x, _, range(1, n + 1)) * slice(o.z, _, range(3, n + 3));
            o.y = o.t + o.u;
        });
    compare("strided view used twice in costly code", [] { return views_of(1000); })
        .fused([](views& o) {
            const auto s = slice(o.x, _, range(0, o.x.extent(1), 2));
            o.y = exp(s) * sin(s) + s;
        })
        .split([](views& o) {
            o.t = slice(o.x, _, range(0, o.x.extent(1), 2)) * 1.0F;
            o.y = exp(o.t) * sin(o.t) + o.t;
        });
}

const bool added = [] {
    add_chains(", 1M", large);
    add_chains(", 4096", small);
    add_many_arrays();
    add_types();
    add_views();
    return true;
}();

}  // namespace
