// A 1000 x 1000 matrix product on the default device, held against the host's product and, at a
// few hundred places, against a plain loop in double precision.

#include <chrono>
#include <cmath>
#include <cstdio>
#include <random>
#include <sinter/sinter.hpp>
#include <vector>

namespace sn = sinter;
using matrix = sn::tensor<float, 2>;

namespace {

constexpr std::int64_t n = 1000;

std::mt19937 generator(1);

std::vector<float> random_values(std::int64_t count) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<float> v(static_cast<std::size_t>(count));
    for (float& x : v) x = uniform(generator);
    return v;
}

/// Computes c = a b and gives the seconds that it took.
double timed_product(const matrix& a, const matrix& b, matrix& c) {
    const auto start = std::chrono::steady_clock::now();
    c = matmul(a, b);
    sn::synchronize(c.where());  // a GPU works on while the program goes ahead
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Element (i, j) of a b, summed in double.
double plain_product(const matrix& a, const matrix& b, std::int64_t i, std::int64_t j) {
    double sum = 0;
    for (std::int64_t k = 0; k < a.extent(1); ++k) sum += double{a(i, k)} * double{b(k, j)};
    return sum;
}

}  // namespace

int main() {
    const auto a = sn::from(random_values(n * n), sn::shape{n, n});
    const auto b = sn::from(random_values(n * n), sn::shape{n, n});
    matrix c;
    timed_product(a, b, c);  // the first call also loads the kernel
    const double seconds = timed_product(a, b, c);
    std::printf("%s: %.1f ms, %.1f GFLOP/s\n",
                c.where().name().c_str(),
                seconds * 1e3,
                2e-9 * double{n} * n * n / seconds);

    // The same product on the host.
    const matrix host_a = a.to(sn::device::host()), host_b = b.to(sn::device::host());
    const matrix host_c = c.to(sn::device::host());
    const matrix again = matmul(host_a, host_b);
    const float apart = eval(max(abs(host_c - again)));

    double error = 0;
    std::uniform_int_distribution<std::int64_t> place(0, n - 1);
    for (int sample = 0; sample < 500; ++sample) {
        const std::int64_t i = place(generator), j = place(generator);
        error =
            std::max(error, std::abs(double{host_c(i, j)} - plain_product(host_a, host_b, i, j)));
    }

    // Rounding of a float sum of n products below 1 grows like sqrt(n) units of 2^-24.
    const double allowed = 1e-4;
    std::printf("largest difference from the host %.1e, from a plain loop in double %.1e\n",
                double{apart},
                error);
    const bool good = double{apart} < allowed && error < allowed;
    std::printf(good ? "correct\n" : "WRONG\n");
    return good ? 0 : 1;
}
