/// Optimisers and schedules: sgd, adam, adamw, rmsprop, adagrad, lion.
#pragma once

#include "sinter/optim/adagrad.hpp"
#include "sinter/optim/adam.hpp"
#include "sinter/optim/lion.hpp"
#include "sinter/optim/module.hpp"
#include "sinter/optim/rmsprop.hpp"
#include "sinter/optim/schedule.hpp"
#include "sinter/optim/sgd.hpp"
#include "sinter/sinter.hpp"
