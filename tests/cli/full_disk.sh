#!/bin/bash
# A host disk that is full is the same as a full pool.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_root
need_tool jq
need_tool unshare
need_tool openssl
if [[ ${2:-} != inside ]]; then
    unshare -m true 2>/dev/null || skip 'mount namespaces cannot be made here'
    rm -rf "$work" # the shell that made it ends here
    exec unshare -m "$0" "$1" inside # the mount goes away with the process
fi
disk=$work/disk
mkdir "$disk"
mount -t tmpfs -o size=16M none "$disk" || skip 'tmpfs cannot be mounted here'
trap 'umount "$disk"; cleanup' EXIT
THINSNAP_POOL=$disk/pool

rule 'a pool that does not fit leaves nothing'
run 7 pool create --size 1G --metadata-size 20M
complains 'No space left'
check test "$(ls -A "$disk")" = ''

rule 'data that does not fit on the disk is the same as a full pool'
run 0 pool create --size 1G --metadata-size 2M
run 0 device create 1
pattern 4M >"$work/in"
run 0 device write 1 <"$work/in"
run 7 device write 1 --offset 4M < <(pattern 40M)
run 0 pool check
"$program" device read 1 --length 4M | cmp - "$work/in" || fail 'flushed content is lost'
run 7 device write 1 --offset 100M < <(pattern 40M)
run 0 device write 1 <"$work/in" # in place: needs no space
run 0 device list

rule 'deletes still work, and give the space back'
run 0 device delete 1
run 0 pool check
run 0 device create 2
run 0 device write 2 <"$work/in"
"$program" device read 2 --length 4M | cmp - "$work/in" || fail 'content'

rule 'metadata that cannot grow stays as it is'
run 7 pool grow --metadata-size 1G
run 0 pool status --json
json '.metadata.total_blocks == 512 and .mode == "write"'
check test "$(stat -c %s "$disk/pool/metadata")" = $((2 << 20))

rule 'a backup that does not fit leaves the old one'
run 0 pool backup "$disk/backup"
before=$(sha256sum "$disk/backup")
head -c 100M /dev/zero >"$disk/fill" 2>/dev/null || true
run 7 pool backup "$disk/backup"
check test "$before" = "$(sha256sum "$disk/backup")"
run 0 pool status
finish
