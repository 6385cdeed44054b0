/// Gradients: variables, the tape and what checks and explains them.
#pragma once

#include "sinter/autodiff/checkpoint.hpp"
#include "sinter/autodiff/grad.hpp"
#include "sinter/autodiff/gradcheck.hpp"
#include "sinter/autodiff/gradient.hpp"
#include "sinter/autodiff/join.hpp"
#include "sinter/sinter.hpp"
