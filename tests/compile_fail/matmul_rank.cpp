// expect: matmul: both operands must have rank 1 or more: write a * b to scale.
#include "sinter/sinter.hpp"

namespace sn = sinter;

auto f(const sn::tensor<float, 2>& a, const sn::tensor<float, 0>& b) { return sn::matmul(a, b); }
