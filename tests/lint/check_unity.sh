#!/bin/bash
# check_unity.sh ROOT: the sources of each module, and of each program that is installed, can be
# compiled as one (THINSNAP_UNITY): no name is defined by two of them, anonymous namespaces included.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/lint/lib.sh
source "$here/lib.sh"
root=$1

need g++ c++
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
while IFS= read -r -d '' file; do
    folder=$(cut -d/ -f1,2 <<<"$file")
    [[ $folder == src/* ]] || grep -qwE 'INSTALL|SERVER' "$root/$folder/CMakeLists.txt" || continue
    echo "#include \"$root/$file\"" >>"$work/${folder/\//-}.cpp"
done < <(files "$root" 'src/*.cpp' 'tools/*.cpp' | sort -z)

# Only what GCC says without being asked: warnings are the other presets' business.
if ! find "$work" -name '*.cpp' -print0 |
    xargs -0 -n 1 -P "${THINSNAP_JOBS:-$(nproc)}" "$tool" -std=c++20 -fsyntax-only -Werror \
        -DTHINSNAP_VERSION='""' "-I$root/src" "-I$root/include"; then
    complain "these sources cannot be compiled as one, see above"
fi
finish
