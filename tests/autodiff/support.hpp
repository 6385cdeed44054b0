// What the tests of gradients share.
#pragma once

#include <sinter/autodiff.hpp>

#include "tensor/support.hpp"

namespace autodiff_test {

using namespace tensor_test;
using sn::_;
using sn::axis;
using sn::keepdims;
using sn::range;

template <int R>
using var = sn::variable<double, R>;

/// Values between -2 and 2 that no two tests of one shape share by accident.
template <int R>
var<R> normal(const sn::shape<R>& s) {
    static unsigned long seed = 7;
    random_numbers r(++seed);
    sn::tensor<double, R> t(s, device::host());
    for (int64 i = 0; i < t.size(); ++i)
        t.data()[i] = static_cast<double>(r.below(4001) - 2000) / 1000.0 + 1e-4;
    return var<R>(t.to(sn::default_device()));
}

template <class X>
auto var_of(const X& x) {
    return sn::var(x, axis<-1>);
}

/// True when gradcheck agrees; says where it does not.
template <class F, class... X>
bool agrees(F f, const X&... x) {
    sn::gradcheck_options o;
#ifdef SINTER_TEST_ASAN
    o.every = 7;  // each difference runs the same code
#endif
    const sn::gradcheck_result r = sn::gradcheck(f, o, x...);
    if (!r.passed) MESSAGE(r.first);
    return r.passed && r.checked > 0;
}

}  // namespace autodiff_test
