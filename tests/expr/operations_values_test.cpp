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
const std::vector<whole> special_wholes{0,
                                        1,
                                        -1,
                                        2,
                                        -2,
                                        7,
                                        -7,
                                        63,
                                        64,
                                        1L << 40,
                                        std::numeric_limits<whole>::min(),
                                        std::numeric_limits<whole>::max(),
                                        std::numeric_limits<whole>::min() + 1};

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

TEST_CASE("every bfloat16 value of every unary operation") {
    for (int op = 0; op < ir::op_count; ++op) {
        const ir::op_info info = ir::info_of(op);
        const reference* f = find_reference(info.name);
        if (!f || !f->of_reals || info.arity != 1 || info.result == ir::yields::boolean) continue;
        int wrong = 0;
        for (int w = 0; w < 1 << 16; ++w) {
            const auto x = sinter::bfloat16::from_bits(static_cast<std::uint16_t>(w));
            const ir::cell in[] = {ir::to_cell(static_cast<float>(x))};
            const float got = ir::apply_operation(op, dtype::bf16, in).as<dtype::f32>();
            if (!agrees(*f, got, f->of_reals(static_cast<float>(x), 0, 0))) ++wrong;
        }
        CAPTURE(std::string(info.name));
        CHECK(wrong == 0);
    }
}

TEST_CASE("integers and bool, each with each") {
    for (int op = 0; op < ir::op_count; ++op) {
        const ir::op_info info = ir::info_of(op);
        const reference* f = find_reference(info.name);
        if (!f) continue;
        CAPTURE(std::string(info.name));
        for (const dtype type : {dtype::i64, dtype::boolean}) {
            const bool of_bool = type == dtype::boolean;
            const ir::cell nothing[3]{};
            if (info.result == ir::yields::floating || !ir::accepts(info, type)) {
                CHECK_THROWS_AS(ir::apply_operation(op, type, nothing), sinter::error);
                continue;
            }
            const bool defined = f->of_wholes;
            REQUIRE(defined);
            const std::vector<whole> given = of_bool ? std::vector<whole>{0, 1} : special_wholes;
            for_each_operands(
                info.arity, given.size(), [&](std::size_t i, std::size_t j, std::size_t k) {
                    const whole a = given[i], b = given[j], c = given[k];
                    const ir::cell in[] = {
                        ir::to_cell(of_condition(op) ? a != 0 : a), ir::to_cell(b), ir::to_cell(c)};
                    whole want = f->of_wholes(a, b, c);
                    // A bool holds whether the result is 0; ~ of it is not.
                    if (of_bool) want = std::string(info.name) == "bitwise_not" ? !a : want != 0;
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

}  // namespace
