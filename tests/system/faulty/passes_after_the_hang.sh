# shellcheck shell=bash
# Finds nothing of the cases before it.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"

[[ -z $(losetup --all) ]] || fail 'a loop device is left'
expect_equal 'list of dm devices' "$(dmsetup ls)" 'No devices found'
ours_pool_create 16M 2M
turn ours make_device ours 1
