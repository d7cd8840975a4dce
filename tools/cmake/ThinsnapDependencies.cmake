# Everything taken from outside, in one place. What is missing fails the configuration;
# tools/install-deps installs all of it on Debian 12.
#
# A library that module objects call must also stand in ThinsnapInstall.cmake and
# thinsnap-config.cmake.in, else a program cannot link the installed archive.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(OpenSSL 3 REQUIRED COMPONENTS Crypto)
find_package(tomlplusplus 3.3 REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(DEVMAPPER REQUIRED IMPORTED_TARGET devmapper>=1.02.137)
pkg_check_modules(EXT2FS REQUIRED IMPORTED_TARGET ext2fs>=1.47 com_err)
pkg_check_modules(FUSE REQUIRED IMPORTED_TARGET fuse3>=3.14)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(MOUNT REQUIRED IMPORTED_TARGET mount>=2.38)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)

if(THINSNAP_TESTS)
    find_package(doctest 2.4.9 REQUIRED)
    include(doctest)
endif()
