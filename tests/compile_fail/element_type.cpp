// expect: tensor: the element type must be bool, std::uint8_t, std::int8_t, std::int16_t,
#include "sinter/sinter.hpp"

namespace sn = sinter;

void f(sn::tensor<char16_t, 1>& x) { x = sn::tensor<char16_t, 1>{}; }
