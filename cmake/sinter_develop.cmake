# What the tests, examples and benchmarks share: warnings, flavours, and the libraries they need.

# SINTER_FLAVOUR: plain; asan (AddressSanitizer and UBSan); race (the emulator's race checker, which
# stands behind the compiler's calls for thread sanitising).
set(SINTER_FLAVOUR plain CACHE STRING "Flavour of the tests: plain, asan or race")
set_property(CACHE SINTER_FLAVOUR PROPERTY STRINGS plain asan race)
if(NOT SINTER_FLAVOUR MATCHES "^(plain|asan|race)$")
    message(FATAL_ERROR "SINTER_FLAVOUR is '${SINTER_FLAVOUR}'; it must be plain, asan or race.")
endif()

add_library(sinter_warnings INTERFACE)
target_compile_options(
    sinter_warnings
    INTERFACE
        $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wconversion;-Wshadow>
        $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${SINTER_WERROR}>>:-Werror>
        "$<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${SINTER_WERROR}>>:SHELL:-Werror all-warnings>")

# What a program of this build links: sinter::cuda where this build compiles CUDA.
add_library(sinter_program INTERFACE)
target_link_libraries(sinter_program INTERFACE sinter_warnings)
if(SINTER_CUDA_LANGUAGE)
    target_link_libraries(sinter_program INTERFACE sinter::cuda)
else()
    target_link_libraries(sinter_program INTERFACE sinter::sinter)
endif()

# sinter_find_header(<target> <package> <package's target> <header>): makes the INTERFACE library
# <target> from the package, or from the header alone where its package has no CMake files.
# <target>_FOUND tells the caller.
function(sinter_find_header target package package_target header)
    set(${target}_FOUND ON PARENT_SCOPE)
    if(TARGET ${target})
        return()
    endif()
    find_package(${package} QUIET)
    if(TARGET ${package_target})
        add_library(${target} INTERFACE)
        target_link_libraries(${target} INTERFACE ${package_target})
        return()
    endif()
    find_path(${target}_INCLUDE_DIR ${header})
    mark_as_advanced(${target}_INCLUDE_DIR)
    if(${target}_INCLUDE_DIR)
        add_library(${target} INTERFACE)
        target_include_directories(${target} SYSTEM INTERFACE "${${target}_INCLUDE_DIR}")
    else()
        set(${target}_FOUND OFF PARENT_SCOPE)
    endif()
endfunction()

# sinter_compile_as_cuda(<source>...): nvcc compiles these sources of the current directory.
function(sinter_compile_as_cuda)
    set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CUDA)
endfunction()
