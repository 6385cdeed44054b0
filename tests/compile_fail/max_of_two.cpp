// expect: max: reduces one array; the larger of two, element by element, is maximum(a, b).
#include "sinter/sinter.hpp"

namespace sn = sinter;

void f(const sn::tensor<float, 1>& a, const sn::tensor<float, 1>& b) { max(a, b); }
