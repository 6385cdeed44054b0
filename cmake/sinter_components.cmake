# sinter::gzip and sinter::json: what some headers of sinter/io need, where it is found. The library
# itself needs neither. Read by this build and, for the components that are asked for, by
# find_package(sinter COMPONENTS gzip json).
# Global, so that a project which adds Sinter as a subdirectory gets them too.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
if(NOT TARGET sinter::gzip)
    find_package(ZLIB QUIET)
    if(ZLIB_FOUND)
        add_library(sinter::gzip INTERFACE IMPORTED GLOBAL)
        target_link_libraries(sinter::gzip INTERFACE sinter::sinter ZLIB::ZLIB)
    endif()
endif()
if(NOT TARGET sinter::json)
    find_package(nlohmann_json 3.9 QUIET)
    if(nlohmann_json_FOUND)
        add_library(sinter::json INTERFACE IMPORTED GLOBAL)
        target_link_libraries(sinter::json INTERFACE sinter::sinter nlohmann_json::nlohmann_json)
    endif()
endif()
unset(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL)
