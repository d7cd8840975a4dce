#!/bin/bash
# self_test.sh LINT: the lint passes on a clean little tree and fails on each planted violation.
#
# Negative control: a lint that cannot fail would be green for ever. The trees are made in a
# temporary directory, without git, so a planted violation never stands in the repository.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
lint=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GIT_CEILING_DIRECTORIES=$work # TMPDIR may lie inside a checkout
tree=$work/tree
failures=0

run_lint() {
    case $lint in
        layers) cmake -DROOT="$tree" -P "$here/check_layers.cmake" ;;
        tidy) "$here/check_tidy.sh" "$tree" "$tree/build" ;;
        *) "$here/check_$lint.sh" "$tree" ;;
    esac
}

# plant PATH: starts over with a clean tree and adds stdin as PATH.
plant() {
    rm -rf "$tree"
    mkdir -p "$tree"/{src/base,src/io,tests/unit/base,man,tools}
    printf '#pragma once\n' >"$tree/src/base/clean.hpp"
    printf '#include "base/clean.hpp"\n' >"$tree/src/base/clean.cpp"
    echo 'thinsnap_module(base SOURCES clean.cpp)' >"$tree/src/base/CMakeLists.txt"
    echo 'set(man_pages thinsnap.8)' >"$tree/man/CMakeLists.txt"
    cp "$here/../../.clang-format" "$here/../../.clang-tidy" "$tree"
    mkdir -p "$(dirname "$tree/$1")"
    cat >"$tree/$1"
}

# expect STATUS [TEXT]: the lint's exit status on the planted tree, and what it must say.
expect() {
    local wanted=$1 text=${2:-} status=0
    run_lint >"$work/output" 2>&1 || status=$?
    if ((status == 77)); then
        cat "$work/output"
        exit 77
    fi
    if (((status != 0) != wanted)) || [[ -n $text && $(<"$work/output") != *"$text"* ]]; then
        echo "line ${BASH_LINENO[0]}: exit status $status, expected $wanted and '$text'; output:"
        sed 's/^/    /' "$work/output"
        failures=$((failures + 1))
    fi
}

case $lint in
    layers)
        plant src/io/fine.cpp <<<'#include "base/clean.hpp"'
        expect 0
        plant src/base/bad.cpp <<<'#include "io/file_device.hpp"'
        expect 1 'src/base may not include "io/file_device.hpp"'
        plant src/base/bad.cpp <<<'#  include "support/skip.hpp"'
        expect 1 'src/base may not include'
        plant src/base/bad.cpp <<<'#include "clean.hpp"'
        expect 1 'must be named by its module'
        plant src/base/bad.cpp <<<'#include <libdevmapper.h>'
        expect 1 'may not include <libdevmapper.h>'
        plant src/io/bad.cpp <<<'#include <nlohmann/json.hpp>'
        expect 1 'may not include <nlohmann/json.hpp>'
        plant src/novel/new.cpp <<<'#include "base/clean.hpp"'
        expect 1 'no row for src/novel'
        plant include/thinsnap/bad.hpp <<<'#include "base/clean.hpp"'
        expect 1 'include may not include "base/clean.hpp"'
        plant tests/unit/base/bad_test.cpp <<<'#include "io/file_device.hpp"'
        expect 1 'tests may not include'
        plant tests/crash/fine_test.cpp <<<'#include "engine/pool.hpp"'
        expect 0
        plant tools/thinsnap/bad.cpp <<<'#include "engine/pool.hpp"'
        expect 1 'tools may not include'
        ;;
    format)
        plant src/base/fine.cpp <<<'int fine();'
        expect 0
        plant src/base/bad.cpp <<<'int  bad( );'
        expect 1 'src/base/bad.cpp:1'
        plant tools/trailing <<<'text '
        expect 1 'tools/trailing:1: space at the end'
        printf 'text' | plant tools/unfinished
        expect 1 'no newline at the end'
        ;;
    listed)
        plant src/base/clean.hpp <<<'#pragma once'
        expect 0
        plant tests/unit/base/forgotten_test.cpp </dev/null
        expect 1 'tests/unit/base/forgotten_test.cpp is in no CMakeLists.txt'
        ;;
    test_names)
        plant tests/unit/base/a_test.cpp <<<$'TEST_CASE("a rule (issue 12)") {}\n// TEST_CASE("a;b")'
        expect 0
        while read -r name; do
            plant tests/unit/base/a_test.cpp <<<"TEST_CASE(\"$name\") {}"
            expect 1 'must not contain'
        done < <(printf '%s\n' 'a,b' 'a;b' 'a\"b' 'a\tb' 'a[b' 'a]b' 'a*b' 'a?b')
        plant tests/unit/base/a_test.cpp <<<$'TEST_CASE_FIXTURE(Pool,\n    "first half "\n    "a;b") {}'
        expect 1 'must not contain'
        plant tests/unit/base/a_test.cpp <<<'TEST_CASE_TEMPLATE_DEFINE("a,b", T, suite) {}'
        expect 1 'must not contain'
        plant tests/unit/base/a_test.cpp <<<'TEST_CASE("Same") {} TEST_CASE("same") {}'
        expect 1 'is already the name'
        ;;
    crash_points)
        plant src/base/point.cpp <<<'void f() { TS_CRASH_POINT("a.b"); } // TS_CRASH_POINT("c.d")'
        expect 1 "no test uses the crash point 'a.b'"
        echo 'crash_at("a.b");' >"$tree/tests/unit/base/point_test.cpp"
        expect 0
        echo 'void g() { TS_CRASH_POINT("a.b"); }' >"$tree/src/base/twice.cpp"
        expect 1 "crash point 'a.b' also stands in"
        ;;
    man)
        page=$'.Dd January 2, 2025\n.Dt THINSNAP 8\n.Os\n.Sh NAME\n.Nm thinsnap\n.Nd snapshots'
        status=$'\n.Sh EXIT STATUS\nThe exit status is 0.'
        plant man/thinsnap.8 <<<"$page$status"
        expect 0
        plant man/thinsnap.8 <<<"$page"
        expect 1 'the section EXIT STATUS is missing'
        plant man/thinsnap.8 <<<"$page$status"$'\n.Xx unknown'
        expect 1 'thinsnap.8'
        plant man/other.8 <<<"${page/Nm thinsnap/Nm other}$status"
        expect 1 'man/other.8 is not in man/CMakeLists.txt'
        ;;
    shell)
        # shellcheck disable=SC2016 # planted, not expanded
        plant tools/script <<<$'#!/bin/bash\necho "$1"'
        expect 0
        # shellcheck disable=SC2016
        plant tools/script <<<$'#!/bin/bash\nrm -rf $1/*'
        expect 1 'SC2086'
        ;;
    tidy)
        compile_command() {
            mkdir -p "$tree/build"
            cat >"$tree/build/compile_commands.json" <<JSON
[{"directory": "$tree", "command": "clang++ -std=c++20 -c src/base/$1",
  "file": "$tree/src/base/$1"}]
JSON
        }
        plant src/base/fine.cpp <<<'int fine() { return 0; }'
        compile_command fine.cpp
        expect 0
        plant src/base/bad.cpp <<<'int BadName() { return 0; }'
        compile_command bad.cpp
        expect 1 'readability-identifier-naming'
        plant src/base/bad.cpp <<<'int bad(char* p) { return *(int*)p; }'
        compile_command bad.cpp
        expect 1 'cppcoreguidelines-pro-type-cstyle-cast'
        ;;
    unity)
        plant src/base/one.cpp <<<'namespace { const int kSame = 1; } int one() { return kSame; }'
        echo 'namespace { const int kSame = 2; } int two() { return kSame; }' >"$tree/src/base/two.cpp"
        expect 0
        echo 'thinsnap_module(base SOURCES one.cpp two.cpp)' >"$tree/src/base/CMakeLists.txt"
        expect 1 'redefinition of'
        plant tools/program/one.cpp <<<'static void same() {}'
        cp "$tree/tools/program/one.cpp" "$tree/tools/program/two.cpp"
        echo 'thinsnap_tool(program SOURCES one.cpp two.cpp)' >"$tree/tools/program/CMakeLists.txt"
        expect 0
        echo 'thinsnap_tool(program INSTALL SOURCES one.cpp two.cpp)' \
            >"$tree/tools/program/CMakeLists.txt"
        expect 1 'redefinition of'
        ;;
    *)
        echo "no self-test for '$lint'"
        failures=1
        ;;
esac
exit $((failures > 0))
