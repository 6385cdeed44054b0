// Every idea of Sinter so far. Each section prints what it computes and checks it.
#include <iostream>
#include <sinter/sinter.hpp>

namespace sn = sinter;
using sn::axis, sn::keepdims, sn::_, sn::range, sn::tensor;

namespace {

int failures = 0;

template <class E>
void show(const char* what, const E& value) {
    std::cout << what << " =\n" << value << "\n\n";
}
void check(bool ok, const char* what) {
    if (!ok) ++failures, std::cout << "FAILED: " << what << "\n\n";
}

/// An operation of our own. Its state travels to the kernel.
struct soft_threshold {
    float width = 0;
    SINTER_HD float operator()(float x) const {
        return x > width ? x - width : x < -width ? x + width : 0;
    }
};

/// A function of expressions, for `with`.
struct over_its_norm {
    template <class X>
    auto operator()(X x) const {
        return x / sqrt(sum(x * x, axis<-1>, keepdims));
    }
};

void tensors_are_handles() {
    tensor<float, 2> a{{1, 2, 3}, {4, 5, 6}};           // braces are values
    const tensor<float, 2> same = a, copy = a.clone();  // a copy shares the memory, a clone not
    a += 1;                                             // in place: everyone who shares sees it
    check(same.shares_memory(a) && array_equal(same, copy + 1), "handles share");
    a = a * 10;  // an assignment re-seats `a`, because `same` holds the old memory
    check(!same.shares_memory(a), "assignment re-seats");
    show("a", a);
}

void expressions_are_lazy(const tensor<float, 2>& x) {
    const sn::launch_counter counter;  // counts what really runs
    const auto e = 2 * exp(-x * x) + where(x > 1, x, 0);
    check(counter.launches() == 0, "building an expression runs nothing");
    const tensor<float, 2> y = e;  // a tensor on the left evaluates
    check(counter.launches() == 1, "the whole of it is one kernel");
    show("2 exp(-x x) + (x > 1 ? x : 0)", y);
}

void shapes_broadcast_and_reduce(const tensor<float, 2>& x) {
    const tensor<float, 1> row{10, 20, 30, 40};
    const tensor<float, 2> column{{1}, {2}, {3}};
    show("column + row", column + row);  // (3, 1) and (4) give (3, 4)
    show("mean of every column", mean(x, axis<0>));
    show("rows less their maximum", x - max(x, axis<-1>, keepdims));
    show("where every row is largest", argmax(x, axis<-1>));
    const float total = eval(sum(x));  // rank 0 is its value
    check(total == 18, "sum");
}

void fusion_is_a_promise(const tensor<float, 2>& x) {
    const auto e = exp(x - max(x, axis<-1>, keepdims));
    const auto p = e / sum(e, axis<-1>, keepdims);
    static_assert(sn::kernel_count(p) == 1);  // two reductions and all else: the compiler checks
    show("softmax by hand", p);
    check(allclose(p, softmax(x)), "softmax");  // softmax, layer_norm, ... are such expressions
    std::cout << "its plan:\n" << sn::explain(p) << '\n';
}

void products_take_their_surroundings_along(const tensor<float, 2>& x) {
    const tensor<float, 2> w{{1, 0}, {0, 1}, {-1, 1}, {1, -1}};
    const tensor<float, 1> b{0.5F, -0.5F};
    const auto y = relu(matmul(x * 2, w) + b);
    static_assert(sn::kernel_count(y) == 1);  // the scaling enters it, bias and relu leave with it
    show("relu((2 x) w + b)", y);
    check(allclose(y, tensor<float, 2>{{2.5F, 0}, {4.5F, 5.5F}, {4.5F, 0}}), "matmul");
}

void views_write_through() {
    tensor<float, 2> m = sn::zeros<float>(3, 4);
    slice(m, range(0, 2), range(1, 3)) = 7.0F;            // rows 0-1, columns 1-2
    slice(m, _, range(-1, 0, -2)) += sn::ones<float>(2);  // columns 3 and 1; broadcasts
    transpose(m) = transpose(m) * 2;                      // reads and writes the same memory
    show("views of m were assigned to", m);
    check(m(0, 1) == 16 && m(2, 1) == 2 && m(2, 3) == 2, "views");
    check(reshape(m, sn::shape{2, 6}).shares_memory(m), "reshape moves nothing");
}

void several_results_at_once(const tensor<float, 2>& x) {
    tensor<float, 2> a, b = x;
    const auto e = exp(-x);  // computed once for both
    const sn::launch_counter counter;
    evaluate(out(a) = e * b, out(b) = e - b);  // all right sides read the old values
    check(counter.launches() == 1, "two results, one kernel");
    check(array_equal(a, exp(-x) * x) && array_equal(b, exp(-x) - x), "results from old values");
    show("exp(-x) x", a);
}

void sharing(const tensor<float, 2>& x) {
    // `with` hands symbols to a function: what it uses twice is one computation.
    const auto unit = with(over_its_norm{}, exp(x));
    static_assert(sn::kernel_count(unit) == 1);
    check(allclose(sum(unit * unit, axis<-1>), sn::ones<float>(3)), "with");
    // `share` does so for one value; the expression stays small however often it is used.
    const auto p = share(x * x + 1);
    const auto p2 = share(p * p);
    show("(x x + 1)^4", p2 * p2);
}

void your_own_operation(const tensor<float, 2>& x) {
    const auto y = elementwise(soft_threshold{0.75F}, x) * 2;
    static_assert(sn::kernel_count(y) == 1);  // fuses like a built-in one
    show("twice the soft threshold", y);
}

void devices(const tensor<float, 2>& x) {
    std::cout << "new arrays live on " << sn::default_device().name() << "; CUDA is "
              << (sn::cuda::is_available() ? "available" : "not available") << '\n';
    check(x.to(sn::device::host())(2, -1) == 6, "host arrays give their elements");
    try {
        const tensor<float, 2> y = x + sn::ones<float>(5);
    } catch (const sn::shape_error& error) {
        std::cout << "errors are sentences: " << error.what() << '\n';
        return;
    }
    check(false, "shapes that do not fit are refused");
}

}  // namespace

int main() {
    const tensor<float, 2> x{{0, 1, 2, 3}, {3, 2, 1, 0}, {-1, -2, 3, 6}};
    tensors_are_handles();
    expressions_are_lazy(x);
    shapes_broadcast_and_reduce(x);
    fusion_is_a_promise(x);
    products_take_their_surroundings_along(x);
    views_write_through();
    several_results_at_once(x);
    sharing(x);
    your_own_operation(x);
    devices(x);
    std::cout << (failures ? "some checks failed\n" : "all checks passed\n");
    return failures ? 1 : 0;
}
