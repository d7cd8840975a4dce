# shellcheck shell=bash
# A containerd of our own for the tests that ask it: all it has lies in $work.

# shellcheck source=tests/interop/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Starts it with its data in DIR, which no other mount may hide. It goes with the test.
start_containerd() { # DIR
    mkdir -p "$1"
    cat >"$work/containerd.toml" <<TOML
version = 2
root = "$1/root"
state = "$1/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$work/containerd.sock"
[ttrpc]
address = "$work/containerd.ttrpc"
TOML
    containerd --config "$work/containerd.toml" >"$work/containerd.log" 2>&1 &
    containerd_pid=$!
    at_end stop_containerd
    eventually ctr_with version
}

# It lets go of its files only when it ends.
stop_containerd() {
    kill "$containerd_pid" 2>/dev/null || true
    wait "$containerd_pid" 2>/dev/null || true
}

ctr_with() { ctr --address "$work/containerd.sock" "$@"; }

# mount_snapshot CHAIN DIR: the tree that the native snapshotter made of the layers up to CHAIN, a chain ID.
mount_snapshot() {
    local name=of-$1
    mkdir -p "$2"
    # Not a view: the garbage collection would take it.
    ctr_with snapshots --snapshotter native info "$name" >"$work/log" 2>&1 ||
        ctr_with snapshots --snapshotter native prepare "$name" "$1" >"$work/log"
    eval "$(ctr_with snapshots --snapshotter native mounts "$2" "$name")"
}

# ctr_import FILE [OPTION...]: an archive.
ctr_import() {
    ctr_with images import --snapshotter native "$@" >"$work/log" 2>&1 ||
        fail "ctr image import: $(cat "$work/log")"
}

# same_as_containerd IMAGE CHAIN TREE: TREE is what the native snapshotter has of the layers up to CHAIN.
#
# What containerd 1.6.20 does not keep: the attributes trusted.*; times before 1970; by Go's library,
# attributes without a value, and times after 2262. It sets attributes and takes none away, which an ACL
# that is inherited would need. Its native snapshotter copies the layer below before it applies one, without
# the times of directories and the links of what is no regular file.
same_as_containerd() {
    local path options=(--ignore-sockets --ignore-attributes=trusted. --ignore-empty-attributes
        --more-attributes --ignore-directory-mtimes --only-file-links)
    mount_snapshot "$2" "$work/theirs.mnt"
    while IFS= read -r -d '' path; do
        options+=("--ignore-mtime=$path")
    done < <(find "$3" \( -not -newermt '1970-01-01 UTC' -o -newermt '2262-04-11 UTC' \) -printf '%P\0')
    same_trees "$work/theirs.mnt" "$3" "containerd's $1" "${options[@]}"
    umount "$work/theirs.mnt"
}
