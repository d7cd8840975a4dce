# shellcheck shell=bash
# Finds the kernel for tools/guest. Sets kernel_version, kernel_image and kernel_root (the folder whose lib/modules
# belong to it, empty for the host's own). No kernel is ever installed on the host: one that is not there is
# downloaded and unpacked into the user's cache.

find_kernel() {
    local cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/thinsnap/kernel
    use_newest_kernel '' || use_newest_kernel "$cache" || {
        fetch_kernel_once "$cache"
        use_newest_kernel "$cache" || fail 77 "no usable kernel in $cache; remove the folder and try again"
    }
}

# Guests that start together fetch it once; what a killed one left behind is removed.
fetch_kernel_once() {
    local cache=$1
    mkdir -p "$cache"
    (
        flock 9
        rm -rf "$cache"/new.*
        use_newest_kernel "$cache" || fetch_kernel "$cache"
    ) 9>"$cache/lock"
}

# use_newest_kernel ROOT: false if there is none with its modules.
use_newest_kernel() {
    local image version
    while read -r image; do
        version=${image##*/vmlinuz-}
        [[ -r $image && -e $1/lib/modules/$version/modules.dep ]] || continue
        # shellcheck disable=SC2034 # tools/guest uses them
        kernel_root=$1 kernel_image=$image kernel_version=$version
        return 0
    done < <(printf '%s\n' "$1"/boot/vmlinuz-*-cloud-amd64 | sort -rV)
    return 1
}

fetch_kernel() {
    local cache=$1 package new version
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/ Depends: linux-image-/ { print $2; exit }')
    [[ -n $package ]] || fail 77 'no cloud kernel here and apt does not know one;' \
        'run apt-get update or install the package linux-image-cloud-amd64'
    printf 'guest: fetching %s into %s\n' "$package" "$cache" >&2
    new=$(mktemp -d "$cache/new.XXXXXX")
    version=${package#linux-image-}
    if ! { (cd "$new" && apt-get -q download "$package") && dpkg-deb -x "$new"/*.deb "$new/tree" &&
        depmod -b "$new/tree" "$version"; } >"$new/log" 2>&1; then
        tail -n 5 "$new/log" >&2
        rm -rf "$new"
        fail 77 "cannot fetch $package; install the package linux-image-cloud-amd64"
    fi
    mkdir -p "$cache/boot" "$cache/lib/modules"
    mv -T "$new/tree/lib/modules/$version" "$cache/lib/modules/$version"
    mv "$new/tree/boot/vmlinuz-$version" "$cache/boot/"
    rm -rf "$new"
}
