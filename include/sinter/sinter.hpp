/// Sinter: lazy array expressions that become one kernel each, on NVIDIA GPUs and on the host.
#pragma once

#include "sinter/expr/compose.hpp"
#include "sinter/tensor/arange.hpp"
#include "sinter/tensor/compare.hpp"
#include "sinter/tensor/conv.hpp"
#include "sinter/tensor/create.hpp"
#include "sinter/tensor/cross_entropy.hpp"
#include "sinter/tensor/evaluate.hpp"
#include "sinter/tensor/explain.hpp"
#include "sinter/tensor/join.hpp"
#include "sinter/tensor/print.hpp"
#include "sinter/tensor/repeat.hpp"
#include "sinter/tensor/share.hpp"
#include "sinter/tensor/take.hpp"
#include "sinter/tensor/transfer.hpp"
#include "sinter/tensor/windows.hpp"
