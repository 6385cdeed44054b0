// expect: matmul: bool arrays have no product
#include "sinter/sinter.hpp"

namespace sn = sinter;

auto f(const sn::tensor<bool, 2>& a) { return sn::matmul(a, a); }
