# shellcheck shell=bash
# Collects the outcome of every stage of tools/check and prints it at the end.

report_rows=()    # one printed line per stage or build
report_failed=()  # test names
report_skipped=() # "test name: reason"
report_passed=0

# Prints `status<TAB>name<TAB>reason` for each test of a JUnit file written by ctest.
#
# ctest calls both a test that declared itself skipped and one whose program is missing "notrun";
# the second is a failure.
report_read_junit() {
    awk '
        function text(s) {
            gsub(/&lt;/, "<", s); gsub(/&gt;/, ">", s); gsub(/&quot;/, "\"", s)
            gsub(/&apos;/, "\047", s); gsub(/&amp;/, "\\&", s)
            return s
        }
        function flush_test() { if (name != "") print status "\t" text(name) "\t" text(reason) }
        /^\t<testcase name="/ {
            flush_test()
            name = $0; sub(/^\t<testcase name="/, "", name); sub(/" classname=".*/, "", name)
            status = $0 ~ /status="run">$/ ? "passed" : "failed"
            reason = ""
        }
        /^\t\t<skipped message="SKIP_RETURN_CODE=77"/ { status = "skipped" }
        reason == "" && /^(\t\t<system-out>)?SKIP: / {
            reason = $0; sub(/^(\t\t<system-out>)?SKIP: /, "", reason)
            sub(/<\/system-out>$/, "", reason)
        }
        END { flush_test() }
    ' "$1"
}

# report_outputs JUNIT: what the tests printed.
report_outputs() {
    sed -n '/<system-out>/,/<\/system-out>/ { s/^\t\t<system-out>//; s/<\/system-out>$//; p }' "$1" |
        sed 's/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&amp;/\&/g'
}

report_time() {
    printf '%dm%02ds' $(($1 / 60)) $(($1 % 60))
}

# report_tests STAGE BUILD SECONDS JUNIT: counts the tests of a stage.
report_tests() {
    local stage=$1 build=$2 seconds=$3 junit=$4 passed=0 failed=0 skipped=0 status name reason
    while IFS=$'\t' read -r status name reason; do
        if [[ $status == skipped && -z $reason ]]; then
            status=failed name+=": skipped without a reason"
        fi
        case $status in
            passed) passed=$((passed + 1)) ;;
            failed) failed=$((failed + 1)) && report_failed+=("$name ($build)") ;;
            skipped)
                skipped=$((skipped + 1))
                report_skipped+=("$name ($build): $reason")
                ;;
        esac
    done < <(report_read_junit "$junit")
    report_passed=$((report_passed + passed))
    echo "   $passed passed, $failed failed, $skipped skipped"
    report_rows+=("$(printf '%-14s %-8s %7s %7d %7d %7d' \
        "$stage" "$build" "$(report_time "$seconds")" "$passed" "$failed" "$skipped")")
}

# report_build BUILD SECONDS
report_build() {
    report_rows+=("$(printf '%-14s %-8s %7s' build "$1" "$(report_time "$2")")")
}

# report_failure NAME: something that is not a test case failed.
report_failure() {
    report_failed+=("$1")
    report_rows+=("$(printf '%-14s failed' "$1")")
}

# Prints the report; the exit status says whether anything ran and nothing failed.
report_print() {
    local line failed=${#report_failed[@]} skipped=${#report_skipped[@]}
    echo
    printf '%-14s %-8s %7s %7s %7s %7s\n' stage build time passed failed skipped
    printf '%s\n' "${report_rows[@]}"
    if ((skipped > 0)); then
        printf '\nskipped:\n'
        printf '  %s\n' "${report_skipped[@]}"
    fi
    if ((failed > 0)); then
        printf '\nfailed:\n'
        printf '  %s\n' "${report_failed[@]}"
    fi
    line="$report_passed passed, $failed failed"
    ((skipped == 0)) || line+=", $skipped skipped"
    printf '\n%s\n' "$line"
    ((failed == 0 && report_passed > 0))
}
