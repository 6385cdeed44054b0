// `using namespace sinter` beside `using namespace std`: which names need a prefix. What this file
// compiles is what docs/guarantees.md promises.
#include <algorithm>
#include <any>
#include <complex>
#include <functional>
#include <map>
#include <numeric>
#include <ranges>
#include <sinter/sinter.hpp>
#include <stack>
#include <valarray>
#include <vector>

#if !SINTER_NVCC  // the toolkit has a namespace `cuda` of its own
#include <sinter/sort.hpp>
#endif

#include "tensor/support.hpp"

using namespace std;
using namespace sinter;

namespace {

TEST_CASE("names beside those of the standard library") {
    const tensor<float, 2> a{{1, 2}, {3, 5}};
    const tensor<float, 1> row{1, 2};
    CHECK(decltype(max(a))::rank == 0);
    CHECK(float(eval(max(a))) == 5);
    CHECK(float(eval(min(a))) == 1);
    CHECK(array_equal(max(a, axis<-1>), tensor<float, 1>{2, 5}));
    CHECK(array_equal(min(a, axis<0>, keepdims), tensor<float, 2>{{1, 2}}));
    CHECK(float(eval(sum(a))) == 11);
    CHECK(float(eval(prod(a))) == 30);
    CHECK(bool(eval(all(a > 0))));
    CHECK(int64(eval(argmax(a))) == 3);
    CHECK(allclose(norm(row), tensor<float, 0>(2.236068F)));
    CHECK(allclose(exp(log(a)), a));
    CHECK(allclose(sqrt(a * a), abs(a)));
    CHECK(array_equal(neg(row), tensor<float, 1>{-1, -2}));
    CHECK(allclose(tanh(a) * cosh(a), sinh(a)));
    CHECK(array_equal(maximum(a, 2), where(a > 2, a, 2)));
    CHECK(float(eval(var(a, correction(0)))) == 2.1875F);
    CHECK(array_equal(a(_, range(0, 1)), tensor<float, 2>{{1}, {3}}));
    CHECK(array_equal(transpose(a)(0), tensor<float, 1>{1, 3}));
    CHECK(empty<float>(3).size() == 3);
    CHECK(array_equal(zeros<float>(2) + ones<float>(2), full<float>(shape{2}, 1)));
#if !SINTER_NVCC
    CHECK(array_equal(flip(sort(row, order::descending), axis<0>), row));
    CHECK(array_equal(unique(row * 0), tensor<float, 1>{0}));
    CHECK(array_equal(cumsum(row), tensor<float, 1>{1, 3}));
#endif
    CHECK(flatten(a).size() == 4);
    CHECK(array_equal(softmax(a * 0), a * 0 + 0.5F));
    CHECK(array_equal(clamp(a, 2, 3), tensor<float, 2>{{2, 2}, {3, 3}}));
    CHECK(array_equal(pow(row, 2) + fmod(row, 2) + copysign(row, -row), tensor<float, 1>{1, 2}));
    CHECK(array_equal(floor(row / 2) + round(row) + square(row), tensor<float, 1>{2, 7}));
    CHECK(bool(eval(all(isfinite(a) && !(isnan(a) || isinf(a))))));
    // The names that the standard library has too.
    CHECK(bool(eval(all(sinter::logical_and(a, row)))));
    CHECK(array_equal(sinter::clamp(row, row, row), row));
    CHECK(array_equal(sinter::slice(a, range(0, 1)), tensor<float, 2>{{1, 2}}));
    CHECK(bool(eval(sinter::any(a > 4))));
    const auto both = sinter::stack(axis<0>, row, row);
    CHECK(both.extents() == shape{2, 2});
    // And theirs are still to be had.
    CHECK(std::any(3).has_value());
    CHECK(std::slice(1, 2, 3).size() == 2);
    CHECK(std::stack<int>().empty());
}

}  // namespace
