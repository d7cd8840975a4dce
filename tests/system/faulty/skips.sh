# shellcheck shell=bash
# Has a reason not to run.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"

skip 'no reason'
