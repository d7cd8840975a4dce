#!/bin/bash
# workload.sh THINSNAP COMPARE_TREES: ten containers at work at once, mounted through one server: all contents
# are right then, and after an unmount, and so are file systems and pool. Meanwhile some of them are committed,
# compared and exported: what was synced before is in what comes out.
#
# Two containers for each kind of work: write_KIND does it in a directory, check_KIND looks at what came of it.
# THINSNAP_SEED repeats a run's choices; THINSNAP_LONG does ten times as much.
set -euo pipefail
# shellcheck source=tests/interop/mounted.sh
source "$(dirname "$0")/mounted.sh"
need_server git

seed=${THINSNAP_SEED:-$((RANDOM * 32768 + RANDOM))}
echo "THINSNAP_SEED=$seed"
times=1
[[ -z ${THINSNAP_LONG:-} ]] || times=10
kinds=(file tar git database sync)
containers=()
for kind in "${kinds[@]}"; do
    containers+=("$kind-1" "$kind-2")
done

# shellcheck disable=SC2317 # called by its name, as all of these
write_file() { # DIR MODEL
    python3 "$interop/exercise_file.py" "$1/file" "$2" "$seed" $((3000 * times))
}
# shellcheck disable=SC2317
check_file() { cmp "$1/file" "$2"; }

# A tree unpacked, in part removed, and unpacked again.
# shellcheck disable=SC2317
write_tar() {
    local round
    for ((round = 0; round < times; ++round)); do
        mkdir "$1/tree-$round"
        tar -C "$1/tree-$round" -xpf "$work/tree.tar"
        find "$1/tree-$round" -type f -name '*[a-m].py' -delete
        tar -C "$1/tree-$round" -xpf "$work/tree.tar"
        ((round == 0)) || rm -rf "$1/tree-$((round - 1))"
    done
    touch "$2"
}
# shellcheck disable=SC2317
check_tar() {
    rm -rf "$work/tree"
    mkdir "$work/tree"
    tar -C "$work/tree" -xpf "$work/tree.tar"
    touch -r "$1/tree-$((times - 1))" "$work/tree" # which the tar has no entry for
    "$compare" "$work/tree" "$1/tree-$((times - 1))"
}

# shellcheck disable=SC2317
git_in() { # DIR ARGUMENT...
    git -c user.name=test -c user.email=test@localhost -c gc.auto=0 -c core.fsync=all -c safe.directory='*' -C "$@"
}

# shellcheck disable=SC2317
write_git() {
    local commit
    git init -q "$1/repository"
    tar -C "$1/repository" -xf "$work/tree.tar"
    git_in "$1/repository" add -A
    git_in "$1/repository" commit -qm first
    for ((commit = 0; commit < 15 * times; ++commit)); do
        find "$1/repository" -name "*$((commit % 10))*.py" -type f -exec sed -i "1i # $commit" {} +
        echo "$commit" >"$1/repository/file-$commit"
        git_in "$1/repository" add -A
        git_in "$1/repository" commit -qm "commit $commit"
        ((commit % 10 != 5)) || git_in "$1/repository" gc -q --prune=now
    done
    git_in "$1/repository" ls-tree -r HEAD >"$2"
}
# shellcheck disable=SC2317
check_git() {
    git_in "$1/repository" fsck --full --strict --no-progress && git_in "$1/repository" diff --exit-code HEAD &&
        git_in "$1/repository" ls-tree -r HEAD | cmp - "$2"
}

# shellcheck disable=SC2317
write_database() {
    python3 "$interop/exercise_database.py" write "$1/database" "$2" "$seed" $((400 * times))
}
# shellcheck disable=SC2317
check_database() { python3 "$interop/exercise_database.py" check "$1/database" "$2"; }

# shellcheck disable=SC2317
write_sync() { python3 "$interop/promises.py" write "$1" "$2" --changes $((3000 * times)); }
# shellcheck disable=SC2317
check_sync() { python3 "$interop/promises.py" check "$1" "$2"; }

# What lies in the containers otherwise: the image's files, and some to unpack.
make_contents() {
    make_images odd
    run 0 import "$work/images/odd" --name odd
    tar -C "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" --sort=name \
        -cf "$work/tree.tar" json email asyncio unittest encodings
}

start_work() {
    local name
    for name in "${containers[@]}"; do
        run 0 create "$name" --image odd
        mount_container "$name"
        mkdir "$work/at/$name/work"
        in_background "write_${name%-*}" "$work/at/$name/work" "$work/model-$name"
        workers[$!]=$name
    done
    within 60 grep -qs ^done "$work/model-sync-1"
}

any_works() { jobs -pr | grep -q .; }

# take_picture CONTAINER NUMBER: what was synced is in its diff, its export and its commit.
take_picture() {
    local name=$1 image=picture-$1-$2 at=$work/at
    rule "a picture of $name while it works, THINSNAP_SEED=$seed"
    pattern 100000 "$2" >"$at/$name/synced-$2"
    sync "$at/$name/synced-$2" "$at/$name"
    cp "$work/model-$name" "$work/promised" 2>/dev/null || true
    run 0 diff "$name"
    grep -q "/synced-$2\$" "$work/out" || fail "diff of $name has not what was synced"
    run 0 export "$name" --output "$work/layer.tar"
    tar -xOf "$work/layer.tar" "synced-$2" | cmp - "$at/$name/synced-$2" || fail "export of $name has it not"
    run 0 commit "$name" --image "$image"
    check_device "$image"
    mount_container "$image" --read-only
    same_files "$at/$image/synced-$2" "$at/$name/synced-$2"
    [[ $name != sync-* ]] || holds_promises "$at/$image/work" "$work/promised" "$work/model-$name"
    run 0 umount "$image"
    rmdir "$at/$image"
    pictures=$((pictures + 1))
}

look_around() {
    rule 'list and df while containers work'
    run 0 list --json
    json '[.containers[] | select(.state == "mounted" and (.path | startswith("/dev/loop"))
        and .mount_points == ["'"$work/at/"'" + .name])] | length == 10'
    run 0 df --json
    json '[.containers[] | select(.exclusive > 0)] | length == 10'
    run 0 pool check
}

end_work() {
    local pid
    rule "the work in ten containers, THINSNAP_SEED=$seed"
    for pid in "${!workers[@]}"; do
        wait "$pid" || fail "the work in ${workers[$pid]} failed"
    done
}

check_work() {
    local name
    for name in "${containers[@]}"; do
        "check_${name%-*}" "$work/at/$name/work" "$work/model-$name" >"$work/log" 2>&1 ||
            fail "the content of $name: $(head -n 20 "$work/log")"
    done
}

make_pool 100G
make_contents
declare -A workers
start_work
((failures == 0)) || finish
pictures=0
begin=$SECONDS
while any_works && ((failures == 0)); do
    for name in sync-1 git-1 database-2 tar-2 file-2; do
        ! any_works || take_picture "$name" $((pictures + 1))
    done
    look_around
done
end_work
echo "$pictures pictures in $((SECONDS - begin)) s of work"
check test "$pictures" -ge 5
check_work
for name in "${containers[@]}"; do
    run 0 umount "$name"
    check_device "$name"
    mount_container "$name"
done
rule 'after an unmount'
check_work
for name in "${containers[@]}"; do
    run 0 umount "$work/at/$name"
done
check_pools "$THINSNAP_POOL"
end_server
finish
