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
while IFS= read -r -d '' list; do
    folder=$(dirname "$list")
    [[ $folder == src/* ]] || grep -qwE 'INSTALL|SERVER' "$root/$list" || continue
    # in the order in which CMake will have them
    grep -oE '[[:alnum:]_/]+\.cpp' "$root/$list" | awk '!seen[$0]++' |
        sed "s,.*,#include \"$root/$folder/&\"," >"$work/${folder/\//-}.cpp" || true
done < <(files "$root" 'src/*/CMakeLists.txt' 'tools/*/CMakeLists.txt')

# Only what GCC says without being asked: warnings are the other presets' business.
if ! find "$work" -name '*.cpp' -print0 |
    xargs -0 -n 1 -P "${THINSNAP_JOBS:-$(nproc)}" "$tool" -std=c++20 -fsyntax-only -Werror \
        -DTHINSNAP_VERSION='""' "-I$root/src" "-I$root/include"; then
    complain "these sources cannot be compiled as one, see above"
fi
finish
