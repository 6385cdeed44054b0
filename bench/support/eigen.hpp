// Eigen as a peer where it is installed (Debian: libeigen3-dev) and the host's compiler builds. Its
// elementwise code and reductions use one thread, its products all of them.
#pragma once

#include "harness.hpp"

#if !SINTER_NVCC && __has_include(<eigen3/Eigen/Core>)
#include <eigen3/Eigen/Core>
#define SINTER_BENCH_EIGEN 1
#else
#define SINTER_BENCH_EIGEN 0
#endif

namespace bench {

#if SINTER_BENCH_EIGEN
using eigen_rows = Eigen::Map<Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>,
                              Eigen::Aligned16>;
using eigen_array = Eigen::Map<Eigen::ArrayXf, Eigen::Aligned16>;

inline eigen_array eigen(const vector& x) { return eigen_array(x.data(), x.size()); }
inline eigen_rows eigen(const matrix& x) { return eigen_rows(x.data(), x.extent(0), x.extent(1)); }
#endif

}  // namespace bench
