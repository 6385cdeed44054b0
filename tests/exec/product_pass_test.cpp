// Products that a library does, with one pass behind them for what is fused, in a file that asks
// for that. The library is a loop over the emulator's memory.
#define SINTER_CUBLASLT 1
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::tensor;

struct looping_library {
    static inline sn::exec::plain_product told;
    static inline int products = 0;
    static inline bool refuses = false;

    static bool worth(int64, int64, int64) { return false; }
    static bool worth_with_pass(int64 m, int64 n, int64 k) { return m >= 5 && n >= 5 && k >= 70; }
    template <class T, class R>
    static void multiply(const sn::exec::plain_product& p) {
        const auto element = [](const sn::exec::product_matrix& x, int64 b, int64 i, int64 j) {
            return b * x.batch + i * x.row + j * x.column;
        };
        for (int64 b = 0; b < p.batch; ++b)
            for (int64 i = 0; i < p.m; ++i)
                for (int64 j = 0; j < p.n; ++j) {
                    R sum = 0;
                    for (int64 k = 0; k < p.k; ++k)
                        sum +=
                            static_cast<R>(static_cast<const T*>(p.a.data)[element(p.a, b, i, k)]) *
                            static_cast<R>(static_cast<const T*>(p.b.data)[element(p.b, b, k, j)]);
                    static_cast<R*>(p.c.data)[element(p.c, b, i, j)] = sum;
                }
    }
    static bool run(const sn::exec::plain_product& p, const sn::runtime::launch_record& r) {
        if (refuses || r.where != device::emulator()) return false;
        told = p;
        ++products;
        if (p.type == sn::dtype::f32)
            multiply<float, float>(p);
        else
            multiply<bfloat16, float>(p);
        return true;
    }
    looping_library() {
        products = 0;
        refuses = false;
        sn::exec::the_product_library = {"a library", &worth, &run, &worth_with_pass};
    }
    ~looping_library() { sn::exec::the_product_library = {}; }
};

struct halved {
    template <class T>
    SINTER_HD T operator()(T x) const {
        return x / T(2);
    }
};

template <class T>
struct layer {
    device d;
    reals vx = random({33, 70}, 1), vw = random({20, 70}, 2), vb = random({20}, 3),
          vr = random({33, 20}, 4);
    tensor<T, 2> x = put<T, 2>(vx, d), w = put<T, 2>(vw, d), r = put<T, 2>(vr, d);
    tensor<T, 1> b = put<T, 1>(vb, d);
    reals sums = map([](double p, double c) { return p + c; }, product(vx, transposed(vw)), vb);
    reals result =
        map([](double v, double z) { return rounded<T>(std::max(v, 0.0) + z); }, sums, vr);

    explicit layer(device where) : d(where) {}
    auto expression() const { return relu(matmul(x, transpose(w)) + b) + r; }
};

TEST_CASE("a product by a library and one pass: in its result, with nothing stored besides") {
    on_each_device([](device d) {
        looping_library library;
        const layer<float> l(d);
        const auto e = l.expression();
        static_assert(sn::kernel_count(e) == 1);
        CHECK(contains(sn::explain(e),
                       "goes to a library, which takes products with sums as long "
                       "as this, and one pass over its result: two launches") == !d.is_host());
        const int times = d.is_host() ? 0 : 1;
        {
            sn::launch_counter ran;
            const tensor<float, 2> y = e;
            CHECK(ran.launches() == 1 + times);
            CHECK(ran.temporaries() == 0);
            CHECK(difference(get(y), l.result) == "");
            CHECK(library.products == times);
            if (times) {
                CHECK(library.told.c.data == y.data());
                CHECK(library.told.result == sn::dtype::f32);
                CHECK(library.told.b.row == 1);
            }
        }
        library.refuses = true;
        sn::launch_counter ran;
        const tensor<float, 2> y = e;
        CHECK(ran.launches() == 1);
        CHECK(ran.temporaries() == 0);
        CHECK(difference(get(y), l.result) == "");
    });
}

TEST_CASE("a product by a library and one pass: what the pass reads is not overwritten") {
    on_each_device([](device d) {
        const looping_library library;
        layer<float> l(d);
        const int times = d.is_host() ? 0 : 1;
        sn::launch_counter ran;
        l.r = relu(matmul(l.x, transpose(l.w)) + l.b) + l.r;
        CHECK(ran.temporaries() == times);
        CHECK(difference(get(l.r), l.result) == "");
        // Into every other column, which are no columns of a matrix of a BLAS.
        tensor<float, 2> wide = sn::zeros<float>(33, 40);
        slice(wide, sn::_, sn::range(0, 40, 2)) = relu(matmul(l.x, transpose(l.w)) + l.b);
        CHECK(library.products == 2 * times);
        const tensor<float, 2> odd = slice(wide, sn::_, sn::range(1, 40, 2)),
                               even = slice(wide, sn::_, sn::range(0, 40, 2));
        CHECK(difference(get(odd), reals({33, 20})) == "");
        CHECK(difference(get(even), map([](double v) { return std::max(v, 0.0); }, l.sums)) == "");
    });
}

TEST_CASE("a product by a library and one pass: halves keep the float sums, and several results") {
    on_each_device([](device d) {
        const looping_library library;
        const layer<bfloat16> l(d);
        const int times = d.is_host() ? 0 : 1;
        {
            sn::launch_counter ran;
            const tensor<bfloat16, 2> y = l.expression();
            CHECK(ran.launches() == 1 + times);
            CHECK(ran.temporaries() == times);
            CHECK(library.products == times);
            CHECK(difference(get(y), l.result) == "");
            if (times) CHECK(library.told.result == sn::dtype::f32);
        }
        const layer<float> f(d);
        const auto p = matmul(f.x, transpose(f.w));
        tensor<float, 2> y, z;
        sn::launch_counter ran;
        evaluate(sn::out(y) = p + f.b, sn::out(z) = sn::elementwise(halved{}, p + f.b) * 3.F);
        CHECK(ran.launches() == 1 + times);
        CHECK(ran.temporaries() == times);
        CHECK(difference(get(y), f.sums) == "");
        CHECK(difference(get(z), map([](double v) { return v / 2 * 3; }, f.sums)) == "");
    });
}

TEST_CASE("a product by a library and one pass: batches; what is folded or computed before stays") {
    on_each_device([](device d) {
        const looping_library library;
        const layer<float> l(d);
        const int times = d.is_host() ? 0 : 1;
        const reals vx = random({3, 6, 70}, 5), vw = random({3, 20, 70}, 6);
        const tensor<float, 3> y =
            matmul(put<float, 3>(vx, d), permute(put<float, 3>(vw, d), sn::axes<0, 2, 1>)) * l.b;
        CHECK(library.products == times);
        if (times) CHECK(library.told.batch == 3);
        const auto part = [](const reals& v, int64 rows, int64 i) {
            const auto first = v.of.begin() + i * rows * 70;
            return reals({rows, 70}, {first, first + rows * 70});
        };
        for (int64 i = 0; i < 3; ++i) {
            const tensor<float, 2> of = y(i);
            CHECK(difference(get(of),
                             map([](double v, double c) { return v * c; },
                                 product(part(vx, 6, i), transposed(part(vw, 20, i))),
                                 l.vb)) == "");
        }
        const int before = library.products;
        const tensor<float, 1> sums = sum(matmul(l.x, transpose(l.w)) + l.b, sn::axis<0>);
        const tensor<float, 2> scaled = relu(matmul(l.x * 2.F, transpose(l.w)) + l.b);
        CHECK(library.products == before);
    });
}

}  // namespace
