# What only a CUDA build checks: the registers and the code of every kernel, and NVRTC.
find_package(Python3 COMPONENTS Interpreter REQUIRED)

# The kernel catalogue holds every kernel once for each type; a committed table says what each needs.
set(catalogue "${CMAKE_CURRENT_SOURCE_DIR}/kernel/catalogue.cu")
set(SINTER_CATALOGUE_ARCHITECTURES 75 80 90a
    CACHE STRING "Architectures that the kernel catalogue is compiled for")
if(EXISTS "${catalogue}" AND SINTER_CATALOGUE_ARCHITECTURES)
    set(reports)
    set(ptx)
    set(cubins)
    foreach(architecture IN LISTS SINTER_CATALOGUE_ARCHITECTURES)
        set(report "${CMAKE_CURRENT_BINARY_DIR}/catalogue.sm_${architecture}.txt")
        set(object "${CMAKE_CURRENT_BINARY_DIR}/catalogue.sm_${architecture}.cubin")
        # nvcc leaves the PTX on its way in this folder.
        set(kept "${CMAKE_CURRENT_BINARY_DIR}/catalogue.sm_${architecture}")
        add_custom_command(
            OUTPUT "${report}"
            BYPRODUCTS "${object}" "${kept}/catalogue.ptx"
            COMMAND "${CMAKE_COMMAND}" -E make_directory "${kept}"
            COMMAND
                sh -c [[report=$1; shift; "$@" >"$report" 2>&1 || { cat "$report"; rm -f "$report"; exit 1; }]]
                sh "${report}"
                "${CMAKE_CUDA_COMPILER}" -std=c++20 -O3 -cubin -arch=sm_${architecture} -Xptxas -v
                --keep --keep-dir "${kept}" -Werror all-warnings -I "${PROJECT_SOURCE_DIR}/include" -MD -MF "${object}.d" -MT
                "${report}" -DSINTER_HAS_CUDA=1 -o "${object}" "${catalogue}"
            DEPENDS "${catalogue}"
            DEPFILE "${object}.d"
            COMMENT "Compiling the kernel catalogue for sm_${architecture}"
            VERBATIM)
        list(APPEND reports "${report}")
        list(APPEND ptx "${kept}/catalogue.ptx")
        list(APPEND cubins "${object}")
    endforeach()
    add_custom_target(sinter_catalogue ALL DEPENDS ${reports})
    add_test(NAME cuda/registers
             COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/cmake/registers.py" --nvcc
                     "${CMAKE_CUDA_COMPILER_VERSION}" --table
                     "${CMAKE_CURRENT_SOURCE_DIR}/kernel/registers.txt" ${reports})
    add_test(NAME cuda/registers_self_test
             COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/cmake/registers.py" --self-test)

    # What stands in the code: PTX always, SASS where the toolkit has a disassembler.
    set(code_test "${PROJECT_SOURCE_DIR}/cmake/generated_code.py")
    find_program(SINTER_CUOBJDUMP cuobjdump HINTS "${CUDAToolkit_BIN_DIR}")
    mark_as_advanced(SINTER_CUOBJDUMP)
    set(sass)
    if(SINTER_CUOBJDUMP)
        set(sass --cuobjdump "${SINTER_CUOBJDUMP}" --sass ${cubins})
    endif()
    add_test(NAME cuda/generated_code
             COMMAND Python3::Interpreter "${code_test}" --table
                     "${CMAKE_CURRENT_SOURCE_DIR}/kernel/generated_code.txt" --ptx ${ptx} ${sass})
    add_test(NAME cuda/generated_code_self_test COMMAND Python3::Interpreter "${code_test}" --self-test)
    set(planted "${CMAKE_CURRENT_SOURCE_DIR}/kernel/planted_code.cu")
    set(planted_ptx "${CMAKE_CURRENT_BINARY_DIR}/planted_code.ptx")
    add_custom_command(
        OUTPUT "${planted_ptx}"
        COMMAND "${CMAKE_CUDA_COMPILER}" -std=c++20 -O3 -ptx -arch=sm_80 -o "${planted_ptx}" "${planted}"
        DEPENDS "${planted}"
        COMMENT "Compiling kernels that break the rules of the generated code"
        VERBATIM)
    add_custom_target(sinter_planted_code ALL DEPENDS "${planted_ptx}")
    add_test(NAME cuda/generated_code_planted
             COMMAND Python3::Interpreter "${code_test}" --planted "${planted_ptx}")
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

# The test is the library: only its header is needed.
if(TARGET CUDA::cublasLt AND TARGET sinter_test_main)
    sinter_add_tests(cublaslt "${CMAKE_CURRENT_SOURCE_DIR}/cublaslt/cublaslt_test.cpp")
endif()
