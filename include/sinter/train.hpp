/// Training as one call: `train::fit` and `train::test`, with progress, curves, confusion matrices,
/// early stopping and checkpoints.
#pragma once

#include "sinter/nn.hpp"
#include "sinter/optim.hpp"
#include "sinter/train/confusion.hpp"
#include "sinter/train/fit.hpp"
