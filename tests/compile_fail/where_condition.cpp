// expect: where: the condition must be a bool array
#include "sinter/sinter.hpp"

namespace sn = sinter;

auto f(const sn::tensor<float, 1>& x) { return sn::where(x, x, x); }
