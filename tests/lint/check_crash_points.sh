#!/bin/bash
# check_crash_points.sh ROOT: each TS_CRASH_POINT("name") of src has one place and is named by a
# test. A point that no test dies at proves nothing.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/lint/lib.sh
source "$here/lib.sh"
root=$1

declare -A place
while IFS= read -r -d '' file; do
    while IFS= read -r name; do
        if [[ -v place[$name] ]]; then
            complain "$file: crash point '$name' also stands in ${place[$name]}"
        fi
        place[$name]=$file
        used=$(files "$root" 'tests/*.cpp' 'tests/*.hpp' 'tests/*.sh' |
            (cd "$root" && xargs -0r grep -lF -- "\"$name\"") || true)
        [[ -n $used ]] || complain "$file: no test uses the crash point '$name'"
    done < <(sed -E 's,//.*,,' "$root/$file" | grep -oP 'TS_CRASH_POINT\(\s*"\K[^"]+' || true)
done < <(files "$root" 'src/*.cpp' 'src/*.hpp')
finish
