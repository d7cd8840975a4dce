# shellcheck shell=bash
# Common to the tests of mounted containers. What is mounted lies in $work, and the pool's server, its loop
# devices and files below /run go with the test, however it ends.

# shellcheck source=tests/interop/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
at_end take_down
interop=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")")
runtime=

# need_server TOOL...: as need_mounts, and what a server needs beside.
need_server() {
    need_mounts "$@"
    [[ -c /dev/fuse ]] || skip 'no FUSE here'
    [[ -x $(dirname "$program")/thinsnapd ]] || skip 'thinsnapd is not beside thinsnap'
}

# make_pool SIZE: the pool of the test, and where its server keeps what lives no longer than it, $runtime.
make_pool() {
    run 0 pool create --size "$1"
    mkdir "$work/at"
    runtime=/run/thinsnap/$("$program" pool status --json | jq -r .uuid)
}

# The pid of the pool's server, or nothing.
server_of_pool() {
    local pid
    pid=$(sed -n 's/^\([0-9]*\) (.*thinsnapd .*/\1/p' "$THINSNAP_POOL/lock" 2>/dev/null)
    [[ -z $pid ]] || ! grep -qsxF thinsnapd "/proc/$pid/comm" || echo "$pid"
}

# The loop devices of the pool, a name a line.
loops_of_pool() {
    { grep -ls "^$runtime/" /sys/block/loop*/loop/backing_file || true; } | cut -d / -f 4
}

# mount_container NAME [OPTION...]: at $work/at/NAME.
mount_container() {
    mkdir -p "$work/at/$1"
    run 0 mount "$@" "$work/at/$1"
}

# in_background COMMAND...: in a process group of its own, which ends with the test; its pid is $!.
in_background() {
    set -m
    "$@" &
    set +m
}

# check_device NAME: e2fsck finds nothing to change in what `activate --read-only` makes of it. What the
# kernel wrote could now and then be shorter, and that is no fault.
check_device() {
    run 0 activate "$1" --read-only
    check_fs "$(<"$work/out")" "the device of $1" 'extent tree .* could be (shorter|narrower)'
    run 0 deactivate "$1"
}

# holds_promises DIR PROMISED [TRIED]: see promises.py.
holds_promises() {
    python3 "$interop/promises.py" check "$@" >"$work/promises" || fail "$1: $(<"$work/promises")"
}

# Ends the server; nothing may be mounted. Nothing of it may be left.
end_server() {
    run 0 pool repair # for which it makes way
    eventually no_server
    check test -z "$(loops_of_pool)"
    check test ! -e "$runtime"
    ! grep -qF " $runtime/" /proc/self/mountinfo || fail "$runtime is still mounted"
}
no_server() { [[ -z $(server_of_pool) ]]; }

# Whatever state things are in.
take_down() {
    local group loop pid
    for group in $(jobs -p); do
        kill -KILL -- "-$group" 2>/dev/null
    done
    unmount_all 2>/dev/null
    { findmnt -rno TARGET | grep "^$work/" | sort -r | xargs -r -n 1 umount -l; } 2>/dev/null
    pid=$(server_of_pool)
    if [[ -n $pid ]]; then
        kill -TERM "$pid"
        timeout 10 tail --pid="$pid" -f /dev/null || kill -KILL "$pid"
    fi
    [[ -n $runtime ]] || return
    for loop in $(loops_of_pool); do
        losetup -d "/dev/$loop"
    done
    ! grep -qF " $runtime/devices " /proc/self/mountinfo || umount -l "$runtime/devices"
    rm -f "$runtime"/active/* && rmdir "$runtime"/* "$runtime" 2>/dev/null
}
