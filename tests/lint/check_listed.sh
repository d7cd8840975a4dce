#!/bin/bash
# check_listed.sh ROOT: every .cpp stands in the CMakeLists.txt of its folder or of one above. A
# test file that nobody listed would never run, and nothing else would say so.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/lint/lib.sh
source "$here/lib.sh"
root=$1

listed() {
    local file=$1 folder
    folder=$(dirname "$file")
    while [[ $folder != . ]]; do
        if [[ -f $root/$folder/CMakeLists.txt ]]; then
            grep -Fqw -- "${file#"$folder/"}" "$root/$folder/CMakeLists.txt" && return
        fi
        folder=$(dirname "$folder")
    done
    # the two mains that thinsnap_fuzzer() adds
    [[ -d $root/tools/cmake ]] && grep -rFqw -e "/$(basename "$file")" "$root/tools/cmake"
}

while IFS= read -r -d '' file; do
    listed "$file" || complain "$file is in no CMakeLists.txt"
done < <(files "$root" 'src/*.cpp' 'tests/*.cpp' 'tools/*.cpp')
finish
