# shellcheck shell=bash
# A container that is mounted on another kernel, with all capabilities: it grows while it is in use, discards come
# back to the pool, and the server is one that writeback can rely on.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"

[[ $THINSNAP != stand-in ]] || skip 'the kernel has no server to stand in for ours'
modprobe fuse || skip 'the kernel has no FUSE'
command -v e2fsck >/dev/null || skip 'e2fsck not found; install e2fsprogs'

size_of_mount() {
    local blocks size
    read -r blocks size < <(stat -f -c '%b %S' mnt)
    REPLY=$((blocks * size))
}

used_chunks() { ours_status used_chunks; }

ours_pool_create 700M 4M
printf '[space]\nlow-water = 1\n' >"$pool/thinsnap.toml"
ours create web --size 128M
mkdir mnt
ours mount web mnt
trap 'umount mnt 2>/dev/null || true; kill "$(cut -d" " -f1 <"$pool/lock")" 2>/dev/null || true' EXIT
if grep PR_SET_IO_FLUSHER "$pool/thinsnapd.log"; then fail 'the server could not prepare for writeback'; fi

dd if=/dev/urandom of=mnt/file bs=1M count=60
sync
sum=$(md5sum <mnt/file)
ours resize web 512M
size_of_mount
((REPLY > 400 * mib)) || fail "the file system has $REPLY bytes after it grew"
dd if=/dev/urandom of=mnt/more bs=1M count=150
sync
expect_equal 'the file that was there' "$(md5sum <mnt/file)" "$sum"

before=$(used_chunks)
rm mnt/more
sync
fstrim mnt
sync
((before - $(used_chunks) >= 2000)) || fail "of $before chunks $(used_chunks) are in use after the trim"

ours commit web --image app
ours umount web
device=$(ours activate web --read-only)
e2fsck -fn "$device"
ours deactivate web
expect_equal 'the size in the list' "$(ours list --json | sed -n 's/.*"virtual_size": *\([0-9]*\).*/\1/p')" $((512 * mib))
ours mount app mnt --read-only
expect_equal 'the file in the image' "$(md5sum <mnt/file)" "$sum"
ours umount mnt
expect_sound
