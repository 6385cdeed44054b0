// expect: An expression is limited to 640 operations and operands, nested at most 450 deep
#include "sinter/sinter.hpp"

namespace sn = sinter;

template <class E>
auto ten(const E& e) {
    return -(-(-(-(-(-(-(-(-(-e)))))))));
}
template <class E>
auto hundred(const E& e) {
    return ten(ten(ten(ten(ten(ten(ten(ten(ten(ten(e))))))))));
}

void f(sn::tensor<float, 1>& y, const sn::tensor<float, 1>& x) {
    y = hundred(hundred(hundred(hundred(hundred(x)))));
}
