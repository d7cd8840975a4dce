# shellcheck shell=bash
# The kernel reserves a metadata snapshot: our changes keep it whole, and the kernel releases it afterwards.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"

held_devices() {
    make_device kernel 1
    write_device kernel 1 0 $((2 * mib))
    make_snapshot kernel 2 1
    kernel_message reserve_metadata_snap
    held=$(kernel_status held)
}

held_dump() {
    thin_dump --metadata-snap "$pool/metadata"
}

is_still_held() {
    expect_equal 'held root' "$(kernel_status held)" "$held"
    random_changes kernel 5
}

is_released() {
    kernel_message release_metadata_snap
    expect_equal 'held root' "$(kernel_status held)" -
    random_changes kernel 5
}

kernel_pool_create 64M 2M
turn kernel held_devices
held_dump >before
turn ours random_changes ours 20
held_dump | cmp before - || fail 'our changes reached the metadata snapshot'
turn kernel is_still_held
held_dump | cmp before - || fail 'the metadata snapshot changed under the kernel'
turn kernel is_released
expect_same ours
turn ours random_changes ours 5
expect_same kernel
