#!/bin/bash
# server.sh PROGRAM SERVER: thinsnapd, and commands that find it or do not find it.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_tool jq
need_tool openssl
need_tool python3
daemon=$(readlink -f "$2")
socket=$work/pool/socket

# serve OPTION...: starts a server and waits until it listens; its pid is in $server.
serve() {
    "$daemon" "$@" 2>>"$work/log" 9>&- &
    server=$!
    eventually is_listening
}
# shellcheck disable=SC2317 # called by eventually
is_listening() { cat "$work"/log* 2>/dev/null | grep -q "thinsnapd\[$server\]: version"; }
# Waits until the server has ended by itself, with status $1.
ends_with() {
    local status=0
    wait "$server" 2>/dev/null || status=$?
    ((status == $1)) || fail "the server's exit status is $status, not $1"
}
# shellcheck disable=SC2317 # called by eventually
holds_pool() { grep -q "^$server (" "$work/pool/lock"; }
logs() { grep -Fq -- "$1" "$work/log" || fail "'$1' is not in the log: $(<"$work/log")"; }

# A command writes the device at this moment.
# shellcheck disable=SC2317 # called by eventually
is_in_use() { ! "$program" device write "$device" --lock-timeout 0 </dev/null; }

rule 'a server needs a pool'
status=0
"$daemon" --lock-timeout 0 2>"$work/err" || status=$?
check test "$status" = 3
check grep -q 'there is no pool' "$work/err"
run 0 pool create --size 1G

rule 'wrong options are told with the status of a wrong command line'
status=0
"$daemon" --idle-timeout soon 2>"$work/err" || status=$?
check test "$status" = 2
check grep -q 'idle-timeout' "$work/err"
check test "$("$daemon" --version)" = "thinsnapd $("$program" --version | cut -d' ' -f2)"

rule 'help, man page and completion name the same options'
root=$(dirname "$0")/../..
"$daemon" --help | grep -oE -- '^ +--[a-z-]+' | tr -d ' ' | sort >"$work/options"
check test "$(wc -l <"$work/options")" -ge 6
sed -n '/^\.Sh OPTIONS/,/^\.Sh SIGNALS/p' "$root/man/thinsnapd.8" | sed -nE 's/^\.It Fl (-[a-z-]+).*/-\1/p' |
    sort | diff - "$work/options" || fail 'the man page differs'
while read -r option; do
    grep -qwF -- "$option" "$root/tools/completions/thinsnapd.bash" || fail "$option is not completed"
done <"$work/options"

rule 'every method is documented'
grep -ohE '\{"[a-z]+\.[a-z_]+", ' "$root"/src/service/*.cpp | tr -d ' {",' >"$work/methods"
check test "$(wc -l <"$work/methods")" -ge 25
while read -r method; do
    grep -q "^\.It Cm $method\b" "$root/man/thinsnapd.8" || fail "$method is not in the man page"
done <"$work/methods"

rule 'commands find the server, which holds the pool all the time'
serve --idle-timeout 0
check test "$(stat -c %a "$socket")" = 600
check holds_pool
run 0 create one --size 1G --lock-timeout 0
run 0 list --json
json '[.containers[].name] == ["one"]'
run 4 create one --lock-timeout 0
complains 'there is a container one already'
run 3 rm none --lock-timeout 0 --json
check grep -q '"kind":"not_found"' "$work/err"
check holds_pool

rule 'a relative path means what it means to the command'
mkdir "$work/here"
echo text >"$work/here/file"
(cd "$work/here" && "$program" cp file one:/file && "$program" cp one:/file copy)
same_files "$work/here/file" "$work/here/copy"
run 0 cat one:/file
prints text

rule 'names that are no UTF-8 come through as they are'
odd=$work/$'caf\xe9'
echo odd >"$odd"
run 0 cp "$odd" one:/
run 0 ls one:/
prints 'caf\xe9'
run 0 cat one:/$'caf\xe9'
prints odd

rule 'a pipe without a name of its own is read by the command'
tar -C "$work/here" -cf "$work/root.tar" .
run 0 import <(cat "$work/root.tar") --name piped
prints 'piped:latest'

rule 'a command that is interrupted ends its request, and only that'
mkfifo "$work/fifo"
run 0 device create 100000
env --default-signal=INT "$program" device write 100000 <"$work/fifo" 2>"$work/err" 9>&- &
writer=$!
exec 9>"$work/fifo"
pattern 3500000 >"$work/in"
cat "$work/in" >&9
run 6 device write 100000 --lock-timeout 0 </dev/null
complains 'the device 100000 is being changed by device.write of process'
kill -INT "$writer"
status=0
wait "$writer" || status=$?
check test "$status" = 130
check grep -Eq 'interrupted; the first [0-9]+ bytes of the input are written' "$work/err"
written=$(grep -oE 'first [0-9]+ bytes' "$work/err" | grep -oE '[0-9]+')
check test "$written" -ge $((2 << 20))
exec 9>&-
"$program" device read 100000 --length "$written" | cmp -n "$written" - "$work/in" || fail content
check holds_pool

rule 'a command that is killed leaves nothing behind that holds others up'
"$program" device write 100000 <"$work/fifo" 2>/dev/null 9>&- &
writer=$!
exec 9>"$work/fifo"
# shellcheck disable=SC2317 # called by eventually
is_busy() { ! "$program" device write 100000 --lock-timeout 0 </dev/null; }
eventually is_busy
kill -KILL "$writer"
wait "$writer" 2>/dev/null || true
run 0 device write 100000 </dev/null
exec 9>&-

rule 'a reader that stops reading keeps nobody else from the pool'
"$program" device read 100000 --length 1G 2>/dev/null | { head -c 1 >/dev/null; sleep 1; } &
run 0 create two --size 1G --lock-timeout 0
run 0 rm two
wait $! || true

rule 'two hundred commands at once are all carried out'
for i in $(seq 200); do
    "$program" create "many$i" --size 1G --lock-timeout 100 2>>"$work/many" 9>&- &
    processes[i]=$!
done
wait "${processes[@]}" || fail "one of them failed: $(<"$work/many")"
run 0 list --json
json '[.containers[] | select(.name | startswith("many"))] | length == 200'
for i in $(seq 200); do
    "$program" rm "many$i" --lock-timeout 100 2>>"$work/many" 9>&- &
    processes[i]=$!
done
for process in "${processes[@]}"; do
    wait "$process" || fail "a removal failed: $(<"$work/many")"
done
run 0 list --json
json '[.containers[].name] == ["one"]'
check holds_pool

rule 'a second server waits for the pool and says who holds it'
status=0
"$daemon" --lock-timeout 0.2 2>"$work/err" || status=$?
check test "$status" = 6
check grep -q "in use by process $server (" "$work/err"
check test -S "$socket"

rule 'who wants the pool for himself gets it'
run 0 device delete 100000
run 0 pool repair
prints agree
ends_with 0
logs 'the pool is wanted by somebody else'
check test ! -e "$socket"

rule 'a server that is asked to end does so at once'
serve --idle-timeout 0
device=$("$program" inspect one | jq .device)
"$program" device write "$device" <"$work/fifo" 2>"$work/err" 9>&- &
writer=$!
exec 9>"$work/fifo"
eventually is_in_use
kill -TERM "$server"
ends_with 0
wait "$writer" && fail 'the command succeeded'
check grep -q 'thinsnapd was asked to end' "$work/err"
exec 9>&-
check test ! -e "$socket"
run 0 pool check

rule 'a server that nobody needs ends'
serve --idle-timeout 0.5 --log-file "$work/logfile"
run 0 pool status
ends_with 0
check test ! -e "$socket"
check grep -q 'nobody has asked for anything' "$work/logfile"

rule 'after a server was killed commands work as if there had never been one'
for round in 1 2 3; do
    serve --idle-timeout 0
    for i in 1 2 3 4; do
        (while "$program" create "round$round-$i-$RANDOM" --size 1G; do :; done) 2>/dev/null 9>&- &
        loops[i]=$!
    done
    sleep 0.4
    kill "${loops[@]}"
    kill -KILL "$server"
    ends_with 137
    check test -S "$socket"
    run 0 create "after$round" --size 1G
    run 0 pool repair
    prints agree
    run 0 pool check
done

rule 'a request that the server did not live to answer has an unknown outcome'
serve --idle-timeout 0
"$program" device write "$device" <"$work/fifo" 2>"$work/err" 9>&- &
writer=$!
exec 9>"$work/fifo"
eventually is_in_use
kill -KILL "$server"
status=0
wait "$writer" || status=$?
ends_with 137
check test "$status" = 10
complains 'is not known'
exec 9>&-

rule 'a server that comes up while a command waits for the lock serves it'
"$program" device write "$device" <"$work/fifo" 9>&- &
holder=$!
exec 9>"$work/fifo"
eventually is_locked
"$daemon" --idle-timeout 0 2>>"$work/log" 9>&- &
server=$!
"$program" create waiting --size 1G 9>&- &
waiter=$!
sleep 0.3
exec 9>&-
wait "$holder"
wait "$waiter" || fail "the waiting command has status $?"
eventually is_listening
check holds_pool
run 0 rm waiting --lock-timeout 0
kill "$server"
ends_with 0

rule 'a server of another version is asked to end, and named when it stays'
cat >"$work/other.py" <<'PYTHON'
import json, os, socket, sys
path, stops = sys.argv[1], sys.argv[2] == "stops"
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
connection, _ = listener.accept()
lines = connection.makefile("rw")
for line in lines:
    request = json.loads(line)
    answer = {"jsonrpc": "2.0", "id": request["id"]}
    if request["method"] == "server.hello":
        answer["result"] = {"version": "0.0.0", "pid": os.getpid()}
    elif stops:
        answer["result"] = {}
        os.unlink(path)
    else:
        answer["error"] = {"code": -32000, "message": "2 devices are active", "data": {"kind": "busy"}}
    print(json.dumps(answer), file=lines, flush=True)
    if request["method"] == "server.stop":
        break
PYTHON
python3 "$work/other.py" "$socket" stays 9>&- &
server=$!
eventually test -S "$socket"
run 5 create other --size 1G
complains "thinsnapd (process $server) is of version 0.0.0"
complains '2 devices are active'
ends_with 0
rm "$socket"
python3 "$work/other.py" "$socket" stops 9>&- &
server=$!
eventually test -S "$socket"
run 0 create other --size 1G
ends_with 0
finish
