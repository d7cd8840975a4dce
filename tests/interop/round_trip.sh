#!/bin/bash
# round_trip.sh THINSNAP COMPARE_TREES: what a container changed comes out as a layer that makes of its
# parent what the container is, whoever applies it.
#
# The kernel makes random changes in a container, then in one of what the first became, and so on. Each
# time `diff` is what a walk of both trees finds, and umoci's and our idea of the exported layer on the
# parent, and a container of the committed image, are the container's tree.
# THINSNAP_SEED repeats a run; THINSNAP_LONG makes 5,000 changes a container, and more chains of them.
set -euo pipefail
# shellcheck source=tests/interop/lib.sh
source "$(dirname "$0")/lib.sh"
need_mounts umoci skopeo

seed=${THINSNAP_SEED:-$((RANDOM * 32768 + RANDOM))}
echo "THINSNAP_SEED=$seed"
count=200 chains=1
[[ -z ${THINSNAP_LONG:-} ]] || count=5000 chains=2
other=$work/other
layout=$work/layout

# What the ways to apply a layer cannot do, each as narrow as can be. A tar has no entry for a socket:
no_tar=(--ignore-sockets)
# umoci_exceptions: and umoci 0.4.7, by Go's library, takes an attribute without a value for none, and
# counts nanoseconds in 63 bits, which end in 2262.
umoci_exceptions() {
    local path
    umoci_options=("${no_tar[@]}" --ignore-empty-attributes)
    while IFS= read -r -d '' path; do
        umoci_options+=("--ignore-mtime=${path:-.}")
    done < <(find "$work/upper" -newermt '2262-04-11 23:47:16.854775807' -printf '%P\0')
}

# shellcheck disable=SC2317 # called by those below
changes() { # DIRECTORY COUNT
    part=$((part + 1))
    python3 "$images/random_changes.py" "$1" "$seed/$part" "$2"
}

# How the container is used: change_HOW COUNT makes of $work/new, a copy of the container's device, what
# the device then holds.
# shellcheck disable=SC2317 # called by its name
change_once() {
    mount_at "$work/new" "$work/mnt" rw
    changes "$work/mnt" "$1"
    umount "$work/mnt"
}

# shellcheck disable=SC2317 # called by its name
change_remounted() {
    local cycle
    for ((cycle = 0; cycle < 5; ++cycle)); do
        change_once "$(($1 / 5))"
    done
}

# The device as a crash of its user leaves it: a journal to replay, and a file that had no name any more.
# shellcheck disable=SC2317 # called by its name
change_crashed() {
    mount_at "$work/new" "$work/mnt" rw
    changes "$work/mnt" "$(($1 / 2))"
    sync -f "$work/mnt"
    changes "$work/mnt" "$(($1 / 2))"
    exec 9<>"$work/mnt/orphan"
    head -c 300000 /dev/urandom >&9
    rm "$work/mnt/orphan"
    sync -f "$work/mnt"
    cp --sparse=always "$work/new" "$work/crashed"
    exec 9>&-
    umount "$work/mnt"
    mv "$work/crashed" "$work/new"
    dumpe2fs -h "$work/new" 2>/dev/null | grep -q needs_recovery || fail 'the journal is clean'
}

# Gives the directories that no tar has an entry for a time: umoci gave them that of the clock.
# shellcheck disable=SC2317 # called by its name
change_times() {
    local option
    mount_at "$work/new" "$work/mnt" rw
    while read -r option; do
        touch -c -d @1000000001 "$work/mnt/${option#--ignore-mtime=}"
    done <"$work/images/odd.except"
    umount "$work/mnt"
}

# Mounts what the kernel makes of container and parent: at $work/upper and $work/lower.
mount_both() {
    local side
    for side in old new; do
        cp --sparse=always "$work/$side" "$work/$side.seen"
        # The kernel replays a journal only where it may write.
        mount_at "$work/$side.seen" "$work/mnt" rw,noatime
        umount "$work/mnt"
    done
    mount_at "$work/old.seen" "$work/lower"
    mount_at "$work/new.seen" "$work/upper"
}

check_diff() { # CONTAINER
    run 0 diff "$1"
    mv "$work/out" "$work/diff"
    python3 "$images/tree_difference.py" "$work/lower" "$work/upper" >"$work/walked"
    cmp -s "$work/diff" "$work/walked" ||
        fail "diff is not what a walk finds: $(diff "$work/diff" "$work/walked" | head -n 20)"
    echo "diff of $1: $(wc -l <"$work/diff") changes"
}

# What umoci makes of the image of $layout.
check_umoci() { # CONTAINER
    rm -rf "$work/scratch/unpacked"
    umoci unpack --image "$layout:latest" "$work/scratch/unpacked" >"$work/log" 2>&1 ||
        fail "umoci unpack: $(cat "$work/log")"
    umoci_exceptions
    same_trees "$work/scratch/unpacked/rootfs" "$work/upper" "by umoci of $1" "${umoci_options[@]}"
}

# What we make of it, in another pool.
check_import() { # CONTAINER
    run 0 --pool "$other" import "$layout" --name trip
    dump_top "$other" trip "$work/raw"
    check_fs "$work/raw" 'the imported layer'
    mount_at "$work/raw" "$work/mnt"
    same_trees "$work/mnt" "$work/upper" "by import of $1" "${no_tar[@]}"
    umount "$work/mnt"
}

check_commit() { # CONTAINER
    local device size
    run 0 commit "$1" --image "image-$1" --json
    json ".diff_id == \"sha256:$(sha256sum <"$work/layer.tar" | cut -d ' ' -f 1)\""
    run 0 create "copy-$1" --image "image-$1"
    read -r device size < <("$program" inspect "copy-$1" | jq -r '"\(.device) \(.virtual_size)"')
    dump "$device" "$size" "$work/raw"
    mount_at "$work/raw" "$work/mnt" rw,noatime
    same_trees "$work/mnt" "$work/upper" "by commit of $1"
    umount "$work/mnt"
    # What the kernel wrote could now and then be shorter, and that is no fault.
    check_fs "$work/raw" 'the committed layer' 'extent tree .* could be shorter'
    run 0 diff "copy-$1"
    silent
    run 0 import "$layout" --name same --json
    json '.images[0].layers | all(.existed)'
}

# noticed DAMAGE: with one damage in the layer's tar the comparison fails.
noticed() {
    local damaged=$work/damaged
    python3 "$images/damage_layer.py" "$1" "$work/layer.tar" "$work/lower" "$work/damaged.tar"
    rm -rf "$damaged"
    cp -r "$work/parent" "$damaged"
    umoci raw add-layer --image "$damaged:latest" "$work/damaged.tar"
    run 0 --pool "$other" import "$damaged" --name damaged
    dump_top "$other" damaged "$work/raw"
    mount_at "$work/raw" "$work/mnt"
    ! "$compare" "$work/mnt" "$work/upper" "${no_tar[@]}" >"$work/log" 2>&1 ||
        fail "a layer with a damaged $1 makes the same tree"
    umount "$work/mnt"
}

# trip HOW COUNT IMAGE CONTAINER [OPTION...]: a container of the image, changed, and all that is made of
# it: with the image image-CONTAINER, and a layer more in $layout.
trip() {
    local how=$1 count=$2 image=$3 container=$4 device size
    shift 4
    rule "$count changes, $how, in $container, THINSNAP_SEED=$seed"
    run 0 create "$container" --image "$image" "$@"
    read -r device size < <("$program" inspect "$container" | jq -r '"\(.device) \(.virtual_size)"')
    dump "$device" "$size" "$work/old"
    cp --sparse=always "$work/old" "$work/new"
    "change_$how" "$count"
    python3 "$images/write_device.py" "$program" "$device" "$work/old" "$work/new"
    mount_both
    check_diff "$container"
    rm -rf "$work/parent"
    cp -r "$layout" "$work/parent"
    run 0 export "$container" --output "$work/layer.tar"
    umoci raw add-layer --image "$layout:latest" "$work/layer.tar"
    check_umoci "$container"
    check_import "$container"
    check_commit "$container"
    if [[ $how == once ]]; then
        noticed whiteout
        noticed byte
    fi
    umount "$work/lower" "$work/upper"
}

make_scratch
make_images odd
run 0 pool create --size 100G
run 0 pool create "$other" --size 100G
run 0 import "$work/images/odd" --name odd
part=0
cp -r "$work/images/odd" "$layout"
trip times 0 odd base
cp -r "$layout" "$work/base"
for ((chain = 1; chain <= chains; ++chain)); do
    rm -rf "$layout"
    cp -r "$work/base" "$layout"
    trip once "$count" image-base "once-$chain"
    trip remounted "$count" "image-once-$chain" "remounted-$chain" --size 12G
    trip crashed "$count" "image-remounted-$chain" "crashed-$chain"
    trip crashed "$count" "image-crashed-$chain" "crashed-twice-$chain" --size 13G
done
check_pools "$THINSNAP_POOL" "$other"
finish
