#!/bin/bash
# installed_tree.sh BUILD: installs into an empty prefix, runs the installed program, and builds and
# runs a program against the installed library, as a user of find_package(thinsnap) would.
set -euo pipefail
build=$1
consumer=$(dirname "$(readlink -f "$0")")/consumer
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:.*=//p' "$build/CMakeCache.txt")

cmake --install "$build" --prefix "$work/prefix" >/dev/null
mv "$work/prefix" "$work/moved" # nothing may depend on the place
seen=$("$work/moved/bin/thinsnap" --version)
[[ $seen == "thinsnap $version" ]] || { echo "thinsnap --version prints '$seen'"; exit 1; }
seen=$("$work/moved/sbin/thinsnapd" --version)
[[ $seen == "thinsnapd $version" ]] || { echo "thinsnapd --version prints '$seen'"; exit 1; }

cmake -G Ninja -S "$consumer" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/moved" \
    -DTHINSNAP_WANTED="$version" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cmake --build "$work/build" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
for program in consumer whole_archive; do
    seen=$("$work/build/$program")
    [[ $seen == "$version" ]] || { echo "$program prints '$seen'"; exit 1; }
done
