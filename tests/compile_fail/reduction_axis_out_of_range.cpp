// expect: A reduction's axes must lie in [-rank, rank) of its operand and differ from each other.
#include "sinter/sinter.hpp"

namespace sn = sinter;

auto f(const sn::tensor<float, 2>& x) { return sn::sum(x, sn::axis<2>); }
