# shellcheck shell=bash
# A byte of a device changes behind both sides.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"

ours_pool_create 16M 2M
turn ours make_device ours 1
turn ours write_device ours 1 0 "$mib"
printf x | dd of="$pool/data" oflag=seek_bytes seek=100000 conv=notrunc
expect_same kernel
