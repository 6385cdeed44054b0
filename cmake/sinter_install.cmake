# cmake --install: the headers, the licence, and what find_package(sinter [COMPONENTS cuda]) reads.
include(CMakePackageConfigHelpers)
set(sinter_config_dir "${CMAKE_INSTALL_DATAROOTDIR}/cmake/sinter")

install(TARGETS sinter EXPORT sinter_targets FILE_SET HEADERS)
install(EXPORT sinter_targets
        FILE sinter-targets.cmake
        NAMESPACE sinter::
        DESTINATION "${sinter_config_dir}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/sinter-config.cmake.in"
                              "${PROJECT_BINARY_DIR}/sinter-config.cmake"
                              INSTALL_DESTINATION "${sinter_config_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/sinter-config-version.cmake"
                                 COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/sinter-config.cmake"
              "${PROJECT_BINARY_DIR}/sinter-config-version.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/sinter_cuda_target.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/sinter_openmp.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/sinter_blas.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/sinter_components.cmake"
        DESTINATION "${sinter_config_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
# GDB's view of arrays: source it, see docs/how-to.md.
install(FILES "${PROJECT_SOURCE_DIR}/gdb/sinter.py" DESTINATION "${CMAKE_INSTALL_DATADIR}/sinter/gdb")
