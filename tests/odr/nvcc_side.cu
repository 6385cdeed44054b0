// The file of the two-file program that nvcc compiles: it can run kernels.
#include "odr.hpp"

namespace odr {

vector polynomial_by_nvcc(const vector& x) {
    vector y = x * x + 1;
    return y;
}

float sum_by_nvcc(const vector& x) {
    const sinter::tensor<float, 0> total = sinter::sum(x);
    return total.item();
}

vector held_by_nvcc() {
    static const vector held = sinter::arange<float>(4);
    return held;
}

}  // namespace odr
