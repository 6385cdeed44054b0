// Several results in one launch, written where operands lie.
#include <algorithm>

#include "support.hpp"

using namespace tensor_test;

TEST_CASE("evaluate writes in place what one launch reads and writes element by element") {
    on_each_device([](device d) {
        for (const int64 n : {int64{1}, int64{67}, int64{3000}}) {
            auto a = put<float, 1>(random({n}, 1), d), b = put<float, 1>(random({n}, 2), d);
            const reals old_a = get(a), old_b = get(b);
            float *const at_a = a.data(), *const at_b = b.data();
            sn::launch_counter c;
            evaluate(out(a) = a - b, out(b) = a + b);
            CHECK(c.launches() == 1);
            CHECK(a.data() == at_a);
            CHECK(b.data() == at_b);
            CHECK(difference(get(a), map([](double x, double y) { return x - y; }, old_a, old_b)) ==
                  "");
            CHECK(difference(get(b), map([](double x, double y) { return x + y; }, old_a, old_b)) ==
                  "");
        }
    });
}

TEST_CASE("evaluate takes new memory where a result would change what is still read") {
    on_each_device([](device d) {
        const int64 n = 3001;
        auto a = put<float, 1>(random({n}, 1), d), b = put<float, 1>(random({n}, 2), d);
        const reals old_a = get(a), old_b = get(b);
        // The operand of the other result lies backwards.
        evaluate(out(a) = a - b, out(b) = flip(a, sn::axis<0>) + b);
        reals flipped = old_a;
        std::reverse(flipped.of.begin(), flipped.of.end());
        CHECK(difference(get(a), map([](double x, double y) { return x - y; }, old_a, old_b)) ==
              "");
        CHECK(difference(get(b), map([](double x, double y) { return x + y; }, flipped, old_b)) ==
              "");
        // One value of the array is read for all elements of the other.
        auto whole = put<float, 1>(random({n}, 3), d);
        const sn::tensor<float, 1> one = slice(whole, sn::range(0, 1));
        const reals old = get(whole);
        evaluate(out(whole) = whole + 1, out(a) = whole * one);
        CHECK(difference(get(a), map([&](double x) { return x * old.of[0]; }, old)) == "");
        CHECK(difference(get(whole), map([](double x) { return x + 1; }, old)) == "");
    });
}
