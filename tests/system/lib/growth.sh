# shellcheck shell=bash disable=SC2154 # part of case.sh
# Growing a pool on one side and using the new space to its end on the other, then the other way round.

fill() { # SIDE FROM TO
    local offset
    for ((offset = $2; offset < $3; offset += mib)); do
        write_device "$1" 1 "$offset" "$mib"
    done
}

# A device takes at least a metadata block.
make_devices() { # SIDE FIRST LAST
    local id
    for ((id = $2; id <= $3; ++id)); do
        "$1_create" "$id"
        : >"$model/$id"
    done
}

# With 8, 16, 24 MiB of data in a device of 24 MiB nothing stays free at any step.
grow_data() { # SIDE OTHER_SIDE
    "$1_pool_create" 8M 2M
    turn "$1" make_device "$1" 1
    turn "$1" fill "$1" 0 $((8 * mib))
    turn "$1" "$1_grow_data" 16M
    turn "$2" fill "$2" $((8 * mib)) $((16 * mib))
    turn "$2" "$2_grow_data" 24M
    turn "$1" fill "$1" $((16 * mib)) $((24 * mib))
    expect_same "$1"
    expect_same "$2"
}

# With 64, 128, 192 blocks of metadata the second and the third step need blocks that growth added. The kernel makes the
# pool: ours would refuse so small a one, and takes it as it is.
grow_metadata() { # SIDE OTHER_SIDE
    kernel_pool_create 8M 256K
    turn "$1" make_devices "$1" 1 12
    turn "$1" "$1_grow_metadata" 512K
    turn "$2" make_devices "$2" 13 70
    turn "$2" "$2_grow_metadata" 768K
    turn "$1" make_devices "$1" 71 122
}
