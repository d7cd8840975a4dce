# cmake -D PROGRAM=… -D PREFIX=… -D REPORT=… -D RESULTS=… -D FIXTURE=… -D OUTPUT=… -P list_cases.cmake
#
# Writes a file for ctest with a test PREFIX.<case> for each case of a doctest program, which tells
# what RESULTS, made by the tests of FIXTURE, says of it.
cmake_minimum_required(VERSION 3.25)

execute_process(COMMAND ${PROGRAM} --list-test-cases OUTPUT_VARIABLE lines COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" lines "${lines}")
set(text)
set(count 0)
foreach(line IN LISTS lines)
    if(line STREQUAL "" OR line MATCHES "^(=+$|\\[doctest\\])")
        continue()
    endif()
    string(REGEX REPLACE "<.*" "" name "${line}") # a template's argument
    string(APPEND text "add_test([==[${PREFIX}.${name}]==] [==[${REPORT}]==] [==[${RESULTS}]==] [==[${name}]==])\n"
        "set_tests_properties([==[${PREFIX}.${name}]==] PROPERTIES\n"
        "    LABELS system TIMEOUT 10 SKIP_RETURN_CODE 77 FIXTURES_REQUIRED ${FIXTURE})\n")
    math(EXPR count "${count}+1")
endforeach()
if(count EQUAL 0)
    message(FATAL_ERROR "${PROGRAM} has no cases")
endif()
file(WRITE ${OUTPUT} "${text}")
