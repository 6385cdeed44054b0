// expect: variable: the element type must be half, bfloat16, float or double.
#include "sinter/autodiff.hpp"

namespace sn = sinter;

sn::variable<std::int64_t, 1> x;
