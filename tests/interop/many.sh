#!/bin/bash
# many.sh THINSNAP COMPARE_TREES: 128 containers are active and mounted at once; and containers come and go,
# 300 times, 10,000 with THINSNAP_LONG, in bounded memory of the server and with nothing left behind.
set -euo pipefail
# shellcheck source=tests/interop/mounted.sh
source "$(dirname "$0")/mounted.sh"
need_server openssl

crowd=128
rounds=300 warm_up=100
[[ -z ${THINSNAP_LONG:-} ]] || rounds=10000
# What the server may grow by after the warm-up, in KiB; by no thread and no descriptor.
memory_bound=8192

# each COMMAND...: for every container of the crowd, a % being its name; eight at a time.
each() {
    seq -f 'crowd-%g' "$crowd" | xargs -P 8 -I % "$@" >"$work/log" 2>&1 || fail "$*: $(head "$work/log")"
}

# write_one NUMBER DIR: content of its own, synced.
write_one() {
    pattern 65536 "$1" >"$2/written"
    sync "$2/written"
}

check_crowd() {
    local i
    rule "$crowd containers at once"
    each mkdir "$work/at/%"
    each "$program" create % --image base
    each "$program" mount % "$work/at/%"
    ((failures == 0)) || return 0
    run 0 list --json
    json "[.containers[] | select(.state == \"mounted\" and .mount_points == [\"$work/at/\" + .name]) | .path]
        | length == $crowd and (unique | length) == $crowd"
    check test "$(loops_of_pool | wc -l)" = "$crowd"
    for ((i = 1; i <= crowd; ++i)); do
        write_one "$i" "$work/at/crowd-$i"
    done
    echo "$crowd mounted: $(server_size)"
    each "$program" umount %
    check test -z "$(loops_of_pool)"
    for ((i = 1; i <= crowd; ++i)); do
        "$program" cat "crowd-$i:/written" | cmp - <(pattern 65536 "$i") || fail "the content of crowd-$i"
    done
    check_device crowd-1
    check_device "crowd-$crowd"
    each "$program" rm %
}

# Memory in KiB, threads, descriptors.
server_size() {
    local pid
    pid=$(server_of_pool)
    echo "$(sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status") KiB," \
        "$(sed -n 's/^Threads:\t//p' "/proc/$pid/status") threads, $(find "/proc/$pid/fd" -type l | wc -l) files"
}

# What a container that has gone must not leave: devices, space, loops, mounts, files below /run.
traces() {
    "$program" device list --json | jq -c '[.. | .id? // empty]'
    "$program" pool status --json | jq -c '[.data, .metadata] | map(.used_chunks // .used_blocks // .used)'
    loops_of_pool
    findmnt -rno TARGET | { grep "^$work/" || true; }
    [[ ! -e $runtime ]] || find "$runtime" -mindepth 1 ! -path "$runtime/devices/*"
    find "$work/at" -mindepth 1 ! -name '[ab]'
}

# One life of a container: activated and mounted, or only mounted.
life() { # NUMBER
    local name=life-$1
    run 0 create "$name" --image base
    (($1 % 2 == 0)) || run 0 activate "$name"
    run 0 mount "$name" "$work/at/a"
    write_one "$1" "$work/at/a"
    run 0 umount "$name"
    (($1 % 2 == 0)) || run 0 deactivate "$name"
    run 0 rm "$name"
}

# shellcheck disable=SC2317 # called by eventually
is_bounded() {
    local memory threads files
    read -r memory _ threads _ files _ < <(server_size)
    ((memory <= first_memory + memory_bound && threads <= first_threads && files <= first_files))
}

check_lives() {
    local number
    rule "$rounds containers come and go"
    mkdir -p "$work/at/a"
    for ((number = 1; number <= rounds && failures == 0; ++number)); do
        life "$number"
        if ((number == warm_up)); then
            sleep 1 # what served the last command may end
            read -r first_memory _ first_threads _ first_files _ < <(server_size)
            server=$(server_of_pool)
            echo "after $number: $(server_size)"
            traces >"$work/first-traces"
        elif ((number > warm_up && number % 100 == 0)); then
            eventually is_bounded
            traces >"$work/traces"
            same_files "$work/first-traces" "$work/traces"
        fi
    done
    echo "after $((number - 1)): $(server_size)"
    check test "$(server_of_pool)" = "$server"
}

make_pool 20G
mkdir "$work/root"
pattern 300000 >"$work/root/file"
tar -C "$work/root" -cf "$work/root.tar" .
run 0 import "$work/root.tar" --name base
# The checks see what is left: a mounted container is.
traces >"$work/traces"
run 0 create left --image base
mount_container left
traces | cmp -s - "$work/traces" && fail 'a mounted container leaves no traces'
run 0 rm left --force
check_crowd
check_lives
check_pools "$THINSNAP_POOL"
end_server
finish
