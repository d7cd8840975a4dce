# shellcheck shell=bash
# The server of the pool in $THINSNAP_POOL and what it holds, for tests that have $program and $work.
# shellcheck disable=SC2154 # those two

# Where it keeps what lives no longer than it. Asked once: a damaged pool cannot say it any more.
runtime_of_pool() {
    if [[ ! -s $work/runtime ]]; then
        echo "/run/thinsnap/$("$program" pool status --json | jq -r .uuid)" >"$work/runtime"
    fi
    cat "$work/runtime"
}

# Its pid, or nothing.
server_of_pool() {
    local pid
    pid=$(sed -n 's/^\([0-9]*\) (.*thinsnapd .*/\1/p' "$THINSNAP_POOL/lock" 2>/dev/null)
    [[ -z $pid ]] || ! grep -qsxF thinsnapd "/proc/$pid/comm" || echo "$pid"
}
no_server() { [[ -z $(server_of_pool) ]]; }

# The loop devices of the pool, a name a line.
loops_of_pool() {
    { grep -ls "^$(runtime_of_pool)/" /sys/block/loop*/loop/backing_file || true; } | cut -d / -f 4
}
no_loops() { [[ -z $(loops_of_pool) ]]; }

# Takes the server away with all that it holds, mounts below $work first, whatever state things are in.
take_down_server() {
    local loop pid runtime
    { findmnt -rno TARGET | grep "^$work/" | sort -r | xargs -r -n 1 umount -l; } 2>/dev/null
    pid=$(server_of_pool)
    if [[ -n $pid ]]; then
        kill -TERM "$pid"
        timeout 10 tail --pid="$pid" -f /dev/null || kill -KILL "$pid"
    fi
    [[ -s $work/runtime ]] || return 0
    runtime=$(runtime_of_pool)
    for loop in $(loops_of_pool); do
        losetup -d "/dev/$loop"
    done
    ! grep -qF " $runtime/devices " /proc/self/mountinfo || umount -l "$runtime/devices"
    [[ ! -d $runtime ]] || { rm -f "$runtime"/active/* && rmdir "$runtime"/* "$runtime"; } 2>/dev/null
}
