// The smallest program: c = a + b, on a GPU when there is one, else on the host.

#include <iostream>
#include <sinter/sinter.hpp>

namespace sn = sinter;

int main() {
    constexpr std::int64_t n = 1'000'000;

    // New arrays live on the default device.
    const auto a = sn::arange<float>(n);          // 0, 1, 2, ...
    const auto b = sn::full(sn::shape{n}, 0.5F);  // n times 0.5
    const sn::tensor<float, 1> c = a + b;         // one kernel

    // Host code reads elements of host arrays.
    const auto on_host = c.to(sn::device::host());
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < n; ++i) wrong += on_host(i) != static_cast<float>(i) + 0.5F;

    std::cout << "a + b begins with " << slice(c, sn::range(0, 5)) << "\ncomputed on "
              << c.where().name() << ", " << wrong << " of " << n << " elements are wrong\n";
    return wrong == 0 ? 0 : 1;
}
