# shellcheck shell=bash disable=SC2034,SC2120,SC2119,SC2154 # part of case.sh
# The kernel's side: the pool in $pool driven by the thin-pool target. Offers the same functions as ours.sh.
# $pool/metadata and $pool/data are files, or links to block devices.

readonly mib=$((1024 * 1024))
readonly chunk=$((64 * 1024))
pool=$PWD/pool

kernel_pool_create() { # DATA_SIZE METADATA_SIZE
    mkdir "$pool"
    truncate -s "$1" "$pool/data"
    truncate -s "$2" "$pool/metadata"
    # The target formats metadata that starts with zeros when it is first loaded.
    kernel_open
    kernel_close
}

kernel_open() { # [FEATURE]...
    metadata_device=$(attach "$pool/metadata")
    data_device=$(attach "$pool/data")
    dmsetup create pool --table "$(pool_table "$@")"
}

kernel_close() {
    local active=(/dev/mapper/thin-*) loops=()
    if [[ -e ${active[0]} ]]; then dmsetup remove "${active[@]}"; fi
    dmsetup remove pool
    for device in "$metadata_device" "$data_device"; do
        [[ $device != /dev/loop* ]] || loops+=("$device")
    done
    if [[ ${#loops[@]} -gt 0 ]]; then losetup --detach "${loops[@]}"; fi
    sync
    echo 1 >/proc/sys/vm/drop_caches
}

attach() { # FILE
    if [[ -b $1 ]]; then
        readlink -f "$1"
    else
        losetup --find --show --direct-io=on "$1"
    fi
}

# A full pool must not queue: the case would hang.
pool_table() { # [FEATURE]...
    set -- error_if_no_space "$@"
    printf '0 %s thin-pool %s %s %s 0 %s %s' "$(<"/sys/class/block/${data_device#/dev/}/size")" \
        "$metadata_device" "$data_device" $((chunk / 512)) $# "$*"
}

kernel_message() { # MESSAGE...
    dmsetup message pool 0 "$*"
}

kernel_create() { # ID
    kernel_message create_thin "$1"
}

# An active origin has to be quiet while its snapshot is made.
kernel_snapshot() { # ID ORIGIN
    if kernel_is_active "$2"; then
        dmsetup suspend "thin-$2"
        kernel_message create_snap "$1" "$2"
        dmsetup resume "thin-$2"
    else
        kernel_message create_snap "$1" "$2"
    fi
}

kernel_delete() { # ID
    if kernel_is_active "$1"; then dmsetup remove "thin-$1"; fi
    kernel_message delete "$1"
}

kernel_is_active() { # ID
    [[ -e /dev/mapper/thin-$1 ]]
}

kernel_activate() { # ID
    kernel_is_active "$1" ||
        dmsetup create "thin-$1" --table "0 $((device_size / 512)) thin /dev/mapper/pool $1"
}

kernel_write() { # ID OFFSET LENGTH, data from stdin
    kernel_activate "$1"
    dd of="/dev/mapper/thin-$1" oflag=direct,seek_bytes iflag=fullblock seek="$2" bs="$3" count=1 conv=notrunc
}

kernel_discard() { # ID OFFSET LENGTH
    kernel_activate "$1"
    blkdiscard --offset "$2" --length "$3" "/dev/mapper/thin-$1"
}

kernel_read() { # ID: the whole device
    kernel_activate "$1"
    dd if="/dev/mapper/thin-$1" iflag=direct bs=1M
}

kernel_grow_data() { # SIZE
    truncate -s "$1" "$pool/data"
    losetup --set-capacity "$data_device"
    kernel_reload
}

kernel_grow_metadata() { # SIZE
    truncate -s "$1" "$pool/metadata"
    losetup --set-capacity "$metadata_device"
    kernel_reload
}

kernel_reload() {
    dmsetup reload pool --table "$(pool_table)"
    dmsetup suspend pool
    dmsetup resume pool
}

# kernel_status FIELD: transaction, metadata, data, held, mode or needs_check, as the status line has it.
kernel_status() {
    local transaction metadata data held mode needs_check
    read -r _ _ _ transaction metadata data held mode _ _ needs_check _ < <(dmsetup status pool)
    printf '%s' "${!1}"
}

kernel_transaction() { kernel_status transaction; }
kernel_mode() { kernel_status mode; }
kernel_needs_check() { kernel_status needs_check; }
