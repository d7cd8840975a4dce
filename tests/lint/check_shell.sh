#!/bin/bash
# check_shell.sh ROOT: shellcheck on every shell script, by suffix or by first line.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/lint/lib.sh
source "$here/lib.sh"
root=$1

need shellcheck
scripts=()
while IFS= read -r -d '' file; do
    first=
    read -r first <"$root/$file" || true
    if [[ $file == *.sh || $first =~ ^#!.*[/\ ](ba|da)?sh ]]; then
        scripts+=("$file")
    fi
done < <(files "$root" 'tools/*' 'tests/*.sh' 'tests/system/*' '.ci/*')
if ((${#scripts[@]} > 0)); then
    (cd "$root" && shellcheck -x "${scripts[@]}") || complain "shellcheck complains, see above"
fi
finish
