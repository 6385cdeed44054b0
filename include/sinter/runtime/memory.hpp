// Memory of every device: allocations, copies and fills.
#pragma once

#include "sinter/runtime/copy.hpp"
#include "sinter/runtime/storage.hpp"
