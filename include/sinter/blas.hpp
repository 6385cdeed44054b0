// Include this in one file of a program and link it to a BLAS library (the CMake target
// sinter::blas, or -lopenblas): products of float and of double arrays with nothing before and
// after them then go there, on the host. All others stay with Sinter's own kernels, which fuse.
// Without this header no product needs a library.
#pragma once

#include "sinter/cpu/blas.hpp"

namespace sinter {
namespace detail {

// The C interface of BLAS under names of our own: a program may include <cblas.h> as well.
void blas_sgemm(int,
                int,
                int,
                int,
                int,
                int,
                float,
                const float*,
                int,
                const float*,
                int,
                float,
                float*,
                int) __asm__("cblas_sgemm");
void blas_dgemm(int,
                int,
                int,
                int,
                int,
                int,
                double,
                const double*,
                int,
                const double*,
                int,
                double,
                double*,
                int) __asm__("cblas_dgemm");

inline const bool blas_is_used = [] {
    cpu::the_blas = {&blas_sgemm, &blas_dgemm};
    return true;
}();

}  // namespace detail
}  // namespace sinter
