// expect: assign it to a variable, or its value alone with detach(expression); under no_grad
#include "sinter/autodiff.hpp"

namespace sn = sinter;

void f(const sn::variable<float, 1>& x) { const sn::tensor<float, 1> y = x * 2; }
