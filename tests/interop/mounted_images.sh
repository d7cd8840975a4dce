#!/bin/bash
# mounted_images.sh THINSNAP COMPARE_TREES NAME...: the generated images as `thinsnap mount` shows them, and
# containers of them, are what umoci and containerd's native snapshotter make of the images, path by path.
#
# With THINSNAP_LONG all five images are tried, whatever is named; two of them need the network.
set -euo pipefail
# shellcheck source=tests/interop/containerd.sh
source "$(dirname "$0")/containerd.sh"
# shellcheck source=tests/interop/mounted.sh
source "$(dirname "$0")/mounted.sh"
shift 2
[[ -z ${THINSNAP_LONG:-} ]] || set -- odd layers files debian docker
need_server umoci skopeo containerd ctr

# For containerd: an archive with a name in it, and its top layer's chain ID in $chain. What the image odd says in odd ways, containerd 1.6.20 reads
# otherwise than tar does (a hard link's mode and owner, a whiteout that comes late): that one as we save it.
make_archive() { # IMAGE
    local source=oci:$work/images/$1:latest
    if [[ $1 == odd ]]; then
        run 0 save "$1" --output "$work/$1.tar"
        run 0 pool create "$work/other" --size 10G
        run 0 --pool "$work/other" import "$work/$1.tar" --name "$1"
        chain=$("$program" --pool "$work/other" inspect "$1" | jq -r '.layers[-1].chain_id')
        return
    fi
    chain=$("$program" inspect "$1" | jq -r '.layers[-1].chain_id')
    [[ -d $work/images/$1 ]] || source=docker-archive:$work/images/$1
    skopeo --insecure-policy copy --quiet "$source" "oci-archive:$work/$1.tar:docker.io/library/$1:latest" \
        >"$work/log" 2>&1 || fail "skopeo: $(<"$work/log")"
}

check_mounted() { # IMAGE CHAIN NAME
    rule "$3, mounted from the image $1"
    check test "$(findmnt -no FSTYPE "$work/at/$3")" = ext4
    same_as_umoci "$1" "$work/at/$3"
    same_as_containerd "$1" "$2" "$work/at/$3"
}

# The comparison sees what one changed byte, mode or attribute is.
check_noticed() { # CONTAINER IMAGE
    local change file
    rule "differences between the mounted container $1 and the image $2"
    file=$(find "$work/at/$1" -type f -size +1c -links 1 -print -quit)
    for change in 'chmod u-r' 'touch -h -d @1' 'setfattr -n user.more -v 1' 'truncate -s 1' 'rm'; do
        $change "$file"
        ! "$compare" "$work/at/$1" "$work/at/$2" >"$work/log" || fail "'$change' is not seen"
        grep -qF "${file#"$work/at/$1/"}" "$work/log" || fail "'$change' is not what is seen: $(<"$work/log")"
    done
}

check_image() { # IMAGE
    local name=$1 chain
    rule "the image $name"
    make_images "$name"
    run 0 import "$work/images/$name" --name "$name"
    make_archive "$name"
    ctr_import "$work/$name.tar"
    rm "$work/$name.tar"
    run 0 create "c-$name" --image "$name"
    mount_container "c-$name"
    mount_container "$name" --read-only
    check_mounted "$name" "$chain" "$name"
    check_mounted "$name" "$chain" "c-$name"
    # Nobody writes an image, as root or not, by file or by block device.
    check test "$(findmnt -no OPTIONS "$work/at/$name" | cut -d , -f 1)" = ro
    check test "$(blockdev --getro "$(findmnt -no SOURCE "$work/at/$name")")" = 1
    check_noticed "c-$name" "$name"
    run 0 umount "$work/at/$name"
    run 0 umount "c-$name"
    check_device "$name"
    check_device "c-$name"
}

make_scratch
start_containerd "$work/scratch/containerd"
make_pool 100G
for name in "$@"; do
    check_image "$name"
done
check_pools "$THINSNAP_POOL"
end_server
finish
