// What the two files of this program call in each other. Both evaluate the same expression types.
#pragma once

#include "sinter/sinter.hpp"

namespace odr {

using vector = sinter::tensor<float, 1>;

/// x * x + 1, evaluated by the file that g++ compiled.
vector polynomial_by_gcc(const vector& x);
/// The same, evaluated by the file that nvcc compiled.
vector polynomial_by_nvcc(const vector& x);
/// The sum of x, evaluated by the file that nvcc compiled.
float sum_by_nvcc(const vector& x);
/// A tensor that the file compiled by nvcc made and still holds.
vector held_by_nvcc();

}  // namespace odr
