#!/bin/bash
# A command that is killed at any moment: what was done stays done, what was not leaves nothing,
# and the next command works without help.
#
# 30 kills; 300 with THINSNAP_LONG. Half of them come at a call of the system, half after a time.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_tool jq
need_tool openssl
# shellcheck source=tests/cli/changes_lib.sh
source "$(dirname "$0")/changes_lib.sh"

runs=30
[[ -z ${THINSNAP_LONG:-} ]] || runs=300
begun=$SECONDS
make_sources
start_pool

rule 'every command does what it says when nobody disturbs it'
for name in "${command_names[@]}"; do
    rule "$name is not disturbed"
    measure "$name"
done
echo "measured ${#command_names[@]} commands in $((SECONDS - begun)) s"

killed=0
below "${#command_names[@]}"
first=$drawn
for ((i = 0; i < runs; i++)); do
    number=$((number + 1))
    name=${command_names[(first + i) % ${#command_names[@]}]}
    plan "$name"
    strike KILL "$name"
    rule "run $i: $name, killed $moment (status $status)"
    ((status == 0 || status == 137)) || fail "$(<"$work/killed")"
    ((status == 0)) || killed=$((killed + 1))
    settle "$status"
done

rule 'what must not be is noticed'
plan nothing
is_noticed && fail 'something is noticed where nothing is wrong'
must device create 4000
is_noticed || fail 'a device that nobody knows is not noticed'
must pool repair --apply
containers[never]=base
is_noticed || fail 'a container that is lost is not noticed'
unset 'containers[never]'
touch "$work/pool/metadata.new"
is_noticed || fail 'a file that is left over is not noticed'
rm "$work/pool/metadata.new"
must tag base unknown
is_noticed || fail 'an image from nowhere is not noticed'
must rmi unknown

rule 'nothing is left of all that'
finish_pool
echo "$killed of $runs were killed, in $((SECONDS - begun)) s"
((killed * 3 >= runs)) || fail "only $killed of $runs were killed"
finish
