#!/bin/bash
# check_man.sh ROOT: man pages pass groff and mandoc without a warning, name their exit statuses
# (sections 1 and 8), and are installed.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/lint/lib.sh
source "$here/lib.sh"
root=$1

need groff mandoc
while IFS= read -r -d '' page; do
    if command -v groff >/dev/null; then
        while IFS= read -r line; do
            complain "groff: $line"
        done < <(groff -mandoc -ww -z -Tutf8 "$root/$page" 2>&1)
    fi
    if command -v mandoc >/dev/null; then
        while IFS= read -r line; do
            complain "$line"
        done < <(mandoc -Tlint -W warning "$root/$page" 2>&1)
    fi
    if [[ $page == *.[18] ]] && ! grep -qE '^\.S[hH] "?EXIT STATUS' "$root/$page"; then
        complain "$page: the section EXIT STATUS is missing"
    fi
    grep -Fqw -- "$(basename "$page")" "$root/man/CMakeLists.txt" ||
        complain "$page is not in man/CMakeLists.txt"
done < <(files "$root" 'man/*.[1-8]')
finish
