// Everything that a kernel may say. Kernels see this namespace and nothing of CUDA.
//
// A kernel is a functor that is passed by its bytes:
//
//     struct scale {
//         static constexpr int max_threads = 256, min_blocks = 1;
//         const float* x;
//         float* y;
//         SINTER_DEVICE void operator()() const;
//     };
//
// nvcc and NVRTC compile it for the GPU; test builds (SINTER_EMULATOR) run it on the emulator. In
// any other translation unit only the types are there.
#pragma once

#include "sinter/simt/types.hpp"
#if SINTER_NVCC
#include "sinter/simt/cuda.cuh"
#include "sinter/simt/cuda_matrix.cuh"

namespace sinter::simt {
inline namespace cuda_abi {

/// The __global__ function of the kernel K.
template <class K>
__global__ void __launch_bounds__(K::max_threads, K::min_blocks)
    entry(const __grid_constant__ K k) {
    k();
}

#if !SINTER_RTC
/// What a launch through the runtime's table takes: the host's address of the entry of K, which has
/// one argument, a K.
template <class K>
const void* entry_pointer() {
    return reinterpret_cast<const void*>(&entry<K>);
}
#endif

}  // namespace cuda_abi
}  // namespace sinter::simt
#elif SINTER_EMULATOR
#include "sinter/simt/emulated.hpp"
#endif
