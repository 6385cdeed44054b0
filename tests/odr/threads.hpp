// What the files of this program share. Both evaluate the same expression; one is compiled with
// OpenMP and may use threads, the other is not.
#pragma once

#include "sinter/sinter.hpp"

namespace odr {

/// A number for the calling thread.
float thread_mark();

struct mark_thread {
    float operator()(float) const { return thread_mark(); }
};

using vector = sinter::tensor<float, 1>;

/// The marks of the threads that computed each element.
vector marks_with_openmp(const vector& x);
vector marks_without(const vector& x);

}  // namespace odr
