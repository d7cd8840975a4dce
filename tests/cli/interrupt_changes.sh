#!/bin/bash
# A signal that asks to end, to every command that changes something, at any moment: either the
# command was done, or it ends with 128 + the signal and nothing of it is there.
#
# 20 signals; 200 with THINSNAP_LONG.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_tool jq
need_tool openssl
# shellcheck source=tests/cli/changes_lib.sh
source "$(dirname "$0")/changes_lib.sh"

runs=20
[[ -z ${THINSNAP_LONG:-} ]] || runs=200
begun=$SECONDS
make_sources
start_pool

# What the ledger and the pool's own files say, by which "nothing happened" is judged.
everything() {
    "$program" list --json
    "$program" images --json
    "$program" device list --json | jq '[.devices[].device]'
    "$program" pool status --json | jq .data.total_chunks
    ls -A "$work/pool" "$work/tmp" "$work/made"
}

rule 'every command does what it says when nobody disturbs it'
for name in "${command_names[@]}"; do
    rule "$name is not disturbed"
    measure "$name"
done

ended=0
below "${#command_names[@]}"
first=$drawn
for ((i = 0; i < runs; i++)); do
    number=$((number + 1))
    name=${command_names[(first + i) % ${#command_names[@]}]}
    signal=INT wanted=130
    ((i % 2 == 0)) || signal=TERM wanted=143
    plan "$name"
    everything >"$work/before"
    strike "$signal" "$name"
    rule "run $i: $name, SIG$signal $moment (status $status)"
    if ((status == wanted)); then
        ended=$((ended + 1))
        rewrites='' makes_image='' makes_container='' takes_image='' takes_containers=''
        everything >"$work/after"
        cmp -s "$work/before" "$work/after" ||
            fail "something is left: $(diff "$work/before" "$work/after" | head -n 20)"
        # a process that was ended before it could say so says nothing
        [[ ! -s $work/killed || $(<"$work/killed") == *'interrupted'* ]] || fail "$(<"$work/killed")"
        [[ $name == repair ]] || judge_agreement # what was to be repaired still is
    elif ((status != 0)); then
        fail "$(<"$work/killed")"
    fi
    settle "$status"
done

rule 'what must not be is noticed'
plan nothing
is_noticed && fail 'something is noticed where nothing is wrong'
must device create 4000
is_noticed || fail 'a device that nobody knows is not noticed'
must pool repair --apply

rule 'nothing is left of all that'
finish_pool
echo "$ended of $runs were ended, in $((SECONDS - begun)) s"
((ended * 5 >= runs)) || fail "only $ended of $runs were ended"
finish
