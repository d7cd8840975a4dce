#!/bin/bash
# What the kernel uses is refused: the owner lock cannot know of it.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_root
need_tool losetup
need_tool jq
[[ -d /sys/block ]] || skip "no /sys here: who uses a file cannot be seen"

attach() { losetup --find --show "$@" 2>/dev/null; }
loops=()
detach_all() {
    local loop
    for loop in "${loops[@]}"; do
        losetup -d "$loop" 2>/dev/null || true
    done
    loops=()
}
trap 'detach_all; cleanup' EXIT

run 0 pool create --size 10M
run 0 device create 1
loop=$(attach "$work/pool/data") || skip 'loop devices cannot be set up here'
loops+=("$loop")

rule 'a pool whose data a loop device uses is refused'
run 6 device list
complains "$loop"
run 6 device create 2
detach_all
run 0 device list

rule 'a pool whose metadata a loop device uses is refused, by any name'
ln "$work/pool/metadata" "$work/alias"
loop=$(attach "$work/alias")
loops+=("$loop")
run 6 device list
complains "$loop"
run 6 pool check
run 6 pool restore "$work/none" || true
detach_all

rule 'a block device can hold the data'
truncate -s 32M "$work/disk"
loop=$(attach "$work/disk")
loops+=("$loop")
run 0 pool create "$work/block" --data "$loop" --json
json '.data_bytes == 33554432'
export THINSNAP_POOL=$work/block
run 0 device create 1
echo content | "$program" device write 1
run 0 device read 1
prints content
run 0 device discard 1 --offset 0 --length 1M
run 0 pool check
run 2 pool grow --size 64M
run 2 pool create "$work/block2" --data "$loop" --size 64M
check test ! -e "$work/block2"
run 0 pool status --json
json '.data.total_bytes == 33554432'

rule 'readers of a block device do not exclude each other'
mkfifo "$work/fifo"
"$program" device read 1 --length 1G >"$work/fifo" &
exec 9<"$work/fifo"
run 0 device list --lock-timeout 0
exec 9<&-
wait

rule 'a block device that the kernel uses is refused'
need_tool mkfs.ext4
need_tool unshare
truncate -s 32M "$work/disk2"
loop2=$(attach "$work/disk2")
loops+=("$loop2")
mkfs.ext4 -q "$loop2"
mkdir "$work/mnt"
if mount "$loop2" "$work/mnt" 2>/dev/null; then
    trap 'umount "$work/mnt"; detach_all; cleanup' EXIT
    run 6 pool create "$work/block3" --data "$loop2"
    complains 'kernel'
    check test ! -e "$work/block3"
    sed -i "s,$loop,$loop2," "$work/block/thinsnap.toml"
    run 6 device list
    complains 'kernel'
    run 6 device create 3
    complains 'kernel'
fi
finish
