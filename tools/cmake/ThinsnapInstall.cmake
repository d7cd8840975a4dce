# Component `runtime`: programs and man pages. Component `development`: the public headers, one
# static library with the objects of every module, and a CMake package.

include(CMakePackageConfigHelpers)

get_property(thinsnap_modules GLOBAL PROPERTY THINSNAP_MODULES)
add_library(thinsnap_archive STATIC)
foreach(module IN LISTS thinsnap_modules)
    target_sources(thinsnap_archive PRIVATE $<TARGET_OBJECTS:thinsnap_${module}>)
endforeach()
set_target_properties(thinsnap_archive PROPERTIES
    OUTPUT_NAME thinsnap
    EXPORT_NAME thinsnap
    LINKER_LANGUAGE CXX)
target_compile_features(thinsnap_archive INTERFACE cxx_std_20)
target_include_directories(thinsnap_archive INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
# What the objects call. A static library cannot carry it, so the package config finds each again.
target_link_libraries(thinsnap_archive PRIVATE
    fmt::fmt OpenSSL::Crypto PkgConfig::ARCHIVE PkgConfig::DEVMAPPER PkgConfig::EXT2FS
    PkgConfig::FUSE PkgConfig::ISAL PkgConfig::MOUNT
    tomlplusplus::tomlplusplus Threads::Threads)

set(thinsnap_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/thinsnap")
install(TARGETS thinsnap_archive EXPORT thinsnap-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/thinsnap"
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
    FILES_MATCHING PATTERN "*.hpp")
install(EXPORT thinsnap-targets NAMESPACE thinsnap::
    DESTINATION ${thinsnap_package_dir} COMPONENT development)
configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/tools/cmake/thinsnap-config.cmake.in"
    "${PROJECT_BINARY_DIR}/package/thinsnap-config.cmake"
    INSTALL_DESTINATION ${thinsnap_package_dir})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/thinsnap-config-version.cmake"
    COMPATIBILITY SameMinorVersion)
install(FILES
    "${PROJECT_BINARY_DIR}/package/thinsnap-config.cmake"
    "${PROJECT_BINARY_DIR}/package/thinsnap-config-version.cmake"
    DESTINATION ${thinsnap_package_dir} COMPONENT development)
