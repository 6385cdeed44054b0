// expect: permute: the axes must name every axis of the operand once.
#include "sinter/sinter.hpp"

namespace sn = sinter;

auto f(const sn::tensor<float, 3>& x) { return sn::permute(x, sn::axes<0, 1, 1>); }
