// expect: elementwise: the functor must return bool, std::uint8_t, std::int8_t, std::int16_t,
#include "sinter/sinter.hpp"

namespace sn = sinter;

struct letter {
    const char* operator()(float) const { return "x"; }
};
auto f(const sn::tensor<float, 1>& x) { return sn::elementwise(letter{}, x); }
