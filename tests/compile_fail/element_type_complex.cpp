// expect: tensor: the element type must be bool, std::uint8_t, std::int8_t, std::int16_t,
#include <complex>

#include "sinter/sinter.hpp"

namespace sn = sinter;

auto f() { return sn::zeros<std::complex<float>>(3, 4); }
