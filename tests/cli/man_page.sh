#!/bin/bash
# man_page.sh PROGRAM PAGE: the man page and the help name the same commands and options, and every
# JSON key that is printed is documented.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
page=$2

# Words after .Ss or .It in the man page's source, without macros and arguments.
commands_of_page() { sed -nE 's/^\.Ss ((pool |device )?[a-z-]+)( .*)?$/\1/p' "$page"; }
options_of_page() { # of the section whose heading begins with $1
    awk -v want="$1 " '/^\.S[hs] /{inside = index($0 " ", want) == 1} inside && /^\.It Fl /' "$page" |
        grep -oE -- '(-[a-z-]+|Fl [a-z] ,)' | grep -oE -- '-[a-z-]+' | sed 's/^-/--/' | sort
}
options_of_help() { # between the heading $1 and the next empty line, from standard input
    awk -v want="$1" '$0 == want {inside = 1; next} /^$/ {inside = 0} inside' |
        grep -oE -- '^ {2,6}(-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort
}
same() {
    diff <(echo "$1") <(echo "$2") >"$work/diff" || {
        fail "help (<) and man page (>) differ"
        cat "$work/diff"
    }
}

rule 'the page has every command'
commands=$(commands | sort)
same "$commands" "$(commands_of_page | sort)"
(($(wc -l <<<"$commands") >= 16)) || fail 'the list of commands is not found in the help'

rule 'the page has every global option'
same "$("$program" --help | options_of_help 'Global options:')" "$(options_of_page '.Sh OPTIONS')"

while read -r command; do
    rule "the page has every option of $command"
    # shellcheck disable=SC2086 # a name may be two words
    same "$("$program" $command --help | options_of_help 'Options:')" \
        "$(options_of_page ".Ss $command" || true)"
done <<<"$commands"

rule 'the completion knows every command and option'
completion=$(dirname "$page")/../tools/completions/thinsnap.bash
while read -r word; do
    grep -qwF -- "$word" "$completion" || fail "'$word' is not in the completion"
done < <(tr ' ' '\n' <<<"$commands"; while read -r command; do
    # shellcheck disable=SC2086 # a name may be two words
    "$program" $command --help | grep -oE -- '--[a-z-]+'
done <<<"$commands")

rule 'the examples run'
mkdir "$work/home" "$work/bin"
ln -s "$program" "$work/bin/thinsnap"
sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$page" | sed -n '/^\.Bd/,/^\.Ed/{/^\./!p}' >"$work/examples"
check test "$(grep -c thinsnap "$work/examples")" -ge 10
if command -v jq >/dev/null; then
    (cd "$work/home" && HOME=$work/home PATH=$work/bin:$PATH bash -euo pipefail "$work/examples") \
        >"$work/out" 2>&1 || fail "an example fails: $(<"$work/out")"
    prints right_only
    check test "$(tail -n1 "$work/out")" -gt 10000000000
fi

rule 'every JSON key that is printed is documented'
command -v jq >/dev/null || finish
sed -n '/^\.Sh OUTPUT/,/^\.Sh BOOT/p' "$page" >"$work/output"
documented() {
    local key
    while read -r key; do
        grep -qw -- "$key" "$work/output" ||
            fail "the key '$key' of '$*' is not in the man page"
    done < <("$program" "$@" --json 2>&1 | jq -r '[paths | map(strings) | last] | unique[]')
}
documented pool create --size 10M
documented device create 1
documented device snapshot 2 --origin 1
head -c 100K /dev/zero | documented device write 1
documented device diff 1 2
documented device list
documented device discard 1 --offset 0 --length 64K
documented device delete 2
documented pool set-transaction-id 0 0
documented pool status
documented pool grow --size 20M
documented pool backup "$work/backup"
documented pool restore "$work/backup"
documented pool status --pool "$work/none"
printf x | dd of="$work/pool/metadata" bs=1 seek=4200 conv=notrunc status=none
documented pool check
finish
