// Elementwise operations of every type, against plain loops: layouts, broadcasting, special values,
// promotion, the user's functors.
#include <limits>

#include "expr/pick.hpp"

namespace {

using namespace tensor_test;
using sn::dtype;
using sn::out;
using sn::tensor;

constexpr double inf = sn::infinity, nan = sn::not_a_number;

// ---- references, by position in the lists below

template <class V>
V arithmetic(int op, V a, V b) {
    if constexpr (std::is_same_v<V, int64>) {
        const auto ua = static_cast<std::uint64_t>(a), ub = static_cast<std::uint64_t>(b);
        switch (op) {
            case 0: return static_cast<int64>(ua + ub);
            case 1: return static_cast<int64>(ua - ub);
            case 2: return static_cast<int64>(ua * ub);
            case 3: return b == 0 ? 0 : b == -1 ? static_cast<int64>(0 - ua) : a / b;
            case 4: return a > b ? a : b;
            default: return a < b ? a : b;
        }
    } else {
        switch (op) {
            case 0: return a + b;
            case 1: return a - b;
            case 2: return a * b;
            case 3: return a / b;
            case 4: return std::isnan(a) || std::isnan(b) ? nan : a > b ? a : b;
            default: return std::isnan(a) || std::isnan(b) ? nan : a < b ? a : b;
        }
    }
}
template <class V>
int64 comparison(int op, V a, V b) {
    const bool r[] = {a == b, a != b, a<b, a <= b, a> b, a >= b};
    return r[op];
}

struct all_arithmetic {
    template <class W, class A, class B>
    auto operator()(W which, A a, B b) const {
        return pick(which, a + b, a - b, a * b, a / b, maximum(a, b), minimum(a, b));
    }
};
struct all_comparisons {
    template <class W, class A, class B>
    auto operator()(W which, A a, B b) const {
        return pick(which, a == b, a != b, a<b, a <= b, a> b, a >= b);
    }
};

/// Twelve binary operations on one pair of operands.
template <class T, class V>
void check_binary(const tensor<T, 3>& a,
                  const tensor<T, 3>& b,
                  const values<V>& x,
                  const values<V>& y) {
    const auto r = each_of<T, 3, 6>(all_arithmetic{}, a, b);
    for (int op = 0; op < 6; ++op) {
        CAPTURE(op);
        const auto want = map(
            [op](V p, V q) {
                const V v = arithmetic(op, p, q);
                return static_cast<V>(element_of<T>(v));
            },
            x,
            y);
        // Which of two zeros is the larger one is not said.
        CHECK(difference(get(r[at(op)]), want, 0, op < 4 ? 0 : 1e-300) == "");
    }
    const auto c = each_of<bool, 3, 6>(all_comparisons{}, a, b);
    for (int op = 0; op < 6; ++op) {
        CAPTURE(op);
        const auto want = map([op](V p, V q) { return comparison(op, p, q); }, x, y);
        CHECK(difference(get(c[at(op)]), want) == "");
    }
}

template <class T>
void check_binary_everywhere(const std::vector<exact_t<T>>& special) {
    using V = exact_t<T>;
    const auto n = static_cast<int64>(special.size());
    on_each_device([&](device d) {
        // Every special value with every other.
        const values<V> column({1, n, 1}, special), row({1, 1, n}, special);
        check_binary(put<T, 3>(column, d), put<T, 3>(row, d), column, row);
        // Broadcasting in every position, extents of 0 and 1.
        for (int p = 0; p < 64; ++p) {
            const auto extent = [p](int bit, int64 e) { return p >> bit & 1 ? 1 : e; };
            const auto x = random<V>({extent(0, 2), extent(1, 3), extent(2, 5)}, 1);
            const auto y = random<V>({extent(3, 2), extent(4, 3), extent(5, 5)}, 2);
            check_binary(put<T, 3>(x, d), put<T, 3>(y, d), x, y);
        }
        for (const extents& e : {extents{0, 3, 2}, extents{2, 0, 1}, extents{1, 1, 0}}) {
            const auto x = random<V>(e, 1), y = random<V>({1, 1, 1}, 2);
            check_binary(put<T, 3>(x, d), put<T, 3>(y, d), x, y);
        }
        // Every layout beside every other.
        const auto x = random<V>({3, 4, 7}, 3), y = random<V>({3, 4, 7}, 4);
        for (const layout l : layouts)
            for (const layout m : layouts)
                check_binary(put<T, 3>(x, d, l), put<T, 3>(y, d, m), x, y);
        // An operand that broadcasts by steps of 0.
        const auto z = random<V>({4, 1}, 5);
        const tensor<T, 3> wide = broadcast_to(put<T, 2>(z, d, layout::mixed), sn::shape{3, 4, 7});
        CHECK(wide.strides()[0] == 0);
        check_binary(put<T, 3>(x, d), wide, x, z);
    });
}

TEST_CASE("arithmetic and comparison: float") {
    check_binary_everywhere<float>(
        {0.0, -0.0, 1, -1, 2.5, inf, -inf, nan, 3e38F, 1e-40F, -7, 65504});
}
TEST_CASE("arithmetic and comparison: double") {
    check_binary_everywhere<double>({0.0, -0.0, 1, -1, 0.1, inf, -inf, nan, 1e308, 5e-324, -7, 3});
}
TEST_CASE("arithmetic and comparison: bfloat16") {
    check_binary_everywhere<bfloat16>(
        {0.0, -0.0, 1, -1, 2.5, inf, -inf, nan, 0x1p126, 3, -7, 0.125});
}
TEST_CASE("arithmetic and comparison: int64 wraps, truncates and divides by zero to 0") {
    constexpr int64 low = std::numeric_limits<int64>::min(),
                    high = std::numeric_limits<int64>::max();
    check_binary_everywhere<int64>({0, 1, -1, 2, -2, 7, -7, low, high, low + 1, 1L << 40, -3});
}

struct sign_functions {
    template <class W, class A>
    auto operator()(W which, A a) const {
        return pick(which, -a, abs(a), relu(a));
    }
};
struct real_functions {
    template <class W, class A>
    auto operator()(W which, A a) const {
        return pick(which, exp(a), log(a), sqrt(a), tanh(a), sin(a), sigmoid(a));
    }
};

/// Nine unary operations.
template <class T>
void check_unary(const tensor<T, 2>& a, const values<exact_t<T>>& x) {
    using V = exact_t<T>;
    using F = std::conditional_t<std::is_same_v<T, int64>, float, T>;
    const auto s = each_of<T, 2, 3>(sign_functions{}, a);
    const auto f = each_of<F, 2, 6>(real_functions{}, a);
    for (int op = 0; op < 3; ++op) {
        CAPTURE(op);
        const auto want = map(
            [op](V v) {
                if constexpr (std::is_same_v<V, int64>) {
                    const auto minus = static_cast<int64>(0 - static_cast<std::uint64_t>(v));
                    return op == 0 ? minus : op == 1 ? (v < 0 ? minus : v) : v < 0 ? 0 : v;
                } else {
                    return op == 0 ? -v : op == 1 ? std::fabs(v) : v <= 0 ? 0.0 : v;
                }
            },
            x);
        CHECK(difference(get(s[at(op)]), want) == "");
    }
    for (int op = 0; op < 6; ++op) {
        CAPTURE(op);
        const auto want = map(
            [op](V given) {
                const double v = rounded<F>(static_cast<double>(given));
                const double r[] = {std::exp(v),
                                    std::log(v),
                                    std::sqrt(v),
                                    std::tanh(v),
                                    std::sin(v),
                                    1 / (1 + std::exp(-v))};
                return rounded<F>(r[op]);
            },
            x);
        const auto got = get(f[at(op)]);
        const double smallest = std::is_same_v<F, double> ? 1e-307 : 2e-38;  // of normal numbers
        CHECK(difference(got, want, op == 2 ? 0 : tolerance<F>(), op == 2 ? 0 : smallest) == "");
        const auto zeros = [](const reals& v, const reals& which) {
            return map([](double p, double q) { return q == 0 ? p : 1.0; }, v, which);
        };
        if (op == 3 || op == 4)  // odd functions keep the sign of zero
            CHECK(difference(zeros(got, want), zeros(want, want)) == "");
    }
}
template <class T>
void check_unary_everywhere(const std::vector<exact_t<T>>& special) {
    using V = exact_t<T>;
    on_each_device([&](device d) {
        const values<V> x({1, static_cast<int64>(special.size())}, special);
        check_unary(put<T, 2>(x, d), x);
        for (const extents& e : {extents{5, 7}, extents{1, 1}, extents{0, 4}, extents{33, 3}})
            for (const layout l : layouts) {
                const auto v = random<V>(e, 7);
                check_unary(put<T, 2>(v, d, l), v);
            }
    });
}
TEST_CASE("functions of one operand") {
    check_unary_everywhere<float>({0.0,
                                   -0.0,
                                   1,
                                   -1,
                                   0.5F,
                                   inf,
                                   -inf,
                                   nan,
                                   88,
                                   -87,
                                   100,
                                   -104,
                                   1e-6F,
                                   20,
                                   -20,
                                   1e-40F,
                                   3e38F});
    check_unary_everywhere<double>({0.0,
                                    -0.0,
                                    1,
                                    -1,
                                    0.1,
                                    inf,
                                    -inf,
                                    nan,
                                    709,
                                    -708,
                                    800,
                                    -800,
                                    1e-9,
                                    40,
                                    -40,
                                    5e-324,
                                    1e300});
    check_unary_everywhere<bfloat16>(
        {0.0, -0.0, 1, -1, 0.5, inf, -inf, nan, 88, -87, 128, -128, 0.0078125, 20, -20});
    check_unary_everywhere<int64>({0,
                                   1,
                                   -1,
                                   2,
                                   9,
                                   60,
                                   -60,
                                   std::numeric_limits<int64>::min(),
                                   std::numeric_limits<int64>::max()});
}

template <class T>
void check_astype(const std::vector<exact_t<T>>& given) {
    on_each_device([&](device d) {
        const values<exact_t<T>> x({static_cast<int64>(given.size())}, given);
        const tensor<T, 1> a = put<T, 1>(x, d);
        tensor<bool, 1> b;
        tensor<int64, 1> i;
        tensor<bfloat16, 1> h;
        tensor<float, 1> f;
        tensor<double, 1> g;
        sn::evaluate(out(b) = sn::astype<bool>(a),
                     out(i) = sn::astype<int64>(a),
                     out(h) = sn::astype<bfloat16>(a),
                     out(f) = sn::astype<float>(a),
                     out(g) = sn::astype<double>(a));
        using V = exact_t<T>;
        CHECK(difference(get(b), map([](V v) { return int64{v != 0}; }, x)) == "");
        const auto whole = [](V v) -> int64 {
            if constexpr (std::is_same_v<V, double>) {
                if (std::isnan(v)) return 0;
                if (v >= 0x1p63) return std::numeric_limits<int64>::max();
                if (v <= -0x1p63) return std::numeric_limits<int64>::min();
            }
            return static_cast<int64>(v);
        };
        CHECK(difference(get(i), map(whole, x)) == "");
        const auto as_real = [](V v) { return static_cast<double>(v); };
        CHECK(difference(get(g), map(as_real, x)) == "");
        CHECK(difference(get(f), map([](V v) { return double{static_cast<float>(v)}; }, x)) == "");
        CHECK(difference(get(h),
                         map([](V v) { return rounded<bfloat16>(static_cast<double>(v)); }, x)) ==
              "");
    });
}
TEST_CASE("astype from every type to every other") {
    check_astype<bool>({0, 1, 1, 0});
    check_astype<int64>(
        {0, 1, -1, 1L << 53, (1L << 24) + 1, -300, std::numeric_limits<int64>::max()});
    check_astype<bfloat16>({0, -0.0, 1.5, -2.75, inf, -inf, nan, 0x1p126, 256});
    check_astype<float>({0, -0.0, 1.5, -2.75, inf, -inf, nan, 1e30F, 1.00390625F, 3.01F, -0x1p63});
    check_astype<double>({0, -0.0, 1.5, -2.75, inf, -inf, nan, 1e300, 0.1, 16777217, -1e19});
}

template <class A, class B>
constexpr dtype sum_type = decltype(std::declval<A>() + std::declval<B>())::type;
template <class T>
using line = tensor<T, 1>;
// Arrays promote to the larger; numbers are weak; rank 0 is an array like any other.
static_assert(sum_type<line<bool>, line<int64>> == dtype::i64);
static_assert(sum_type<line<int64>, line<bfloat16>> == dtype::bf16);
static_assert(sum_type<line<bfloat16>, line<float>> == dtype::f32);
static_assert(sum_type<line<float>, line<double>> == dtype::f64);
static_assert(sum_type<line<int64>, line<float>> == dtype::f32);
static_assert(sum_type<line<bool>, line<bool>> == dtype::boolean);
static_assert(sum_type<line<float>, double> == dtype::f32);
static_assert(sum_type<line<bfloat16>, double> == dtype::bf16);
static_assert(sum_type<line<bfloat16>, int> == dtype::bf16);
static_assert(sum_type<line<int64>, float> == dtype::f32);
static_assert(sum_type<line<int64>, double> == dtype::f32);
static_assert(sum_type<line<int64>, bool> == dtype::i64);
static_assert(sum_type<line<bool>, int> == dtype::i64);
static_assert(sum_type<line<bool>, float> == dtype::f32);
static_assert(sum_type<unsigned char, line<double>> == dtype::f64);
static_assert(sum_type<tensor<double, 0>, line<float>> == dtype::f64);
static_assert(decltype(sn::exp(std::declval<line<bool>>()))::type == dtype::f32);
static_assert(decltype(sn::sqrt(std::declval<line<bfloat16>>()))::type == dtype::bf16);
static_assert(decltype(std::declval<line<double>>() < 1)::type == dtype::boolean);
static_assert(decltype(sn::where(std::declval<line<bool>>(), 1, 2))::type == dtype::i64);
static_assert(decltype(sn::where(std::declval<line<bool>>(), 1, 2.0))::type == dtype::f32);

TEST_CASE("types meet as in PyTorch") {
    on_each_device([](device d) {
        const auto b = put<bool, 1>(integers({3}, {1, 0, 1}), d);
        const auto i = put<int64, 1>(integers({3}, {7, -7, (1L << 53) + 1}), d);
        const auto h = put<bfloat16, 1>(reals({3}, {1, 256, -2}), d);
        const auto f = put<float, 1>(reals({3}, {0.5, 1, 3}), d);
        const auto g = put<double, 0>(reals(extents{}, {0.1}), d);
        tensor<bool, 1> either;
        tensor<int64, 1> bi, quarter, from_bool;
        tensor<bfloat16, 1> hi, hs;
        tensor<float, 1> fi, is, scaled, picked;
        tensor<double, 1> strong;
        sn::evaluate(out(either) = b + b,
                     out(bi) = b + i,
                     out(quarter) = i / 4,
                     out(from_bool) = 3 - b,
                     out(hi) = h + 1,
                     out(hs) = h * 0.1,
                     out(fi) = f + i,
                     out(is) = i * 0.5,
                     out(scaled) = 0.1 * f,
                     out(strong) = f + g,
                     out(picked) = where(b, f, 2));
        CHECK(difference(get(either), integers({3}, {1, 0, 1})) == "");
        CHECK(difference(get(bi), integers({3}, {8, -7, (1L << 53) + 2})) == "");
        CHECK(difference(get(quarter), integers({3}, {1, -1, 1L << 51})) == "");
        CHECK(difference(get(from_bool), integers({3}, {2, 3, 2})) == "");
        CHECK(difference(get(hi), reals({3}, {2, 256, -1})) == "");  // 257 is no bfloat16
        const double tenth = rounded<bfloat16>(0.1);  // the number takes the array's type first
        CHECK(difference(get(hs),
                         reals({3}, {tenth, rounded<bfloat16>(256 * tenth), -2 * tenth})) == "");
        CHECK(difference(get(fi), reals({3}, {7.5, -6, 0x1p53})) == "");
        CHECK(difference(get(is), reals({3}, {3.5, -3.5, 0x1p52})) == "");
        CHECK(difference(
                  get(scaled),
                  reals({3}, {rounded<float>(0.1F * 0.5F), 0.1F, rounded<float>(0.1F * 3.0F)})) ==
              "");
        CHECK(difference(get(strong), reals({3}, {0.6, 1.1, 3.1})) == "");
        CHECK(difference(get(picked), reals({3}, {0.5, 2, 3})) == "");
    });
}

// ---- the user's functors

struct scaled_sum {
    float by = 1;
    int times = 0;
    SINTER_HD float operator()(float a, float b) const {
        float s = a;
        for (int i = 0; i < times; ++i) s += by * b;
        return s;
    }
};
struct is_between {
    double low = 0, high = 0;
    SINTER_HD bool operator()(double x) const { return low <= x && x < high; }
};
struct pick {
    SINTER_HD float operator()(bool c, float a, float b) const { return c ? a : b; }
};
struct digit_of {
    SINTER_HD int64 operator()(int64 x) const { return x % 10; }
};

TEST_CASE("functors with state fuse like operations of the library") {
    on_each_device([](device d) {
        const auto x = random({3, 5}, 1), y = random({5}, 2);
        for (const layout l : layouts) {
            const auto a = put<float, 2>(x, d, l);
            const auto b = put<float, 1>(y, d, l == layout::mixed ? layout::spaced : layout::plain);
            sn::launch_counter ran;
            // The same functor type with different states, one beside the other.
            const tensor<float, 2> r =
                elementwise(scaled_sum{2, 3}, a, b) * 2 + elementwise(scaled_sum{-1, 1}, a + 1, b);
            CHECK(ran.launches() == 1);
            const auto want =
                map([](double p, double q) { return 2 * (p + 6 * q) + (p + 1 - q); }, x, y);
            CHECK(difference(get(r), want) == "");
        }
        // One structure: equal states are one computation, different ones are not.
        for (const float by : {2.0F, 3.0F}) {
            const auto p = put<float, 2>(x, d), q = put<float, 2>(x, d);
            const tensor<float, 2> apart =
                elementwise(scaled_sum{2, 1}, p, q) * 2 - elementwise(scaled_sum{by, 1}, p, q);
            CHECK(difference(get(apart),
                             map([by](double v) { return 6 * v - (v + by * v); }, x),
                             0,
                             1e-300) == "");
        }
        const auto a = put<float, 2>(x, d);
        const auto e = elementwise(scaled_sum{2, 2}, a, a);
        const tensor<float, 2> twice = e * e;
        CHECK(difference(get(twice), map([](double p) { return 25 * p * p; }, x)) == "");
        const tensor<bool, 2> inside = elementwise(is_between{-1, 1}, sn::astype<double>(a));
        CHECK(difference(get(inside), map([](double p) { return int64{p >= -1 && p < 1}; }, x)) ==
              "");
        const auto h = put<bfloat16, 1>(y, d);
        const tensor<float, 1> picked = elementwise(pick{}, h > 0, h, -h);
        CHECK(difference(get(picked), map([](double p) { return std::fabs(p); }, y), 0, 1e-300) ==
              "");
        const tensor<int64, 1> digits = elementwise(digit_of{}, sn::arange(25) * 7);
        CHECK(get(digits).of[24] == 8);
        CHECK(get(digits).of[3] == 1);
        const auto kept = [d] {  // the state outlives the functor that was given
            const scaled_sum local{3, 1};
            return elementwise(
                local, put<float, 1>(reals({1}, {1}), d), put<float, 1>(reals({1}, {2}), d));
        }();
        const tensor<float, 1> seven = kept;
        CHECK(get(seven).of[0] == 7);
    });
}

template <class T>
void check_lengths(device d) {
    const auto all = random({96}, 3);
    for (int64 offset = 0; offset < 16; ++offset)
        for (int64 n = 0; n < 68; n += offset % 3 == 0 ? 1 : 5) {
            const tensor<T, 1> a = put<T, 1>(all, d), b = put<T, 1>(all, d);
            auto to = slice(b, sn::range(15 - offset, 15 - offset + n));
            to = slice(a, sn::range(offset, offset + n)) * 2 - 1;
            auto want = all;
            for (int64 i = 0; i < n; ++i)
                want.of[at(15 - offset + i)] = rounded<T>(2 * all.of[at(offset + i)] - 1);
            CHECK(difference(get(b), want) == "");
        }
}
TEST_CASE("every offset and length, neighbours stay") {
    on_each_device([](device d) {
        check_lengths<float>(d);
        check_lengths<double>(d);
        check_lengths<bfloat16>(d);
    });
}

}  // namespace
