#!/bin/bash
# run_fuzzer.sh PROGRAM CORPUS FINDINGS: fuzzes for THINSNAP_FUZZ_SECONDS (20), starting from the
# corpus in the source tree, which stays untouched. Inputs that break something go to FINDINGS.
set -euo pipefail

program=$1 corpus=$2 findings=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$findings"

inputs=("$work")
[[ -d $corpus ]] && inputs+=("$corpus")
# libFuzzer's own status for a finding is 77, which means skipped to ctest
"$program" "${inputs[@]}" -error_exitcode=1 -artifact_prefix="$findings/" -print_final_stats=1 -verbosity=0 \
    -max_total_time="${THINSNAP_FUZZ_SECONDS:-20}" -timeout=10 -rss_limit_mb=2048 \
    -max_len="${THINSNAP_FUZZ_MAX_LEN:-65536}"
