// expect: evaluate: takes assignments to out(tensor), as in evaluate(out(a) = e)
#include "sinter/sinter.hpp"

namespace sn = sinter;

void f(sn::tensor<float, 1>& a, const sn::tensor<float, 1>& b) { evaluate(a = b + 1, b * 2); }
