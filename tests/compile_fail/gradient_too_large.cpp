// expect: The gradient of an expression takes more than 256 operations: assign a part of it to a
// variable.
#include "sinter/autodiff.hpp"

namespace sn = sinter;

template <int K, class X>
auto nested(const X& x) {
    if constexpr (K == 0) {
        return x * 0.5;
    } else {
        return sin(nested<K - 1>(x)) * x;
    }
}
struct chain {
    template <class X>
    auto operator()(X x) const {
        return nested<48>(x);
    }
};

void f(const sn::variable<double, 1>& x) { sn::variable<double, 1> y = with(chain{}, x); }
