// expect: elementwise: the functor must be trivially copyable and default-constructible
#include "sinter/sinter.hpp"

namespace sn = sinter;

struct named {
    float* unknown = nullptr;
    named() = default;
    named(const named& other) : unknown(other.unknown) {}
    float operator()(float x) const { return x; }
};
auto f(const sn::tensor<float, 1>& x) { return sn::elementwise(named{}, x); }
