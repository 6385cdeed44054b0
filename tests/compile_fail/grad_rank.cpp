// expect: grad: the expression must have rank 0: write sum(e) or mean(e).
#include "sinter/autodiff.hpp"

namespace sn = sinter;

void f(const sn::variable<float, 1>& x) { grad(x * 2, x); }
