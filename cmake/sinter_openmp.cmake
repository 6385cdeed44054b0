# The threads of the host engine: makes sinter::openmp, which sinter::sinter links where it exists, so
# that every file of a program is compiled alike. Read by the build and by the installed
# configuration.
set(SINTER_OPENMP AUTO CACHE STRING "Use OpenMP on the host: AUTO (where it is found), ON (required) or OFF")
set_property(CACHE SINTER_OPENMP PROPERTY STRINGS AUTO ON OFF)
if(NOT SINTER_OPENMP MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "SINTER_OPENMP is '${SINTER_OPENMP}'; it must be AUTO, ON or OFF.")
endif()

if(NOT SINTER_OPENMP STREQUAL "OFF" AND NOT TARGET sinter::openmp)
    # Global, so that a project which adds Sinter as a subdirectory gets them too.
    set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
    find_package(OpenMP QUIET COMPONENTS CXX)
    unset(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL)
    if(OpenMP_CXX_FOUND)
        add_library(sinter::openmp INTERFACE IMPORTED GLOBAL)
        target_link_libraries(sinter::openmp INTERFACE OpenMP::OpenMP_CXX)
        # nvcc hands the flag to the host's compiler.
        target_compile_options(sinter::openmp INTERFACE
                               "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Xcompiler=-fopenmp>")
    elseif(SINTER_OPENMP STREQUAL "ON")
        message(FATAL_ERROR "SINTER_OPENMP is ON, but the C++ compiler has no OpenMP.")
    else()
        message(STATUS "Sinter's host loops use one thread: OpenMP was not found.")
    endif()
endif()
