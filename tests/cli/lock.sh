#!/bin/bash
# The owner lock: who waits for whom, and what is said in the end.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
run 0 pool create --size 10M
run 0 device create 1
mkfifo "$work/fifo"

# Starts a process that holds the pool until release is called; its pid is in $holder.
hold_exclusive() {
    "$program" device write 1 <"$work/fifo" &
    holder=$!
    exec 9>"$work/fifo"
    eventually is_locked
}
hold_shared() {
    "$program" device read 1 --length 100M >"$work/fifo" &
    holder=$!
    exec 9<"$work/fifo"
    eventually is_locked
}
release() {
    exec 9>&-
    wait "$holder" || true
}

rule 'the holder is named after the timeout'
hold_exclusive
run 6 device list --lock-timeout 0.3
complains "in use by process $holder ("
complains 'device write 1'
complains 'waited 0.3 s'
run 6 device create 2 --lock-timeout 0 --json
check grep -q '"kind":"busy"' "$work/err"
check grep -q "^$holder (" "$work/pool/lock"

rule 'a process that only waits is not named'
"$program" device list --lock-timeout 20 >/dev/null 9>&- &
waiter=$!
sleep 0.2
run 6 device list --lock-timeout 0
if grep -q "process $waiter " "$work/err"; then fail "the waiting process is named"; fi

rule 'who waits goes on when the lock is given up'
release
wait "$waiter" || fail "the waiting process has status $?"

rule 'readers exclude writers and not each other'
hold_shared
run 0 device list --lock-timeout 0
run 6 device create 2 --lock-timeout 0
complains "in use by process $holder ("
release

rule 'a holder that /proc does not show is named by the lock file'
if ((EUID == 0)) && unshare -pf --mount-proc true 2>/dev/null; then
    hold_exclusive
    status=0
    unshare -pf --mount-proc "$program" device list --lock-timeout 0 2>"$work/err" || status=$?
    check test "$status" = 6
    complains "in use by process $holder ("
    release
    hold_shared
    unshare -pf --mount-proc "$program" device create 2 --lock-timeout 0 2>"$work/err" || true
    complains 'a process that cannot be seen from here'
    release
fi

rule 'a holder that is killed leaves no lock behind'
hold_exclusive
kill -KILL "$holder"
wait "$holder" 2>/dev/null || true
run 0 device create 2 --lock-timeout 0
exec 9>&-

rule 'the default wait is about ten seconds'
hold_exclusive
start=$(date +%s%N)
run 6 device list
took=$((($(date +%s%N) - start) / 1000000))
((took >= 9500 && took < 20000)) || fail "it took $took ms"
release

rule 'creating a pool waits for the lock, too'
mkdir "$work/other"
exec 9>"$work/other/lock"
if command -v flock >/dev/null; then
    # flock(1) takes another kind of lock, which must not be mistaken for ours
    flock 9
fi
run 0 pool create "$work/other" --size 1M --lock-timeout 0
exec 9>&-
finish
