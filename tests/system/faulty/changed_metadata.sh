# shellcheck shell=bash
# A block of the metadata is lost, the one where the target puts the first device's mappings.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"

lose_metadata() {
    dd if=/dev/zero of="$pool/metadata" bs=4096 seek=1 count=30 conv=notrunc
}

ours_pool_create 16M 2M
turn ours make_device ours 1
turn ours lose_metadata
