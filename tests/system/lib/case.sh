# shellcheck shell=bash
# What a case starts with: strictness, a way to fail or skip with a sentence, seeded random choices, both sides.
# A case runs in an empty folder of its own, as root of the guest; what it leaves behind is removed.

set -Eeuo pipefail
# The log is this trace; the shell takes no PS4 from the environment when it is root.
PS4='+${EPOCHREALTIME} ${BASH_SOURCE[0]##*/}:${LINENO}: '
set -x
trap 'printf "FAIL: %s:%s: %s\n" "${BASH_SOURCE[0]##*/}" "$LINENO" "$BASH_COMMAND" >&2' ERR

fail() {
    trap - ERR
    printf 'FAIL: %s\n' "$*" >&2
    exit 1
}

# shellcheck disable=SC2317 # some cases never skip
skip() {
    printf 'SKIP: %s\n' "$*" >&2
    exit 77
}

expect_equal() { # WHAT ACTUAL EXPECTED
    [[ $2 == "$3" ]] || fail "$1 is '$2' instead of '$3'"
}

expect_failure() { # COMMAND...
    if "$@"; then fail "should have failed: $*"; fi
}

RANDOM=$SEED

# Sets REPLY to one of 0..N-1. A subshell would repeat its parent's numbers, so there is no output to catch.
random() { # N
    REPLY=$(((RANDOM << 15 | RANDOM) % $1))
}

# A static program starts ten times as fast under emulation, and this one is started most often.
dd() {
    /run/guest/busybox dd "$@" status=none
}

for tool in dmsetup losetup blkdiscard thin_check thin_dump; do
    command -v "$tool" >/dev/null || skip "$tool not found; install dmsetup, mount, util-linux, thin-provisioning-tools"
done

# shellcheck source=tests/system/lib/kernel.sh
. "$SYSTEM_LIB/kernel.sh"
if [[ $THINSNAP == stand-in ]]; then
    # shellcheck source=tests/system/lib/stand_in.sh
    . "$SYSTEM_LIB/stand_in.sh"
else
    # shellcheck source=tests/system/lib/ours.sh
    . "$SYSTEM_LIB/ours.sh"
fi
# shellcheck source=tests/system/lib/pool.sh
. "$SYSTEM_LIB/pool.sh"
