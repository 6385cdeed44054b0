// Thrust on arrays in host memory: its device system is plain C++ here.
#include <doctest/doctest.h>
#include <thrust/reduce.h>
#include <thrust/sort.h>
#include <thrust/transform.h>

#include <string>

#include "sinter/sinter.hpp"
#include "sinter/thrust.hpp"

namespace {

using namespace sinter;

tensor<float, 2> sample(std::int64_t rows, std::int64_t columns) {
    tensor<float, 2> x(shape{rows, columns}, device::host());
    for (std::int64_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>((i * 37) % 101);
    return x;
}
template <class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const error& e) {
        return e.what();
    }
    return "nothing was thrown";
}

}  // namespace

TEST_CASE("algorithms of Thrust on tensors and views, between Sinter's expressions") {
    for (const std::int64_t rows : {0, 1, 3, 100}) {
        CAPTURE(rows);
        tensor<float, 2> x = sample(rows, 7);
        x = x + 1;
        const auto policy = thrust_on(current_stream(device::host()));
        const float by_thrust = thrust::reduce(policy, thrust_begin(x), thrust_end(x));
        CHECK(by_thrust == eval(sum(x)).item());
        thrust::sort(policy, thrust_begin(x), thrust_end(x));
        for (std::int64_t i = 1; i < x.size(); ++i) CHECK(x.data()[i - 1] <= x.data()[i]);
        CHECK(thrust_end(x) - thrust_begin(x) == 7 * rows);
        const tensor<float, 2> y = x * 2;
        CHECK(y.size() == x.size());
    }
    tensor<std::int64_t, 1> n = arange(10, device::host());
    auto middle = slice(n, range(2, 6));  // a view without gaps
    thrust::fill(thrust_begin(middle), thrust_end(middle), std::int64_t{7});
    CHECK(array_equal(
        n, from(std::vector<std::int64_t>{0, 1, 7, 7, 7, 7, 6, 7, 8, 9}, device::host())));
}

TEST_CASE("what Thrust cannot walk is refused with a sentence") {
    const tensor<float, 2> x = sample(3, 4);
    CHECK(message_of([&] { thrust_begin(transpose(x)); }) ==
          "thrust_begin: an array of shape (4, 3) does not lie in row-major order without gaps, as "
          "Thrust needs it: take a clone().");
    CHECK(message_of([&] {
              thrust_end(slice(x, _, range(0, 2)));
          }).find("thrust_begin: an array of shape (3, 2)") == 0);
    float place = 0;
    const auto far = view(&place, shape{1}, device::cuda());  // only named, never read
    CHECK(message_of([&] { thrust_begin(far); }) ==
          "thrust_begin: the array lives on cuda:0, and Thrust's device system in this file is the "
          "host: move the array with to(device).");
}
