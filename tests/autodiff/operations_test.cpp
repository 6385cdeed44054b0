// Every derivative rule of the table of operations against differences of values, on operands that
// are broadcast and transposed, and the conventions at kinks.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "autodiff/rules.hpp"

using namespace autodiff_test;

namespace {

struct random_numbers {
    unsigned long state = 0x9e3779b97f4a7c15UL;
    double between(double low, double high) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return low + (high - low) * static_cast<double>(state >> 11) / 9007199254740992.0;
    }
};

// Where to look; what is not defined or has a kink there is left out.
constexpr double ranges[][2] = {{-3, 3}, {0.05, 1.5}, {1.05, 3}, {-0.95, 0.95}};

struct layout {
    int64 rows[3], columns[3];
    bool transposed[3];
};
constexpr layout layouts[] = {{{2, 2, 2}, {3, 3, 3}, {false, false, false}},
                              {{2, 1, 2}, {3, 3, 1}, {true, false, true}},
                              {{1, 2, 1}, {3, 1, 3}, {false, true, false}}};

struct tally {
    int cases = 0;
    std::vector<int> compared;  // by operand
};

void compare(one_operation& f, std::vector<matrix>& in, tally& t) {
    ++t.cases;
    t.compared.resize(static_cast<std::size_t>(f.arity()));
    for (int k = 0; k < f.arity(); ++k) {
        const std::vector<double> found = f.gradient(in, k);
        for (std::size_t i = 0; i < found.size(); ++i) {
            double& x = in[static_cast<std::size_t>(k)].v[i];
            const double given = x;
            const auto slope = [&](double h) {
                x = given + h;
                const double above = f.value(in);
                x = given - h;
                const double below = f.value(in);
                x = given;
                return (above - below) / (2 * h);
            };
            const double wide = slope(2e-5), numeric = slope(1e-5);
            if (!std::isfinite(wide) || !std::isfinite(numeric) ||
                std::abs(wide - numeric) > 1e-6 * (1 + std::abs(numeric)))
                continue;
            ++t.compared[static_cast<std::size_t>(k)];
            CAPTURE(k);
            CAPTURE(given);
            CHECK(found[i] == doctest::Approx(numeric).epsilon(1e-5));
        }
    }
}

template <class O>
int check_operation() {
    constexpr ir::op_info o = O::info();
    if constexpr (ir::may_have_derivative(o) && !ir::has_derivative<O>) {
        CHECK(std::string(o.name) == "digamma");  // whoever adds another says why here
    } else if constexpr (ir::may_have_derivative(o)) {
        CAPTURE(o.name);
        one_operation f(ir::op_id<O>);
        random_numbers r;
        tally t;
        for (const auto& range : ranges)
            for (const layout& l : layouts) {
                if (o.arity == 1 && l.rows[0] == 1) continue;
                std::vector<matrix> in;
                for (int k = 0; k < o.arity; ++k)
                    in.emplace_back(l.rows[k], l.columns[k], l.transposed[k]);
                in.emplace_back(2, 3);
                for (matrix& m : in)
                    for (double& x : m.v) x = r.between(range[0], range[1]);
                compare(f, in, t);
            }
        for (const int n : t.compared) CHECK(n >= 12);
        return t.cases;
    }
    return 0;
}
template <class... O>
int check_all(ir::op_list<O...>) {
    return (0 + ... + check_operation<O>());
}

// The derivatives of one operation at one place.
std::vector<double> at_point(int op, std::vector<double> place) {
    one_operation f(op);
    std::vector<matrix> in;
    for (const double x : place) {
        in.emplace_back(1, 1);
        in.back().v[0] = x;
    }
    in.emplace_back(1, 1);
    in.back().v[0] = 1;
    std::vector<double> r;
    for (int k = 0; k < f.arity(); ++k) r.push_back(f.gradient(in, k)[0]);
    return r;
}

}  // namespace

TEST_CASE("every derivative rule agrees with differences of values") {
    const int cases = check_all(ir::operations{});
    CHECK(cases > 500);
    MESSAGE(cases << " cases");
}

TEST_CASE("at kinks and poles derivatives are PyTorch's") {
    using v = std::vector<double>;
    namespace op = ir::op;
    CHECK(at_point(ir::op_id<op::relu>, {0}) == v{0});
    CHECK(at_point(ir::op_id<op::abs>, {0}) == v{0});
    CHECK(at_point(ir::op_id<op::sign>, {0}) == v{0});
    CHECK(at_point(ir::op_id<op::maximum>, {2, 2}) == v{0.5, 0.5});
    CHECK(at_point(ir::op_id<op::minimum>, {2, 2}) == v{0.5, 0.5});
    CHECK(at_point(ir::op_id<op::clamp>, {1, 1, 2}) == v{1, 0, 0});
    CHECK(at_point(ir::op_id<op::clamp>, {2, 1, 2}) == v{1, 0, 0});
    CHECK(at_point(ir::op_id<op::clamp>, {3, 1, 2}) == v{0, 0, 1});
    CHECK(at_point(ir::op_id<op::clamp>, {0, 2, 1}) == v{0, 0, 1});
    CHECK(at_point(ir::op_id<op::pow>, {0, 2}) == v{0, 0});
    CHECK(at_point(ir::op_id<op::pow>, {0, 0}) == v{0, 0});
    CHECK(at_point(ir::op_id<op::leaky_relu>, {0, 0.1}) == v{0.1, 0});
    CHECK(at_point(ir::op_id<op::hardsigmoid>, {3}) == v{0});
    CHECK(at_point(ir::op_id<op::floor>, {0.5}) == v{0});
    CHECK(at_point(ir::op_id<op::where>, {1, 5, 6}) == v{0, 1, 0});
}
