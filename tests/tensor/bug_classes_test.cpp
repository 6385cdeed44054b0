// Classes of bugs that libraries of this kind have had and that no other file here is about. The
// whole list, with where each is tested: docs/testing.md.
#include <sys/mman.h>

#include <type_traits>

#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis;
using sn::keepdims;
using sn::shape;
using sn::tensor;

// ---- indices of 32 bits

/// Address space that costs memory only where it is touched.
class reserved_space {
public:
    explicit reserved_space(std::size_t bytes)
        : bytes_(bytes),
          first_(mmap(nullptr,
                      bytes,
                      PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                      -1,
                      0)) {
        REQUIRE(first_ != MAP_FAILED);
    }
    ~reserved_space() { munmap(first_, bytes_); }
    reserved_space(const reserved_space&) = delete;
    reserved_space& operator=(const reserved_space&) = delete;
    void* first() const { return first_; }

private:
    std::size_t bytes_;
    void* first_;
};

TEST_CASE("strides and places beyond 2^32 elements") {
    const default_device_scope host(device::host());
    constexpr int64 far = (int64{1} << 32) + 3;
    const reserved_space space(static_cast<std::size_t>(3 * far) * sizeof(float));
    auto* const first = static_cast<float*>(space.first());
    const auto storage = sn::runtime::storage::borrow(
        device::host(), first, static_cast<std::size_t>(3 * far) * sizeof(float));
    const auto x = tensor<float, 2>::over(storage, 0, shape{3, 5}, {far, 1});
    reals v({3, 5});
    for (int64 i = 0; i < 3; ++i)
        for (int64 j = 0; j < 5; ++j)
            v.of[at(5 * i + j)] = first[i * far + j] = static_cast<float>(10 * i + j);
    CHECK(difference(get(tensor<float, 2>(x + 1)), map([](double a) { return a + 1; }, v)) == "");
    CHECK(difference(get(tensor<float, 2>(transpose(x) * 2)),
                     map([](double a) { return 2 * a; }, transposed(v))) == "");
    CHECK(difference(get(tensor<float, 1>(sum(x, axis<0>))), reals({5}, {30, 33, 36, 39, 42})) ==
          "");
    CHECK(difference(get(tensor<float, 1>(max(flip(x, axis<0>), axis<1>))),
                     reals({3}, {24, 14, 4})) == "");
    CHECK(difference(get(tensor<float, 2>(matmul(x, transpose(x)))), product(v, transposed(v))) ==
          "");
    auto last = slice(x, sn::range(2, 3));
    last = last * 3;
    CHECK(first[2 * far + 4] == 72);
    CHECK(x(-1, -1) == 72);
}

TEST_CASE("extents beyond 2^32: views of them cost nothing, arrays of them are refused") {
    on_each_device([](device d) {
        constexpr int64 huge = int64{1} << 40;
        const auto row = put<float, 1>(reals({3}, {1, 2, 3}), d);
        const tensor<float, 2> all = broadcast_to(row, shape{huge, 3});
        CHECK(all.size() == 3 * huge);
        const tensor<float, 2> end = slice(all, sn::range(huge - 2, huge)) + 0.5F;
        CHECK(difference(get(end), reals({2, 3}, {1.5, 2.5, 3.5, 1.5, 2.5, 3.5})) == "");
        CHECK_THROWS_AS(sn::empty<float>(huge, huge), sn::shape_error);
        CHECK_THROWS_AS(sn::empty<float>(huge, int64{1} << 23), sn::shape_error);  // 2^65 bytes
#ifndef SINTER_TEST_ASAN  // ends the program at such a size
        CHECK_THROWS_AS(sn::empty<float>(int64{1} << 59), sn::out_of_memory);
#endif
        CHECK(sn::empty<float>(huge, 0).size() == 0);
        CHECK(contains(error_of<sn::shape_error>([&] { sn::zeros<double>(huge, huge, 2); }),
                       "(1099511627776, 1099511627776, 2)"));
        // Broadcasting makes 2^82 bytes of a handful of numbers.
        const auto column = broadcast_to(sn::slice(row, sn::range(0, 1)), shape{huge});
        const auto square = sn::unsqueeze(column, axis<1>) * column;
        CHECK(contains(error_of<sn::shape_error>([&] { sn::eval(square); }),
                       "(1099511627776, 1099511627776) has more elements"));
        CHECK_THROWS_AS(sn::eval(sum(square)), sn::shape_error);
    });
}

// ---- arrays that outlive main()

/// Freed with the other objects of static lifetime, when devices may be gone.
tensor<float, 1> freed_at_exit[2];
static_assert(std::is_nothrow_destructible_v<tensor<float, 1>>);
static_assert(std::is_nothrow_move_constructible_v<tensor<float, 1>>);
static_assert(std::is_nothrow_destructible_v<decltype(freed_at_exit[0] * 2 + 1)>);

TEST_CASE("an array of static lifetime") {
    on_each_device([](device d) {
        freed_at_exit[d.is_host() ? 0 : 1] = put<float, 1>(reals({2}, {1, 2}), d) * 3;
        CHECK(difference(get(freed_at_exit[d.is_host() ? 0 : 1]), reals({2}, {3, 6})) == "");
    });
}

// ---- a reduction that is computed again for every element

int evaluations = 0;
struct counted {
    SINTER_HD float operator()(float x) const {
#if !SINTER_DEVICE_CODE
        ++evaluations;
#endif
        return x + 1;
    }
};

TEST_CASE("what a reduction folds is computed once per element, however often its result is read") {
    on_each_device([](device d) {
        if (!d.has_host_memory()) {
            const tensor<float, 1> r = put<float, 1>(reals({1}, {1}), d) + 1;
            CHECK(r.item() == 2);
            return;
        }
        for (const extents& e : {extents{40, 60}, extents{3, 130}, extents{1, 1}}) {
            CAPTURE(e[1]);
            const auto v = random(e, 1);
            const auto x = put<float, 2>(v, d);
            const auto n = static_cast<int>(v.size());
            // Loops and kernels compute whole vectors; the end of a short row fills a part of one.
            const int most = 4 * n + 64;
            const auto plus = map([](double a) { return a + 1; }, v);
            const auto total = [](const std::vector<double>& r) {
                double s = 0;
                for (const double a : r) s += a;
                return s;
            };
            const auto minus = [](double a, double b) { return a - b; };
            evaluations = 0;
            const tensor<float, 2> r = x - sum(elementwise(counted{}, x), axis<-1>, keepdims);
            CHECK(evaluations >= n);
            CHECK(evaluations <= most);
            CHECK(difference(get(r), map(minus, v, fold(plus, {1}, true, total)), 1e-5, 1e-5) ==
                  "");
            evaluations = 0;
            const tensor<float, 2> c = x - sum(elementwise(counted{}, x), axis<0>);
            CHECK(evaluations >= n);
            CHECK(evaluations <= most);
            CHECK(difference(get(c), map(minus, v, fold(plus, {0}, true, total)), 1e-5, 1e-5) ==
                  "");
            // Read beside its own reduction it is computed once more at most, never once per row.
            evaluations = 0;
            const auto f = elementwise(counted{}, x);
            const tensor<float, 2> both = f / sum(f, axis<-1>, keepdims);
            CHECK(evaluations >= n);
            CHECK(evaluations <= 2 * most);
        }
    });
}

}  // namespace
