# shellcheck shell=bash
# A pool that the kernel formatted and filled opens here, reads the same and goes back to the kernel.

# More chunks than the mappings of one leaf.
device_size=$((17 * 1024 * 1024))
# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"
# shellcheck source=tests/system/lib/history.sh
. "$SYSTEM_LIB/history.sh"

kernel_pool_create 256M 4M
turn kernel make_history kernel
expect_same kernel
expect_same ours
turn ours random_changes ours 40
expect_same ours
expect_same kernel
turn kernel random_changes kernel 10
expect_same ours
