// expect: astype: the type must be bool, std::int64_t, bfloat16, float or double.
#include "sinter/sinter.hpp"

namespace sn = sinter;

auto f(const sn::tensor<float, 1>& x) { return sn::astype<short>(x); }
