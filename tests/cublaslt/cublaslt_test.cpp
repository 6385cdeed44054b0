// What cuBLASLt is told of a product: this file is the library, linked into the program, on a CUDA
// that lives in host memory.
#include <doctest/doctest.h>

#include <vector>

#include "runtime/fake_cuda.hpp"
#include "sinter/cublaslt.hpp"

namespace {

using namespace sinter;
using sinter_test::fake;
using sinter_test::fake_cuda_scope;

struct told_layout {
    cudaDataType_t type;
    int64 rows, columns, line, batch = 1, apart = 0;
};
struct told_product {
    cublasComputeType_t compute;
    cudaDataType_t scale;
    cublasOperation_t a = CUBLAS_OP_N, b = CUBLAS_OP_N;
};
struct told_preference {
    std::size_t workspace = 0;
    std::uint32_t aligned_a = 256;
};
struct library {
    int handles = 0, live = 0, products = 0, calls = 0, fail_at = 0, found = 1;
    cublasComputeType_t compute{};
    cudaDataType_t type{};
    std::uint32_t aligned_a = 0;
    std::size_t workspace = 0;
    // The n-th call may fail.
    cublasStatus_t next() {
        return ++calls == fail_at ? CUBLAS_STATUS_NOT_SUPPORTED : CUBLAS_STATUS_SUCCESS;
    }
};
library lt;

template <class Told, class Handle>
cublasStatus_t make(Handle* to, const Told& t) {
    if (const cublasStatus_t s = lt.next(); s != CUBLAS_STATUS_SUCCESS) return s;
    ++lt.live;
    *to = reinterpret_cast<Handle>(new Told(t));
    return CUBLAS_STATUS_SUCCESS;
}
template <class Told, class Handle>
cublasStatus_t drop(Handle h) {
    --lt.live;
    delete reinterpret_cast<Told*>(h);
    return CUBLAS_STATUS_SUCCESS;
}
template <class T>
T read(const void* from, std::size_t bytes) {
    REQUIRE(bytes == sizeof(T));
    return *static_cast<const T*>(from);
}

// d = op(a) op(b), all by columns.
template <class T>
void multiply(const told_product& p,
              const void* alpha,
              const void* a,
              const told_layout& la,
              const void* b,
              const told_layout& lb,
              void* d,
              const told_layout& ld) {
    CHECK(*static_cast<const T*>(alpha) == 1);
    const auto at = [](const told_layout& l, bool turned, int64 batch, int64 i, int64 j) {
        const int64 r = turned ? j : i, c = turned ? i : j;
        REQUIRE(r < l.rows);
        REQUIRE(c < l.columns);
        return static_cast<std::size_t>(batch * l.apart + r + c * l.line);
    };
    const bool ta = p.a == CUBLAS_OP_T, tb = p.b == CUBLAS_OP_T;
    const int64 k = ta ? la.rows : la.columns;
    CHECK(k == (tb ? lb.columns : lb.rows));
    for (int64 batch = 0; batch < ld.batch; ++batch)
        for (int64 i = 0; i < ld.rows; ++i)
            for (int64 j = 0; j < ld.columns; ++j) {
                T sum = 0;
                for (int64 q = 0; q < k; ++q)
                    sum += static_cast<const T*>(a)[at(la, ta, batch, i, q)] *
                           static_cast<const T*>(b)[at(lb, tb, batch, q, j)];
                static_cast<T*>(d)[at(ld, false, batch, i, j)] = sum;
            }
}

}  // namespace

extern "C" {
cublasStatus_t cublasLtCreate(cublasLtHandle_t* to) {
    if (const cublasStatus_t s = lt.next(); s != CUBLAS_STATUS_SUCCESS) return s;
    ++lt.handles;
    *to = reinterpret_cast<cublasLtHandle_t>(&lt);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* to,
                                        cublasComputeType_t compute,
                                        cudaDataType_t scale) {
    return make(to, told_product{compute, scale});
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d) { return drop<told_product>(d); }
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d,
                                              cublasLtMatmulDescAttributes_t what,
                                              const void* from,
                                              std::size_t bytes) {
    auto& p = *reinterpret_cast<told_product*>(d);
    if (what == CUBLASLT_MATMUL_DESC_TRANSA) p.a = read<cublasOperation_t>(from, bytes);
    if (what == CUBLASLT_MATMUL_DESC_TRANSB) p.b = read<cublasOperation_t>(from, bytes);
    return lt.next();
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* to,
                                          cudaDataType type,
                                          std::uint64_t rows,
                                          std::uint64_t columns,
                                          std::int64_t line) {
    return make(to, told_layout{type, int64(rows), int64(columns), int64(line)});
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l) {
    return drop<told_layout>(l);
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t l,
                                                cublasLtMatrixLayoutAttribute_t what,
                                                const void* from,
                                                std::size_t bytes) {
    auto& t = *reinterpret_cast<told_layout*>(l);
    if (what == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) t.batch = read<std::int32_t>(from, bytes);
    if (what == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET)
        t.apart = read<std::int64_t>(from, bytes);
    return lt.next();
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* to) {
    return make(to, told_preference{});
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p) {
    return drop<told_preference>(p);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
                                                    cublasLtMatmulPreferenceAttributes_t what,
                                                    const void* from,
                                                    std::size_t bytes) {
    auto& t = *reinterpret_cast<told_preference*>(p);
    if (what == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) {
        t.workspace = read<std::size_t>(from, bytes);
    } else {
        const auto aligned = read<std::uint32_t>(from, bytes);
        CHECK(aligned >= sizeof(float));
        if (what == CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES) t.aligned_a = aligned;
    }
    return lt.next();
}
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t,
                                              cublasLtMatmulDesc_t,
                                              cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t p,
                                              int wanted,
                                              cublasLtMatmulHeuristicResult_t to[],
                                              int* found) {
    CHECK(wanted == 1);
    const auto& t = *reinterpret_cast<told_preference*>(p);
    lt.aligned_a = t.aligned_a;
    to[0].workspaceSize = t.workspace / 2;
    *found = lt.found;
    return lt.next();
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t,
                              cublasLtMatmulDesc_t d,
                              const void* alpha,
                              const void* a,
                              cublasLtMatrixLayout_t la,
                              const void* b,
                              cublasLtMatrixLayout_t lb,
                              const void* beta,
                              const void* c,
                              cublasLtMatrixLayout_t,
                              void* out,
                              cublasLtMatrixLayout_t ld,
                              const cublasLtMatmulAlgo_t*,
                              void* workspace,
                              std::size_t bytes,
                              cudaStream_t) {
    if (const cublasStatus_t s = lt.next(); s != CUBLAS_STATUS_SUCCESS) return s;
    const auto& p = *reinterpret_cast<told_product*>(d);
    const auto &x = *reinterpret_cast<told_layout*>(la), &y = *reinterpret_cast<told_layout*>(lb),
               &z = *reinterpret_cast<told_layout*>(ld);
    ++lt.products;
    lt.compute = p.compute;
    lt.type = z.type;
    lt.workspace = bytes;
    CHECK(c == out);
    CHECK(workspace != nullptr);
    if (z.type == CUDA_R_64F) {
        CHECK(p.scale == CUDA_R_64F);
        CHECK(*static_cast<const double*>(beta) == 0);
        multiply<double>(p, alpha, a, x, b, y, out, z);
    } else {
        CHECK(p.scale == CUDA_R_32F);
        CHECK(*static_cast<const float*>(beta) == 0);
        if (x.type == CUDA_R_32F) multiply<float>(p, alpha, a, x, b, y, out, z);
    }
    return CUBLAS_STATUS_SUCCESS;
}
}

namespace {

constexpr int64 m = 3, n = 5, k = 4, batch = 2;
const runtime::launch_record record{.kernel = "matmul", .where = device::cuda(0)};

// One matrix in device memory, by rows or by columns, lines one element apart.
template <class T>
struct matrix {
    int64 rows, columns;
    bool turned;
    std::vector<T> of;
    matrix(int64 r, int64 c, bool t)
        : rows(r),
          columns(c),
          turned(t),
          of(static_cast<std::size_t>(batch * (r + 1) * (c + 1)), T(-1)) {}
    exec::product_matrix seen() {
        return {of.data(), turned ? 1 : columns + 1, turned ? rows + 1 : 1, step()};
    }
    int64 step() const { return (rows + 1) * (columns + 1); }
    T& at(int64 b, int64 i, int64 j) {
        const auto s = seen();
        return of[static_cast<std::size_t>(b * s.batch + i * s.row + j * s.column)];
    }
};

template <class T>
void check_layouts() {
    for (int how = 0; how < 8; ++how)
        for (const bool shares : {false, true}) {
            CAPTURE(how);
            CAPTURE(shares);
            matrix<T> a(m, k, how & 1), b(k, n, how & 2), c(m, n, how & 4);
            for (std::size_t i = 0; i < a.of.size(); ++i) a.of[i] = T(i % 7) - 3;
            for (std::size_t i = 0; i < b.of.size(); ++i) b.of[i] = T(i % 5) - 2;
            exec::plain_product p{.type = dtype_v<T>,
                                  .m = m,
                                  .n = n,
                                  .k = k,
                                  .batch = batch,
                                  .a = a.seen(),
                                  .b = b.seen(),
                                  .c = c.seen()};
            if (shares) p.b.batch = 0;  // one b for the whole batch
            CHECK(exec::the_product_library.run(p, record));
            bool same = true;
            for (int64 x = 0; x < batch; ++x)
                for (int64 i = 0; i < m; ++i)
                    for (int64 j = 0; j < n; ++j) {
                        T sum = 0;
                        for (int64 q = 0; q < k; ++q)
                            sum += a.at(x, i, q) * b.at(shares ? 0 : x, q, j);
                        same &= c.at(x, i, j) == sum;
                    }
            CHECK(same);
            CHECK(c.of.back() == T(-1));
        }
}

}  // namespace

TEST_CASE("cuBLASLt is told of every layout, and multiplies") {
    const fake_cuda_scope scope;
    lt = {};
    check_layouts<float>();
    CHECK(lt.compute == CUBLAS_COMPUTE_32F);
    CHECK(lt.workspace == 16 << 20);
    check_layouts<double>();
    CHECK(lt.compute == CUBLAS_COMPUTE_64F);
    CHECK(lt.live == 0);
    CHECK(lt.handles <= 1);
    fake_cuda_scope::restart();
    CHECK(fake().clean());
}
TEST_CASE("cuBLASLt: types, alignment, and what it is not asked") {
    const fake_cuda_scope scope;
    lt = {};
    matrix<float> a(m, k, false), b(k, n, false), c(m, n, false);
    exec::plain_product p{
        .tf32 = true, .m = m, .n = n, .k = k, .a = a.seen(), .b = b.seen(), .c = c.seen()};
    const auto run = [&] { return exec::the_product_library.run(p, record); };
    CHECK(run());
    CHECK(lt.compute == CUBLAS_COMPUTE_32F_FAST_TF32);
    for (const dtype d : {dtype::bf16, dtype::f16}) {
        p.type = p.result = d;
        p.tf32 = false;
        CHECK(run());
        CHECK(lt.compute == CUBLAS_COMPUTE_32F);
        CHECK(lt.type == (d == dtype::bf16 ? CUDA_R_16BF : CUDA_R_16F));
    }
    // Shorter operands leave float sums where a pass is to read them.
    p.result = dtype::f32;
    CHECK(run());
    CHECK(lt.type == CUDA_R_32F);
    p.type = dtype::f32;
    alignas(256) float apart[64] = {};
    p.b.data = apart + 4;  // by columns it is the left operand
    CHECK(run());
    CHECK(lt.aligned_a == 16);
    // Neither axis contiguous, or lines that overlap: no matrix for a BLAS.
    const int before = lt.products;
    for (const int64 row : {int64{1}, int64{0}, k - 1}) {
        p.a.row = row;
        p.a.column = row == 1 ? 1 : row == 0 ? 2 : 1;
        CHECK_FALSE(run());
    }
    CHECK(lt.products == before);
    CHECK(exec::the_product_library.worth(1024, 4096, 1024));
    CHECK_FALSE(exec::the_product_library.worth(4096, 1023, 4096));
    CHECK(exec::the_product_library.worth_with_pass(1024, 1024, 4096));
    CHECK_FALSE(exec::the_product_library.worth_with_pass(4096, 1023, 4096));
    CHECK_FALSE(exec::the_product_library.worth_with_pass(8192, 8192, 4095));
}
TEST_CASE("whatever cuBLASLt refuses before the product leaves it to the kernel") {
    const fake_cuda_scope scope;
    matrix<float> a(m, k, false), b(k, n, false), c(m, n, false);
    const exec::plain_product p{
        .m = m, .n = n, .k = k, .batch = batch, .a = a.seen(), .b = b.seen(), .c = c.seen()};
    const auto run = [&] { return exec::the_product_library.run(p, record); };
    lt = {};
    REQUIRE(run());
    const int calls = lt.calls - lt.handles;  // the handle is there from now on
    for (int fail = 1; fail < calls; ++fail) {
        CAPTURE(fail);
        lt = {};
        lt.fail_at = fail;
        CHECK_FALSE(run());
        CHECK(lt.live == 0);
    }
    lt = {};
    lt.found = 0;
    CHECK_FALSE(run());
    lt = {};
    lt.fail_at = calls;
    std::string text;
    try {
        run();
    } catch (const device_error& e) {
        text = e.what();
    }
    CHECK(text == "matmul on cuda:0: cublasLtMatmul returned status 15.");
    CHECK(lt.live == 0);
    fake_cuda_scope::restart();
    CHECK(fake().clean());
}
