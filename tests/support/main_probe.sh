#!/bin/bash
# main_probe.sh PROBE: checks the exit status of tests/support/main.cpp for each kind of case.
set -euo pipefail

probe=$1
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'chmod -R u+rwx "$TMPDIR"; rm -rf "$TMPDIR"' EXIT
failures=0

expect() {
    local wanted=$1 filter=$2 status=0
    shift 2
    "$probe" "--test-case=$filter" "$@" >"$TMPDIR/output" 2>&1 || status=$?
    if ((status != wanted)); then
        echo "filter '$filter': exit status $status, expected $wanted"
        sed 's/^/    /' "$TMPDIR/output"
        failures=$((failures + 1))
    fi
}

expect 0 "passes"
expect 77 "skips"
grep -qx 'SKIP: the probe says so' "$TMPDIR/output" || { echo "the reason is not printed"; failures=1; }
expect 0 "passes,skips"
expect 1 "skips and fails"
expect 1 "asserts nothing"
expect 2 "no such case"
expect 0 "no such case" --list-test-cases
expect 1 "fails with a temporary directory"

# What case_results.cpp makes of the same.
export THINSNAP_RESULTS=$TMPDIR/results
expect 1 "passes,skips*,asserts nothing"
sed -i 's,: [^ ]*/\(main_probe\.cpp\):[0-9]*:,: \1:,' "$TMPDIR/results"
diff - "$TMPDIR/results" <<'END' || { echo "other results are expected"; failures=1; }
ok passes
skip skips: the probe says so
not ok skips and fails: main_probe.cpp: 1 + 1 == 3
not ok asserts nothing: it asserts nothing
END
unset THINSNAP_RESULTS
rm "$TMPDIR/output" "$TMPDIR/results"
left=$(ls -A "$TMPDIR")
[[ -z $left ]] || { echo "left behind: $left"; failures=1; }
exit $((failures > 0))
