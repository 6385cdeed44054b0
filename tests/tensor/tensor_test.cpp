// Tensors as handles and as memory: making, sharing, reading, moving, printing, comparing.
#include <numeric>
#include <sstream>

#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::shape;
using sn::tensor;

constexpr double inf = sn::infinity, nan = sn::not_a_number;

template <class E>
std::string printed(const E& e) {
    std::ostringstream s;
    s << e;
    return s.str();
}

TEST_CASE("a copy shares memory, a clone does not") {
    on_each_device([](device d) {
        const auto v = random({3, 5});
        for (const layout l : layouts) {
            tensor<float, 2> a = put<float, 2>(v, d, l), b = a;
            CHECK(b.data() == a.data());
            CHECK(b.shares_memory(a));
            const tensor<float, 2> c = a.clone();
            CHECK(!c.shares_memory(a));
            CHECK(c.is_contiguous());
            CHECK(c.where() == d);
            CHECK(difference(get(c), v) == "");
            b += 1;  // seen through both handles, not through the clone
            const auto more = map([](double x) { return x + 1; }, v);
            CHECK(difference(get(a), more) == "");
            CHECK(difference(get(c), v) == "");
            a = c;  // re-seats a, leaves b
            CHECK(a.data() == c.data());
            CHECK(difference(get(b), more) == "");
            const tensor<float, 2> moved = std::move(a);
            CHECK(moved.data() == c.data());
            CHECK(a.data() == nullptr);
            CHECK(a.size() == 0);
        }
    });
}

TEST_CASE("an expression is written in place only where nobody else could see that") {
    on_each_device([](device d) {
        const auto v = random({4, 6}, 1), w = random({4, 6}, 2);
        const auto sum = map([](double x, double y) { return x + y; }, v, w);
        const tensor<float, 2> y = put<float, 2>(w, d);

        tensor<float, 2> a = put<float, 2>(v, d);
        const float* before = a.data();
        a = a + y;
        CHECK(a.data() == before);  // alone: in place, although the expression holds it as well
        CHECK(difference(get(a), sum) == "");

        tensor<float, 2> b = put<float, 2>(v, d);
        const tensor<float, 2> held = b;
        before = b.data();
        b = b + y;
        CHECK(b.data() != before);  // somebody else holds it
        CHECK(difference(get(b), sum) == "");
        CHECK(difference(get(held), v) == "");

        tensor<float, 2> c = put<float, 2>(v, d);
        const auto later = c + y;  // a lazy expression outside the assignment is an owner, too
        c = c + y;
        CHECK(difference(get(c), sum) == "");
        const tensor<float, 2> then = later;
        CHECK(difference(get(then), sum) == "");

        tensor<float, 2> e = put<float, 2>(random({2, 2}), d);
        e = put<float, 2>(v, d) + y;  // another shape: new memory
        CHECK(difference(get(e), sum) == "");
        tensor<float, 2> f = put<float, 2>(v, d, layout::reversed_axes);
        f = f + y;  // not row-major: new memory
        CHECK(f.is_contiguous());
        CHECK(difference(get(f), sum) == "");

        tensor<float, 2> fresh;
        fresh = put<float, 2>(v, d) + y;
        CHECK(difference(get(fresh), sum) == "");
    });
    const auto v = random({2, 3});
    for (const device d : devices())
        for (const device other : devices()) {  // the result lives where the operands do
            tensor<float, 2> a = put<float, 2>(v, d);
            const tensor<float, 2> b = put<float, 2>(v, other);
            a = b + b;
            CHECK(a.where() == other);
            CHECK(difference(get(a), map([](double x) { return 2 * x; }, v)) == "");
        }
}

TEST_CASE("braces are values, extents come through functions") {
    on_each_device(
        [](device d) {
            CHECK(difference(get(tensor<float, 1>{1, 2, 3}), reals({3}, {1, 2, 3})) == "");
            CHECK(difference(get(tensor<double, 2>{{1, 2}, {3, 4}, {5, 6}}),
                             reals({3, 2}, {1, 2, 3, 4, 5, 6})) == "");
            CHECK(difference(get(tensor<int64, 3>{{{1}, {2}}, {{3}, {4}}}),
                             integers({2, 2, 1}, {1, 2, 3, 4})) == "");
            CHECK(difference(get(tensor<bool, 1>{true, false}), integers({2}, {1, 0})) == "");
            CHECK(difference(get(tensor<float, 1>{}), reals({0})) == "");
            CHECK(tensor<float, 1>{3}.size() == 1);
            CHECK(contains(error_of<sn::shape_error>([] {
                               tensor<float, 2>{{1, 2}, {3}};
                           }),
                           "rows must be equally long"));

            CHECK(difference(get(sn::zeros<double>(2, 3)), reals({2, 3})) == "");
            CHECK(difference(get(sn::zeros<int64>()), integers(extents{})) == "");
            CHECK(difference(get(sn::ones<bfloat16>(3)), reals({3}, {1, 1, 1})) == "");
            CHECK(difference(get(sn::full(shape{2}, 2.5F)), reals({2}, {2.5, 2.5})) == "");
            CHECK(difference(get(sn::eye<int64>(2)), integers({2, 2}, {1, 0, 0, 1})) == "");
            CHECK(eval(sn::eye<float>(0)).size() == 0);
            CHECK(difference(get(sn::arange(4)), integers({4}, {0, 1, 2, 3})) == "");
            CHECK(difference(get(sn::arange<float>(1, 2, 0.25)),
                             reals({4}, {1, 1.25, 1.5, 1.75})) == "");
            CHECK(difference(get(sn::arange<int64>(5, 0, -2)), integers({3}, {5, 3, 1})) == "");
            CHECK(eval(sn::arange(-3)).size() == 0);
            CHECK(contains(error_of<sn::shape_error>([] { sn::arange<float>(0, 1, 0); }),
                           "step must not be 0"));
            const std::vector<float> six{1, 2, 3, 4, 5, 6};
            CHECK(difference(get(sn::from(six, shape{3, 2})), reals({3, 2}, {1, 2, 3, 4, 5, 6})) ==
                  "");
            CHECK(contains(error_of<sn::shape_error>([&] { sn::from(six, shape{4}); }),
                           "from: shape (4,) has 4 elements, but 6 values were given."));
            const auto e = sn::empty<double>(3, 4);
            CHECK(e.extents() == shape{3, 4});
            CHECK(e.strides() == std::array<int64, 2>{4, 1});
            CHECK(e.where() == d);
            CHECK(tensor<float, 2>(shape{3, 0}).size() == 0);
            CHECK(contains(error_of<sn::shape_error>([] {
                               tensor<float, 2>(shape{3, -1});
                           }),
                           "(3, -1) has a negative extent"));
        },
        false);
}

TEST_CASE("item, rank 0 and element access") {
    on_each_device([](device d) {
        const tensor<float, 0> zero(2.5F);
        CHECK(zero.size() == 1);
        CHECK(zero.item() == 2.5F);
        const float value = zero;
        CHECK(value == 2.5F);
        const tensor<float, 0> twice = zero + zero;
        CHECK(twice.item() == 5);
        CHECK(tensor<double, 3>{{{7}}}.item() == 7);
        CHECK(put<int64, 2>(integers({1, 1}, {-9}), d, layout::mixed).item() == -9);
        CHECK(contains(error_of<sn::shape_error>([] {
                           tensor<float, 1>{1, 2}.item();
                       }),
                       "item: shape (2,) does not hold exactly one element."));
        CHECK(error_of<sn::shape_error>([] { tensor<float, 1>{}.item(); }) != "");
        CHECK(error_of<sn::shape_error>([] { tensor<float, 0>{}.item(); }) != "");

        if (!d.has_host_memory()) {
            CHECK(error_of<sn::device_error>([] { tensor<float, 1>{1}(0); }) != "");
            return;
        }
        const auto v = random({3, 4});
        for (const layout l : layouts) {
            const tensor<float, 2> a = put<float, 2>(v, d, l);
            CHECK(a(0, 0) == static_cast<float>(v.of[0]));
            CHECK(a(1, 2) == static_cast<float>(v.of[6]));
            CHECK(a(-1, -4) == static_cast<float>(v.of[8]));
            a(2, 3) = 99;
            CHECK(get(a).of[11] == 99);
            for (const auto& [i, j] :
                 {std::pair{3, 0}, std::pair{0, 4}, std::pair{-4, 0}, std::pair{0, -5}})
                CHECK(contains(error_of<sn::shape_error>([&, p = i, q = j] { a(p, q); }),
                               "is outside axis"));
        }
        CHECK(contains(error_of<sn::shape_error>([] {
                           tensor<float, 2>{{1, 2}}(0, 5);
                       }),
                       "Element access: index 5 is outside axis 1 of shape (1, 2)."));
        CHECK(error_of<sn::shape_error>([] { tensor<float, 0>{}(); }) != "");
    });
}

TEST_CASE("a view of a raw pointer borrows it") {
    std::vector<float> memory(12);
    std::iota(memory.begin(), memory.end(), 0.0F);
    const auto before = sn::runtime::live_allocations.load();
    {
        auto v = sn::view(memory.data(), shape{3, 4});
        CHECK(v.data() == memory.data());
        CHECK(v.where().is_host());
        v = v * 2;
        CHECK(memory[11] == 22);
        transpose(v) = sn::tensor<float, 1>({5, 6, 7}).to(device::host());
        CHECK(memory == std::vector<float>{5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7});
        const tensor<float, 2> copy = v;  // the same memory
        CHECK(copy.data() == memory.data());
        tensor<float, 2> other = v;
        other = other + 1;  // borrowed memory is never taken for a result
        CHECK(other.data() != memory.data());
        CHECK(memory[0] == 5);
    }
    CHECK(sn::runtime::live_allocations == before);
}

TEST_CASE("to moves between devices and keeps values") {
    const auto v = random({3, 2, 4});
    for (const device from : devices())
        for (const device to : devices())
            for (const layout l : layouts) {
                const tensor<double, 3> a = put<double, 3>(v, from, l), b = a.to(to);
                CHECK(b.where() == to);
                CHECK(difference(get(b), v) == "");
                CHECK(b.shares_memory(a) == (from == to));
            }
    for (const device d : devices()) {
        const tensor<float, 1> none;
        CHECK(none.to(d).size() == 0);
        CHECK(tensor<float, 2>(shape{0, 3}).to(d).extents() == shape{0, 3});
        CHECK(none.clone().size() == 0);
    }
}

TEST_CASE("arrays print as NumPy prints them") {
    on_each_device([](device d) {
        const float third = 1.0F / 3;
        struct row {
            const char* text;
            std::vector<double> of;
        };
        const std::vector<row> singles{
            {"[1.5  2.   3.25]", {1.5, 2, 3.25}},
            {"[1. 2. 3.]", {1, 2, 3}},
            {"[0.1        0.25       0.33333334]", {0.1, 0.25, third}},
            {"[1.e+08 1.e+00]", {1e8, 1}},
            {"[1.2345679e+05 5.0000000e-01]", {123456.789, 0.5}},
            {"[ nan  1.5 -inf]", {nan, 1.5, -inf}},
            {"[nan inf]", {nan, inf}},
            {"[-0.  0.]", {-0.0, 0}},
            {"[1.e-05]", {1e-5}},
            {"[]", {}},
        };
        for (const row& r : singles) {
            const reals v({static_cast<int64>(r.of.size())}, r.of);
            CHECK(printed(put<float, 1>(v, d)) == r.text);
        }
        const std::vector<row> doubles{
            {"[0.1        0.25       0.33333333]", {0.1, 0.25, 1.0 / 3}},
            {"[1.e+10 1.e+00]", {1e10, 1}},
            {"[1.0005e+03 5.0000e-01]", {1000.5, 0.5}},
            {"[ 1.0e-10      inf -2.5e+20]", {1e-10, inf, -2.5e20}},
            {"[1.e+100 1.e-300]", {1e100, 1e-300}},
            {"[9.9999999e+07 1.0000000e+00]", {99999999.0, 1}},
            {"[1.00000001 2.        ]", {1.00000001, 2}},
            {"[1. 2.]", {1.000000001, 2}},
        };
        for (const row& r : doubles) {
            const reals v({static_cast<int64>(r.of.size())}, r.of);
            CHECK(printed(put<double, 1>(v, d)) == r.text);
        }
        for (const auto& [text, v] : {std::pair{"3.5", 3.5},
                                      std::pair{"1e-07", 1e-7},
                                      std::pair{"1e+17", 1e17},
                                      std::pair{"0.3333333333333333", 1.0 / 3},
                                      std::pair{"1000000000000000.0", 1e15},
                                      std::pair{"-0.0", -0.0},
                                      std::pair{"nan", nan}})
            CHECK(printed(tensor<double, 0>(v)) == text);
        CHECK(printed(tensor<float, 0>(0.1F)) == "0.1");
        CHECK(printed(tensor<float, 0>(third)) == "0.33333334");
        CHECK(printed(tensor<int64, 0>(7)) == "7");
        CHECK(printed(tensor<bool, 0>(true)) == "True");
        CHECK(printed(tensor<bool, 2>{{true, false}, {true, true}}) ==
              "[[ True False]\n [ True  True]]");
        CHECK(printed(tensor<int64, 1>{-10, 5, 200}) == "[-10   5 200]");
        CHECK(printed(tensor<bfloat16, 1>{bfloat16(1.5F), bfloat16(-2)}) == "[ 1.5 -2. ]");
        CHECK(printed(tensor<float, 2>{{1, -2}, {3.5, 4}}) == "[[ 1.  -2. ]\n [ 3.5  4. ]]");
        CHECK(printed(sn::zeros<float>(2, 0)) == "[]");
        CHECK(printed(sn::zeros<float>(0, 3)) == "[]");
        CHECK(printed(tensor<float, 2>{}) == "[]");
        CHECK(printed(sn::reshape(sn::arange(24), shape{2, 3, 4})) ==
              "[[[ 0  1  2  3]\n  [ 4  5  6  7]\n  [ 8  9 10 11]]\n\n"
              " [[12 13 14 15]\n  [16 17 18 19]\n  [20 21 22 23]]]");
        CHECK(printed(sn::arange(1001)) == "[   0    1    2 ...  998  999 1000]");
        CHECK(printed(sn::reshape(sn::arange<double>(0, 2000), shape{2, 1000})) ==
              "[[0.000e+00 1.000e+00 2.000e+00 ... 9.970e+02 9.980e+02 9.990e+02]\n"
              " [1.000e+03 1.001e+03 1.002e+03 ... 1.997e+03 1.998e+03 1.999e+03]]");
        CHECK(printed(sn::reshape(sn::arange(10000), shape{100, 100})) ==
              "[[   0    1    2 ...   97   98   99]\n [ 100  101  102 ...  197  198  199]\n"
              " [ 200  201  202 ...  297  298  299]\n ...\n"
              " [9700 9701 9702 ... 9797 9798 9799]\n"
              " [9800 9801 9802 ... 9897 9898 9899]\n"
              " [9900 9901 9902 ... 9997 9998 9999]]");
        CHECK(printed(sn::arange<double>(0, 30)) ==
              "[ 0.  1.  2.  3.  4.  5.  6.  7.  8.  9. 10. 11. 12. 13. 14. 15. 16. 17.\n"
              " 18. 19. 20. 21. 22. 23. 24. 25. 26. 27. 28. 29.]");
        const tensor<float, 2> x = put<float, 2>(reals({2, 2}, {1, 2, 3, 4}), d, layout::mixed);
        CHECK(printed(x) == "[[1. 2.]\n [3. 4.]]");
        CHECK(printed(x + x) == "[[2. 4.]\n [6. 8.]]");  // expressions are evaluated
    });
}

TEST_CASE("allclose and array_equal") {
    on_each_device([](device d) {
        const auto row = [d](std::vector<double> v) {
            return put<float, 1>(reals({static_cast<int64>(v.size())}, v), d);
        };
        struct pair {
            std::vector<double> a, b;
            bool equal, close;
        };
        const std::vector<pair> cases{
            {{1, 2}, {1, 2}, true, true},
            {{1, 2}, {1, 2.00001}, false, true},
            {{1, 2}, {1, 2.001}, false, false},
            {{nan}, {nan}, false, false},
            {{nan}, {1}, false, false},
            {{1}, {nan}, false, false},
            {{inf, -inf}, {inf, -inf}, true, true},
            {{inf}, {-inf}, false, false},
            {{inf}, {1}, false, false},
            {{1}, {inf}, false, false},
            {{0.0}, {-0.0}, true, true},
            {{0}, {1e-9}, false, true},
            {{0}, {1e-7}, false, false},
            {{}, {}, true, true},
            {{1, 1}, {1}, false, true},
        };
        for (const pair& c : cases) {
            CAPTURE(c.a);
            CAPTURE(c.b);
            CHECK(sn::array_equal(row(c.a), row(c.b)) == c.equal);
            CHECK(sn::allclose(row(c.a), row(c.b)) == c.close);
        }
        CHECK(sn::allclose(row({1}), row({1.4}), 0.3, 0.1));
        CHECK(!sn::array_equal(row({1}), put<float, 2>(reals({1, 1}, {1}), d)));
        CHECK(sn::array_equal(row({1, 2}) * 2, put<int64, 1>(integers({2}, {2, 4}), d)));
        CHECK(error_of<sn::shape_error>([&] { sn::allclose(row({1, 2}), row({1, 2, 3})); }) != "");
    });
}

template <int R>
void check_rank(device d) {
    CAPTURE(R);
    extents e;
    for (int i = 0; i < R; ++i) e.push_back(2 + (i % 3 == 1));
    const auto v = random(e);
    for (const layout l : layouts) {
        const tensor<float, R> a = put<float, R>(v, d, l), b = a + a;
        CHECK(difference(get(b), map([](double x) { return x + x; }, v)) == "");
        tensor<float, R> c = a;
        c += b;
        CHECK(difference(get(a), map([](double x) { return 3 * x; }, v)) == "");
    }
}

TEST_CASE("ranks 0 to 8") {
    on_each_device([](device d) {
        check_rank<0>(d);
        check_rank<1>(d);
        check_rank<2>(d);
        check_rank<3>(d);
        check_rank<4>(d);
        check_rank<5>(d);
        check_rank<6>(d);
        check_rank<7>(d);
        check_rank<8>(d);
    });
}

}  // namespace
