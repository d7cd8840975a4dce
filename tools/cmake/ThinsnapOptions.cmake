# Options of the build and the interface target thinsnap_options that carries them.
#
# Every target of ours links thinsnap_options PRIVATE, so nothing here reaches a user of the
# installed library, and nothing is set for the whole directory tree.

option(THINSNAP_TESTS "build the tests" ${PROJECT_IS_TOP_LEVEL})
option(THINSNAP_WERROR "treat warnings as errors" OFF)
option(THINSNAP_CRASH_POINTS "compile in the named crash points (tests only)" OFF)
option(THINSNAP_FUZZ "link the fuzzers with libFuzzer (Clang); else they replay their corpus" OFF)
option(THINSNAP_COVERAGE "instrument for gcov" OFF)
option(THINSNAP_LTO "link-time optimisation of the tools" OFF)
option(THINSNAP_UNITY "compile each module as one source: much faster, but only when all is compiled" OFF)
set(THINSNAP_SANITIZE "" CACHE STRING
    "sanitizers, a list of: address, undefined, thread, fuzzer")

set(thinsnap_known_sanitizers address undefined thread fuzzer)
string(REPLACE "," ";" thinsnap_sanitizers "${THINSNAP_SANITIZE}")
foreach(sanitizer IN LISTS thinsnap_sanitizers)
    if(NOT sanitizer IN_LIST thinsnap_known_sanitizers)
        message(FATAL_ERROR "THINSNAP_SANITIZE: unknown sanitizer '${sanitizer}'"
            " (known: ${thinsnap_known_sanitizers})")
    endif()
endforeach()
if("thread" IN_LIST thinsnap_sanitizers AND "address" IN_LIST thinsnap_sanitizers)
    message(FATAL_ERROR "THINSNAP_SANITIZE: thread and address exclude each other")
endif()
if(THINSNAP_FUZZ AND NOT "fuzzer" IN_LIST thinsnap_sanitizers)
    message(FATAL_ERROR "THINSNAP_FUZZ needs THINSNAP_SANITIZE to contain 'fuzzer'")
endif()
if("fuzzer" IN_LIST thinsnap_sanitizers AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "THINSNAP_SANITIZE=fuzzer needs Clang, see the preset 'fuzz'")
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "build type" FORCE)
endif()

find_program(THINSNAP_CCACHE ccache DOC "compiler cache, used when present")
if(THINSNAP_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${THINSNAP_CCACHE}" CACHE STRING "compiler launcher")
endif()

add_library(thinsnap_options INTERFACE)
target_compile_features(thinsnap_options INTERFACE cxx_std_20)
target_compile_options(thinsnap_options INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wold-style-cast
    -Wnon-virtual-dtor -Woverloaded-virtual -Wformat=2 -Wundef -Wimplicit-fallthrough
    $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond;-Wlogical-op;-Wsuggest-override>
    $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
    $<$<BOOL:${THINSNAP_WERROR}>:-Werror>)

set(thinsnap_is_release $<CONFIG:Release,RelWithDebInfo,MinSizeRel>)
target_compile_definitions(thinsnap_options INTERFACE
    $<$<NOT:${thinsnap_is_release}>:_GLIBCXX_ASSERTIONS>
    $<$<BOOL:${THINSNAP_CRASH_POINTS}>:THINSNAP_CRASH_POINTS=1>)

# Hardening. _FORTIFY_SOURCE is undefined first: some compilers preset another level.
target_compile_options(thinsnap_options INTERFACE
    "$<${thinsnap_is_release}:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2;-fstack-protector-strong>"
    "$<${thinsnap_is_release}:-fstack-clash-protection>")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    target_compile_options(thinsnap_options INTERFACE
        "$<${thinsnap_is_release}:-fcf-protection>")
endif()
target_link_options(thinsnap_options INTERFACE
    "$<${thinsnap_is_release}:LINKER:-z,relro,-z,now>")

# Sanitizers. No recovery: a finding fails the test that ran into it.
set(thinsnap_sanitize_flags "")
set(thinsnap_runtime_sanitizers ${thinsnap_sanitizers})
list(REMOVE_ITEM thinsnap_runtime_sanitizers fuzzer)
if(thinsnap_runtime_sanitizers)
    list(JOIN thinsnap_runtime_sanitizers "," joined)
    set(thinsnap_sanitize_flags -fsanitize=${joined} -fno-sanitize-recover=all)
    target_compile_options(thinsnap_options INTERFACE
        ${thinsnap_sanitize_flags} -fno-omit-frame-pointer)
    target_link_options(thinsnap_options INTERFACE ${thinsnap_sanitize_flags})
    # Instrumentation makes GCC see uninitialised members in libstdc++'s own std::regex.
    target_compile_options(thinsnap_options INTERFACE
        $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
if("fuzzer" IN_LIST thinsnap_sanitizers)
    target_compile_options(thinsnap_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(THINSNAP_COVERAGE)
    target_compile_options(thinsnap_options INTERFACE --coverage)
    target_link_options(thinsnap_options INTERFACE --coverage)
endif()

# Objects carry both machine code and GCC's intermediate form: the installed libthinsnap.a works
# with any compiler, tests link at full speed, and only the tools pay for the optimised link.
if(THINSNAP_LTO)
    if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        message(FATAL_ERROR "THINSNAP_LTO needs GCC: it relies on -ffat-lto-objects")
    endif()
    add_library(thinsnap_lto_objects INTERFACE)
    target_compile_options(thinsnap_lto_objects INTERFACE -flto=auto -ffat-lto-objects)
    add_library(thinsnap_lto_link INTERFACE)
    target_link_options(thinsnap_lto_link INTERFACE -flto=auto)
    target_link_options(thinsnap_options INTERFACE
        $<$<NOT:$<BOOL:$<TARGET_PROPERTY:THINSNAP_LTO_LINK>>>:-fno-lto>)
endif()

function(thinsnap_print_summary)
    get_property(modules GLOBAL PROPERTY THINSNAP_MODULES)
    list(JOIN modules " " modules)
    set(sanitize "${THINSNAP_SANITIZE}")
    if(NOT sanitize)
        set(sanitize none)
    endif()
    set(launcher "${CMAKE_CXX_COMPILER_LAUNCHER}")
    if(NOT launcher)
        set(launcher none)
    endif()
    message(STATUS "thinsnap ${PROJECT_VERSION}")
    message(STATUS "  compiler      ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}, cache: ${launcher}")
    message(STATUS "  build type    ${CMAKE_BUILD_TYPE}, LTO: ${THINSNAP_LTO}, unity: ${THINSNAP_UNITY}, Werror: ${THINSNAP_WERROR}")
    message(STATUS "  sanitizers    ${sanitize}")
    message(STATUS "  modules       ${modules}")
    message(STATUS "  tests         ${THINSNAP_TESTS}, crash points: ${THINSNAP_CRASH_POINTS}, libFuzzer: ${THINSNAP_FUZZ}, coverage: ${THINSNAP_COVERAGE}")
    message(STATUS "  prefix        ${CMAKE_INSTALL_PREFIX}")
endfunction()
