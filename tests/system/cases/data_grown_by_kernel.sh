# shellcheck shell=bash
# A pool whose data device the kernel grew is used to its last block on the other side, and back.

device_size=$((24 * 1024 * 1024))
# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"
# shellcheck source=tests/system/lib/growth.sh
. "$SYSTEM_LIB/growth.sh"

grow_data kernel ours
