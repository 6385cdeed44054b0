// The only place of the library that asks which compiler reads it. Read by g++, clang++, nvcc and
// NVRTC alike.
#pragma once

/// Version of the library: major * 10000 + minor * 100 + patch.
#define SINTER_VERSION 100

// SINTER_NVCC: this translation unit can hold kernels. SINTER_DEVICE_CODE: this is the device pass
// of it. SINTER_RTC: NVRTC reads it, which has no standard headers.
#if defined(__CUDACC__)
#define SINTER_NVCC 1
#else
#define SINTER_NVCC 0
#endif
#if defined(__CUDA_ARCH__)
#define SINTER_DEVICE_CODE 1
#else
#define SINTER_DEVICE_CODE 0
#endif
#if defined(__CUDACC_RTC__)
#define SINTER_RTC 1
#else
#define SINTER_RTC 0
#endif

// SINTER_EMULATOR: kernels of this translation unit run on the emulator as well (test builds only).
#if !defined(SINTER_EMULATOR) || SINTER_NVCC
#undef SINTER_EMULATOR
#define SINTER_EMULATOR 0
#endif

/// Marks a function that both the host and a kernel may call. Empty outside CUDA.
#if SINTER_NVCC
#define SINTER_HD __host__ __device__
#define SINTER_DEVICE __device__ __forceinline__
#else
#define SINTER_HD
#define SINTER_DEVICE inline
#endif

/// Forces inlining: inner loops of generated code are built of many one-line functions.
#define SINTER_INLINE inline __attribute__((always_inline))

// SINTER_OPENMP: the host engine of this translation unit uses OpenMP's threads.
#if defined(_OPENMP)
#define SINTER_OPENMP 1
#else
#define SINTER_OPENMP 0
#endif

// SINTER_CUBLASLT: the program has a library for products, and may let it do those that elementwise
// operations follow too, with one kernel more for each. The CMake target sinter::cublaslt defines
// it.
#if !defined(SINTER_CUBLASLT)
#define SINTER_CUBLASLT 0
#endif

namespace sinter {
// Where the kernels of a translation unit can run besides the host, and whether its host loops use
// threads. Every template that reaches a stage's table takes it as its last, defaulted argument:
// the same expression compiled by g++ and by nvcc, or with and without OpenMP, is then two
// functions, and the linker cannot take the one for the other.
struct host_backend {};
struct emulator_backend {};
struct cuda_backend {};
template <class Kernels>
struct threaded {
    static constexpr bool threads = true;
};
// Kernels beside those of a library for products: see exec/product_pass.hpp.
template <class Kernels>
struct beside_library {};
#if SINTER_NVCC && SINTER_CUBLASLT
using kernels_backend = beside_library<cuda_backend>;
#elif SINTER_NVCC
using kernels_backend = cuda_backend;
#elif SINTER_EMULATOR && SINTER_CUBLASLT
using kernels_backend = beside_library<emulator_backend>;
#elif SINTER_EMULATOR
using kernels_backend = emulator_backend;
#else
using kernels_backend = host_backend;
#endif
#if SINTER_OPENMP && !SINTER_EMULATOR
using backend = threaded<kernels_backend>;
#else
using backend = kernels_backend;
#endif
}  // namespace sinter

// Before a loop of the host whose iterations are independent, which its arrays do not show.
#if SINTER_NVCC || SINTER_RTC
#define SINTER_INDEPENDENT
#elif defined(__clang__)
#define SINTER_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define SINTER_INDEPENDENT _Pragma("GCC ivdep")
#endif

// Before a loop of a kernel. SINTER_UNROLLED: its arrays are registers, so every index has to be a
// constant. SINTER_ROLLED: one copy of its body is enough (nvcc likes to repeat loops four times).
#if SINTER_NVCC
#define SINTER_UNROLLED _Pragma("unroll")
#define SINTER_ROLLED _Pragma("unroll 1")
#else
#define SINTER_UNROLLED
#define SINTER_ROLLED
#endif
