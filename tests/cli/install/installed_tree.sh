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

command -v systemd-analyze >/dev/null || { echo "SKIP: systemd is not installed"; exit 77; }
mkdir "$work/units"
for unit in thinsnapd.service thinsnapd.socket; do
    # The programs are looked for where systemd does not look.
    sed -E "s,^(ExecStart[A-Za-z]*=-?)(thinsnapd),\1$work/moved/sbin/\2,
        s,^(ExecStart[A-Za-z]*=-?)(thinsnap ),\1$work/moved/bin/\2," \
        "$work/moved/lib/systemd/system/$unit" >"$work/units/$unit"
done
verify() { systemd-analyze verify --man=no "$work"/units/* >"$work/log" 2>&1 && [[ ! -s $work/log ]]; }
verify || { cat "$work/log"; exit 1; }
sed -i 's/^Before=/Bfore=/' "$work/units/thinsnapd.service"
! verify || { echo "a wrong unit is not found"; exit 1; }
