// expect: Sinter supports ranks 0 to 8.
#include "sinter/sinter.hpp"

namespace sn = sinter;

sn::shape<9> extents;
