// expect: matmul: both operands must have rank 1 or 2.
#include "sinter/sinter.hpp"

namespace sn = sinter;

auto f(const sn::tensor<float, 2>& a, const sn::tensor<float, 3>& b) { return sn::matmul(a, b); }
