// expect: Sinter supports ranks 0 to 8.
#include "sinter/sinter.hpp"

namespace sn = sinter;

using nine = sn::tensor<float, 9>;
auto f(const nine& x) { return x.size(); }
