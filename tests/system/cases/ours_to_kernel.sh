# shellcheck shell=bash
# A pool made here opens in the kernel, reads the same and stays right when the kernel goes on.

# More chunks than the mappings of one leaf.
device_size=$((17 * 1024 * 1024))
# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"
# shellcheck source=tests/system/lib/history.sh
. "$SYSTEM_LIB/history.sh"

ours_pool_create 256M 4M
turn ours make_history ours
expect_same ours
expect_same kernel
turn kernel random_changes kernel 40
expect_same kernel
expect_same ours
