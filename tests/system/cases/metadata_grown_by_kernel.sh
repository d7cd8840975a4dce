# shellcheck shell=bash
# A pool whose metadata device the kernel grew is used to its last block on the other side, and back.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"
# shellcheck source=tests/system/lib/growth.sh
. "$SYSTEM_LIB/growth.sh"

grow_metadata kernel ours
