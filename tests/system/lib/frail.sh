# shellcheck shell=bash disable=SC2154 # part of case.sh
# Metadata that fails from some block on, to make either side set needs_check and see the other honour it.

# The blocks in use lie below, so all reads and the superblock still work; what is added soon does not.
readonly sound_sectors=$((40 * 8))

# $pool/metadata becomes a device with holes (the `error` target gets no flush, so flushes work).
make_frail() {
    local device sectors
    mv "$pool/metadata" metadata
    device=$(losetup --find --show --direct-io=on metadata)
    sectors=$(blockdev --getsz "$device")
    dmsetup create frail <<END
0 $sound_sectors linear $device 0
$sound_sectors $((sectors - sound_sectors)) error
END
    frail_loop=$device
    ln -s /dev/mapper/frail "$pool/metadata"
}

make_sound() {
    dmsetup remove frail
    losetup --detach "$frail_loop"
    mv metadata "$pool/metadata"
}

# Creates devices until the pool breaks. The kernel does not report a failed commit to the message it belongs to.
create_until_broken() { # SIDE
    local id
    for ((id = 100; id < 150; ++id)); do
        "$1_create" "$id" || return 0
        [[ $("$1_mode") == rw ]] || return 0
    done
    fail 'metadata that cannot be written was not noticed'
}

needs_check() { # SIDE
    expect_equal "needs_check through $1" "$("$1_needs_check")" needs_check
    expect_equal "mode through $1" "$("$1_mode")" ro
    expect_failure "$1_create" 200
    expect_failure "$1_delete" 1
}

break_and_mend() { # SIDE OTHER_SIDE
    "$1_pool_create" 16M 2M
    turn "$1" make_device "$1" 1
    turn "$1" write_device "$1" 1 0 "$mib"
    make_frail
    "$1_open"
    create_until_broken "$1"
    "$1_close"
    make_sound

    "$2_open"
    needs_check "$2"
    "$2_close"
    expect_same "$2"
    thin_check --clear-needs-check-flag "$pool/metadata"
    expect_sound
    "$2_open"
    write_device "$2" 1 "$mib" "$mib"
    "$2_close"
    expect_sound
    expect_same "$1"
}
