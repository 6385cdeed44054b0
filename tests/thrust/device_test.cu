// Thrust on CUDA arrays, on a stream of the caller's, between Sinter's kernels.
#include <doctest/doctest.h>
#include <thrust/reduce.h>
#include <thrust/sort.h>

#include <string>

#include "sinter/sinter.hpp"
#include "sinter/thrust.hpp"
#include "skip.hpp"

namespace sn = sinter;

TEST_CASE("algorithms of Thrust on CUDA arrays and streams") {
    if (!sn::cuda::is_available()) return sinter_test::skip("there is no CUDA device");
    const sn::device d = sn::device::cuda();
    const sn::stream s(d);
    const sn::stream_scope scope(s);
    const std::int64_t n = 100'003;
    sn::tensor<float, 1> x = (sn::arange<float>(n, d) * -1.0F) + 5;
    thrust::sort(sn::thrust_on(s), sn::thrust_begin(x), sn::thrust_end(x));
    const sn::tensor<float, 1> y = x * 2;
    const sn::tensor<float, 1> host = y.to(sn::device::host());
    for (std::int64_t i = 0; i < n; ++i)
        REQUIRE(host(i) == 2 * (static_cast<float>(i - n + 1) + 5));
    const sn::tensor<float, 1> ones_there = sn::ones<float>(sn::shape{n}, d);
    CHECK(thrust::reduce(sn::thrust_on(s),
                         sn::thrust_begin(ones_there),
                         sn::thrust_end(ones_there)) == static_cast<float>(n));
}

TEST_CASE("an array on the host is refused with a sentence") {
    if (!sn::cuda::is_available()) return sinter_test::skip("there is no CUDA device");
    const sn::tensor<float, 1> x(sn::shape{3}, sn::device::host());
    std::string text;
    try {
        (void)sn::thrust_begin(x);
    } catch (const sn::device_error& e) {
        text = e.what();
    }
    CHECK(text ==
          "thrust_begin: the array lives on host, and Thrust's device system in this file is CUDA: "
          "move the array with to(device).");
}
