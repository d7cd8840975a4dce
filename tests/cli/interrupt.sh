#!/bin/bash
# Signals: a clean end, and nothing half done.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_tool openssl
run 0 pool create --size 64M
run 0 device create 1
mkfifo "$work/fifo"

# start INPUT OUTPUT ARGUMENT...: in the background, with the signals' default actions, which a
# script takes away from what it starts there.
start() {
    local input=$1 output=$2
    shift 2
    env --default-signal=INT,TERM "$program" "$@" <"$input" >"$output" 2>"$work/err" 9>&- &
    process=$!
}
ends_with() {
    local status=0
    wait "$process" || status=$?
    ((status == $1)) || fail "exit status $status, not $1"
}

rule 'an interrupted write keeps what it was given and ends with 130'
pattern 3500000 >"$work/in"
start "$work/fifo" /dev/null device write 1
exec 9>"$work/fifo"
cat "$work/in" >&9
eventually is_locked
kill -INT "$process"
ends_with 130
complains 'interrupted'
written=$(grep -oE 'first [0-9]+ bytes' "$work/err" | grep -oE '[0-9]+')
check test "$written" -ge $((2 << 20))
exec 9>&-
run 0 device list --lock-timeout 0
run 0 pool check
"$program" device read 1 --length "$written" | cmp -n "$written" - "$work/in" || fail 'content'

rule 'other signals end it likewise'
start "$work/fifo" /dev/null device write 1
exec 9>"$work/fifo"
eventually is_locked
kill -TERM "$process"
ends_with 143
exec 9>&-

rule 'a reader is interrupted while it waits for its own reader'
start /dev/null "$work/fifo" device read 1 --length 1G
exec 9<"$work/fifo"
eventually is_locked
kill -INT "$process"
ends_with 130
exec 9<&-

rule 'who waits for the lock is interrupted at once'
"$program" device write 1 <"$work/fifo" &
holder=$!
exec 9>"$work/fifo"
eventually is_locked
start /dev/null /dev/null device list
sleep 0.3
before=$SECONDS
kill -INT "$process"
ends_with 130
((SECONDS - before <= 2)) || fail 'it went on waiting'
exec 9>&-
wait "$holder"

rule 'an interrupted creation leaves nothing'
start /dev/null /dev/null pool create "$work/large" --size 1T --metadata-size 8G
eventually test -e "$work/large/metadata.new"
kill -INT "$process"
ends_with 130
check test ! -e "$work/large"

rule 'a signal that was ignored from the start stays ignored'
(
    trap '' HUP
    exec "$program" device write 1 <"$work/fifo"
) &
process=$!
exec 9>"$work/fifo"
eventually is_locked
kill -HUP "$process"
sleep 0.2
exec 9>&-
ends_with 0
finish
