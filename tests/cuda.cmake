# What only a CUDA build checks: the registers of every kernel, and NVRTC.
find_package(Python3 COMPONENTS Interpreter REQUIRED)

# The kernel catalogue holds every kernel once for each type; a committed table says what each needs.
set(catalogue "${CMAKE_CURRENT_SOURCE_DIR}/kernel/catalogue.cu")
set(SINTER_CATALOGUE_ARCHITECTURES 75 80 90a
    CACHE STRING "Architectures that the kernel catalogue is compiled for")
if(EXISTS "${catalogue}" AND SINTER_CATALOGUE_ARCHITECTURES)
    set(reports)
    foreach(architecture IN LISTS SINTER_CATALOGUE_ARCHITECTURES)
        set(report "${CMAKE_CURRENT_BINARY_DIR}/catalogue.sm_${architecture}.txt")
        set(object "${CMAKE_CURRENT_BINARY_DIR}/catalogue.sm_${architecture}.cubin")
        add_custom_command(
            OUTPUT "${report}"
            BYPRODUCTS "${object}"
            COMMAND
                sh -c [[report=$1; shift; "$@" >"$report" 2>&1 || { cat "$report"; rm -f "$report"; exit 1; }]]
                sh "${report}"
                "${CMAKE_CUDA_COMPILER}" -std=c++20 -O3 -cubin -arch=sm_${architecture} -Xptxas -v
                -Werror all-warnings -I "${PROJECT_SOURCE_DIR}/include" -MD -MF "${object}.d" -MT
                "${report}" -DSINTER_HAS_CUDA=1 -o "${object}" "${catalogue}"
            DEPENDS "${catalogue}"
            DEPFILE "${object}.d"
            COMMENT "Compiling the kernel catalogue for sm_${architecture}"
            VERBATIM)
        list(APPEND reports "${report}")
    endforeach()
    add_custom_target(sinter_catalogue ALL DEPENDS ${reports})
    add_test(NAME cuda/registers
             COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/cmake/registers.py" --nvcc
                     "${CMAKE_CUDA_COMPILER_VERSION}" --table
                     "${CMAKE_CURRENT_SOURCE_DIR}/kernel/registers.txt" ${reports})
    add_test(NAME cuda/registers_self_test
             COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/cmake/registers.py" --self-test)
endif()

# Tests that compile kernels with NVRTC from a plain C++ program, out of headers it carries as text.
file(GLOB rtc_tests CONFIGURE_DEPENDS RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}"
     "${CMAKE_CURRENT_SOURCE_DIR}/rtc/*_test.cpp")
if(rtc_tests AND TARGET CUDA::nvrtc)
    set(embedded "${CMAKE_CURRENT_BINARY_DIR}/embedded/embedded_headers.hpp")
    set(device_headers ${sinter_headers})
    list(FILTER device_headers INCLUDE REGEX
         "/include/sinter/(core|simt|kernel|ir)/")
    add_custom_command(
        OUTPUT "${embedded}"
        COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/cmake/embed.py"
                "${PROJECT_SOURCE_DIR}/include" "${embedded}" ${device_headers}
        DEPENDS "${PROJECT_SOURCE_DIR}/cmake/embed.py" ${device_headers}
        COMMENT "Embedding the device headers"
        VERBATIM)
    sinter_add_tests(rtc ${rtc_tests})
    target_sources(sinter_test_rtc PRIVATE "${embedded}")
    target_include_directories(sinter_test_rtc PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/embedded")
    target_link_libraries(sinter_test_rtc PRIVATE CUDA::nvrtc)
endif()

# A program with Sinter starts where there is no driver: it may need the CUDA runtime, never libcuda.
find_program(SINTER_READELF readelf)
mark_as_advanced(SINTER_READELF)
if(SINTER_READELF AND TARGET sinter_test_runtime)
    add_test(NAME cuda/no_libcuda
             COMMAND sh -c [[needed=$("$1" -d "$2" | grep NEEDED) || exit 1
                             echo "$needed"; ! echo "$needed" | grep -q "libcuda[.]so"]]
                     sh "${SINTER_READELF}" "$<TARGET_FILE:sinter_test_runtime>")
endif()

# Compiled with NVTX, the tests of the profile run the same.
if(TARGET CUDA::nvtx3 AND TARGET sinter_test_main)
    sinter_add_tests(nvtx "${CMAKE_CURRENT_SOURCE_DIR}/nvtx/nvtx_test.cpp")
    target_compile_definitions(sinter_test_nvtx PRIVATE SINTER_NVTX=1)
    target_link_libraries(sinter_test_nvtx PRIVATE CUDA::nvtx3)
endif()
