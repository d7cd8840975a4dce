# How this project defines its targets:
#
#   thinsnap_module(name SOURCES … PUBLIC … PRIVATE …)     src/<name>, library thinsnap::<name>
#   thinsnap_tool(name SOURCES … LINK … [INSTALL | SERVER])  a program, built into <build>/bin
#   thinsnap_test(name LABEL … SOURCES … LINK …)           a doctest program, one ctest per case
#   thinsnap_script_test(name LABEL … COMMAND …)           any command as a test
#   thinsnap_fuzzer(name SOURCES … LINK …)                 a fuzz entry and its corpus
#
# A module or test without SOURCES is legal: the module is then an INTERFACE library, the test
# does nothing. Adding the first source file is all it takes to change that.

# Seconds a test may take under THINSNAP_LONG, whatever its TIMEOUT says for the quick run.
set(thinsnap_long_timeout 3600)

# A static library for one layer of src/. PUBLIC lists the modules its headers include, PRIVATE
# what only its sources see (third-party libraries belong there).
function(thinsnap_module name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PUBLIC;PRIVATE")
    thinsnap_reject_unparsed("thinsnap_module(${name})" "${arg_UNPARSED_ARGUMENTS}")
    set(target thinsnap_${name})
    set(roots "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
    if(arg_SOURCES)
        add_library(${target} STATIC ${arg_SOURCES})
        target_include_directories(${target} PUBLIC ${roots})
        target_compile_features(${target} PUBLIC cxx_std_20)
        target_link_libraries(${target} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} thinsnap_options)
        if(THINSNAP_LTO)
            target_link_libraries(${target} PRIVATE thinsnap_lto_objects)
        endif()
        set_target_properties(${target} PROPERTIES
            POSITION_INDEPENDENT_CODE ON
            CXX_EXTENSIONS OFF)
        thinsnap_unite(${target})
        set_property(GLOBAL APPEND PROPERTY THINSNAP_MODULES ${name})
    else()
        add_library(${target} INTERFACE)
        target_include_directories(${target} INTERFACE ${roots})
        target_compile_features(${target} INTERFACE cxx_std_20)
        target_link_libraries(${target} INTERFACE ${arg_PUBLIC})
    endif()
    add_library(thinsnap::${name} ALIAS ${target})
endfunction()

# A program in <build>/bin; with INSTALL it becomes part of the installed product, as a command, with
# SERVER as a program that users do not call.
function(thinsnap_tool name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "INSTALL;SERVER" "" "SOURCES;LINK")
    thinsnap_reject_unparsed("thinsnap_tool(${name})" "${arg_UNPARSED_ARGUMENTS}")
    if(NOT arg_SOURCES)
        return()
    endif()
    thinsnap_executable(${name} "${arg_SOURCES}" "${arg_LINK}")
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
    if(THINSNAP_LTO)
        target_link_libraries(${name} PRIVATE thinsnap_lto_objects thinsnap_lto_link)
        set_target_properties(${name} PROPERTIES THINSNAP_LTO_LINK ON)
    endif()
    if(arg_INSTALL OR arg_SERVER)
        thinsnap_unite(${name})
    endif()
    if(arg_INSTALL)
        install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
    elseif(arg_SERVER)
        install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR} COMPONENT runtime)
    endif()
endfunction()

# A doctest program `<label>_<name>_test`; each of its cases becomes the ctest
# `<label>.<name>.<case>`. LABEL is the tests/ folder, optionally followed by more labels
# (`LABEL unit threads`: also run under ThreadSanitizer).
function(thinsnap_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "LABEL;SOURCES;LINK")
    thinsnap_reject_unparsed("thinsnap_test(${name})" "${arg_UNPARSED_ARGUMENTS}")
    thinsnap_require_label("thinsnap_test(${name})" "${arg_LABEL}")
    if(NOT arg_SOURCES)
        return()
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    list(GET arg_LABEL 0 folder)
    set(target ${folder}_${name}_test)
    thinsnap_executable(${target} "${arg_SOURCES}" "${arg_LINK};thinsnap::test_support")
    doctest_discover_tests(${target}
        TEST_PREFIX "${folder}.${name}."
        PROPERTIES LABELS ${folder} TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77)

    # doctest's script cannot carry a list (it flattens it), and a property fixed at build time
    # cannot follow the environment: both are set when ctest reads its tests.
    set(extra "${CMAKE_CURRENT_BINARY_DIR}/${target}_properties.cmake")
    string(CONFIGURE [[
if(@target@_TESTS)
    set_tests_properties(${@target@_TESTS} PROPERTIES LABELS "@arg_LABEL@")
    if(DEFINED ENV{THINSNAP_LONG})
        set_tests_properties(${@target@_TESTS} PROPERTIES TIMEOUT @thinsnap_long_timeout@)
    endif()
endif()
]] script @ONLY)
    file(WRITE "${extra}" "${script}")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${extra}")

    if("threads" IN_LIST arg_LABEL)
        add_dependencies(threads_tests ${target})
    endif()
endfunction()

# A command as a test. Exit status 77 means skipped; the command then prints `SKIP: reason`.
function(thinsnap_script_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "LABEL;COMMAND;ENVIRONMENT")
    thinsnap_reject_unparsed("thinsnap_script_test(${name})" "${arg_UNPARSED_ARGUMENTS}")
    thinsnap_require_label("thinsnap_script_test(${name})" "${arg_LABEL}")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    list(GET arg_LABEL 0 folder)
    add_test(NAME ${folder}.${name} COMMAND ${arg_COMMAND})
    set_tests_properties(${folder}.${name} PROPERTIES
        LABELS "${arg_LABEL}"
        TIMEOUT ${arg_TIMEOUT}
        ENVIRONMENT "${arg_ENVIRONMENT}"
        RUN_SERIAL ${arg_SERIAL}
        SKIP_RETURN_CODE 77)
endfunction()

# SOURCES define `int thinsnap::test::fuzz_one(std::span<const std::byte>)`. With THINSNAP_FUZZ the
# program is a libFuzzer target (ctest label fuzz); else it replays tests/data/fuzz/<name> (unit).
function(thinsnap_fuzzer name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
    thinsnap_reject_unparsed("thinsnap_fuzzer(${name})" "${arg_UNPARSED_ARGUMENTS}")
    set(target fuzz_${name})
    set(corpus "${PROJECT_SOURCE_DIR}/tests/data/fuzz/${name}")
    set(main "${PROJECT_SOURCE_DIR}/tests/fuzz")
    if(THINSNAP_FUZZ)
        thinsnap_executable(${target} "${arg_SOURCES};${main}/libfuzzer_main.cpp" "${arg_LINK}")
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
        thinsnap_script_test(${name} LABEL fuzz TIMEOUT ${thinsnap_long_timeout}
            COMMAND "${main}/run_fuzzer.sh" $<TARGET_FILE:${target}> "${corpus}"
                "${PROJECT_BINARY_DIR}/findings/${name}")
    else()
        thinsnap_executable(${target} "${arg_SOURCES};${main}/replay_main.cpp" "${arg_LINK}")
        thinsnap_script_test(fuzz.${name} LABEL unit COMMAND ${target} "${corpus}")
    endif()
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    add_dependencies(fuzzers ${target})
endfunction()

# The common part of tools, tests and fuzzers.
function(thinsnap_executable name sources link)
    add_executable(${name} ${sources})
    target_link_libraries(${name} PRIVATE ${link} thinsnap_options)
    set_target_properties(${name} PROPERTIES
        POSITION_INDEPENDENT_CODE ON
        CXX_EXTENSIONS OFF)
endfunction()

# Most of a source's compile time are the headers, which THINSNAP_UNITY reads once for all sources
# of a target. tests/lint/check_unity.sh keeps it possible.
function(thinsnap_unite target)
    set_target_properties(${target} PROPERTIES
        UNITY_BUILD ${THINSNAP_UNITY}
        UNITY_BUILD_BATCH_SIZE 0)
endfunction()

function(thinsnap_reject_unparsed where rest)
    if(rest)
        message(FATAL_ERROR "${where}: unexpected arguments: ${rest}")
    endif()
endfunction()

set(thinsnap_labels unit crash conformance interop cli system lint bench fuzz install threads tidy)
function(thinsnap_require_label where labels)
    if(NOT labels)
        message(FATAL_ERROR "${where}: LABEL is missing, tools/check would never run it")
    endif()
    foreach(label IN LISTS labels)
        if(NOT label IN_LIST thinsnap_labels)
            message(FATAL_ERROR "${where}: unknown label '${label}' (known: ${thinsnap_labels})")
        endif()
    endforeach()
endfunction()

# PIE for executables; without this CMake compiles them as PIE but does not link them so.
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)

# `cmake --build … --target threads_tests` builds what the ThreadSanitizer run needs, no more.
add_custom_target(threads_tests)
# The same for the run of the fuzzers.
add_custom_target(fuzzers)
