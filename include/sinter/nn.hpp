/// Layers, losses and initialisers of neural networks: ordinary structs over variables.
#pragma once

#include "sinter/nn/activation.hpp"
#include "sinter/nn/loss.hpp"
#include "sinter/nn/norm.hpp"
#include "sinter/nn/pool.hpp"
#include "sinter/nn/tf32.hpp"
#include "sinter/sinter.hpp"
