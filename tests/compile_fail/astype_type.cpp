// expect: astype: the type must be bool, std::uint8_t, std::int8_t, std::int16_t, std::int32_t,
#include "sinter/sinter.hpp"

namespace sn = sinter;

auto f(const sn::tensor<float, 1>& x) { return sn::astype<unsigned>(x); }
