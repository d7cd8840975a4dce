#!/bin/bash
# report_test.sh ROOT: tools/lib/report.sh tells passed, failed, skipped and not run apart, and its
# exit status says so. Negative control for everything tools/check reports.
set -euo pipefail
root=$1
# shellcheck source=tools/lib/report.sh
source "$root/tools/lib/report.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# report_of: runs the CTestTestfile.cmake on stdin, prints the last line and the exit status.
report_of() {
    local status=0
    cat >"$work/CTestTestfile.cmake"
    ctest --test-dir "$work" --output-junit "$work/junit.xml" >"$work/log" 2>&1 || true
    (report_tests stage build 0 "$work/junit.xml" && report_print) >"$work/report" || status=$?
    echo "$(tail -n1 "$work/report"), status $status"
}

expect() {
    local wanted=$1 seen
    seen=$(report_of)
    if [[ $seen != "$wanted" ]]; then
        printf '%s\ninstead of\n%s\n' "$seen" "$wanted"
        failures=1
    fi
}

expect '1 passed, 0 failed, status 0' <<<'add_test(good true)'
expect '1 passed, 1 failed, status 1' <<<$'add_test(good true)\nadd_test(bad false)'
expect '0 passed, 1 failed, status 1' <<<'add_test(absent /no/such/program)'
skip='set_tests_properties(skip PROPERTIES SKIP_RETURN_CODE 77)'
expect '1 passed, 0 failed, 1 skipped, status 0' <<<"
add_test(good true)
add_test(skip sh -c \"echo 'SKIP: no <x> & no y'; exit 77\")
$skip"
grep -qxF '  skip (build): no <x> & no y' "$work/report" || { echo "the reason is lost"; failures=1; }
expect '0 passed, 0 failed, 1 skipped, status 1' <<<"add_test(skip sh -c \"echo SKIP: x; exit 77\")
$skip"
expect '0 passed, 1 failed, status 1' <<<"add_test(skip sh -c \"exit 77\")
$skip"
exit $failures
