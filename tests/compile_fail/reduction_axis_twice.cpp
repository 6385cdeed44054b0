// expect: A reduction's axes must lie in [-rank, rank) of its operand and differ from each other.
#include "sinter/sinter.hpp"

namespace sn = sinter;

auto f(const sn::tensor<float, 2>& x) { return sn::max(x, sn::axis<0, -2>); }
