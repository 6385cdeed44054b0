// Gradients of whole expressions against differences of values, on every device: reductions,
// products, views, sharing, and arrays that are broadcast, transposed or cut.
#include "autodiff/support.hpp"

using namespace autodiff_test;

TEST_CASE("elementwise expressions, whatever is broadcast") {
    on_each_device([](device) {
        const var<2> a = normal<2>({{5, 7}}), b = normal<2>({{5, 7}}), row = normal<2>({{1, 7}}),
                     column = normal<2>({{5, 1}});
        const var<1> r = normal<1>({{7}});
        CHECK(agrees([](auto& x, auto& y, auto& z) { return tanh(x * y + z) * x + sin(y); },
                     a,
                     row,
                     column));
        CHECK(agrees([](auto& x, auto& y) { return exp(x * y); }, row, column));
        // Used with and without broadcasting: each copy counts once.
        CHECK(agrees([](auto& x, auto& y) { return sum(tanh(x) * y) + sum(tanh(x) * x); }, row, a));
        CHECK(agrees(
            [](auto& x, auto& y, auto& z) { return where(x > y, x * z, y / (z + 4)); }, a, b, r));
    });
}

TEST_CASE("reductions") {
    on_each_device([](device) {
        const var<2> a = normal<2>({{5, 7}}), b = normal<2>({{5, 7}});
        CHECK(agrees([](auto& x) { return x * mean(x * x, axis<0>); }, a));
        CHECK(agrees(
            [](auto& x, auto& y) { return maximum(x, y) * max(x, axis<-1>, keepdims); }, a, b));
        CHECK(agrees([](auto& x) { return prod(x, axis<0>) + min(x, axis<0>); }, a));
        CHECK(agrees([](auto& x) { return logsumexp(x, axis<-1>) + stddev(x, axis<-1>); }, a));
        CHECK(agrees([](auto& x) { return norm(x, axis<-1>) * var_of(x); }, a));
    });
}

TEST_CASE("a product of elements that are zero") {
    on_each_device([](device) {
        const var<2> a{sn::tensor<double, 2>{{2, 0, 3}, {0, 0, 5}, {1, 2, 4}}};
        CHECK(agrees([](auto& x) { return prod(x, axis<-1>); }, a));
    });
}

TEST_CASE("softmax, layer norm and attention") {
    on_each_device([](device) {
        const var<2> a = normal<2>({{5, 7}}), b = normal<2>({{5, 7}});
        const var<1> r = normal<1>({{7}});
        CHECK(agrees([](auto& x, auto& y) { return softmax(x) * y; }, a, b));
        CHECK(agrees([](auto& x, auto& g, auto& y) { return layer_norm(x, g, g) * y; }, a, r, b));
        CHECK(agrees(
            [](auto& q, auto& k, auto& v) {
                return tanh(matmul(softmax(matmul(q, transpose(k))), v));
            },
            a,
            b,
            b));
    });
}

TEST_CASE("matrix products") {
    on_each_device([](device) {
        const var<2> a = normal<2>({{5, 7}}), w = normal<2>({{7, 4}}), row = normal<2>({{1, 7}});
        const var<1> r = normal<1>({{4}});
        CHECK(agrees(
            [](auto& x, auto& m, auto& n) {
                return relu(matmul(x, m) + n) * 0.5 + tanh(matmul(x, m));
            },
            a,
            w,
            r));
        CHECK(agrees([](auto& x) { return sin(matmul(x, transpose(x))); }, a));
        CHECK(agrees([](auto& x, auto& m) { return matmul(exp(x), tanh(m)) * 0.1; }, a, w));
        // One row that the result is broadcast from.
        CHECK(agrees(
            [](auto& x, auto& m, auto& y) { return matmul(x, m) + slice(y, _, range(0, 4)); },
            row,
            w,
            a));
    });
}

TEST_CASE("batches of products that broadcast") {
    on_each_device([](device) {
        const var<3> a = normal<3>({{2, 3, 4}}), b = normal<3>({{2, 4, 5}});
        const var<2> w = normal<2>({{4, 5}});
        CHECK(agrees([](auto& x, auto& y) { return tanh(matmul(x, y)); }, a, b));
        CHECK(agrees([](auto& x, auto& y) { return tanh(matmul(x, y)); }, a, w));
    });
}

TEST_CASE("views") {
    on_each_device([](device) {
        const var<2> a = normal<2>({{5, 7}});
        CHECK(
            agrees([](auto& x) { return slice(x, _, range(1, 4)) * slice(x, _, range(2, 5)); }, a));
        CHECK(agrees([](auto& x) { return flip(x, axis<-1>) * x + flip(exp(x), axis<0>); }, a));
        CHECK(agrees(
            [](auto& x) {
                return reshape(exp(x), sn::shape{7, 5}) * reshape(x, sn::shape{7, 5});
            },
            a));
        CHECK(agrees(
            [](auto& x) {
                return flatten(transpose(reshape(exp(x), sn::shape{7, 5}))) * flatten(x);
            },
            a));
        CHECK(agrees([](auto& x) { return transpose(exp(x)) * slice(transpose(x), range(0, 1)); },
                     a));
    });
}

TEST_CASE("arrays side by side") {
    on_each_device([](device) {
        const var<2> a = normal<2>({{5, 7}}), b = normal<2>({{5, 2}});
        const auto fixed = normal<2>({{5, 1}}).detach();
        CHECK(agrees([&](auto& x, auto& y) { return concat(axis<1>, x * x, y, fixed, x); }, a, b));
        CHECK(agrees(
            [](auto& x) {
                const auto both = stack(axis<0>, tanh(x), x);
                return both * sum(both, axis<0>);
            },
            a));
        CHECK(agrees([](auto& x) { return roll(x, 2, axis<1>) * x + trace(x * x); }, a));
        const sn::no_grad off;
        CHECK(!concat(axis<1>, a, b).requires_grad());
        CHECK_THROWS_AS(concat(axis<0>, a, b), sn::shape_error);
    });
}

TEST_CASE("inputs that are views of other memory") {
    on_each_device([](device) {
        const auto t = normal<2>({{6, 10}}).detach();
        const var<2> cut{slice(t, range(0, 6, 2), range(9, 1, -2))}, across{transpose(t)};
        const auto f = [](auto& x) { return tanh(x * x) * sum(x, axis<0>); };
        CHECK(agrees(f, cut));
        CHECK(agrees(f, across));
    });
}

TEST_CASE("sharing by name and by share()") {
    on_each_device([](device) {
        const var<2> a = normal<2>({{4, 6}});
        CHECK(agrees(
            [](auto& x) {
                const auto s = share(exp(x) / sum(exp(x), axis<-1>, keepdims));
                return s * s + s;
            },
            a));
        CHECK(agrees([](auto& x) { return exp(x - max(x)) / sum(exp(x - max(x))); }, a));
    });
}

TEST_CASE("gradcheck finds a gradient that is wrong") {
    const var<1> a = normal<1>({{4}});
    const auto r = sn::gradcheck([](auto& x) { return x * stop_gradient(x); }, a);
    CHECK_FALSE(r.passed);
    CHECK(r.first.find("input 0, element 0") == 0);
    CHECK(r.checked == 4);
}
