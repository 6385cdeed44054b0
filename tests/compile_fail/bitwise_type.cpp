// expect: bitwise functions take bool and integer arrays, shifts integer arrays
#include "sinter/sinter.hpp"

namespace sn = sinter;

auto f(const sn::tensor<float, 2>& a) { return a & 1; }
