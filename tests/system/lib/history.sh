# shellcheck shell=bash disable=SC2154 # part of case.sh
# A pool with something of everything: the lowest and the highest id, a mapping tree of several leaves, snapshots of
# snapshots, sharing broken on each side of a snapshot, discards of private and of shared chunks, deleted origins.

make_history() { # SIDE
    local side=$1 offset
    make_device "$side" 0
    make_device "$side" 1
    make_device "$side" 16777215
    for ((offset = 0; offset < device_size; offset += mib)); do
        write_device "$side" 0 "$offset" "$mib"
    done
    write_device "$side" 1 $((device_size - 4096)) 4096
    write_device "$side" 16777215 $((5 * 4096)) $((3 * chunk))

    make_snapshot "$side" 10 0
    make_snapshot "$side" 11 10
    make_snapshot "$side" 12 11
    write_device "$side" 0 $((7 * chunk + 4096)) 4096
    write_device "$side" 11 $((7 * chunk)) "$chunk"
    write_device "$side" 12 $((200 * chunk - 4096)) 8192
    discard_device "$side" 10 $((20 * chunk)) $((40 * chunk))
    discard_device "$side" 1 0 "$device_size"
    discard_device "$side" 12 4096 $((2 * chunk))

    make_snapshot "$side" 13 16777215
    drop_device "$side" 16777215
    write_device "$side" 13 0 4096
    drop_device "$side" 11
    make_device "$side" 14
    drop_device "$side" 14
}
