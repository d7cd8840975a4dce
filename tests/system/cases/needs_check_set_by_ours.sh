# shellcheck shell=bash
# We set needs_check after a failed commit; the kernel honours it: read-only until it is cleared, and right afterwards.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"
# shellcheck source=tests/system/lib/frail.sh
. "$SYSTEM_LIB/frail.sh"

break_and_mend ours kernel
