# shellcheck shell=bash
# Common to the tests that let the kernel and other tools judge images and containers. Called with the
# programs' paths: THINSNAP COMPARE_TREES. Everything they make lies in $work, and goes with it.

# Two files that build on this one may be used together.
[[ -z ${endings:-} ]] || return 0

# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
# shellcheck disable=SC2034 # for who reads this
images=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../images")
compare=$(readlink -f "$2")

unmount_all() {
    { findmnt -rno TARGET || true; } | { grep "^$work/" || true; } | sort -r | xargs -r -n 1 umount
}

# at_end FUNCTION: is called when the test ends, before those that were told earlier.
endings=(cleanup unmount_all)
at_end() { endings+=("$1"); }
end_all() {
    local i
    for ((i = ${#endings[@]} - 1; i >= 0; --i)); do
        "${endings[i]}" || true
    done
}
trap end_all EXIT

# need_mounts TOOL...: skips the test where it cannot mount, or lacks a tool.
need_mounts() {
    local tool
    need_root
    for tool in e2fsck losetup findmnt python3 jq thin_check "$@"; do
        need_tool "$tool"
    done
    [[ -e /dev/loop-control ]] || skip 'no loop devices here'
    truncate -s 64M "$work/probe"
    mkfs.ext4 -q "$work/probe"
    mkdir "$work/mnt"
    mount -o ro,loop "$work/probe" "$work/mnt" 2>/dev/null || skip 'no mounts here'
    umount "$work/mnt"
    rm "$work/probe"
}

# make_images NAME...: in $work/images, see tests/images/README.md.
make_images() {
    "$images/make_images" "$work/images" "$@" >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
}

# dump DEVICE SIZE FILE: the device as a sparse file. In the pool of $THINSNAP_POOL.
dump() {
    "$program" device read "$1" --length "$2" --output "$3"
}

# dump_top POOL IMAGE FILE: the device of the image's top layer.
dump_top() {
    local device size
    read -r device size < <("$program" --pool "$1" inspect "$2" |
        jq -r '.layers[-1] | "\(.device) \(.virtual_size)"')
    THINSNAP_POOL=$1 dump "$device" "$size" "$3"
}

# mount_at FILE DIR [OPTIONS]: mounts a dump, only to be read if nothing else is asked for.
mount_at() {
    mkdir -p "$2"
    mount -o "loop,${3:-ro}" "$1" "$2"
}

# check_fs FILE WHAT [ADVICE]: e2fsck finds nothing to change in the dump, save what the pattern allows.
check_fs() {
    if ! e2fsck -fn "$1" >"$work/fsck" 2>&1 || grep -vE "${3:-^$}" "$work/fsck" | grep -q '? no$'; then
        fail "e2fsck of $2: $(cat "$work/fsck")"
    fi
}

# same_trees A B WHAT [OPTION...]: path by path; says how many.
same_trees() {
    local a=$1 b=$2 what=$3
    shift 3
    "$compare" "$a" "$b" "$@" >"$work/differences" 2>&1 ||
        fail "$what differs: $(head -n 20 "$work/differences")"
    echo "$what: $(tail -n 1 "$work/differences")"
}

# same_as_umoci IMAGE TREE: TREE is what umoci makes of one of make_images, save the times that it gives by
# the clock.
same_as_umoci() {
    "$images/unpack_image" "$work/images" "$1" "$work/unpacked" >/dev/null 2>&1
    # shellcheck disable=SC2046 # options, one a word
    same_trees "$work/unpacked/rootfs" "$2" "umoci's $1" $(cat "$work/images/$1.except")
    rm -rf "$work/unpacked"
}

# A file system that can hold what thinsnap's can, large attributes above all: the host's may not.
make_scratch() {
    truncate -s 40G "$work/scratch.raw"
    mkfs.ext4 -q -O ea_inode "$work/scratch.raw"
    mount_at "$work/scratch.raw" "$work/scratch" rw
}

check_pools() {
    local pool
    for pool in "$@"; do
        "$program" --pool "$pool" pool check >"$work/log" || fail "pool check: $(cat "$work/log")"
        "$program" --pool "$pool" pool repair >"$work/log" || fail "pool repair: $(cat "$work/log")"
        thin_check -q "$pool/metadata" || fail "thin_check is not content with $pool"
    done
}
