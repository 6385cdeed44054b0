// What the library promises of fusion: how many kernels run, how often each array is read, and that
// guesses about equal arrays are checked.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis;
using sn::keepdims;
using sn::out;
using sn::tensor;

double total(const std::vector<double>& v) {
    double t = 0;
    for (const double x : v) t += x;
    return t;
}
double largest(const std::vector<double>& v) { return *std::max_element(v.begin(), v.end()); }
double average(const std::vector<double>& v) { return total(v) / static_cast<double>(v.size()); }

/// The bytes of a tensor's elements.
template <class T, int R>
std::uint64_t bytes(const tensor<T, R>& t) {
    return static_cast<std::uint64_t>(t.size()) * sizeof(T);
}
/// What the latest kernel stored in all memory; `otherwise` where nobody counts.
std::uint64_t stored_everywhere(device d, std::uint64_t otherwise) {
#if SINTER_EMULATOR
    if (d.is_emulator()) return sn::emulator::last().stats.bytes_stored;
#endif
    (void)d;
    return otherwise;
}
/// One kernel, no temporaries, and nothing stored but the result.
template <class T, int R>
void check_one_kernel(const sn::launch_counter& ran, const tensor<T, R>& result) {
    CHECK(ran.launches() == 1);
    CHECK(ran.temporaries() == 0);
    CHECK(stored_everywhere(result.where(), bytes(result)) == bytes(result));
}

// ---- one kernel, each array read once

TEST_CASE("20 elementwise operations") {
    on_each_device([](device d) {
        for (const extents& e : {extents{40, 50}, extents{1, 3}, extents{7, 129}}) {
            const auto va = random(e, 1), vb = random(e, 2), vc = random(e, 3);
            const auto a = put<float, 2>(va, d), b = put<float, 2>(vb, d), c = put<float, 2>(vc, d);
            const byte_meter ma(a), mb(b), mc(c);
            const auto x = tanh(a * 0.5 + 1) - sin(-b) * 2;              // 8
            const auto y = maximum(abs(x) / 3, 0.125) + relu(c - 1);     // 5
            const auto z = where(y > 1.5, sqrt(y), exp(-y * 0.25)) - 1;  // 7
            static_assert(sn::kernel_count_v<decltype(z)> == 1);
            sn::launch_counter ran;
            const tensor<float, 2> r = z;
            check_one_kernel(ran, r);
            CHECK_MESSAGE(ma.loaded(bytes(a)), ma.text());
            CHECK_MESSAGE(mb.loaded(bytes(b)), mb.text());
            CHECK_MESSAGE(mc.loaded(bytes(c)), mc.text());
            CHECK((ma.stored(0) && mb.stored(0) && mc.stored(0)));
            const auto want = map(
                [](double p, double q, double s) {
                    const double u = std::tanh(p * 0.5 + 1) - std::sin(-q) * 2;
                    const double w = std::max(std::fabs(u) / 3, 0.125) + std::max(s - 1, 0.0);
                    return (w > 1.5 ? std::sqrt(w) : std::exp(-w * 0.25)) - 1;
                },
                va,
                vb,
                vc);
            CHECK(difference(get(r), want, 1e-5, 1e-6) == "");
        }
    });
}

TEST_CASE("the mean of a fused expression") {
    on_each_device([](device d) {
        for (const extents& e : {extents{6, 7}, extents{90, 120}, extents{3, 20001}}) {
            const auto va = random(e, 1), vb = random(e, 2), vc = random({e[1]}, 3);
            const auto a = put<float, 2>(va, d), b = put<float, 2>(vb, d);
            const auto c = put<float, 1>(vc, d);
            const byte_meter ma(a), mb(b), mc(c);
            const auto m = mean(relu(a * b + c) * 2 - 1);
            static_assert(sn::kernel_count_v<decltype(m)> == 1);
            sn::launch_counter ran;
            const tensor<float, 0> r = m;
            CHECK(ran.launches() == 1);
            CHECK(ran.temporaries() == 0);
            CHECK_MESSAGE(ma.loaded(bytes(a)), ma.text());
            CHECK_MESSAGE(mb.loaded(bytes(b)), mb.text());
            // A vector that broadcasts over rows is read with every row.
            CHECK_MESSAGE(mc.loaded(bytes(a)), mc.text());
            const auto f =
                map([](double x, double y, double z) { return std::max(x * y + z, 0.0) * 2 - 1; },
                    va,
                    vb,
                    vc);
            CHECK(std::fabs(static_cast<double>(r.item()) - average(f.of)) < 1e-4);
        }
    });
}

TEST_CASE("softmax written by hand, plus a residual of equal type") {
    on_each_device([](device d) {
        for (const extents& e : {extents{5, 10}, extents{4, 33}, extents{3, 700}}) {
            const auto v = random(e, 1), w = random(e, 2);
            const auto z = put<float, 2>(v, d), residual = put<float, 2>(w, d);
            const byte_meter mz(z), mr(residual);
            const auto shifted = exp(z - max(z, axis<-1>, keepdims));
            const auto p = shifted / sum(shifted, axis<-1>, keepdims) + residual;
            static_assert(sn::kernel_count_v<decltype(p)> == 1);
            sn::launch_counter ran;
            const tensor<float, 2> r = p;
            check_one_kernel(ran, r);
            CHECK_MESSAGE(mz.loaded(bytes(z)), mz.text());
            CHECK_MESSAGE(mr.loaded(bytes(residual)), mr.text());
            const auto top = fold(v, {1}, true, largest);
            const auto parts = map([](double x, double m) { return std::exp(x - m); }, v, top);
            const auto want = map([](double x, double s, double y) { return x / s + y; },
                                  parts,
                                  fold(parts, {1}, true, total),
                                  w);
            CHECK(difference(get(r), want, 1e-5, 1e-6) == "");
        }
    });
}

/// Normalisation written by hand.
template <class T>
auto normalise(const tensor<T, 2>& z, const tensor<T, 1>& scale, const tensor<T, 1>& shift) {
    const auto c = z - mean(z, axis<-1>, keepdims);
    return c / sqrt(mean(c * c, axis<-1>, keepdims) + 1e-5) * scale + shift;
}
reals normalised(const reals& v, const reals& scale, const reals& shift) {
    const auto c = map([](double x, double m) { return x - m; }, v, fold(v, {1}, true, average));
    const auto variance = fold(map([](double x) { return x * x; }, c), {1}, true, average);
    return map(
        [](double x, double s, double g, double b) { return x / std::sqrt(s + 1e-5) * g + b; },
        c,
        variance,
        scale,
        shift);
}

TEST_CASE("layer_norm written by hand, with scale and shift of equal type") {
    on_each_device([](device d) {
        for (const extents& e : {extents{5, 10}, extents{4, 33}, extents{3, 700}}) {
            const auto v = random(e, 1), vg = random({e[1]}, 2), vb = random({e[1]}, 3);
            const auto z = put<float, 2>(v, d);
            const auto scale = put<float, 1>(vg, d), shift = put<float, 1>(vb, d);
            const byte_meter mz(z), mg(scale), mb(shift);
            const auto n = normalise(z, scale, shift);
            static_assert(sn::kernel_count_v<decltype(n)> == 1);
            sn::launch_counter ran;
            const tensor<float, 2> r = n;
            check_one_kernel(ran, r);
            CHECK_MESSAGE(mz.loaded(bytes(z)), mz.text());
            // Vectors that broadcast over rows are read once for every row.
            CHECK_MESSAGE(mg.loaded(bytes(z)), mg.text());
            CHECK_MESSAGE(mb.loaded(bytes(z)), mb.text());
            CHECK(difference(get(r), normalised(v, vg, vb), 1e-5, 1e-5) == "");
            // One array in both places.
            ran.reset();
            const tensor<float, 2> same = normalise(z, scale, scale);
            CHECK(difference(get(same), normalised(v, vg, vg), 1e-5, 1e-5) == "");
            check_one_kernel(ran, same);
        }
    });
}

template <class T>
void check_linear(double relative) {
    on_each_device([&](device d) {
        for (const auto& [m, n, k] :
             {std::array<int64, 3>{33, 50, 70}, {64, 64, 16}, {1, 7, 3}, {5, 1, 1}}) {
            const auto va = random({m, k}, 1), vs = random({k}, 2), vw = random({k, n}, 3);
            const auto vb = random({n}, 4), vr = random({m, n}, 5);
            const auto a = put<T, 2>(va, d), w = put<T, 2>(vw, d), residual = put<T, 2>(vr, d);
            const auto s = put<T, 1>(vs, d), b = put<T, 1>(vb, d);
            const byte_meter ma(a), mw(w), mr(residual), ms(s), mb(b);
            const auto y = relu(matmul(a * s, w) + b) + residual;
            static_assert(sn::kernel_count_v<decltype(y)> == 1);
            sn::launch_counter ran;
            const tensor<T, 2> r = y;
            check_one_kernel(ran, r);
            CHECK_MESSAGE(ma.loaded(bytes(a)), ma.text());
            CHECK_MESSAGE(mw.loaded(bytes(w)), mw.text());
            CHECK_MESSAGE(mr.loaded(bytes(residual)), mr.text());
            // The vectors are read with every element beside them.
            CHECK_MESSAGE(ms.loaded(bytes(a)), ms.text());
            CHECK_MESSAGE(mb.loaded(bytes(residual)), mb.text());
            const auto as = map([](double x, double q) { return rounded<T>(x * q); }, va, vs);
            const auto want =
                map([](double p, double q, double t) { return std::max(p + q, 0.0) + t; },
                    product(as, vw),
                    vb,
                    vr);
            CHECK(difference(get(r), want, relative, relative) == "");
        }
    });
}
TEST_CASE("a linear layer with prologue, bias, relu and residual, within one tile") {
    check_linear<float>(1e-5);
    check_linear<bfloat16>(1e-2);
}

// ---- guesses about equal arrays

TEST_CASE("terms of equal structure over arrays that are or are not the same") {
    on_each_device([](device d) {
        const reals v[] = {random({6, 9}, 1), random({6, 9}, 2)};
        const tensor<float, 2> x[] = {put<float, 2>(v[0], d), put<float, 2>(v[1], d)};
        // Looks like array 0 to whoever compares less than pointer, extents and steps.
        const tensor<float, 2> turned = put<float, 2>(v[0], d, layout::mixed);
        for (int p = 0; p < 16; ++p) {
            CAPTURE(p);
            const auto pick = [&](int bit) { return at(p >> bit & 1); };
            const auto &a = x[pick(0)], &b = x[pick(1)], &c = x[pick(2)], &e = x[pick(3)];
            sn::launch_counter ran;
            const tensor<float, 2> r = a * exp(b) + c * exp(e);
            CHECK(ran.launches() == 1);
            const auto want = map(
                [](double i, double j, double k, double l) {
                    return i * std::exp(j) + k * std::exp(l);
                },
                v[pick(0)],
                v[pick(1)],
                v[pick(2)],
                v[pick(3)]);
            CHECK(difference(get(r), want, 1e-5, 1e-5) == "");
            // Rows: three reductions that merge, or do not, or in part.
            const auto softmax_of = [](const tensor<float, 2>& z) {
                const auto shifted = exp(z - max(z, axis<-1>, keepdims));
                return shifted / sum(shifted, axis<-1>, keepdims);
            };
            const tensor<float, 2> s = softmax_of(a) * softmax_of(b) - c;
            const auto reference = [](const reals& z) {
                const auto parts = map([](double i, double m) { return std::exp(i - m); },
                                       z,
                                       fold(z, {1}, true, largest));
                return map(
                    [](double i, double t) { return i / t; }, parts, fold(parts, {1}, true, total));
            };
            CHECK(difference(get(s),
                             map([](double i, double j, double k) { return i * j - k; },
                                 reference(v[pick(0)]),
                                 reference(v[pick(1)]),
                                 v[pick(2)]),
                             1e-5,
                             1e-5) == "");
        }
        const tensor<float, 2> r = x[1] * exp(x[0]) + x[1] * exp(turned);
        CHECK(difference(get(r),
                         map([](double i, double j) { return 2 * i * std::exp(j); }, v[1], v[0]),
                         1e-5,
                         1e-5) == "");
        const auto square = put<float, 2>(random({6, 6}, 3), d);
        const tensor<float, 2> t = exp(square) - exp(transpose(square));
        CHECK(difference(get(t),
                         map([](double i, double j) { return std::exp(i) - std::exp(j); },
                             random({6, 6}, 3),
                             transposed(random({6, 6}, 3))),
                         1e-5,
                         1e-5) == "");
        // Numbers are operands like arrays: equal ones may merge, different ones must not.
        for (const double k : {0.5, 0.25}) {
            const tensor<float, 2> u = exp(x[0] * 0.5) - exp(x[0] * k);
            CHECK(
                difference(get(u),
                           map([k](double i) { return std::exp(i * 0.5) - std::exp(i * k); }, v[0]),
                           1e-5,
                           1e-5) == "");
        }
    });
}

// ---- share and with

template <int N, class E>
auto grow(const E& e) {
    if constexpr (N == 0) {
        return e;
    } else {
        return grow<N - 1>(share(e * e + e));
    }
}

TEST_CASE("a shared part ten times over") {
    on_each_device([](device d) {
        const reals v({4}, {0.01, -0.02, 0.125, 0});
        const auto a = put<double, 1>(v, d);
        const byte_meter meter(a);
        const auto e = grow<10>(share(a + 0.0));
        static_assert(sn::kernel_count_v<decltype(e)> == 1);
        sn::launch_counter ran;
        const tensor<double, 1> r = e;
        CHECK(ran.launches() == 1);
        CHECK_MESSAGE(meter.loaded(bytes(a)), meter.text());
        const auto want = map(
            [](double x) {
                for (int i = 0; i < 10; ++i) x = x * x + x;
                return x;
            },
            v);
        CHECK(difference(get(r), want, 1e-12) == "");
    });
}

TEST_CASE("shared parts of equal type that are or are not the same") {
    on_each_device([](device d) {
        const reals v[] = {random({7}, 1), random({7}, 2)};
        const tensor<double, 1> x[] = {put<double, 1>(v[0], d), put<double, 1>(v[1], d)};
        for (int p = 0; p < 4; ++p) {
            const auto &va = v[at(p & 1)], &vb = v[at(p >> 1)];
            const auto s = share(x[p & 1] * x[p & 1] + 1), t = share(x[p >> 1] * x[p >> 1] + 1);
            const auto f = [](double i) { return i * i + 1; };
            const tensor<double, 1> both = s * t - s;
            CHECK(difference(get(both),
                             map([f](double i, double j) { return f(i) * f(j) - f(i); }, va, vb)) ==
                  "");
            sn::launch_counter ran;
            const tensor<double, 1> one = s * s - s;  // the same part: computed once, in the kernel
            CHECK(ran.launches() == 1);
            CHECK(ran.temporaries() == 0);
            CHECK(difference(get(one), map([f](double i) { return f(i) * f(i) - f(i); }, va)) ==
                  "");
            // Parts inside parts, one of which is the same and one is not.
            const auto outer = share(s + t), other = share(t + s);
            const tensor<double, 1> deep = outer * 2 + other * s;
            CHECK(difference(get(deep),
                             map([f](double i,
                                     double j) { return (f(i) + f(j)) * 2 + (f(j) + f(i)) * f(i); },
                                 va,
                                 vb)) == "");
            const tensor<double, 0> product_ = sum(s * t);
            const auto st = map([f](double i, double j) { return f(i) * f(j); }, va, vb);
            CHECK(std::fabs(product_.item() - total(st.of)) < 1e-9);
        }
    });
}

struct centred {
    template <class X>
    auto operator()(X x) const {
        return x - mean(x, axis<-1>, keepdims);
    }
};
struct squared_plus {
    template <class X, class Y>
    auto operator()(X x, Y y) const {
        return x * x + y * x + y;
    }
};

TEST_CASE("with: arguments are one node, and calls do not mix") {
    on_each_device([](device d) {
        const auto v = random({4, 30}, 1), w = random({4, 30}, 2);
        const auto a = put<float, 2>(v, d), b = put<float, 2>(w, d);
        const byte_meter ma(a), mb(b);
        const auto e = with(squared_plus{}, tanh(a), b);
        static_assert(sn::kernel_count_v<decltype(e)> == 1);
        const tensor<float, 2> r = e;
        CHECK_MESSAGE(ma.loaded(bytes(a)), ma.text());
        CHECK_MESSAGE(mb.loaded(bytes(b)), mb.text());
        const auto f = [](double x, double y) { return x * x + y * x + y; };
        CHECK(difference(get(r),
                         map([f](double x, double y) { return f(std::tanh(x), y); }, v, w),
                         1e-5,
                         1e-6) == "");
        const auto centred_of = [](const reals& z) {
            return map([](double x, double m) { return x - m; }, z, fold(z, {1}, true, average));
        };
        // The same functor over different arrays, over one array, and inside itself.
        const tensor<float, 2> two = with(centred{}, a) * with(centred{}, b) - with(centred{}, a);
        CHECK(difference(
                  get(two),
                  map([](double x, double y) { return x * y - x; }, centred_of(v), centred_of(w)),
                  1e-5,
                  1e-5) == "");
        const tensor<float, 2> nested = with(centred{}, with(centred{}, a) * 2 + b);
        const auto inner = map([](double x, double y) { return 2 * x + y; }, centred_of(v), w);
        CHECK(difference(get(nested), centred_of(inner), 1e-5, 1e-5) == "");
    });
}

// ---- large expressions

// These say what compilers can take; under a sanitiser they would only take long.
#if !defined(SINTER_TEST_ASAN) && !defined(SINTER_TEST_RACE)

template <int N, class E>
auto ladder(const E& e) {
    if constexpr (N == 0) {
        return e;
    } else {
        return ladder<N - 1>(e * 0.984375 + N * 0.125);
    }
}
template <int N, class E>
auto climb(const E& e, const tensor<double, 1>& x) {
    if constexpr (N == 0) {
        return e;
    } else {
        return climb<N - 1>(sn::maximum(-e, x) - 0.125, x);
    }
}
TEST_CASE("256 operations in one expression") {
    on_each_device([](device d) {
        const auto v = random({37}, 1), w = random({37}, 2);
        const auto a = put<double, 1>(v, d), b = put<double, 1>(w, d);
        const tensor<double, 1> r = ladder<128>(a);
        CHECK(difference(get(r),
                         map(
                             [](double x) {
                                 for (int i = 128; i > 0; --i) x = x * 0.984375 + i * 0.125;
                                 return x;
                             },
                             v),
                         1e-13) == "");
        const tensor<double, 1> s = climb<40>(a, b);
        CHECK(difference(get(s),
                         map(
                             [](double x, double y) {
                                 for (int i = 0; i < 40; ++i) x = std::max(-x, y) - 0.125;
                                 return x;
                             },
                             v,
                             w)) == "");
    });
}
#endif

}  // namespace
