#!/bin/bash
# A pool that cannot be written: by permission, by mount.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_root
need_tool setpriv
need_tool unshare
run 0 pool create --size 10M
run 0 device create 1
echo content | "$program" device write 1
"$program" device read 1 >"$work/expected"

# For each way: reading works, writing is refused with status $1, nothing changes.
try_all() {
    local refused=$1
    run 0 pool status
    prints 'mode            write'
    run 0 pool check
    run 0 pool dump
    run 0 device list
    run 0 device diff 1 1
    run 0 device read 1
    same_files "$work/expected" "$work/out"
    run 0 pool backup -
    run "$refused" device create 2
    run "$refused" device write 1 </dev/null
    run "$refused" pool grow --size 20M
    run "$refused" pool check --clear-needs-check
}

rule 'who may only read the files can read the pool'
chmod 755 "$work" "$work/pool"
chmod 444 "$work/pool"/*
before=$(sha256sum "$work/pool"/*)
real=$program
cat >"$work/as_nobody" <<END
#!/bin/sh
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$real" "\$@"
END
chmod 755 "$work/as_nobody"
if ! setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$real"; then
    skip 'the program cannot be run by another user from where it is'
fi
program=$work/as_nobody
try_all 10
check test "$before" = "$(sha256sum "$work/pool"/*)"
program=$real

rule 'a pool on a read-only file system can be read'
mkdir "$work/mounted"
cat >"$work/mounted_run" <<END
#!/bin/sh
exec unshare -m sh -c 'mount --bind -o ro "$work/pool" "$work/mounted" 2>/dev/null &&
    mount -o remount,ro,bind "$work/mounted" && exec "$real" "\$@"' sh "\$@"
END
chmod 755 "$work/mounted_run"
unshare -m mount --bind "$work/pool" "$work/mounted" 2>/dev/null || skip 'no mounts here'
program=$work/mounted_run
THINSNAP_POOL=$work/mounted
try_all 8
check test "$before" = "$(sha256sum "$work/pool"/*)"

rule 'there a missing lock file is no obstacle'
rm "$work/pool/lock"
run 0 device list
check test ! -e "$work/pool/lock"
finish
