// Many expressions in one program: a kernel costs compilers far more than what it computes.
#pragma once

#include "tensor/support.hpp"

namespace tensor_test {

/// The `which`-th of the expressions, counted from the last one, 0; they must have one type. To be
/// used through `with`, so that the operands of all of them are one array each.
template <class Which, class E, class... More>
auto pick(Which which, E e, More... more) {
    if constexpr (sizeof...(More) == 0) {
        return e;
    } else {
        return where(which == static_cast<int>(sizeof...(More)), e, pick(which, more...));
    }
}
/// The results of with(F{}, which, x...) for the `Count` expressions of F in their order.
template <class T, int R, int Count, class F, class... X>
std::vector<sn::tensor<T, R>> each_of(F f, const X&... x) {
    std::vector<sn::tensor<T, R>> results;
    for (int which = Count; which-- > 0;)
        results.push_back(sn::tensor<T, R>(with(f, sn::tensor<int64, 0>(which), x...)));
    return results;
}

}  // namespace tensor_test
