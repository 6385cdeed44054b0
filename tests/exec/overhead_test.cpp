// What an evaluation costs besides its loops: no allocation on the host; and that the short way
// which small expressions take computes what the general one does.
#include <functional>
#include <new>

#include "skip.hpp"
#include "tensor/support.hpp"

namespace {
int64_t allocations = 0;
}

// The sanitizers bring their own.
#if !SINTER_TEST_ASAN && !SINTER_TEST_RACE
#define SINTER_TEST_COUNTS 1
namespace {
void* counted(std::size_t bytes, std::size_t align) {
    ++allocations;
    void* const p = align ? std::aligned_alloc(align, (bytes + align - 1) / align * align)
                          : std::malloc(bytes ? bytes : 1);
    if (!p) throw std::bad_alloc();
    return p;
}
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes) { return counted(bytes, 0); }
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t align) {
    return counted(bytes, static_cast<std::size_t>(align));
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
    std::free(p);
}
#else
#define SINTER_TEST_COUNTS 0
#endif

namespace {

using namespace tensor_test;
using sn::axis;
using sn::out;
using sn::range;
using sn::shape;
using sn::tensor;

struct twice_plus {
    float plus = 0;
    SINTER_HD float operator()(float x) const { return 2 * x + plus; }
};

TEST_CASE("evaluating a small expression on the host allocates nothing but a new result") {
    if (!SINTER_TEST_COUNTS) return sinter_test::skip("a sanitizer allocates");
    const default_device_scope host(device::host());
    tensor<float, 1> a = sn::ones<float>(64), b = sn::ones<float>(64), c = sn::ones<float>(64),
                     d = sn::ones<float>(64), v = sn::ones<float>(8);
    tensor<float, 2> m = sn::ones<float>(8, 8), w = sn::ones<float>(8, 8), o = m.clone();
    tensor<float, 3> x = sn::ones<float>(2, 3, 4), y = x.clone();
    tensor<float, 0> s = sn::zeros<float>(shape<0>{});
    tensor<bool, 1> truth = a < b;
    const tensor<float, 2> tall = sn::ones<float>(900, 70), column = sn::ones<float>(900, 1);
    tensor<float, 2> wide = tall.clone(), square = sn::ones<float>(70, 70);
    tensor<float, 1> row = sn::ones<float>(70);
    auto part = slice(o, range(1, 5), range(2, 8, 2));
    const tensor<float, 2> q = sn::ones<float>(4, 3), thin = sn::ones<float>(8, 1);
    const auto named = a * b + c;
    // So many nodes that what an evaluation knows of them does not fit its stack.
    const auto chain = [&]<int... I>(std::integer_sequence<int, I...>) {
        return (m + ... + static_cast<float>(I)) + v;
    };
    const auto large = chain(std::make_integer_sequence<int, 40>{});
    const auto shared_one = share(a * b + 1), shared_two = share(a * d + 1);
    struct {
        std::string name;
        int64_t most;
        std::function<void()> run;
    } const table[] = {
        {"building", 0, [&] { (void)(a * b + c * 2 - exp(d)); }},
        {"assignment", 0, [&] { c = a * b + 1.5F; }},
        {"assignment of eight", 0, [&] { c = a * b + a * d - b * d + a / b; }},
        {"of a named expression", 0, [&] { d = named; }},
        {"rank 3", 0, [&] { y = where(x > 0, x, -x) * 2 + x; }},
        {"bool", 0, [&] { truth = a < b; }},
        {"of itself", 0, [&] { c = c * 0.5F + a; }},
        {"update", 0, [&] { c += a; }},
        {"update by a number", 0, [&] { c *= 0.5F; }},
        {"broadcast", 0, [&] { o = m * w + v; }},
        {"of a sliced expression", 0, [&] { v = slice(a * b, range(3, 11)); }},
        {"transposed operand", 0, [&] { o = m + transpose(w); }},
        {"into a view", 0, [&] { part = q * 2; }},
        {"into a contiguous view", 0, [&] { slice(o, range(2, 4)) = v + 1; }},
        {"update of a view", 0, [&] { part += q; }},
        {"sum", 0, [&] { s = sum(a * b); }},
        {"mean of rows", 0, [&] { v = mean(m, axis<1>); }},
        {"matrix product", 0, [&] { o = matmul(m, w); }},
        {"a value that is stored in between", 0, [&] { o = m / sum(m, axis<0>); }},
        {"two values stored in between", 0, [&] { o = matmul(m, w) / sum(m, axis<0>) + w; }},
        {"a large program", 0, [&] { o = large; }},
        {"shared parts that differ", 4, [&] { c = shared_one * shared_two + shared_one; }},
        {"rows of unequal length", 0, [&] { o = layer_norm(thin, v, v); }},
        {"softmax", 0, [&] { o = softmax(m); }},
        // What engines need beyond their stack stays with the thread.
        {"softmax of more", 0, [&] { wide = softmax(tall * tall); }},
        {"layer_norm", 0, [&] { wide = layer_norm(tall); }},
        {"sums of columns", 0, [&] { row = sum(tall * tall, axis<0>); }},
        {"sum of everything", 0, [&] { s = sum(tall); }},
        {"product", 0, [&] { square = matmul(transpose(tall), tall); }},
        {"a dear function of a column", 0, [&] { wide = tall * exp(column); }},
        {"two results", 0, [&] { evaluate(out(c) = a * b, out(d) = a * b + 1); }},
        {"the user's own functor", 0, [&] { c = elementwise(twice_plus{1.0F}, a) + b; }},
        // The handle of the new memory; the memory itself comes from the pool.
        {"new result", 1, [&] { const tensor<float, 1> r = a * b; }},
        {"sum to item", 1, [&] { (void)eval(sum(a)).item(); }},
    };
    for (const auto& t : table) {
        CAPTURE(t.name);
        t.run();  // fills the pool
        const auto before = allocations;
        t.run();
        const auto after = allocations;
        CHECK(after - before <= t.most);
    }
}

TEST_CASE("the short way computes what the general way does") {
    const default_device_scope host(device::host());
    for (const int64 n : {0, 1, 2, 15, 16, 17, 64, 4095, 4096, 4097}) {
        CAPTURE(n);
        const auto va = random({n}), vb = random({n});
        const auto a = put<float, 1>(va, device::host()), b = put<float, 1>(vb, device::host());
        const auto wide = put<float, 2>(random({n, 2}), device::host());
        // Every second element: no unit stride, so the general way.
        auto spaced = sn::empty<float>(n, 2);
        auto column = reshape(slice(spaced, range(), range(0, 1)), shape{n});
        auto strided = tensor<float, 1>::over(spaced.memory(), 0, shape{n}, {2});
        strided.write(a);
        const float k = 1.25F;
        const tensor<float, 0> zero_rank(0.75F);
        const tensor<float, 1> shorter = a * b + k, general = strided * b + k;
        CHECK(array_equal(shorter, general));
        const tensor<float, 1> with_scalar = a * zero_rank - b, also = strided * zero_rank - b;
        CHECK(array_equal(with_scalar, also));
        const tensor<sn::int64, 1> cast = astype<sn::int64>(a * 100.0F),
                                   cast_too = astype<sn::int64>(strided * 100.0F);
        CHECK(array_equal(cast, cast_too));
        const tensor<bool, 1> less = a < b, less_too = strided < b;
        CHECK(array_equal(less, less_too));
        const tensor<float, 1> copied = a + 0.0F;
        tensor<float, 1> square = a.clone();
        square = square * square + square;
        const tensor<float, 1> square_too = strided * strided + strided;
        CHECK(array_equal(square, square_too));
        CHECK(array_equal(copied, strided));
    }
}

TEST_CASE("the short way never reads what it has written") {
    const default_device_scope host(device::host());
    constexpr int64 n = 100;
    // Borrowed memory: two views that overlap, one element apart.
    std::vector<float> memory(at(n + 1));
    for (const int64 shift : {0, 1}) {
        for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<float>(i);
        auto x = sn::view(memory.data(), shape{n}), y = sn::view(memory.data() + shift, shape{n});
        y = x * 2.0F;
        for (int64 i = 0; i < n; ++i) CHECK(y(i) == static_cast<float>(2 * i));
        for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<float>(i);
        x = y + x;
        for (int64 i = 0; i < n; ++i) CHECK(x(i) == static_cast<float>(2 * i + shift));
    }
    // One element of the result as a number.
    tensor<float, 1> c = sn::arange<float>(n) + 2.0F;
    const auto first = tensor<float, 0>::over(c.memory(), 0, shape<0>{}, {});
    const tensor<float, 1> before = c.clone();
    auto through = slice(c, range());
    through = c * first;
    for (int64 i = 0; i < n; ++i) CHECK(c(i) == 2.0F * before(i));
    // Someone else holds the memory: a new one.
    const tensor<float, 1> other = c;
    const tensor<float, 1> held = c.clone();
    c = c + 1.0F;
    CHECK(!c.shares_memory(other));
    CHECK(array_equal(other, held));
    // Nobody does: the same.
    const float* const place = c.data();
    c = c * 2.0F;
    CHECK(c.data() == place);
    // Another type and another shape never fit.
    tensor<float, 1> t = sn::ones<float>(8);
    t = astype<float>(sn::arange<double>(9));
    CHECK(t.extent(0) == 9);
    CHECK(t(8) == 8.0F);
    const auto short_one = sn::ones<float>(4);
    CHECK_THROWS_AS(t += short_one, sn::shape_error);
    CHECK_THROWS_AS(slice(t, range(0, 3)) = short_one * 2.0F, sn::shape_error);
    CHECK(t(8) == 8.0F);
}

TEST_CASE("operand lists of any length copy, move and hold what they name") {
    const default_device_scope host(device::host());
    for (const int terms : {1, 3, 40}) {
        const auto a = sn::ones<float>(5);
        const auto uses = a.memory().use_count();
        {
            sn::operand_list list;
            for (int i = 0; i < terms; ++i) a.append_to(list);
            CHECK(a.memory().use_count() == uses + terms);
            CHECK(list.held(a.memory().get()) == terms);
            sn::operand_list copy(list), moved(std::move(copy)), assigned;
            CHECK(moved.held(a.memory().get()) == terms);
            CHECK(a.memory().use_count() == uses + 2 * terms);
            assigned = moved;
            assigned.append(list);
            assigned.append(std::move(moved));
            CHECK(assigned.held(a.memory().get()) == 3 * terms);
            int seen = 0;
            CHECK(assigned.each([&](const sn::operand& o) {
                seen += o.rank == 1 && o.word[1] == 5 && o.owner->get() == a.memory().get();
                return true;
            }));
            CHECK(seen == 3 * terms);
            list = std::move(assigned);
            CHECK(a.memory().use_count() == uses + 3 * terms);
        }
        CHECK(a.memory().use_count() == uses);
    }
}

}  // namespace
