# shellcheck shell=bash
# The image of tools/quickstart: an OCI layout of three layers, from Debian's archive alone.

# make_image LAYOUT
make_image() {
    local layout=$1 work
    work=$(mktemp -d "$layout.XXXXXX")
    umoci init --layout "$layout"
    umoci new --image "$layout:app"
    echo "Debian, by mmdebstrap"
    # /usr is merged from the start: else a package comes along that merges it, and perl with it.
    # Neither it nor apt in it waits for the disk: what is half made after a crash is thrown away.
    SOURCE_DATE_EPOCH=946684800 quietly mmdebstrap --variant=apt --dpkgopt=force-unsafe-io \
        --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr bookworm "$work/debian.tar"
    umoci raw add-layer --image "$layout:app" --history.created_by "mmdebstrap bookworm" \
        "$work/debian.tar"
    umoci unpack --image "$layout:app" "$work/bundle"
    add_layer_of "$layout" "$work" "apt-get install python3" install_python
    add_layer_of "$layout" "$work" "the application" install_application
    umoci config --image "$layout:app" --config.cmd python3 --config.cmd /app/main.py
    umoci gc --layout "$layout"
    rm -rf "$work"
}

# quietly COMMAND...: what it prints is shown only if it fails.
quietly() {
    local output
    output=$("$@" 2>&1) || { echo "$output" >&2 && return 1; }
}

# add_layer_of LAYOUT WORK WHAT COMMAND: what COMMAND changes in the unpacked root is a layer.
add_layer_of() {
    local layout=$1 work=$2 what=$3
    echo "$what, by umoci"
    "$4" "$work/bundle/rootfs"
    umoci repack --refresh-bundle --image "$layout:app" --history.created_by "$what" "$work/bundle"
}

install_python() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y
        -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0)
    cp /etc/resolv.conf "$1/etc/resolv.conf"
    copy_apt_settings "$1"
    quietly chroot "$1" "${apt[@]}" update
    quietly chroot "$1" "${apt[@]}" install --no-install-recommends python3-minimal libpython3-stdlib
    quietly chroot "$1" apt-get clean
    rm -rf "$1"/var/lib/apt/lists/* "$1/etc/apt/apt.conf.d/99host"
}

# A host behind a proxy has it in its own settings.
copy_apt_settings() {
    apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https)::' >"$1/etc/apt/apt.conf.d/99host" || true
}

# Deletes, replaces, adds; and one large file, whose first change is what overlayfs copies whole.
install_application() {
    rm -rf "$1/usr/share/doc" "$1/usr/share/man"
    rm "$1/etc/motd"
    echo "quickstart" >"$1/etc/debian_chroot"
    mkdir -p "$1/app"
    cat >"$1/app/main.py" <<'PYTHON'
import json, os, sys
with open("/app/visits", "a+") as visits:
    visits.write("one more\n")
    visits.seek(0)
    print(json.dumps({"python": sys.version.split()[0], "visits": len(visits.readlines()),
                      "database": os.path.getsize("/app/database")}))
PYTHON
    yes 'a row of a database that nobody reads' 2>/dev/null | head -c 512M >"$1/app/database" || true
}
