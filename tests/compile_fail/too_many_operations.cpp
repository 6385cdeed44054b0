// expect: An expression is limited to 640 operations and operands
#include "sinter/sinter.hpp"

namespace sn = sinter;

// Eight times four times eleven additions, each of an operand: above the limit of 640.
template <class E>
auto eleven(const E& e, const sn::tensor<float, 1>& x) {
    return e + x + x + x + x + x + x + x + x + x + x + x;
}
template <class E>
auto many(const E& e, const sn::tensor<float, 1>& x) {
    return eleven(eleven(eleven(eleven(e, x), x), x), x);
}

void f(sn::tensor<float, 1>& y, const sn::tensor<float, 1>& x) {
    y = many(many(many(many(many(many(many(many(x, x), x), x), x), x), x), x), x);
}
