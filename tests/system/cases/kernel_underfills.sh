# shellcheck shell=bash
# The kernel can leave a node with too few entries. That is a warning here, no damage, and nothing stops working.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"

# Every checker but thin_check in its strict mood is content.
expect_underfilled_at_most() {
    thin_check --quiet --ignore-non-fatal-errors "$pool/metadata" || fail 'thin_check finds damage'
    ours_check || fail 'our check takes an under-filled node for damage'
    cmp <(ours_dump) <(thin_dump "$pool/metadata") || fail 'our dump differs from thin_dump'
}

mkdir "$pool"
truncate -s 16M "$pool/data"
/run/guest/busybox unxz <"$SYSTEM_LIB/../data/underfilled.xz" >"$pool/metadata"
expect_sound

kernel_open
kernel_delete 1000
kernel_close
if thin_check --quiet "$pool/metadata"; then skip 'this kernel leaves no under-filled node'; fi
expect_underfilled_at_most

ours_open
make_device ours 5000
ours_delete 1001
ours_delete 2000
make_snapshot ours 5001 5000
write_device ours 5001 0 "$mib"
ours_close
expect_underfilled_at_most

kernel_open
kernel_delete 1002
write_device kernel 5000 "$chunk" "$mib"
kernel_close
expect_underfilled_at_most
expect_same ours
expect_same kernel
