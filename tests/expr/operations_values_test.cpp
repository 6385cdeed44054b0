// Every entry of the table of operations against the column beside it, value by value: the same
// `value` functions that the host loops and the kernels are made of, called by number.
#include <doctest/doctest.h>

#include <vector>

#include "expr/operations_reference.hpp"
#include "sinter/ir/cell.hpp"

namespace {

using namespace operation_test;
namespace ir = sinter::ir;
using sinter::dtype;

template <class T>
const std::vector<T>& special_reals() {
    using limits = std::numeric_limits<T>;
    static const std::vector<T> all{0,
                                    T(-0.0),
                                    1,
                                    -1,
                                    T(2.5),
                                    T(-0.375),
                                    limits::infinity(),
                                    -limits::infinity(),
                                    limits::quiet_NaN(),
                                    limits::denorm_min() * 5,
                                    -limits::min() / 4,
                                    limits::max(),
                                    -7,
                                    3};
    return all;
}

/// Calls f(i, j, k) for every index of up to `arity` operands below n.
template <class F>
void for_each_operands(int arity, std::size_t n, F f) {
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < (arity > 1 ? n : 1); ++j)
            for (std::size_t k = 0; k < (arity > 2 ? n : 1); ++k) f(i, j, k);
}
bool of_condition(int op) { return ir::info_of(op).operands == ir::takes::condition; }

template <class T>
void check_reals(int op, const reference& f, const std::vector<T>& values) {
    const ir::op_info info = ir::info_of(op);
    int wrong = 0;
    for_each_operands(info.arity, values.size(), [&](std::size_t i, std::size_t j, std::size_t k) {
        const T a = values[i], b = values[j], c = values[k];
        if (f.domain && !f.domain(a, b, c)) return;
        ir::cell in[] = {ir::to_cell(a), ir::to_cell(b), ir::to_cell(c)};
        if (of_condition(op)) in[0] = ir::to_cell(a != 0);
        const ir::cell out = ir::apply_operation(op, sinter::dtype_v<T>, in);
        const real want = f.of_reals(a, b, c);
        const bool same = info.result == ir::yields::boolean
                              ? out.as<dtype::boolean>() == (want != 0)
                              : agrees(f, out.as<sinter::dtype_v<T>>(), want);
        if (same || ++wrong > 3) return;
        INFO(std::string(f.name) << "(" << a << ", " << b << ", " << c << ")");
        CHECK(static_cast<double>(out.as<dtype::f64>()) == static_cast<double>(want));
    });
    CHECK(wrong == 0);
}

TEST_CASE("every operation has a row of its own") {
    std::vector<std::string> names;
    for (int op = 0; op < ir::op_count; ++op) {
        const std::string name = ir::info_of(op).name;
        CAPTURE(name);
        const bool found = find_reference(name);
        CHECK(found);
        CHECK(std::count(names.begin(), names.end(), name) == 0);
        CHECK(ir::info_of(op).flops >= 1);
        names.push_back(name);
    }
    CHECK(names.size() == std::size(references));
}

TEST_CASE("special values of every operation, each with each") {
    for (int op = 0; op < ir::op_count; ++op) {
        const reference* f = find_reference(ir::info_of(op).name);
        if (!f || !f->of_reals) continue;
        check_reals(op, *f, special_reals<float>());
        check_reals(op, *f, special_reals<double>());
    }
}

TEST_CASE("many values of every operation") {
    std::vector<float> reals;
    for (int i = -40; i <= 40; ++i) reals.push_back(static_cast<float>(i) * 0.37F);
    for (int i = -30; i <= 30; i += 4) reals.push_back(std::ldexp(i % 3 ? 1.3F : -1.1F, i));
    const std::vector<double> doubles(reals.begin(), reals.end());
    for (int op = 0; op < ir::op_count; ++op) {
        const reference* f = find_reference(ir::info_of(op).name);
        if (!f || !f->of_reals || ir::info_of(op).arity == 3) continue;
        check_reals(op, *f, reals);
        check_reals(op, *f, doubles);
    }
}

template <class T>
void check_every_value() {
    for (int op = 0; op < ir::op_count; ++op) {
        const ir::op_info info = ir::info_of(op);
        const reference* f = find_reference(info.name);
        if (!f || !f->of_reals || info.arity != 1) continue;
        int wrong = 0;
        for (int w = 0; w < 1 << 16; ++w) {
            const auto x = T::from_bits(static_cast<std::uint16_t>(w));
            const auto given = static_cast<float>(x);
            if (f->domain && !f->domain(given, 0, 0)) continue;
            const ir::cell in[] = {ir::to_cell(given)};
            const ir::cell out = ir::apply_operation(op, sinter::dtype_v<T>, in);
            const real want = f->of_reals(given, 0, 0);
            wrong += !(info.result == ir::yields::boolean ? out.as<dtype::boolean>() == (want != 0)
                                                          : agrees(*f, out.as<dtype::f32>(), want));
        }
        CAPTURE(std::string(info.name));
        CHECK(wrong == 0);
    }
}

#if !SINTER_TEST_ASAN && !SINTER_TEST_RACE
TEST_CASE("every half value of every unary operation") { check_every_value<sinter::half>(); }
#endif
TEST_CASE("every bfloat16 value of every unary operation") {
    check_every_value<sinter::bfloat16>();
}

/// `x` as an integer of a type holds it.
whole as_integer(dtype type, whole x) {
    switch (type) {
        case dtype::u8: return static_cast<std::uint8_t>(x);
        case dtype::i8: return static_cast<std::int8_t>(x);
        case dtype::i16: return static_cast<std::int16_t>(x);
        case dtype::i32: return static_cast<std::int32_t>(x);
        default: return x;
    }
}

TEST_CASE("integers and bool, each with each") {
    for (int op = 0; op < ir::op_count; ++op) {
        const ir::op_info info = ir::info_of(op);
        const reference* f = find_reference(info.name);
        if (!f) continue;
        CAPTURE(std::string(info.name));
        for (const dtype type :
             {dtype::i64, dtype::i32, dtype::i16, dtype::i8, dtype::u8, dtype::boolean}) {
            CAPTURE(sinter::name_of(type));
            const bool of_bool = type == dtype::boolean;
            const ir::cell nothing[3]{};
            if (info.result == ir::yields::floating || !ir::accepts(info, type)) {
                CHECK_THROWS_AS(ir::apply_operation(op, type, nothing), sinter::error);
                continue;
            }
            const bool defined = f->of_wholes;
            REQUIRE(defined);
            std::vector<whole> given{0, 1};
            if (!of_bool) given = {0, 1, 2, 3, 7, 63, 64, 1L << 40, -1, -2, -7};
            for (const int size : {7, 8, 15, 16, 31, 32, 63})  // the ends of every type
                for (const whole beside : {-1, 0, 1})
                    if (!of_bool) given.push_back(wrap((1UL << size) + bits(beside)));
            for (whole& x : given) x = as_integer(type, x);
            std::sort(given.begin(), given.end());
            given.erase(std::unique(given.begin(), given.end()), given.end());
            for_each_operands(
                info.arity, given.size(), [&](std::size_t i, std::size_t j, std::size_t k) {
                    const whole a = given[i], b = given[j], c = given[k];
                    const ir::cell in[] = {
                        ir::to_cell(of_condition(op) ? a != 0 : a), ir::to_cell(b), ir::to_cell(c)};
                    whole want = f->of_wholes(a, b, c);
                    // A bool holds whether the result is 0; ~ of it is not.
                    if (of_bool) want = std::string(info.name) == "bitwise_not" ? !a : want != 0;
                    if (!of_bool) want = as_integer(type, want);
                    if (info.result == ir::yields::boolean) want = want != 0;
                    CAPTURE(a);
                    CAPTURE(b);
                    CHECK(ir::apply_operation(op, type, in).as<dtype::i64>() == want);
                });
        }
    }
    const float half = 0.5F;
    const ir::cell in[] = {ir::to_cell(half), ir::to_cell(half)};
    CHECK_THROWS_WITH_AS(ir::apply_operation(ir::op_id<ir::op::bitwise_and>, dtype::f32, in),
                         "bitwise_and: is not defined for float.",
                         sinter::error);
}

// ---- conversions

/// What the number x becomes as a T, written out.
template <class T>
double as_type(double x, bool was_integer) {
    if constexpr (std::is_same_v<T, bool>) {
        return x != 0;
    } else if constexpr (std::is_integral_v<T>) {
        using limits = std::numeric_limits<T>;
        if (was_integer) return static_cast<double>(static_cast<T>(static_cast<whole>(x)));
        if (std::isnan(x)) return 0;
        if (x <= static_cast<double>(limits::min())) return static_cast<double>(limits::min());
        if (x >= static_cast<double>(limits::max())) return static_cast<double>(limits::max());
        return std::trunc(x) + 0.0;
    } else {
        return static_cast<double>(T(static_cast<float>(x)));
    }
}
template <class To>
void check_conversion() {
    using sinter::is_floating;
    constexpr double inf = sinter::infinity;
    for (int k = 0; k < sinter::dtype_count; ++k) {
        const auto from = static_cast<dtype>(k);
        CAPTURE(sinter::name_of(from));
        // No more than 24 bits: the references are floats.
        for (double x :
             {0.0,     -0.0,    1.0,          -1.0,        0.5,      -0.99,
              77.0,    127.0,   128.0,        -128.75,     -129.0,   255.5,
              256.0,   257.0,   32767.0,      32768.0,     -32769.0, 40000.0,
              65504.0, 65519.0, 65520.0,      2049.0,      2051.0,   1e-7,
              3e-5,    1e9,     -2147483648., 2147483648., -4e9,     0x1p-25,
              0x1p62,  -0x1p63, 0x1p63,       inf,         -inf,     sinter::not_a_number}) {
            if (!is_floating(from) && !(std::fabs(x) <= 0x1p62)) continue;
            const ir::cell given = ir::convert_cell(ir::to_cell(x), dtype::f64, from);
            const double held = is_floating(from) ? given.as<dtype::f64>()
                                                  : static_cast<double>(given.as<dtype::i64>());
            const ir::cell got = ir::convert_cell(given, from, sinter::dtype_v<To>);
            const double r = is_floating(sinter::dtype_v<To>)
                                 ? got.as<dtype::f64>()
                                 : static_cast<double>(got.as<dtype::i64>());
            double want = as_type<To>(held, !is_floating(from));
            if (std::is_same_v<To, double>) want = held;
            CAPTURE(held);
            CHECK((std::isnan(want) ? std::isnan(r)
                                    : r == want && std::signbit(r) == std::signbit(want)));
        }
    }
}
TEST_CASE("every type converts to every other") {
    check_conversion<bool>();
    check_conversion<std::uint8_t>();
    check_conversion<std::int8_t>();
    check_conversion<std::int16_t>();
    check_conversion<std::int32_t>();
    check_conversion<std::int64_t>();
    check_conversion<sinter::half>();
    check_conversion<sinter::bfloat16>();
    check_conversion<float>();
    check_conversion<double>();
}

}  // namespace
