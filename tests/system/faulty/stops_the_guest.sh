# shellcheck shell=bash
# Takes the guest with it, so that later cases have no result.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"

echo c >/proc/sysrq-trigger
