#!/bin/bash
# Two hundred processes at once that all want to change one pool: each waits its turn.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_tool jq
crowd=200
begun=$SECONDS
mkdir "$work/root" "$work/said"
echo base >"$work/root/motd"
tar -C "$work/root" -cf "$work/root.tar" .
run 0 pool create --size 4G
run 0 import "$work/root.tar" --name base
empty=$("$program" pool status --json | jq '.metadata.used_blocks')

# all NUMBER ARGUMENT...: runs the command in that many processes at once, with the process's number
# in place of a %. The statuses, one a line, are in $work/statuses.
all() {
    local number=$1 i processes=()
    shift
    find "$work/said" -type f -delete
    for ((i = 0; i < number; i++)); do
        (
            status=0
            "$program" "${@//%/$i}" >/dev/null 2>"$work/said/$i" || status=$?
            echo "$status" >"$work/said/$i.status"
        ) &
        processes+=($!)
    done
    wait "${processes[@]}"
    cat "$work"/said/*.status >"$work/statuses"
}
have_status() { # STATUS COUNT
    local count
    count=$(grep -cx "$1" "$work/statuses" || true)
    ((count == $2)) || fail "$count of $(wc -l <"$work/statuses") have status $1, not $2: $(cat "$work"/said/* | sort | uniq -c | sort -rn | head -n 5)"
}
judge() {
    run 0 pool repair
    prints 'agree'
    run 0 pool check
    prints 'clean: 0 damages, 0 leaks, 0 warnings'
    ! command -v thin_check >/dev/null || check thin_check -q "$work/pool/metadata"
}

rule 'two hundred processes make a container each, and each waits its turn'
all "$crowd" --lock-timeout 300 create 'c%' --image base
have_status 0 "$crowd"
run 0 list --json
json "[.containers[].name] == ([range($crowd) | \"c\\(.)\"] | sort)"
json "[.containers[].device] | unique | length == $crowd"
judge
echo "made after $((SECONDS - begun)) s"

rule 'of forty that want the same name one gets it'
all 40 --lock-timeout 300 create same --image base
have_status 0 1
have_status 4 39
run 0 rm same

rule 'some are made while others are removed, and all is exact'
for ((i = 0; i < crowd; i++)); do
    if ((i % 2 == 0)); then echo "rm c$i"; else echo "create d$i --image base"; fi
done >"$work/wishes"
# shellcheck disable=SC2016 # the inner shell's own words
xargs -a "$work/wishes" -d '\n' -n 1 -P "$crowd" \
    sh -c '"$0" --lock-timeout 300 $1 || echo "$1 gives $?"' "$program" >"$work/failures"
check test ! -s "$work/failures"
run 0 list --json
json "[.containers[].name] == ([range(1; $crowd; 2) | \"c\\(.)\", \"d\\(.)\"] | sort)"
judge

rule 'two hundred remove what they made'
run 0 list --json
jq -r '.containers[].name' "$work/out" >"$work/names"
xargs -a "$work/names" -n 1 -P "$crowd" "$program" --lock-timeout 300 rm || fail 'one of them failed'
run 0 list --json
json '.containers == []'
judge
run 0 pool status --json
json ".devices == 1 and .metadata.used_blocks == $empty"

rule 'who cannot wait that long is told who is in the way'
mkfifo "$work/fifo"
run 0 device create 900
"$program" device write 900 <"$work/fifo" &
holder=$!
exec 9>"$work/fifo"
eventually is_locked
start=$SECONDS
all 20 --lock-timeout 0.5 create 'e%' --image base
((SECONDS - start < 20)) || fail "they gave up after $((SECONDS - start)) s only"
have_status 6 20
for ((i = 0; i < 20; i++)); do
    grep -q "in use by process $holder (" "$work/said/$i" || fail "not named: $(<"$work/said/$i")"
done
exec 9>&-
wait "$holder"
run 0 list --json
json '.containers == []'
echo "all of it took $((SECONDS - begun)) s"
finish
