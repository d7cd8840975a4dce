#!/bin/bash
# Help, version, and command lines that make no sense.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

rule 'the version is printed'
run 0 --version
check grep -qxE 'thinsnap [0-9]+\.[0-9]+\.[0-9]+' "$work/out"
run 0 pool create --version

rule 'there is help on the program and on each group and command'
run 0 --help
prints 'pool create [DIR]'
prints 'device diff A B'
prints '--lock-timeout SECONDS'
while read -r command; do
    if [[ $command == *' '* ]]; then
        run 0 "${command% *}" --help
        prints "$command"
    fi
    # shellcheck disable=SC2086 # a name may be two words
    run 0 $command --help
    prints "usage: thinsnap $command"
    prints '--pool DIR'
    if [[ -s $work/err ]]; then fail 'help complains'; fi
done < <(commands)

rule 'help is no wider than a terminal'
for command in '' pool device 'pool create' 'pool check' 'device read'; do
    # shellcheck disable=SC2086 # two words
    run 0 $command --help
    (($(wc -L <"$work/out") <= 80)) || fail "the help of '$command' is wider than 80 columns"
done

rule 'a command line that makes no sense has status 2 and one line'
run 2
complains 'no command is given'
run 2 frobnicate
complains "no command 'frobnicate'"
run 2 frobnicate --help
complains "no command 'frobnicate'"
run 2 pool
complains 'no pool command is given'
run 2 pool frobnicate
complains "no command 'pool frobnicate'"
run 2 device list --frobnicate
complains '--frobnicate'
run 2 device list --pool
complains '--pool'
run 2 device list --lock
complains '--lock'
run 2 device list 1
complains 'takes no arguments'
run 2 device delete
complains 'ID...'
run 2 device read 1 2
complains 'takes ID'
run 2 device create 1 --origin 2
complains '--origin'
run 2 device list --json=yes
complains '--json'
run 2 device list --pool "$work" --pool "$work"
complains 'given twice'
run 2 device list --pool ''
complains '--pool'

rule 'numbers are checked'
for id in x 1x -- -1 16777216 99999999999999999999 0x1 1.5 ''; do
    run 2 device create -- "$id"
done
run 2 device snapshot 1 --origin x
complains "'x' is no device id"
run 2 device snapshot 1
complains '--origin is missing'
run 2 device read 1 --offset 1X
complains '--offset'
run 2 device discard 1 --offset 1
complains '--length is missing'
run 2 pool create --size many
complains "--size 'many'"
run 2 pool create
complains '--size is missing'
run 2 pool create --size 1M --size 2M
complains 'given twice'
run 2 pool create --pool "$work/a" "$work/b" --size 1M
complains 'twice'
run 2 pool set-transaction-id 1 x
complains "'x' is no transaction id"
for seconds in -1 x '' nan 1e9; do
    run 2 device list --lock-timeout="$seconds"
    complains '--lock-timeout'
done
check test ! -e "$THINSNAP_POOL"

rule 'global options stand anywhere'
run 0 pool create --size 1M
for position in 0 1 2; do
    words=(device list)
    words=("${words[@]:0:position}" --pool "$THINSNAP_POOL" --lock-timeout=0 --json
        "${words[@]:position}")
    THINSNAP_POOL=/nonexistent run 0 "${words[@]}"
    prints '"devices": []'
done

rule 'an error is JSON when JSON is asked for, even if nothing else is understood'
run 2 --json pool frobnicate
check grep -qE '^\{"error":\{"kind":"invalid_argument","message":".*","exit_status":2\}\}$' "$work/err"
run 3 --json pool status --pool "$work/none"
check grep -q '"kind":"not_found"' "$work/err"

rule 'output that cannot be written is an error'
status=0
"$program" pool status >/dev/full 2>"$work/err" || status=$?
((status == 7)) || fail "exit status $status on a full device"
complains 'writing standard output'
status=0
"$program" --help >&- 2>"$work/err" || status=$?
((status == 10)) || fail "exit status $status with standard output closed"

rule 'a reader that goes away ends the command quietly'
"$program" device create 1
{
    status=0
    "$program" device read 1 --length 100M 2>"$work/err" || status=$?
    echo "$status" >"$work/status"
} | head -c 10 >/dev/null
check test "$(<"$work/status")" = 141
check test ! -s "$work/err"
finish
