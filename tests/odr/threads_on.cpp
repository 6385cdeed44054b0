// Compiled with OpenMP: large arrays are computed by several threads.
#include <omp.h>

#include "threads.hpp"

namespace odr {

vector marks_with_openmp(const vector& x) {
    omp_set_num_threads(2);
    vector y = sinter::elementwise(mark_thread{}, x);
    return y;
}

}  // namespace odr
