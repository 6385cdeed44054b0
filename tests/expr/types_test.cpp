// Half and the integers other than int64, against plain loops written for them: arithmetic that
// wraps, conversions, weak scalars. The types that all other tests run with are float, double,
// bfloat16, int64 and bool.
#include <sstream>

#include "expr/types_support.hpp"

namespace {

using namespace types_test;
using sn::dtype;

constexpr double inf = sn::infinity, nan = sn::not_a_number;

/// Nine operations on integers, in wide arithmetic.
int64 wide(int op, int64 a, int64 b) {
    switch (op) {
        case 0: return a + b;
        case 1: return a - b;
        case 2: return a * b;
        case 3: return b == 0 ? 0 : a / b;
        case 4: {
            const int64 r = b == 0 ? 0 : a % b;
            return r != 0 && (r < 0) != (b < 0) ? r + b : r;
        }
        case 5: return b == 0 ? 0 : a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
        case 6: return std::max(a, b);
        case 7: return std::min(a, b);
        default: return a ^ b;
    }
}
// What is between two operations wraps as well; the last has one operand that does.
struct all_arithmetic {
    template <class W, class A, class B>
    auto operator()(W which, A a, B b) const {
        return pick(which,
                    a + b,
                    a - b,
                    a * b,
                    a / b,
                    remainder(a, b),
                    floor_divide(a, b),
                    maximum(a, b),
                    minimum(a, b),
                    a ^ b,
                    (a + b) / 2,
                    -a >> 1,
                    abs(a),
                    (~a << 3) / 3);
    }
};
struct all_comparisons {
    template <class W, class A, class B>
    auto operator()(W which, A a, B b) const {
        return pick(which, a < b, a == b, a + b < a);
    }
};
template <class T>
int64 compared(int op, int64 p, int64 q) {
    return op == 0 ? p < q : op == 1 ? p == q : wrapped<T>(p + q) < p;
}
template <class T>
int64 computed(int op, int64 p, int64 q) {
    switch (op) {
        case 9: return wrapped<T>(p + q) / 2;
        case 10: return wrapped<T>(-p) >> 1;
        case 11: return p < 0 ? -p : p;
        case 12: return wrapped<T>(8 * ~p) / 3;
        default: return wide(op, p, q);
    }
}
template <class T, int R>
void check_arithmetic(const tensor<T, R>& a,
                      const tensor<T, R>& b,
                      const integers& x,
                      const integers& y) {
    const auto r = each_of<T, R, 13>(all_arithmetic{}, a, b);
    for (int op = 0; op < 13; ++op) {
        CAPTURE(op);
        const auto want = map(
            [op](int64 p, int64 q) -> int64 { return wrapped<T>(computed<T>(op, p, q)); }, x, y);
        CHECK(difference(get(r[at(op)]), want) == "");
    }
    const auto c = each_of<bool, R, 3>(all_comparisons{}, a, b);
    for (int op = 0; op < 3; ++op) {
        CAPTURE(op);
        const auto want = map([op](int64 p, int64 q) { return compared<T>(op, p, q); }, x, y);
        CHECK(difference(get(c[at(op)]), want) == "");
    }
}
template <class T>
void check_integers() {
    on_each_device([](device d) {
        for (const extents& e : {extents{5, 7}, extents{1, 1}, extents{0, 3}, extents{3, 131}})
            for (const layout l : layouts) {
                const auto x = anywhere<T>(e, 1), y = anywhere<T>(e, 2);
                check_arithmetic(put<T, 2>(x, d, l), put<T, 2>(y, d, l), x, y);
                check_arithmetic(put<T, 2>(x, d, layout::plain), put<T, 2>(y, d, l), x, y);
            }
        // The ends of the range, 0 and their neighbours, each with each.
        std::vector<int64> ends;
        for (const int64 v : {0L, 1L, 2L, 3L, 7L, -1L, -2L, -7L}) ends.push_back(wrapped<T>(v));
        for (const int64 v : {0L, 1L}) {
            ends.push_back(std::numeric_limits<T>::min() + v);
            ends.push_back(std::numeric_limits<T>::max() - v);
        }
        const integers x({12, 1}, ends), y({1, 12}, ends);
        check_arithmetic(put<T, 2>(x, d), put<T, 2>(y, d), x, y);
        if constexpr (sizeof(T) == 1) {  // every pair there is
            integers column({256, 1}), row({1, 256});
            for (int64 i = 0; i < 256; ++i) column.of[at(i)] = row.of[at(i)] = wrapped<T>(i);
            check_arithmetic(put<T, 2>(column, d), put<T, 2>(row, d), column, row);
        }
    });
}
TEST_CASE("arithmetic of integers wraps to their type after every operation") {
    check_integers<int8_t>();
    if constexpr (all_types) {
        check_integers<uint8_t>();
        check_integers<int16_t>();
        check_integers<int>();
    }
}

struct half_arithmetic {
    template <class W, class A, class B>
    auto operator()(W which, A a, B b) const {
        return pick(which, a + b, a * b, a / b, exp(a) - b);
    }
};

TEST_CASE("half computes in float and is rounded when it is stored") {
    on_each_device([](device d) {
        const std::vector<double> special{
            0.0, -0.0, 1, -1, 2.5, inf, -inf, nan, 65504, 0x1p-24, -7, 0x1.ff8p-15};
        const auto check =
            [](const tensor<half, 2>& a, const tensor<half, 2>& b, const reals& x, const reals& y) {
                const auto r = each_of<half, 2, 4>(half_arithmetic{}, a, b);
                const tensor<float, 2> wide = sn::astype<float>(a) * 3;
                const auto of = [&](auto f) {
                    return map(
                        [f](double p, double q) {
                            return rounded<half>(f(static_cast<float>(p), static_cast<float>(q)));
                        },
                        x,
                        y);
                };
                CHECK(difference(get(r[0]), of([](float p, float q) { return p + q; })) == "");
                CHECK(difference(get(r[1]), of([](float p, float q) { return p * q; })) == "");
                CHECK(difference(get(r[2]), of([](float p, float q) { return p / q; })) == "");
                CHECK(difference(get(r[3]),
                                 of([](float p, float q) { return std::exp(p) - q; }),
                                 1e-3,
                                 1e-4) == "");
                CHECK(difference(get(wide), map([](double p) { return 3 * p; }, x)) == "");
            };
        const reals column({12, 1}, special), row({1, 12}, special);
        check(put<half, 2>(column, d), put<half, 2>(row, d), column, row);
        for (const extents& e : {extents{5, 7}, extents{1, 1}, extents{0, 3}, extents{3, 131}})
            for (const layout l : layouts) {
                const auto x = random(e, 1), y = random(e, 2);
                check(put<half, 2>(x, d, l), put<half, 2>(y, d, l), x, y);
            }
    });
}

// ---- conversions

/// What a number becomes as a T, written out.
template <class T>
exact_t<T> as_type(double v, bool was_integer) {
    using limits = std::numeric_limits<T>;
    if constexpr (std::is_same_v<T, bool>) {
        return v != 0;
    } else if constexpr (std::is_integral_v<T>) {
        if (was_integer) return wrapped<T>(static_cast<int64>(v));
        if (std::isnan(v)) return 0;
        if (v <= static_cast<double>(limits::min())) return limits::min();
        if (v >= static_cast<double>(limits::max())) return limits::max();
        return static_cast<int64>(v);
    } else {
        return rounded<T>(v);
    }
}
template <class From, class... To>
void check_conversions(const std::vector<double>& given, std::tuple<To...>) {
    constexpr bool whole = std::is_integral_v<From>;
    on_each_device([&](device d) {
        values<exact_t<From>> x({static_cast<int64>(given.size())});
        for (std::size_t i = 0; i < given.size(); ++i)
            x.of[i] = static_cast<exact_t<From>>(element_of<From>(given[i]));
        const auto a = put<From, 1>(x, d);
        std::tuple<tensor<To, 1>...> r;
        std::apply([&](auto&... t) { sn::evaluate((out(t) = sn::astype<To>(a))...); }, r);
        const auto check = [&](const auto& t) {
            using T = typename std::remove_cvref_t<decltype(t)>::value_type;
            CAPTURE(sn::name_of(sn::dtype_v<T>));
            const auto want =
                map([](exact_t<From> v) { return as_type<T>(static_cast<double>(v), whole); }, x);
            CHECK(difference(get(t), want) == "");
        };
        std::apply([&](const auto&... t) { (check(t), ...); }, r);
    });
}
// Between all types, value by value: operations_values_test.cpp.
TEST_CASE("astype to all types") {
    // No integer of more than 53 bits: the reference is a double.
    const std::vector<double> reals{0,     -0.0,    1,    -1,  0.5,  -0.99, 127,   128,    255.5,
                                    256,   -128.75, -129, 3e4, 4e4,  -4e4,  65504, 1e5,    -3e9,
                                    2.2e9, 1e-7,    nan,  inf, -inf, 2049,  3e-5,  0x1p-25};
    const std::vector<double> wholes{0, 1, -1, 127, -128, 77, -100, 64};
    using all =
        std::tuple<bool, uint8_t, int8_t, int16_t, int, int64, half, bfloat16, float, double>;
    check_conversions<float>(reals, all{});
    check_conversions<half>(reals, all{});
    check_conversions<int8_t>(wholes, all{});
}

// ---- scalars, functors, making and printing

template <class A, class B>
constexpr dtype sum_type = decltype(std::declval<A>() + std::declval<B>())::type;
template <class T>
using line = tensor<T, 1>;
static_assert(sum_type<line<uint8_t>, line<int8_t>> == dtype::i16);
static_assert(sum_type<line<half>, line<bfloat16>> == dtype::f32);
static_assert(sum_type<line<int>, line<half>> == dtype::f16);
static_assert(sum_type<line<int8_t>, int> == dtype::i8 && sum_type<int64, line<int>> == dtype::i32);
static_assert(sum_type<line<int>, double> == dtype::f32);
static_assert(sum_type<line<half>, double> == dtype::f16);
static_assert(sum_type<line<float>, half> == dtype::f32 &&
              sum_type<line<half>, half> == dtype::f16);
static_assert(decltype(sn::sqrt(std::declval<line<int>>()))::type == dtype::f32);
static_assert(decltype(sn::sqrt(std::declval<line<half>>()))::type == dtype::f16);
static_assert(decltype(sn::true_divide(std::declval<line<int8_t>>(), 2))::type == dtype::f32);
static_assert(decltype(sn::sum(std::declval<line<int8_t>>()))::type == dtype::i64);
static_assert(decltype(sn::prod(std::declval<line<uint8_t>>()))::type == dtype::i64);
static_assert(decltype(sn::max(std::declval<line<int16_t>>()))::type == dtype::i16);
static_assert(decltype(sn::mean(std::declval<line<int>>()))::type == dtype::f32);

struct narrow {
    SINTER_HD int8_t operator()(int a, float b) const {
        return static_cast<int8_t>(a * 2 + static_cast<int>(b));
    }
};
struct shorter {
    SINTER_HD half operator()(float a) const { return half(a / 3); }
};
struct plain_int {
    SINTER_HD int operator()(int64 a) const { return static_cast<int>(a) + 1; }
};

TEST_CASE("numbers take the type of arrays; functors take registers and give any type") {
    on_each_device([](device d) {
        const integers x({5}, {1, -3, 100, 127, -128});
        const auto a = put<int8_t, 1>(x, d);
        const auto f = put<half, 1>(reals({5}, {1, 0.5, -2, 3, 40}), d);
        const auto n = put<int64, 1>(x, d);
        tensor<int8_t, 1> sum, by;
        tensor<float, 1> part;
        tensor<half, 1> third, tenth;
        tensor<int, 1> next;
        sn::evaluate(out(sum) = a + 100,
                     out(by) = sn::elementwise(narrow{}, a, f),
                     out(part) = a * 0.5,
                     out(third) = sn::elementwise(shorter{}, f),
                     out(tenth) = f * 0.1,
                     out(next) = sn::elementwise(plain_int{}, n));
        CHECK(difference(get(sum), integers({5}, {101, 97, -56, -29, -28})) == "");
        // Within a register a functor's int8 is what it returned.
        CHECK(difference(get(by), integers({5}, {3, -6, -58, 1, -216 + 256})) == "");
        CHECK(difference(get(part), reals({5}, {0.5, -1.5, 50, 63.5, -64})) == "");
        const auto rounds = [](std::vector<double> v) {
            for (double& e : v) e = rounded<half>(e);
            return reals({static_cast<int64>(v.size())}, v);
        };
        CHECK(difference(get(third), rounds({1 / 3., 0.5 / 3, -2 / 3., 1, 40 / 3.}), 1e-3) == "");
        CHECK(difference(get(next), integers({5}, {2, -2, 101, 128, -127})) == "");
        CHECK(difference(get(tenth), rounds({0.1, 0.05, -0.2, 0.3, 4}), 1e-3) == "");
    });
}

template <class T, int R>
std::string printed(const tensor<T, R>& t) {
    std::ostringstream s;
    s << t;
    return s.str();
}
TEST_CASE("arrays of every type are made, compared and printed") {
    on_each_device([](device) {
        const tensor<int, 2> m{{1, -2}, {30, 4}};
        CHECK(printed(m) == "[[ 1 -2]\n [30  4]]");
        CHECK(printed(tensor<int8_t, 1>{-128, 65}) == "[-128   65]");
        CHECK(printed(tensor<uint8_t, 1>{255, 65}) == "[255  65]");
        CHECK(printed(tensor<int16_t, 0>(int16_t(-7))) == "-7");
        CHECK(printed(tensor<half, 1>{half(1.5F), half(-2)}) == "[ 1.5 -2. ]");
        CHECK(printed(eval(sn::arange<int>(4))) == "[0 1 2 3]");
        CHECK(printed(eval(sn::arange<int16_t>(1, 8, 3))) == "[1 4 7]");
        CHECK(printed(eval(sn::arange<half>(3))) == "[0. 1. 2.]");
        CHECK(printed(eval(sn::eye<uint8_t>(2))) == "[[1 0]\n [0 1]]");
        CHECK(printed(sn::full<int8_t>(sn::shape{2}, int8_t(-3))) == "[-3 -3]");
        CHECK(printed(sn::zeros<half>(2)) == "[0. 0.]");
        CHECK(sn::array_equal(sn::arange<int>(4), sn::arange<int8_t>(4)));
        CHECK_FALSE(sn::array_equal(sn::arange<int>(4), sn::arange<uint8_t>(1, 5)));
        CHECK(sn::allclose(sn::ones<half>(3), sn::full<float>(sn::shape{3}, 1.000005F)));
        CHECK_FALSE(sn::allclose(sn::ones<half>(3), sn::full<half>(sn::shape{3}, half(1.01F))));
        CHECK(eval(sn::sum(m)).item() == 33);
        CHECK(sn::from<uint8_t>({1, 2, 255}, sn::shape{3}).extent(0) == 3);
    });
}

TEST_CASE("explain names the types") {
    const auto a = sn::ones<half>(3);
    const auto b = sn::ones<int>(3);
    const std::string text = sn::explain(a + b);
    CHECK(text.find("half") != std::string::npos);
    CHECK(text.find("int32") != std::string::npos);
}

}  // namespace
