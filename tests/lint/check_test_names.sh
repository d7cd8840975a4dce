#!/bin/bash
# check_test_names.sh ROOT: names of doctest cases that survive the way through CTest.
#
# Measured with doctest 2.4.9: `;` splits a name into two phantom tests that pass with no case, a
# `,` separates filters, `"` and `\` do not survive quoting, `[` and `]` glue CMake list elements
# together, `*` and `?` match other cases. Filters ignore case, so two names of one folder that
# differ only in it run each other.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/lint/lib.sh
source "$here/lib.sh"
root=$1

# Prints the case names of a file, one a line. Comments go first, then line breaks, then the seams
# of adjacent string literals, so that a name wrapped by the formatter is seen whole.
case_names() {
    sed -E 's,^[[:blank:]]*//.*,,' "$1" | tr '\n' ' ' | sed -E 's/([^\\])" +"/\1/g' |
        grep -oP '\bTEST_CASE(_FIXTURE|_TEMPLATE(_DEFINE)?)?\s*\(\s*([A-Za-z_:]+\s*,\s*)?"\K(\\.|[^"\\])*(?=")' || true
}

declare -A first_use
while IFS= read -r -d '' file; do
    while IFS= read -r name; do
        case $name in
            *[,\;\"\\*?]* | *'['* | *']'*)
                complain "$file: '$name': a case name must not contain any of , ; \" \\ [ ] * ?" ;;
        esac
        key="$(dirname "$file")/${name,,}"
        if [[ -v first_use[$key] ]]; then
            complain "$file: '$name' is already the name of a case in ${first_use[$key]}"
        fi
        first_use[$key]=$file
    done < <(case_names "$root/$file")
done < <(files "$root" 'tests/*.cpp' 'tests/*.hpp')
finish
