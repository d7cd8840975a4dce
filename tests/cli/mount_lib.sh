# shellcheck shell=bash
# For tests of what is active: after lib.sh. A server that a test leaves behind is killed, and what
# it held is taken away.
# shellcheck disable=SC2154 # it shares variables with lib.sh

need_mounts() {
    [[ -c /dev/fuse ]] || skip 'there is no /dev/fuse'
    [[ -c /dev/loop-control ]] || skip 'there is no /dev/loop-control'
}

pool_uuid() { "$program" pool status --json 2>/dev/null | jq -r .uuid; }
runtime_directory() { echo "/run/thinsnap/$(pool_uuid)"; }

# The process that holds the pool.
server_pid() { grep -oE '^[0-9]+' "$THINSNAP_POOL/lock"; }

# No loop device stands on the pool's devices.
no_loops() { ! losetup -ln -O BACK-FILE | grep -qF "$(runtime_directory)"; }

has_ended() { ! kill -0 "$1" 2>/dev/null; }
is_free() { [[ ! -e $THINSNAP_POOL/socket ]]; }

# shellcheck disable=SC2317 # called at the end
take_away_mounts() {
    local uuid place
    uuid=$(pool_uuid) || true
    while read -r place; do
        umount -l "$place"
    done < <(findmnt -rno TARGET | grep -F "$work/" | tac)
    pkill -KILL -f -- "thinsnapd .*--pool $THINSNAP_POOL( |$)" || true
    [[ -z $uuid ]] || umount -l "/run/thinsnap/$uuid/devices" 2>/dev/null || true
    [[ -z $uuid ]] || rm -rf "/run/thinsnap/$uuid"
}

# shellcheck disable=SC2317 # called by trap
cleanup_mounts() {
    take_away_mounts
    cleanup
}
trap cleanup_mounts EXIT
