# shellcheck shell=bash
# Common to the tests of mounted containers. What is mounted lies in $work, and the pool's server, its loop
# devices and files below /run go with the test, however it ends.

# shellcheck source=tests/interop/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/support/pool_server.sh
source "$(dirname "${BASH_SOURCE[0]}")/../support/pool_server.sh"
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
    runtime=$(runtime_of_pool)
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

# Whatever state things are in.
take_down() {
    local group
    for group in $(jobs -p); do
        kill -KILL -- "-$group" 2>/dev/null
    done
    unmount_all 2>/dev/null
    take_down_server
}
