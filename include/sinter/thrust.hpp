/// Arrays as ranges for Thrust's algorithms; the only header of the library that includes Thrust.
///
///     thrust::sort(sn::thrust_on(sn::current_stream()), sn::thrust_begin(x), sn::thrust_end(x));
///
/// Compiled by nvcc it works on CUDA arrays. With THRUST_DEVICE_SYSTEM set to another system than
/// CUDA, such as THRUST_DEVICE_SYSTEM_CPP, it works on arrays in host memory.
///
/// A file that nvcc compiles with Thrust must not say `using namespace sinter` outside of functions
/// and namespaces: the toolkit has a namespace `cuda` as well.
#pragma once

#include <thrust/device_ptr.h>
#include <thrust/execution_policy.h>

#include "sinter/tensor/tensor.hpp"

#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
#include <thrust/system/cuda/execution_policy.h>
#endif

namespace sinter {

/// The first element of `x`, a tensor or a view, for Thrust. Throws shape_error unless the elements
/// lie in row-major order without gaps, and device_error when Thrust's device system cannot reach
/// them. Whoever runs an algorithm on another stream than the array's own calls x.record_stream(s)
/// before it drops the array.
template <element T, int R>
thrust::device_ptr<T> thrust_begin(const tensor<T, R>& x) {
    constexpr bool on_cuda = THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA;
    if (!x.is_contiguous())
        throw shape_error("thrust_begin: an array of shape " + shape_text(x.extents()) +
                          " does not lie in row-major order without gaps, as Thrust needs it: take "
                          "a clone().");
    if (x.size() > 0 && x.where().is_cuda() != on_cuda)
        throw device_error("thrust_begin: the array lives on " + x.where().name() +
                           ", and Thrust's device system in this file is " +
                           (on_cuda ? "CUDA" : "the host") + ": move the array with to(device).");
    return thrust::device_pointer_cast(x.data());
}
/// One past the last element of `x`; as thrust_begin.
template <element T, int R>
thrust::device_ptr<T> thrust_end(const tensor<T, R>& x) {
    return thrust_begin(x) + x.size();
}

/// Where Thrust shall run: on stream `s`, without waiting for the result; where Thrust's device
/// system is not CUDA, at once.
inline auto thrust_on([[maybe_unused]] const stream& s) {
#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
    return thrust::cuda::par_nosync.on(static_cast<cudaStream_t>(s.handle()));
#else
    return thrust::device;
#endif
}

}  // namespace sinter
