// Products without a prologue and an epilogue may go to a BLAS library: <sinter/blas.hpp> says to
// which.
#pragma once

#include "sinter/cpu/loops.hpp"

namespace sinter::cpu {

/// The products of a BLAS library as its C interface takes them, with 101 for row-major results and
/// 111 or 112 for an operand as it is or transposed. Null: there is none.
template <class T>
using blas_product = void (*)(int order,
                              int transpose_a,
                              int transpose_b,
                              int m,
                              int n,
                              int k,
                              T alpha,
                              const T* a,
                              int lda,
                              const T* b,
                              int ldb,
                              T beta,
                              T* c,
                              int ldc);
struct blas_library {
    blas_product<float> of_float = nullptr;
    blas_product<double> of_double = nullptr;
};
inline constinit blas_library the_blas;

namespace detail {

/// A matrix as BLAS sees it: one of its strides is 1, the other at least as long as a line.
struct blas_matrix {
    bool fits = false, transposed = false;
    int line = 1;

    blas_matrix(int64 rows, int64 columns, int64 row_stride, int64 column_stride) {
        if (column_stride == 1 || columns == 1)
            take(false, columns, rows == 1 ? columns : row_stride);
        if (!fits && (row_stride == 1 || rows == 1))
            take(true, rows, columns == 1 ? rows : column_stride);
    }

private:
    void take(bool turned, int64 length, int64 stride) {
        if (stride < length || stride > largest_v<int32>) return;
        fits = true;
        transposed = turned;
        line = static_cast<int>(stride);
    }
};
/// The load that is this operand of the core as it lies in memory, or -1.
inline int plain_side(const loop& l) {
    return l.inputs.count == 1 && l.outputs[0].from == 0 ? l.inputs[0].load : -1;
}
/// The only result of the stage if it is the product itself, or -1.
inline int plain_result(const stage_loops& code) {
    const loop& l = code.pass[0];
    const bool plain = l.outputs.count == 1 && l.outputs[0].to == goes_to::store &&
                       l.outputs[0].from == 0 && l.inputs.count == 1 &&
                       l.inputs[0].load == code.loads;
    return plain ? l.outputs[0].store : -1;
}

template <class T>
bool run_blas(blas_product<T> product, const stage_loops& code, const ir::bound_stage& b) {
    const int left = plain_side(code.side[0]), right = plain_side(code.side[1]);
    const int result = plain_result(code);
    if (!product || left < 0 || right < 0 || result < 0 || b.row_rank != 1) return false;
    const int m_axis = b.rows_axis(), n_axis = b.columns_axis(), k_axis = b.summed_axis();
    const int64 m = b.extent[m_axis], n = b.extent[n_axis], k = b.extent[k_axis];
    if (k == 0 || m > largest_v<int32> || n > largest_v<int32> || k > largest_v<int32>)
        return false;
    const ir::bound_operand &p = b.load[left], &q = b.load[right], &r = b.store[result];
    if (r.data == nullptr) return false;
    const blas_matrix x(m, k, p.stride[m_axis], p.stride[k_axis]),
        y(k, n, q.stride[k_axis], q.stride[n_axis]), z(m, n, r.stride[m_axis], r.stride[n_axis]);
    if (!x.fits || !y.fits || !z.fits) return false;
    // A result that lies by columns is the same with all three the other way round.
    const auto how = [&](const blas_matrix& v) { return v.transposed == z.transposed ? 111 : 112; };
    const int64 batch = b.batch();
    for (int64 i = 0; i < batch; ++i) {
        int64 at = i, of_p = 0, of_q = 0, of_r = 0;
        for (int d = m_axis - 1; d >= 0; --d) {
            const int64 c = at % b.extent[d];
            at /= b.extent[d];
            of_p += c * p.stride[d];
            of_q += c * q.stride[d];
            of_r += c * r.stride[d];
        }
        product(z.transposed ? 102 : 101,
                how(x),
                how(y),
                static_cast<int>(m),
                static_cast<int>(n),
                static_cast<int>(k),
                T(1),
                static_cast<const T*>(p.data) + of_p,
                x.line,
                static_cast<const T*>(q.data) + of_q,
                y.line,
                T(0),
                static_cast<T*>(r.data) + of_r,
                z.line);
    }
    return true;
}

}  // namespace detail

/// Runs the stage by the BLAS library if there is one, and the stage is a plain product whose
/// arrays lie as BLAS takes them.
inline bool run_blas(const stage_loops& code, const ir::bound_stage& b) {
    if (code.product->type == dtype::f32) return detail::run_blas(the_blas.of_float, code, b);
    if (code.product->type == dtype::f64) return detail::run_blas(the_blas.of_double, code, b);
    return false;
}

}  // namespace sinter::cpu
