// expect: elementwise: the functor must return bool, int, std::int64_t, bfloat16, float or double.
#include "sinter/sinter.hpp"

namespace sn = sinter;

struct letter {
    const char* operator()(float) const { return "x"; }
};
auto f(const sn::tensor<float, 1>& x) { return sn::elementwise(letter{}, x); }
