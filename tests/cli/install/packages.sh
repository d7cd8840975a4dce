#!/bin/bash
# packages.sh BUILD: both packages can be made and hold what they should.
set -euo pipefail
build=$1
command -v dpkg-shlibdeps >/dev/null || { echo "SKIP: dpkg-shlibdeps is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cpack --config "$build/CPackConfig.cmake" -B "$work" >"$work/log" 2>&1 ||
    { cat "$work/log"; exit 1; }

# expect PACKAGE FILE: the package exists and contains FILE.
expect() {
    local package=$1 file=$2
    # shellcheck disable=SC2086 # a pattern
    dpkg-deb -c $package | grep " \./$file\$" >/dev/null || { echo "$package lacks $file"; exit 1; }
}
expect "$work/thinsnap_*.deb" usr/bin/thinsnap
expect "$work/thinsnap_*.deb" usr/sbin/thinsnapd
expect "$work/thinsnap_*.deb" usr/lib/systemd/system/thinsnapd.service
expect "$work/thinsnap-dev_*.deb" 'usr/lib/.*libthinsnap\.a'
expect "$work/thinsnap-dev_*.deb" usr/include/thinsnap/version.hpp
expect "$work/thinsnap-dev_*.deb" 'usr/lib/.*/thinsnap-config\.cmake'
dpkg-deb -f "$work"/thinsnap_*.deb Depends | grep libc6 >/dev/null ||
    { echo "the package names no shared libraries"; exit 1; }
ls "$work"/*.tar.gz >/dev/null
