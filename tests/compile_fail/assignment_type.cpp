// expect: The expression's element type differs from the tensor's
#include "sinter/sinter.hpp"

namespace sn = sinter;

sn::tensor<float, 1> f(const sn::tensor<double, 1>& x) { return sn::tensor<float, 1>(x + x); }
