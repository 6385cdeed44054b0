// expect: An expression of arrays is no condition: compare whole arrays with array_equal(a, b)
#include "sinter/sinter.hpp"

namespace sn = sinter;

int f(const sn::tensor<float, 1>& a, const sn::tensor<float, 1>& b) {
    if (a == b) return 1;
    return 0;
}
