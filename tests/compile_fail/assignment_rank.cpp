// expect: The expression's rank differs from the rank of the tensor it is assigned to.
#include "sinter/sinter.hpp"

namespace sn = sinter;

sn::tensor<float, 1> f(const sn::tensor<float, 2>& x) { return sn::tensor<float, 1>(x + x); }
