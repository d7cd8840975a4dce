#!/bin/bash
# imported_images.sh THINSNAP COMPARE NAME...: the generated images, imported, are what umoci makes of
# them, path by path; e2fsck finds every layer clean and the kernel mounts it without a word.
#
# With THINSNAP_LONG all five images are tried, whatever is named; two of them need the network.
# Needs root for umoci and for the mount. Everything it makes lies in a directory of its own.
set -euo pipefail
thinsnap=$1 compare=$2
shift 2
[[ -z ${THINSNAP_LONG:-} ]] || set -- odd layers files debian docker
images=$(dirname "$(dirname "$(readlink -f "$0")")")/images

skip() { echo "SKIP: $*" && exit 77; }
((EUID == 0)) || skip 'not root'
for tool in umoci skopeo jq e2fsck losetup python3; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
done

work=$(mktemp -d)
export THINSNAP_POOL=$work/pool
failures=0
# shellcheck disable=SC2317 # called by the trap
cleanup() {
    mountpoint -q "$work/mnt" && umount "$work/mnt"
    rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/mnt" "$work/images"

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# dump DEVICE SIZE: the device as a sparse file.
dump() {
    "$thinsnap" device read "$1" --length "$2" --output "$work/raw"
}

check_layer() { # NAME DEVICE SIZE
    dump "$2" "$3"
    e2fsck -fn "$work/raw" >"$work/fsck" 2>&1 || fail "$1: e2fsck of device $2: $(cat "$work/fsck")"
    ! grep -q '? no$' "$work/fsck" || fail "$1: e2fsck of device $2: $(cat "$work/fsck")"
}

# The kernel's own lines about a mount, without those that every mount has.
kernel_complaints() {
    dmesg | tail -n +"$(($1 + 1))" | grep 'EXT4-fs' | grep -vE ': (un)?mount(ed|ing) filesystem' || true
}

check_tree() { # NAME
    local lines
    lines=$(dmesg | wc -l)
    mount -o ro,loop "$work/raw" "$work/mnt" 2>/dev/null || { fail "$1: cannot be mounted" && return; }
    local complaints
    complaints=$(kernel_complaints "$lines")
    [[ -z $complaints ]] || fail "$1: the kernel says $complaints"
    "$images/unpack_image" "$work/images" "$1" "$work/unpacked" >/dev/null 2>&1
    # shellcheck disable=SC2046 # options, one a word
    "$compare" "$work/unpacked/rootfs" "$work/mnt" $(cat "$work/images/$1.except") >"$work/differences" ||
        fail "$1: differs from umoci's: $(head -n 20 "$work/differences")"
    echo "$1: $(tail -n 1 "$work/differences")"
    umount "$work/mnt"
    rm -rf "$work/unpacked"
}

[[ -e /dev/loop-control ]] || skip 'no loop devices here'
truncate -s 64M "$work/probe"
mkfs.ext4 -q "$work/probe"
mount -o ro,loop "$work/probe" "$work/mnt" 2>/dev/null || skip 'no mounts here'
umount "$work/mnt"

"$thinsnap" pool create --size 60G >/dev/null
for name in "$@"; do
    "$images/make_images" "$work/images" "$name" >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
    "$thinsnap" import "$work/images/$name" --name "$name" >/dev/null 2>"$work/log" || { cat "$work/log" && exit 1; }
    "$thinsnap" inspect "$name" | jq -r '.layers[] | "\(.device) \(.virtual_size)"' >"$work/layers"
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
"$thinsnap" pool check >"$work/log" || fail "pool check: $(cat "$work/log")"
thin_check -q "$work/pool/metadata" || fail 'thin_check is not content'
exit $((failures > 0))
