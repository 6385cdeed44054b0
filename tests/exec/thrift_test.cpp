// Costly values that are broadcast: computed once on the host, inside the kernel elsewhere.
#include <cmath>

#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis, sn::keepdims;
using sn::launch_counter;
using sn::tensor;

TEST_CASE("the host stores a costly value that is read often") {
    const default_device_scope host(device::host());
    for (const int64_t rows : {1, 3, 500}) {
        CAPTURE(rows);
        constexpr int64_t n = 7;
        tensor<float, 2> x = sn::zeros<float>(rows, n), y = x.clone();
        tensor<float, 1> row = sn::zeros<float>(n);
        tensor<float, 0> one(0.5F);
        for (int64_t i = 0; i < n; ++i) {
            row(i) = 0.25F * static_cast<float>(i);
            for (int64_t r = 0; r < rows; ++r) x(r, i) = static_cast<float>(r + i);
        }
        const auto e = x + exp(row) * exp(one);
        static_assert(sn::kernel_count(e) == 1);
        const launch_counter counter;
        y = e;
        const bool often = rows * n - n >= 2048;
        CHECK(counter.launches() == (often ? 3 : 1));
        CHECK(counter.temporaries() == (often ? 2 : 0));
        CHECK((explain(e).find("is stored: it is costly") != std::string::npos) == often);
        for (int64_t i = 0; i < n; ++i)
            for (int64_t r = 0; r < rows; ++r)
                REQUIRE(y(r, i) == doctest::Approx(x(r, i) + std::exp(row(i)) * std::exp(0.5F)));
    }
}

TEST_CASE("a number's costly function is computed once, however long the array") {
    const default_device_scope host(device::host());
    const tensor<float, 0> one(0.5F);
    for (const int64_t n : {0, 1, 2048, 2049, 5000}) {
        CAPTURE(n);
        const tensor<float, 1> x = sn::ones<float>(n);
        const tensor<float, 1> y = x * exp(one);
        REQUIRE(y.size() == n);
        for (int64_t i = 0; i < n; ++i) REQUIRE(y(i) == doctest::Approx(std::exp(0.5F)));
    }
}

TEST_CASE("statistics of rows stay in their kernel") {
    const default_device_scope host(device::host());
    const tensor<float, 2> x = sn::ones<float>(100, 50);
    const launch_counter counter;
    const tensor<float, 2> y = x - exp(max(x, axis<-1>, keepdims));
    CHECK(counter.launches() == 1);
    CHECK(y(99, 49) == doctest::Approx(1 - std::exp(1.0F)));
}

TEST_CASE("kernels compute it where they need it") {
    for (const device d : devices()) {
        if (d.is_host()) continue;
        CAPTURE(d.name());
        const default_device_scope scope(d);
        const tensor<float, 2> x = sn::ones<float>(100, 50);
        const tensor<float, 1> row = sn::zeros<float>(50);
        const launch_counter counter;
        const tensor<float, 2> y = x + exp(row);
        CHECK(counter.launches() == 1);
        CHECK(allclose(y, x * 2));
    }
}

TEST_CASE("results of several expressions and shared parts") {
    const default_device_scope host(device::host());
    const tensor<float, 2> x = sn::ones<float>(100, 50);
    const tensor<float, 1> row = sn::zeros<float>(50);
    tensor<float, 2> a, b;
    const auto part = share(x * 2 + exp(row));
    evaluate(out(a) = part + exp(row), out(b) = part * part);
    CHECK(allclose(a, x * 4));
    CHECK(allclose(b, x * 9));
}

}  // namespace
