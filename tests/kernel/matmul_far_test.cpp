// Products of operands and results that lie far apart in memory.
#include <sys/mman.h>

#include "kernel/stages.hpp"
#include "kernel/support.hpp"

namespace kernel_test {
namespace {

// Address space that costs memory only where it is touched: two products of 70 x 20 elements, whose
// rows and beginnings lie more than 2^32 elements apart.
template <class T>
void check_far(bool along_k) {
    constexpr int64 m = 3, n = 2, k = 70, far = (int64{1} << 32) + 5;
    const std::size_t bytes = static_cast<std::size_t>(7 * far) * sizeof(T);
    void* const space = mmap(
        nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(space != MAP_FAILED);
    T* const first = static_cast<T*>(space);
    // Element (p, i, q) of A, (p, q, j) of B and (p, i, j) of C, behind one another in each row.
    const auto a = [&](int64 p, int64 i, int64 q) { return p * far + i * far + q; };
    const auto b = [&](int64 p, int64 q, int64 j) {
        return 1000 + p * far + (along_k ? j * far + q : j + n * q);
    };
    const auto c = [&](int64 p, int64 i, int64 j) { return 2000 + p * 3 * far + i * far + j; };
    for (int64 p = 0; p < 2; ++p)
        for (int64 q = 0; q < k; ++q) {
            for (int64 i = 0; i < m; ++i) first[a(p, i, q)] = sample<T>(q + 7 * (i + p), 1);
            for (int64 j = 0; j < n; ++j)
                first[b(p, q, j)] = sample<T>(q + (along_k ? 5 * (j + p) : 5 * j + 11 * p), 2);
        }
    binding s({2, m, n}, {k});
    s.load(first, {far, far, 0, 1});
    s.load(first + 1000, {far, 0, along_k ? far : 1, along_k ? 1 : n});
    s.store(first + 2000, {3 * far, far, 1, 0});
    run<stage<plain<sinter::dtype_v<T>>>>(s);
    for (int64 p = 0; p < 2; ++p)
        for (int64 i = 0; i < m; ++i)
            for (int64 j = 0; j < n; ++j) {
                double sum = 0;
                for (int64 q = 0; q < k; ++q)
                    sum += static_cast<double>(number_of(first[a(p, i, q)])) *
                           static_cast<double>(number_of(first[b(p, q, j)]));
                CHECK(close(first[c(p, i, j)], sum, 64));
            }
    munmap(space, bytes);
}
TEST_CASE("matmul: strides and places beyond 2^32 elements, in registers and in tensor cores") {
    for (int along_k = 0; along_k < 2; ++along_k) {
        check_far<float>(along_k != 0);
        check_far<bfloat16>(along_k != 0);
    }
}

}  // namespace
}  // namespace kernel_test
