# The target sinter::cuda: Sinter with the CUDA runtime. Read by the build and by the installed
# configuration alike. It never links libcuda: a program must start where there is no driver.
if(NOT TARGET sinter::cuda)
    add_library(sinter::cuda INTERFACE IMPORTED)
    target_compile_definitions(sinter::cuda INTERFACE SINTER_HAS_CUDA=1)
    # Not the feature cuda_std_20, which CMake 3.25 does not know for nvcc.
    target_compile_options(sinter::cuda INTERFACE $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20>)
    target_link_libraries(sinter::cuda INTERFACE sinter::sinter CUDA::cudart)
endif()
# sinter::cublaslt: for programs that include <sinter/cublaslt.hpp> in one file.
option(SINTER_CUBLASLT "Offer sinter::cublaslt where the toolkit has cuBLASLt" ON)
if(SINTER_CUBLASLT AND TARGET CUDA::cublasLt AND NOT TARGET sinter::cublaslt)
    add_library(sinter::cublaslt INTERFACE IMPORTED)
    target_compile_definitions(sinter::cublaslt INTERFACE SINTER_CUBLASLT=1)
    target_link_libraries(sinter::cublaslt INTERFACE sinter::cuda CUDA::cublasLt)
endif()
