// Include this in one file of a program and link it to cuBLASLt (the CMake target sinter::cublaslt,
// or -lcublasLt): large products of floating arrays with nothing before and after them then go
// there, on CUDA devices. In files compiled with SINTER_CUBLASLT=1, which the CMake target defines,
// so do those with elementwise operations behind them whose sums are long: these operations are
// then one pass over the library's result. All others stay with Sinter's own kernels, which fuse.
// Without this header no product needs a library.
#pragma once

#include <cublasLt.h>

#include <mutex>
#include <string>

#include "sinter/exec/product_library.hpp"
#include "sinter/runtime/stream.hpp"

namespace sinter {
namespace detail {

/// An operand or the result as cuBLASLt sees it, by columns: as it lies, or transposed.
struct lt_matrix {
    bool fits = false, transposed = false;
    int64 rows = 0, columns = 0, line = 0;

    lt_matrix(int64 r, int64 c, int64 row_stride, int64 column_stride)
        : fits(row_stride == 1 ? column_stride >= r : column_stride == 1 && row_stride >= c),
          transposed(row_stride != 1),
          rows(transposed ? c : r),
          columns(transposed ? r : c),
          line(transposed ? row_stride : column_stride) {}
};
/// The largest power of two up to 256 that an address is a multiple of.
inline std::uint32_t lt_alignment(const void* p) {
    const auto a = reinterpret_cast<std::uintptr_t>(p) | 256U;
    return static_cast<std::uint32_t>(a & -a);
}

inline cudaDataType_t lt_type(dtype d) {
    return d == dtype::f64    ? CUDA_R_64F
           : d == dtype::f32  ? CUDA_R_32F
           : d == dtype::bf16 ? CUDA_R_16BF
                              : CUDA_R_16F;
}

/// A description that cuBLASLt allocates; null when it could not.
template <class Handle, cublasStatus_t (*Destroy)(Handle)>
class lt_owned {
public:
    lt_owned() = default;
    ~lt_owned() {
        if (handle_) Destroy(handle_);
    }
    lt_owned(const lt_owned&) = delete;
    lt_owned& operator=(const lt_owned&) = delete;
    Handle get() const { return handle_; }
    Handle* fill() { return &handle_; }

private:
    Handle handle_ = nullptr;
};
using lt_layout_handle = lt_owned<cublasLtMatrixLayout_t, &cublasLtMatrixLayoutDestroy>;

/// The handle of the current device: made at its first product, and never given back, because at
/// the end of a program CUDA may be gone before it. Null when cuBLASLt refuses.
inline cublasLtHandle_t lt_handle(int index) {
    static std::mutex mutex;
    static cublasLtHandle_t handles[64] = {};
    if (index < 0 || index >= 64) return nullptr;
    const std::lock_guard<std::mutex> lock(mutex);
    if (!handles[index] && cublasLtCreate(&handles[index]) != CUBLAS_STATUS_SUCCESS)
        handles[index] = nullptr;
    return handles[index];
}

inline constexpr std::size_t lt_workspace_bytes = 32 << 20;  // what NVIDIA asks for on Hopper

/// One product as cuBLASLt is told of it. Every call gives false when it refuses.
class lt_product {
public:
    lt_product(const exec::plain_product& p, cublasComputeType_t compute)
        : p_(p), compute_(compute) {}

    bool describe(const lt_matrix& a, const lt_matrix& b, const lt_matrix& c) {
        const auto op = [](bool t) { return t ? CUBLAS_OP_T : CUBLAS_OP_N; };
        const cudaDataType_t scale = p_.type == dtype::f64 ? CUDA_R_64F : CUDA_R_32F;
        const cublasOperation_t op_a = op(a.transposed), op_b = op(b.transposed);
        return done(cublasLtMatmulDescCreate(product_.fill(), compute_, scale)) &&
               set(CUBLASLT_MATMUL_DESC_TRANSA, op_a) && set(CUBLASLT_MATMUL_DESC_TRANSB, op_b) &&
               layout(a_, a, p_.type, p_.a.batch) && layout(b_, b, p_.type, p_.b.batch) &&
               layout(c_, c, p_.result, p_.c.batch);
    }
    bool choose(cublasLtHandle_t handle) {
        int found = 0;
        return done(cublasLtMatmulPreferenceCreate(preference_.fill())) &&
               prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, lt_workspace_bytes) &&
               prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, lt_alignment(p_.a.data)) &&
               prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, lt_alignment(p_.b.data)) &&
               prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, lt_alignment(p_.c.data)) &&
               prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, lt_alignment(p_.c.data)) &&
               done(cublasLtMatmulAlgoGetHeuristic(handle,
                                                   product_.get(),
                                                   a_.get(),
                                                   b_.get(),
                                                   c_.get(),
                                                   c_.get(),
                                                   preference_.get(),
                                                   1,
                                                   &chosen_,
                                                   &found)) &&
               found == 1;
    }
    std::size_t workspace() const { return chosen_.workspaceSize; }
    cublasStatus_t run(cublasLtHandle_t handle, void* workspace, void* stream) const {
        const float one = 1, zero = 0;
        const double one_double = 1, zero_double = 0;
        const bool wide = p_.type == dtype::f64;
        return cublasLtMatmul(handle,
                              product_.get(),
                              wide ? static_cast<const void*>(&one_double) : &one,
                              p_.a.data,
                              a_.get(),
                              p_.b.data,
                              b_.get(),
                              wide ? static_cast<const void*>(&zero_double) : &zero,
                              p_.c.data,
                              c_.get(),
                              p_.c.data,
                              c_.get(),
                              &chosen_.algo,
                              workspace,
                              chosen_.workspaceSize,
                              static_cast<cudaStream_t>(stream));
    }

private:
    static bool done(cublasStatus_t s) { return s == CUBLAS_STATUS_SUCCESS; }
    template <class T>
    bool set(cublasLtMatmulDescAttributes_t what, T value) {
        return done(cublasLtMatmulDescSetAttribute(product_.get(), what, &value, sizeof value));
    }
    template <class T>
    bool prefer(cublasLtMatmulPreferenceAttributes_t what, T value) {
        return done(
            cublasLtMatmulPreferenceSetAttribute(preference_.get(), what, &value, sizeof value));
    }
    bool layout(lt_layout_handle& to, const lt_matrix& m, dtype type, int64 step) {
        const auto rows = static_cast<std::uint64_t>(m.rows),
                   columns = static_cast<std::uint64_t>(m.columns);
        if (!done(cublasLtMatrixLayoutCreate(to.fill(), lt_type(type), rows, columns, m.line)))
            return false;
        const auto count = static_cast<std::int32_t>(p_.batch);
        const std::int64_t apart = step;
        return count == 1 ||
               (done(cublasLtMatrixLayoutSetAttribute(
                    to.get(), CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count)) &&
                done(cublasLtMatrixLayoutSetAttribute(
                    to.get(), CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &apart, sizeof apart)));
    }

    const exec::plain_product& p_;
    cublasComputeType_t compute_;
    lt_owned<cublasLtMatmulDesc_t, &cublasLtMatmulDescDestroy> product_;
    lt_owned<cublasLtMatmulPreference_t, &cublasLtMatmulPreferenceDestroy> preference_;
    lt_layout_handle a_, b_, c_;
    cublasLtMatmulHeuristicResult_t chosen_{};
};

// Not measured yet: so large that a library's years of tuning are sure to tell.
inline constexpr int64 lt_least_extent = 1024;
inline bool lt_is_worth(int64 m, int64 n, int64 k) {
    const int64 least = m < n ? (m < k ? m : k) : (n < k ? n : k);
    return least >= lt_least_extent;
}
// A pass over the results reads and writes 2 m n numbers of 4 bytes more than Sinter's own kernel,
// which takes 8 m n / bandwidth; the library saves a part s of the 2 m n k / peak that a product
// takes. On an H200 peak / bandwidth is about 150 for bfloat16, so that the pass is paid for from k
// = 600 / s on: with an own kernel at 0.85 of the library from 4000. Not measured.
inline constexpr int64 lt_least_sum_with_pass = 4096;
inline bool lt_is_worth_with_pass(int64 m, int64 n, int64 k) {
    return lt_is_worth(m, n, k) && k >= lt_least_sum_with_pass;
}
inline bool lt_run(const exec::plain_product& given, const runtime::launch_record& record) {
    const device where = record.where;
    if (!where.is_cuda() || given.batch > largest_v<int32>) return false;
    exec::plain_product p = given;
    // A result by rows is one by columns with everything the other way round.
    if (p.c.row != 1) {
        const exec::product_matrix a = p.a;
        p.a = {p.b.data, p.b.column, p.b.row, p.b.batch};
        p.b = {a.data, a.column, a.row, a.batch};
        p.c = {p.c.data, p.c.column, p.c.row, p.c.batch};
        p.m = given.n;
        p.n = given.m;
    }
    const lt_matrix a(p.m, p.k, p.a.row, p.a.column), b(p.k, p.n, p.b.row, p.b.column),
        c(p.m, p.n, p.c.row, p.c.column);
    if (!a.fits || !b.fits || !c.fits || c.transposed) return false;
    const cublasComputeType_t compute = p.type == dtype::f64 ? CUBLAS_COMPUTE_64F
                                        : p.tf32             ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                             : CUBLAS_COMPUTE_32F;
    const runtime::cuda_session cuda(where, "matmul", " by cuBLASLt");
    const cublasLtHandle_t handle = lt_handle(where.index());
    lt_product product(p, compute);
    if (!handle || !product.describe(a, b, c) || !product.choose(handle)) return false;
    runtime::storage_ptr workspace;
    if (product.workspace() > 0) workspace = runtime::allocate(where, product.workspace());
    const stream s = current_stream(where);
    const runtime::watched_launch watched(record, s.handle());
    const cublasStatus_t status =
        product.run(handle, workspace ? workspace->data() : nullptr, s.handle());
    if (status != CUBLAS_STATUS_SUCCESS)
        throw device_error("matmul on " + where.name() + ": cublasLtMatmul returned status " +
                           std::to_string(static_cast<int>(status)) + ".");
    return true;
}

inline const bool cublaslt_is_used = [] {
    exec::the_product_library = {"cuBLASLt", &lt_is_worth, &lt_run, &lt_is_worth_with_pass};
    return true;
}();

}  // namespace detail
}  // namespace sinter
