# shellcheck shell=bash
# For tests of what is active: after lib.sh. The server goes with the test, however it ends.
# shellcheck disable=SC2154 # it shares variables with lib.sh

# shellcheck source=tests/support/pool_server.sh
source "$(dirname "${BASH_SOURCE[0]}")/../support/pool_server.sh"

need_devices() {
    [[ -c /dev/fuse ]] || skip 'there is no /dev/fuse'
    [[ -c /dev/loop-control ]] || skip 'there is no /dev/loop-control'
}

has_ended() { ! kill -0 "$1" 2>/dev/null; }
is_free() { [[ ! -e $THINSNAP_POOL/socket ]]; }

# shellcheck disable=SC2317 # called by trap
cleanup_mounts() {
    take_down_server || true
    cleanup
}
trap cleanup_mounts EXIT
