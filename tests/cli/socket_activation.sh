#!/bin/bash
# socket_activation.sh PROGRAM SERVER: thinsnapd on a socket at which a service manager listens.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_tool jq
need_tool systemd-socket-activate
daemon=$(readlink -f "$2")
socket=$work/pool/socket
run 0 pool create --size 1G

rule 'a service manager may listen in its place'
systemd-socket-activate --listen="$socket" "$daemon" --pool "$work/pool" --idle-timeout 0 \
    2>>"$work/log" &
server=$!
eventually test -S "$socket"
run 0 create one --size 1G
check grep -Fq 'the socket that was handed over' "$work/log"
check grep -q "^$server (" "$work/pool/lock"

rule 'the socket stays when the server ends, and is as good as none'
kill "$server"
status=0
wait "$server" || status=$?
check test "$status" = 0
check test -S "$socket"
run 0 create two --size 1G
run 0 list --json
json '[.containers[].name] == ["one", "two"]'
finish
