#!/bin/bash
# imported_images.sh THINSNAP COMPARE NAME...: the generated images, imported, are what umoci makes of
# them, path by path; e2fsck finds every layer clean and the kernel mounts it without a word.
#
# With THINSNAP_LONG all five images are tried, whatever is named; two of them need the network.
# Needs root for umoci and for the mount. Everything it makes lies in a directory of its own.
set -euo pipefail
# shellcheck source=tests/interop/lib.sh
source "$(dirname "$0")/lib.sh"
shift 2
[[ -z ${THINSNAP_LONG:-} ]] || set -- odd layers files debian docker
need_mounts umoci skopeo

check_layer() { # NAME DEVICE SIZE
    dump "$2" "$3" "$work/raw"
    check_fs "$work/raw" "device $2 of $1"
}

# kernel_complaints LINES DEVICE: the kernel's lines about a mount since it had so many, without those that
# every mount has.
kernel_complaints() {
    dmesg | tail -n +"$(($1 + 1))" | grep "EXT4-fs.*(${2#/dev/})" |
        grep -vE ': (un)?mount(ed|ing) filesystem' || true
}

check_tree() { # NAME
    local lines complaints
    lines=$(dmesg | wc -l)
    mount_at "$work/raw" "$work/mnt"
    complaints=$(kernel_complaints "$lines" "$(findmnt -no SOURCE "$work/mnt")")
    [[ -z $complaints ]] || fail "the kernel says $complaints"
    same_as_umoci "$1" "$work/mnt"
    umount "$work/mnt"
}

"$program" pool create --size 60G >/dev/null
for name in "$@"; do
    rule "the image $name"
    make_images "$name"
    "$program" import "$work/images/$name" --name "$name" >/dev/null 2>"$work/log" || { cat "$work/log" && exit 1; }
    "$program" inspect "$name" | jq -r '.layers[] | "\(.device) \(.virtual_size)"' >"$work/layers"
    # Every layer of few, each fiftieth of many; the top one comes last and stays in $work/raw.
    count=$(wc -l <"$work/layers")
    number=0
    while read -r device size; do
        number=$((number + 1))
        ((count <= 10 || number % 50 == 0)) || continue
        check_layer "$name" "$device" "$size"
    done <"$work/layers"
    check_tree "$name"
done
check_pools "$THINSNAP_POOL"
finish
