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
    trap 'stop_containerd; unmount_all; cleanup' EXIT
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
    mkdir -p "$2"
    # Not a view: the garbage collection would take it.
    ctr_with snapshots --snapshotter native prepare "of-$1" "$1" >"$work/log"
    eval "$(ctr_with snapshots --snapshotter native mounts "$2" "of-$1")"
}
