#!/bin/bash
# check_format.sh ROOT: clang-format 14 and clean white space. Other versions of clang-format wrap
# some lines differently, so they do not count.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/lint/lib.sh
source "$here/lib.sh"
root=$1

tool=clang-format
need clang-format-14 clang-format
[[ $("$tool" --version) =~ version\ 14\. ]] || { echo "SKIP: $tool is not version 14"; exit 77; }

mapfile -d '' -t sources < <(files "$root" '*.cpp' '*.hpp')
if ((${#sources[@]} > 0)); then
    (cd "$root" && "$tool" --dry-run -Werror "${sources[@]}") || complain "run $tool -i on the above"
fi

while IFS= read -r -d '' file; do
    [[ $file != tests/data/* && $file != LICENSE ]] || continue
    grep -Iq . "$root/$file" || continue # binary or empty
    while read -r line; do
        complain "$file:$line: space at the end of the line"
    done < <(grep -n '[[:blank:]]$' "$root/$file" | cut -d: -f1)
    [[ -z $(tail -c1 "$root/$file") ]] || complain "$file: no newline at the end"
done < <(files "$root" '*')
finish
