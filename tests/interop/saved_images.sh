#!/bin/bash
# saved_images.sh THINSNAP COMPARE_TREES: what `save` writes is taken by skopeo, umoci and containerd, and
# containerd makes of it the tree that our top layer has.
#
# THINSNAP_SEED repeats a run; with THINSNAP_LONG the image of 200 layers is tried, too.
set -euo pipefail
# shellcheck source=tests/interop/containerd.sh
source "$(dirname "$0")/containerd.sh"
need_mounts umoci skopeo containerd ctr

seed=${THINSNAP_SEED:-$((RANDOM * 32768 + RANDOM))}
echo "THINSNAP_SEED=$seed"
names=(odd)
[[ -z ${THINSNAP_LONG:-} ]] || names+=(layers)
other=$work/other

diff_ids() { # POOL IMAGE
    "$program" --pool "$1" inspect "$2" | jq -c '[.layers[].diff_id]'
}

# The image `changed`: the odd one, and what 300 random changes make of it.
make_changed() {
    local device size
    run 0 create container --image odd
    read -r device size < <("$program" inspect container | jq -r '"\(.device) \(.virtual_size)"')
    dump "$device" "$size" "$work/old"
    cp --sparse=always "$work/old" "$work/new"
    mount_at "$work/new" "$work/mnt" rw
    python3 "$images/random_changes.py" "$work/mnt" "$seed" 300
    umount "$work/mnt"
    python3 "$images/write_device.py" "$program" "$device" "$work/old" "$work/new"
    run 0 commit container --image changed
}

skopeo_copy() {
    skopeo --insecure-policy copy --quiet "$@" >"$work/log" 2>&1 || fail "skopeo: $(cat "$work/log")"
}

# Copies by skopeo hold the same layers, and what we import of them has the same diffIDs.
check_skopeo() { # IMAGE
    local wanted copy
    wanted=$(jq -c .rootfs.diff_ids "$work/config")
    for copy in "docker-archive:$work/copy:docker.io/library/$1:copy" "oci:$work/copy:$1" "dir:$work/copy"; do
        rm -rf "$work/copy"
        skopeo_copy "oci-archive:$work/$1.tar" "$copy"
        [[ $copy != dir:* ]] || continue # not one of the kinds that can be imported
        run 0 --pool "$other" import "$work/copy" --name "$1-copy"
        check test "$(diff_ids "$other" "$1-copy")" = "$wanted"
    done
    skopeo inspect "oci-archive:$work/$1.tar" | jq -c .Layers >"$work/inspected"
    check test "$(<"$work/inspected")" = "$wanted" # not compressed: the blobs are the tars
}

# umoci and our history of the image tell the same steps.
check_history() { # IMAGE
    local steps='[.history[] | {created, created_by, comment, empty_layer: (.empty_layer // false)}
        | .created |= sub("\\.?0*Z$"; "Z") | with_entries(select(.value != null and .value != ""))]'
    rm -rf "$work/layout"
    skopeo_copy "oci-archive:$work/$1.tar" "oci:$work/layout:latest"
    umoci stat --image "$work/layout:latest" --json | jq -c "$steps" >"$work/theirs"
    "$program" history "$1" --json | jq -c "$steps | reverse" >"$work/ours"
    same_files "$work/ours" "$work/theirs"
}

check_containerd() { # IMAGE
    ctr_import "$work/$1.tar"
    dump_top "$THINSNAP_POOL" "$1" "$work/raw"
    mount_at "$work/raw" "$work/mnt"
    same_as_containerd "$1" "$("$program" --pool "$other" inspect "$1" | jq -r '.layers[-1].chain_id')" "$work/mnt"
    umount "$work/mnt"
}

# What was saved and imported is saved as the same bytes, in any pool.
check_again() { # IMAGE
    run 0 --pool "$other" import "$work/$1.tar"
    run 0 --pool "$other" save "$1" --output "$work/again"
    same_files "$work/$1.tar" "$work/again"
    run 0 save "$1" --gzip --output "$work/packed"
    run 0 save "$1" --gzip --output "$work/again"
    same_files "$work/packed" "$work/again"
    run 0 --pool "$other" import "$work/packed" --json
    json '.images[0].layers | all(.existed)'
}

make_scratch
start_containerd "$work/scratch/containerd"
make_images "${names[@]}"
run 0 pool create --size 60G
run 0 pool create "$other" --size 60G
for name in "${names[@]}"; do
    run 0 import "$work/images/$name" --name "$name"
done
make_changed
for name in "${names[@]}" changed; do
    rule "the saved image $name, THINSNAP_SEED=$seed"
    run 0 save "$name" --output "$work/$name.tar"
    tar -xOf "$work/$name.tar" "$(tar -xOf "$work/$name.tar" manifest.json | jq -r '.[0].Config')" >"$work/config"
    check_again "$name"
    check_skopeo "$name"
    check_history "$name"
    check_containerd "$name"
done
check_pools "$THINSNAP_POOL" "$other"
finish
