// What follows a matrix product in its own kernel: reductions of its results, and the array that it
// is added to.
#include <sinter/debug.hpp>

#include "tensor/support.hpp"

namespace tensor_test {
namespace {

using sn::axis, sn::keepdims, sn::out, sn::tensor;

double total(const std::vector<double>& row) {
    double s = 0;
    for (const double x : row) s += x;
    return s;
}
double largest(const std::vector<double>& row) { return *std::max_element(row.begin(), row.end()); }
double least(const std::vector<double>& row) { return *std::min_element(row.begin(), row.end()); }
double average(const std::vector<double>& row) {
    return total(row) / static_cast<double>(row.size());
}

// relu(x * scale @ w + bias) + residual, of which all is exact in float.
struct layer {
    reals x, scale, w, bias, residual, y;
    layer(int64 m, int64 n, int64 k)
        : x(random({m, k}, 1)),
          scale(random({k}, 2)),
          w(random({k, n}, 3)),
          bias(random({n}, 4)),
          residual(random({m, n}, 5)) {
        const auto times = [](double a, double b) { return a * b; };
        y = map([](double p, double b, double r) { return std::max(p + b, 0.0) + r; },
                product(map(times, x, scale), w),
                bias,
                residual);
    }
};
struct arrays {
    tensor<float, 2> x, w, residual;
    tensor<float, 1> scale, bias;
    arrays(const layer& l, device d, layout how)
        : x(put<float, 2>(l.x, d, how)),
          w(put<float, 2>(l.w, d)),
          residual(put<float, 2>(l.residual, d, how)),
          scale(put<float, 1>(l.scale, d)),
          bias(put<float, 1>(l.bias, d)) {}
    auto expression() const { return sn::relu(matmul(x * scale, w) + bias) + residual; }
};
constexpr double within = 1e-5, beside = 0.02;

void check(device d, int64 m, int64 n, int64 k, layout how = layout::plain) {
    CAPTURE(m);
    CAPTURE(n);
    CAPTURE(k);
    const layer l(m, n, k);
    const arrays a(l, d, how);
    const auto e = a.expression();
    tensor<float, 2> y, of_rows;
    tensor<float, 1> columns;
    sn::launch_counter ran;
    evaluate(out(y) = e, out(columns) = sum(e, axis<0>));
    CHECK((n > 0 ? ran.launches() == 1 : ran.launches() <= 1));
    CHECK(difference(get(y), l.y, within, beside) == "");
    CHECK(difference(get(columns), fold(l.y, {0}, false, total), within, beside) == "");
    // The same again: no result depends on who came when.
    const auto before = get(columns).of;
    evaluate(out(y) = e, out(columns) = sum(e, axis<0>));
    CHECK(get(columns).of == before);
    ran.reset();
    of_rows = mean(e, axis<1>, keepdims);
    CHECK((m > 0 ? ran.launches() == 1 : ran.launches() <= 1));
    if (n > 0) CHECK(difference(get(of_rows), fold(l.y, {1}, true, average), within, beside) == "");
    ran.reset();
    const tensor<float, 0> all = sum(e);
    CHECK(ran.launches() == 1);
    CHECK(difference(get(all), fold(l.y, {}, false, total), within, beside) == "");
}
}  // namespace

TEST_CASE("a product and the sums of its columns are one launch") {
    on_each_device([](device d) {
        check(d, 5, 3, 7);
        check(d, 1, 1, 1);
        check(d, 0, 4, 3);
        check(d, 3, 0, 2);
        check(d, 6, 2, 0);
        check(d, 70, 65, 9, layout::misaligned);
        check(d, 300, 17, 5, layout::mixed);
        check(d, 9, 150, 33, layout::reversed_axes);
    });
}

TEST_CASE("largest, least and mean of columns leave the product's kernel without it") {
    on_each_device([](device d) {
        const layer l(70, 19, 6);
        const arrays a(l, d, layout::plain);
        const auto e = a.expression();
        const auto loss = mean(e * e);
        static_assert(sn::kernel_count(loss) == 1);
        sn::launch_counter ran;
        const tensor<float, 1> top = max(e, axis<0>), low = min(e, axis<0>);
        const tensor<float, 1> means = mean(e, axis<0>);
        CHECK(ran.launches() == 3);
        CHECK(difference(get(top), fold(l.y, {0}, false, largest), within, beside) == "");
        CHECK(difference(get(low), fold(l.y, {0}, false, least), within, beside) == "");
        CHECK(difference(get(means), fold(l.y, {0}, false, average), within, beside) == "");
        // Rows of the product: nothing but x, w and so on is read.
        const tensor<float, 1> sums = sum(matmul(a.x, a.w), axis<0>);
        CHECK(ran.records()[3].bytes_in == static_cast<int64>(70 * 6 + 6 * 19) * 4);
        CHECK(ran.records()[3].bytes_out == 19 * 4);
        CHECK(difference(get(sums), fold(product(l.x, l.w), {0}, false, total), within, beside) ==
              "");
        CHECK(contains(sn::explain(sum(e, axis<0>)), "1 kernel\nkernel 1: matmul, folded"));
    });
}

TEST_CASE("rows of a product without their axis leave its kernel as those with it do") {
    on_each_device([](device d) {
        struct {
            int64 m, n, k;
        } const rows[] = {{70, 65, 9}, {1, 1, 1}, {130, 3, 5}, {3, 200, 4}, {0, 4, 3}};
        for (const auto& r : rows) {
            const int64 m = r.m;
            CAPTURE(m);
            CAPTURE(r.n);
            const layer l(m, r.n, r.k);
            const arrays a(l, d, layout::plain);
            const auto e = a.expression();
            tensor<float, 2> y;
            tensor<float, 1> of_rows;
            sn::launch_counter ran;
            evaluate(out(y) = e, out(of_rows) = sum(e, axis<-1>));
            CHECK((m > 0 ? ran.launches() == 1 : ran.launches() <= 1));
            CHECK(difference(get(y), l.y, within, beside) == "");
            CHECK(difference(get(of_rows), fold(l.y, {1}, false, total), within, beside) == "");
            // And what is computed from them, into a column of an array.
            auto columns = put<float, 2>(random({m, 3}, 6), d);
            auto want = get(columns);
            const reals means = fold(l.y, {1}, false, average);
            for (int64 i = 0; i < m; ++i) want.of[at(3 * i + 1)] = 2 * means.of[at(i)];
            ran.reset();
            columns(sn::_, 1).write(mean(e, axis<-1>) * 2);
            CHECK((m > 0 ? ran.launches() == 1 : ran.launches() <= 1));
            CHECK(difference(get(columns), want, within, beside) == "");
        }
        const layer l(20, 12, 9);
        const arrays a(l, d, layout::plain);
        const auto three = sn::broadcast_to(a.x, sn::shape{3, 20, 9});
        const auto e = matmul(three, a.w);
        const auto greatest = max(e, axis<2>);
        static_assert(sn::kernel_count(greatest) == 1);
        const reals y = product(l.x, l.w), sums = fold(y, {0}, false, total),
                    tops = fold(y, {1}, false, largest);
        sn::launch_counter ran;
        const tensor<float, 2> columns = sum(e, axis<1>), best = greatest;
        CHECK(ran.launches() == 2);
        for (int64 p = 0; p < 3; ++p) {
            CHECK(difference(get(sn::eval(columns(p, sn::_))), sums, within, beside) == "");
            CHECK(difference(get(sn::eval(best(p, sn::_))), tops, within) == "");
        }
        CHECK(contains(sn::explain(sum(a.expression(), axis<-1>)), "result (20,) float"));
    });
}

TEST_CASE("a product in another shape is written in that shape") {
    on_each_device([](device d) {
        const layer l(12, 10, 5);
        const arrays a(l, d, layout::plain);
        const auto e = a.expression();
        sn::launch_counter ran;
        const tensor<float, 3> y = reshape(e, sn::shape{3, 4, 10});
        CHECK(y.extents() == sn::shape{3, 4, 10});
        CHECK(get(y).of == get(sn::eval(e)).of);
        ran.reset();
        tensor<float, 2> whole;
        tensor<float, 1> flat, tops;
        evaluate(out(whole) = e, out(flat) = flatten(e), out(tops) = max(e, axis<-1>));
        CHECK(ran.launches() == 1);
        CHECK(get(flat).of == get(whole).of);
        CHECK(difference(get(whole), l.y, within, beside) == "");
        CHECK(difference(get(tops), fold(get(whole), {1}, false, largest)) == "");
        // Not where the target lies in another order, or somebody reads it once more.
        tensor<float, 2> wide = put<float, 2>(random({30, 8}, 7), d);
        const auto before = get(wide);
        wide(sn::_, sn::range(2, 6)) = reshape(e, sn::shape{30, 4});
        for (int64 i = 0; i < 30; ++i)
            for (int64 j = 0; j < 8; ++j)
                CHECK(
                    get(wide).of[at(8 * i + j)] ==
                    (j < 2 || j >= 6 ? before.of[at(8 * i + j)] : get(flat).of[at(4 * i + j - 2)]));
        const auto images = put<float, 4>(random({2, 5, 6, 3}, 1), d),
                   filters = put<float, 4>(random({4, 3, 3, 3}, 2), d);
        const auto features = sn::relu(conv2d(images, filters) + 1);
        ran.reset();
        const tensor<float, 2> rows = reshape(features, sn::shape{2, 48});
        CHECK(ran.launches() == 1);
        CHECK(get(rows).of == get(sn::eval(features)).of);
    });
}

TEST_CASE("half and batched products fold too") {
    on_each_device([](device d) {
        const reals x = random({3, 20, 9}, 1), w = random({9, 12}, 2);
        const auto a = put<half, 3>(x, d);
        const auto b = put<half, 2>(w, d);
        sn::launch_counter ran;
        const tensor<half, 1> sums = sum(matmul(a, b) * 0.125F, axis<0, 1>);
        const tensor<half, 3> tops = max(matmul(a, b), axis<1>, keepdims);
        CHECK(ran.launches() == 2);
        reals s({12}), t({3, 1, 12});
        for (int64 p = 0; p < 3; ++p) {
            const reals part({20, 9}, {x.of.begin() + p * 180, x.of.begin() + (p + 1) * 180});
            const reals y = product(part, w);
            const reals of_part = fold(y, {0}, false, total), top = fold(y, {0}, false, largest);
            for (int64 j = 0; j < 12; ++j) {
                s.of[at(j)] += of_part.of[at(j)] / 8;
                t.of[at(p * 12 + j)] = top.of[at(j)];
            }
        }
        CHECK(difference(get(sums), s, 4e-3, 0.2) == "");
        CHECK(difference(get(tops), t, 2e-3) == "");
    });
}

TEST_CASE("a convolution, its bias, an activation and pooling are one launch") {
    on_each_device([](device d) {
        struct {
            int64 examples, height, filters, size, stride;
        } const rows[] = {
            {2, 8, 17, 2, 2}, {1, 11, 1, 3, 3}, {3, 7, 9, 2, 2}, {1, 9, 4, 2, 3}, {2, 4, 3, 2, 2}};
        for (const auto& r : rows) {
            CAPTURE(r.height);
            const auto x = put<float, 4>(random({r.examples, r.height, r.height + 2, 3}, 1),
                                         d,
                                         r.size == 3 ? layout::mixed : layout::plain);
            const auto f = put<float, 4>(random({r.filters, 3, 3, 3}, 2), d);
            const auto b = put<float, 1>(random({r.filters}, 3), d);
            const sn::window w{.size = r.size, .stride = r.stride};
            const auto features = sn::relu(sn::conv2d(x, f) + b);
            const tensor<float, 4> kept = features;
            const reals most = get(sn::max_pool(kept, {w, w})),
                        mean = get(sn::avg_pool(kept, {w, w}));
            sn::launch_counter ran;
            const tensor<float, 4> p = sn::max_pool(features, {w, w});
            // A host stores what has few channels.
            const int launches = d.is_host() && r.filters < 16 ? 2 : 1;
            CHECK(ran.launches() == launches);
            CHECK(ran.temporaries() == launches - 1);
            const tensor<float, 4> q = sn::avg_pool(features, {w, w});
            CHECK(ran.launches() == 2 * launches);
            CHECK(difference(get(p), most) == "");
            CHECK(difference(get(q), mean, 1e-6, 1e-5) == "");
        }
    });
}
TEST_CASE("windows that overlap, and values that somebody else needs, are stored before pooling") {
    on_each_device([](device d) {
        const auto x = put<half, 4>(random({2, 9, 9, 2}, 1), d);
        const auto f = put<half, 4>(random({20, 2, 2, 2}, 2), d);
        const auto features = sn::relu(sn::conv2d(x, f));
        const tensor<half, 4> kept = features;
        const sn::window overlap{.size = 3, .stride = 2}, apart{.size = 2, .stride = 2};
        sn::launch_counter ran;
        const tensor<half, 4> p = sn::max_pool(features, {overlap, overlap});
        CHECK(ran.launches() == 2);
        CHECK(difference(get(p), get(sn::max_pool(kept, {overlap, overlap}))) == "");
        const auto apart_text = sn::explain(sn::max_pool(features, {apart, apart}));
        CHECK(contains(apart_text, "kernel 1: matmul, pooled on its way out"));
        CHECK(contains(sn::explain(sn::max_pool(features, {overlap, overlap})),
                       "second plan, because windows overlap"));
        const tensor<half, 4> q = sn::max_pool(features, {apart, apart});
        CHECK(difference(get(q), get(sn::max_pool(kept, {apart, apart}))) == "");
        tensor<half, 4> all, pooled;
        evaluate(out(all) = features, out(pooled) = sn::max_pool(features, {apart, apart}));
        CHECK(difference(get(all), get(kept)) == "");
        CHECK(difference(get(pooled), get(q)) == "");
    });
}

TEST_CASE("what reads a reduction of a product in the same rows takes a kernel of its own") {
    on_each_device([](device d) {
        const layer l(9, 7, 5);
        const arrays a(l, d, layout::plain);
        const auto p = matmul(a.x, a.w);
        const auto below = p - max(p, axis<1>, keepdims);
        const auto both = sum(p, axis<0>) + a.bias;
        static_assert(sn::kernel_count(below) == 2 && sn::kernel_count(both) == 2);
        const tensor<float, 1> shifted = both;
        CHECK(difference(get(shifted),
                         map([](double x, double y) { return x + y; },
                             fold(product(l.x, l.w), {0}, false, total),
                             l.bias),
                         within,
                         beside) == "");
    });
}

TEST_CASE("a product that is added to an array is one launch and reads it once") {
    on_each_device([](device d) {
        for (const int64 n : {1, 3, 70}) {
            const reals x = random({n + 4, 6}, 1), w = random({6, n}, 2),
                        before = random({n + 4, n}, 3);
            const auto a = put<float, 2>(x, d), b = put<float, 2>(w, d);
            auto c = put<float, 2>(before, d);
            const auto* const memory = c.memory()->data();
            const byte_meter meter(c);
            sn::launch_counter ran;
            c += matmul(a, b);
            CHECK(ran.launches() == 1);
            CHECK(c.memory()->data() == memory);
            const auto bytes = static_cast<std::uint64_t>((n + 4) * n * 4);
            CHECK_MESSAGE(meter.loaded(bytes), meter.text());
            CHECK_MESSAGE(meter.stored(bytes), meter.text());
            const reals want = map([](double p, double q) { return p + q; }, before, product(x, w));
            CHECK(difference(get(c), want, within) == "");
            CHECK(ran.records()[0].bytes_in ==
                  static_cast<int64>(((n + 4) * 6 + 6 * n + (n + 4) * n) * 4));
        }
    });
}

// The largest difference of two results beside the largest element.
double apart(const reals& a, const reals& b) {
    double most = 0, size = 0;
    for (std::size_t i = 0; i < a.of.size(); ++i) {
        most = std::max(most, std::fabs(a.of[i] - b.of[i]));
        size = std::max(size, std::fabs(b.of[i]));
    }
    return most / size;
}
TEST_CASE(
    "allow_tf32: tensor cores on devices, the same bits on the host, and nothing without it") {
    on_each_device([](device d) {
        layer l(33, 20, 70);
        for (reals* of : {&l.x, &l.w})
            for (double& v : of->of) v *= 1.2345678;  // not what tf32 holds
        const arrays a(l, d, layout::plain);
        const auto e = a.expression();
        const tensor<float, 2> strict = e, rounded = sn::allow_tf32(e);
        const auto text = sn::explain(sn::allow_tf32(e));
        CHECK(sn::explain(e).find("tf32") == std::string::npos);
        if (d.is_host()) {
            CHECK(get(rounded).of == get(strict).of);
            CHECK(contains(text, "tf32 is allowed, but the host multiplies floats"));
        } else {
            CHECK(contains(text, "multiplies in tensor cores, floats rounded to tf32"));
            CHECK(apart(get(rounded), get(strict)) > 1e-5);
            CHECK(apart(get(rounded), get(strict)) < 0x1p-10);
        }
        // A convolution is a product, here of sums too long for registers; zeros around the images.
        const auto images = put<float, 4>(random({2, 5, 6, 40}, 1), d),
                   filters = put<float, 4>(random({3, 3, 3, 40}, 2), d);
        const auto features = conv2d(images * 1.2345678F, filters, {}, sn::padding(1));
        const auto exact = get(sn::eval(features)), soft = get(sn::eval(sn::allow_tf32(features)));
        CHECK((apart(soft, exact) == 0) == d.is_host());
        CHECK(apart(soft, exact) < 0x1p-10);
    });
}
TEST_CASE("products of 8-bit integers with sums in int are exact") {
    on_each_device([](device d) {
        const auto x = random<int64>({33, 70}, 1), w = random<int64>({70, 20}, 2);
        const auto a = put<std::int8_t, 2>(x, d), b = put<std::int8_t, 2>(w, d);
        const auto e = matmul(sn::astype<int>(a * 31), sn::astype<int>(b));
        values<int64> want({33, 20});
        for (int64 i = 0; i < 33; ++i)
            for (int64 j = 0; j < 20; ++j)
                for (int64 k = 0; k < 70; ++k)
                    want.of[at(i * 20 + j)] += 31 * x.of[at(i * 70 + k)] * w.of[at(k * 20 + j)];
        CHECK(difference(get(sn::eval(e)), want) == "");
        CHECK((sn::explain(e).find("tensor cores") == std::string::npos) == d.is_host());
    });
}

// What a library of products was told, and how often; it fills the emulator's results with 7.
struct asked {
    static inline sn::exec::plain_product of;
    static inline int times = 0;
    static bool worth(int64 rows, int64, int64 summed) { return rows >= 30 && summed == 70; }
    static bool run(const sn::exec::plain_product& p, const sn::runtime::launch_record& r) {
        of = p;
        ++times;
        if (r.where == device::emulator())
            std::fill_n(static_cast<float*>(p.c.data), p.batch * p.m * p.n, 7.0F);
        return true;
    }
    asked() {
        times = 0;
        sn::exec::the_product_library = {"a library", &worth, &run};
    }
    ~asked() { sn::exec::the_product_library = {}; }
};
TEST_CASE("large plain products may go to a library, others never do") {
    on_each_device([](device d) {
        const asked library;
        const auto a = put<float, 2>(random({33, 70}, 1), d),
                   b = put<float, 2>(random({20, 70}, 2), d);
        const auto e = matmul(a, transpose(b));
        CHECK(contains(sn::explain(e), "goes to a library") == !d.is_host());
        sn::launch_counter ran;
        const tensor<float, 2> c = e;
        CHECK(ran.launches() == 1);
        CHECK(asked::times == (d.is_host() ? 0 : 1));
        if (d == device::emulator()) {
            CHECK(get(c).of == std::vector<double>(33 * 20, 7.0));
            CHECK(asked::of.m == 33);
            CHECK(asked::of.n == 20);
            CHECK(asked::of.k == 70);
            CHECK(asked::of.batch == 1);
            CHECK(asked::of.a.row == 70);
            CHECK(asked::of.a.column == 1);
            CHECK(asked::of.b.row == 1);
            CHECK(asked::of.b.column == 70);
            CHECK(asked::of.c.row == 20);
            CHECK_FALSE(asked::of.tf32);
        }
        const int before = asked::times;
        const tensor<float, 2> small = matmul(b, transpose(b)), fused = relu(e);
        CHECK_FALSE(contains(sn::explain(relu(e)), "library"));
        CHECK(asked::times == before);
    });
}

}  // namespace tensor_test
