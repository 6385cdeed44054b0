// Three types that the other files compiled by nvcc leave out, half, int8 and uint8: what they
// store, wrap and sum, in the fewest kernels. The plain build tests every type in full.
#include "expr/types_support.hpp"

namespace {

using namespace types_test;
using sn::axis;

struct few {
    template <class W, class A, class B>
    auto operator()(W which, A a, B b) const {
        return pick(which, a + b, a * b, maximum(a, b) - 1);
    }
};

template <class T>
void check_narrow() {
    using V = exact_t<T>;
    on_each_device([](device d) {
        for (const extents& e : {extents{3, 37}, extents{1, 1}})
            for (const layout l : {layout::plain, layout::mixed}) {
                values<V> x, y;
                if constexpr (std::is_integral_v<T>) {
                    x = anywhere<T>(e, 1);
                    y = anywhere<T>(e, 2);
                } else {
                    x = random(e, 1);
                    y = random(e, 2);
                }
                const auto a = put<T, 2>(x, d, l), b = put<T, 2>(y, d);
                const auto r = each_of<T, 2, 3>(few{}, a, b);
                const auto stored = [](auto f, const values<V>& p, const values<V>& q) {
                    return map([f](V s, V t) { return as_stored<T>(f(s, t)); }, p, q);
                };
                CHECK(difference(get(r[0]), stored([](V p, V q) { return p + q; }, x, y)) == "");
                CHECK(difference(get(r[1]), stored([](V p, V q) { return p * q; }, x, y)) == "");
                CHECK(difference(get(r[2]),
                                 stored([](V p, V q) { return std::max(p, q) - 1; }, x, y)) == "");
                const auto sums = eval(sum(a, axis<1>));
                const auto want = fold(x, {1}, false, [](const std::vector<V>& row) {
                    V s = 0;
                    for (const V v : row) s += v;
                    return s;
                });
                CHECK(difference(get(sums), want, std::is_integral_v<T> ? 0 : 2e-3) == "");
            }
    });
}
TEST_CASE("half, int8 and uint8: arithmetic and sums") {
    check_narrow<half>();
    check_narrow<int8_t>();
    check_narrow<uint8_t>();
}

}  // namespace
