# Decides whether this build uses CUDA, and makes the target sinter::cuda where it does.
set(SINTER_CUDA_LANGUAGE OFF)
if(NOT SINTER_CUDA MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "SINTER_CUDA is '${SINTER_CUDA}'; it must be AUTO, ON or OFF.")
endif()

# Ends the search with one sentence: a remark under AUTO, an error under ON.
function(sinter_without_cuda reason)
    if(SINTER_CUDA STREQUAL "ON")
        message(FATAL_ERROR "SINTER_CUDA is ON, but ${reason}.")
    endif()
    message(STATUS "Sinter is built for the host: ${reason}.")
endfunction()

if(SINTER_CUDA STREQUAL "OFF")
    return()
endif()

# The version comes first: an nvcc older than C++20 often cannot run with today's host compilers at
# all, and the reason would be lost in a failed compiler check.
find_program(SINTER_NVCC
             NAMES "$ENV{CUDACXX}" "${CMAKE_CUDA_COMPILER}" nvcc
             HINTS ENV CUDA_PATH ENV CUDA_HOME
             PATHS /usr/local/cuda
             PATH_SUFFIXES bin)
mark_as_advanced(SINTER_NVCC)
if(NOT SINTER_NVCC)
    sinter_without_cuda("no CUDA compiler (nvcc) was found")
    return()
endif()
execute_process(COMMAND "${SINTER_NVCC}" --version OUTPUT_VARIABLE sinter_nvcc_text ERROR_QUIET)
if(NOT sinter_nvcc_text MATCHES "V([0-9]+\\.[0-9]+\\.[0-9]+)")
    sinter_without_cuda("${SINTER_NVCC} does not tell its version")
    return()
endif()
set(sinter_nvcc_version "${CMAKE_MATCH_1}")
if(sinter_nvcc_version VERSION_LESS 12.0)
    sinter_without_cuda(
        "${SINTER_NVCC} is version ${sinter_nvcc_version} and C++20 needs nvcc 12.0 or newer")
    return()
endif()

# Global, so that a project which adds Sinter as a subdirectory can link sinter::cuda.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
find_package(CUDAToolkit 12.0 QUIET)
unset(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL)
if(NOT CUDAToolkit_FOUND)
    sinter_without_cuda("the CUDA toolkit's libraries (12.0 or newer) were not found")
    return()
endif()

# A project that includes Sinter enables the language itself where it has .cu files.
if(PROJECT_IS_TOP_LEVEL)
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
        if(DEFINED ENV{CUDAARCHS})
            set(CMAKE_CUDA_ARCHITECTURES "$ENV{CUDAARCHS}")
        elseif(EXISTS /dev/nvidiactl)
            set(CMAKE_CUDA_ARCHITECTURES native)
        else()
            set(CMAKE_CUDA_ARCHITECTURES 90)
        endif()
        set(CMAKE_CUDA_ARCHITECTURES "${CMAKE_CUDA_ARCHITECTURES}" CACHE STRING "CUDA architectures")
    endif()
    if(NOT DEFINED ENV{CUDACXX})
        set(ENV{CUDACXX} "${SINTER_NVCC}")
    endif()
    include(CheckLanguage)
    check_language(CUDA)
    if(NOT CMAKE_CUDA_COMPILER)
        sinter_without_cuda("${SINTER_NVCC} does not compile a test program with ${CMAKE_CXX_COMPILER}")
        return()
    endif()
    enable_language(CUDA)
    set(SINTER_CUDA_LANGUAGE ON)
    message(STATUS "Sinter is built for CUDA: nvcc ${sinter_nvcc_version}, "
                   "architectures ${CMAKE_CUDA_ARCHITECTURES}.")
endif()

include("${CMAKE_CURRENT_LIST_DIR}/sinter_cuda_target.cmake")
set_target_properties(sinter::cuda PROPERTIES IMPORTED_GLOBAL ON)
