// expect: transpose: the operand must have rank 2; permute takes any rank.
#include "sinter/sinter.hpp"

namespace sn = sinter;

auto f(const sn::tensor<float, 3>& x) { return sn::transpose(x); }
