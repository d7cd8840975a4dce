# shellcheck shell=bash
# Random changes by turns, either side going on from where the other stopped.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"

rounds=4
[[ -z $LONG ]] || rounds=60

first_devices() { # SIDE
    make_device "$1" 1
    make_device "$1" 2
    write_device "$1" 1 0 "$mib"
}

ours_pool_create 64M 2M
turn ours first_devices ours
for ((round = 1; round <= rounds; ++round)); do
    turn kernel random_changes kernel 15
    expect_same ours
    turn ours random_changes ours 15
    expect_same kernel
done
