#!/bin/bash
# server_killed.sh THINSNAP COMPARE_TREES: thinsnapd is killed while its containers are being written. What
# fsync had promised is there, and the next command cleans up, says what was mounted, and all goes on.
#
# Three rounds; fifty with THINSNAP_LONG. In each, programs write that keep a record on the host of what
# fsync promised them (promises.py), and one reads back what it wrote (fio).
set -euo pipefail
# shellcheck source=tests/interop/mounted.sh
source "$(dirname "$0")/mounted.sh"
need_server fio

rounds=3
[[ -z ${THINSNAP_LONG:-} ]] || rounds=50
names=(one two three four)
declare -A promised
seconds_for_mount=5

# shellcheck disable=SC2317 # called by in_background
writer() { python3 "$interop/promises.py" write "$@" 2>>"$work/writers"; }

# shellcheck disable=SC2317 # called by in_background
verifying_load() { # DIR
    fio --name=load --directory="$1" --size=32M --rw=randwrite --bs=4k --ioengine=libaio --direct=1 \
        --iodepth=16 --fsync=64 --verify=crc32c --verify_backlog=32 --verify_fatal=1 --time_based --runtime=600 \
        --output="$work/fio" 2>"$work/fio.errors"
}

count_promises() { grep -c ^done "$work/record-$1" || true; }

start_writers() {
    local name
    writers=()
    for name in "${names[@]}"; do
        promised[$name]=$(count_promises "$name")
        in_background writer "$work/at/$name/promises" "$work/record-$name"
        writers+=($!)
    done
    in_background verifying_load "$work/at/four"
    load=$!
}

# has_more NAME: its writer has been promised something in this round.
# shellcheck disable=SC2317 # called by within
has_more() { (($(count_promises "$1") >= promised[$1] + 20)); }

# They must see an error, and soon.
end_writers() {
    local pid status deadline=$((SECONDS + 30))
    for pid in "${writers[@]}" "$load"; do
        while kill -0 "$pid" 2>/dev/null; do
            ((SECONDS < deadline)) || { fail 'a writer goes on or hangs'; return; }
            sleep 0.02
        done
    done
    for pid in "${writers[@]}"; do
        status=0
        wait "$pid" || status=$?
        check test "$status" = 3
    done
    ! wait "$load" || fail 'fio succeeded'
    ! grep -i 'verify:\|bad header\|checksum' "$work/fio" "$work/fio.errors" || fail 'fio read what it had not written'
}

kill_server() {
    local pid
    pid=$(server_of_pool)
    [[ -n $pid ]] || { fail 'there is no server'; return; }
    kill -KILL "$pid"
    timeout 10 tail --pid="$pid" -f /dev/null || fail 'the server lives'
}

# The first command after the kill, another one each round.
next_command() { # ROUND
    case $(($1 % 4)) in
        0) run 0 pool status ;;
        1) run 0 mount one "$work/at/one" ;;
        2) run 0 create "new-$1" --size 1G ;;
        3) run 0 activate three ;;
    esac
}

check_named() {
    local name
    for name in "${names[@]}"; do
        grep -q "died while $name was active as /dev/loop.* mounted on $work/at/$name" "$work/err" ||
            fail "$name is not named: $(<"$work/err")"
        ! mountpoint -q "$work/at/$name" || [[ $name == one ]] || fail "$name is still mounted"
    done
}

# A file system that e2fsck mends before it is mounted, not the kernel.
check_with_fsck() { # NAME
    local status=0 device
    [[ -n $("$program" list --json | jq -r ".containers[] | select(.name == \"$1\").path // empty") ]] ||
        run 0 activate "$1"
    device=$("$program" list --json | jq -r ".containers[] | select(.name == \"$1\").path")
    e2fsck -p "$device" >"$work/fsck" 2>&1 || status=$?
    ((status <= 1)) || fail "e2fsck -p of $1 has status $status: $(<"$work/fsck")"
    check_fs "$device" "$1 after e2fsck -p" 'extent tree .* could be (shorter|narrower)'
    run 0 deactivate "$1"
}

mount_again() {
    local name begin=$SECONDS
    for name in "${names[@]}"; do
        mountpoint -q "$work/at/$name" || mount_container "$name"
        check test "$(findmnt -no FSTYPE "$work/at/$name")" = ext4
    done
    ((SECONDS - begin <= seconds_for_mount)) || fail "mounting again took $((SECONDS - begin)) s"
}

kill_round() { # ROUND
    local name
    rule "the server is killed, round $1"
    start_writers
    for name in "${names[@]}"; do
        within 60 has_more "$name"
    done
    sleep "$((RANDOM % 2)).$((RANDOM % 10))"
    kill_server
    end_writers
    run 0 list --json
    json '[.containers[] | select(.state == "lost")] | length == 4'
    next_command "$1"
    check_named
    run 0 list --json
    check test ! -s "$work/err"
    check_with_fsck three
    mount_again
    for name in "${names[@]}"; do
        holds_promises "$work/at/$name/promises" "$work/record-$name"
    done
}

# The checks see what they look for: a promise without fsync is broken by a kill, and so is one by a changed
# byte.
check_checks() {
    local number
    rule 'broken promises are found'
    number=$(sed -n 's/^done block \([0-9]*\) .*/\1/p' "$work/record-two" | tail -n 1)
    printf 'flipped' | dd of="$work/at/two/promises/blocks" bs=1 seek=$((number * 4096 + 2000)) conv=notrunc status=none
    ! python3 "$interop/promises.py" check "$work/at/two/promises" "$work/record-two" >"$work/promises" ||
        fail 'flipped bytes are not seen'
    grep -q "^block $number: generation None" "$work/promises" || fail "something else is seen: $(<"$work/promises")"
    in_background writer "$work/at/one/careless" "$work/record-careless" --no-sync
    writers=($!)
    eventually grep -qs 'done block' "$work/record-careless"
    sleep 0.5
    kill_server
    kill -KILL "${writers[0]}"
    wait "${writers[0]}" 2>/dev/null || true
    mount_container one
    ! python3 "$interop/promises.py" check "$work/at/one/careless" "$work/record-careless" >"$work/promises" ||
        fail 'what was never synced is not missed'
    echo "never synced: $(tail -n 1 "$work/promises")"
}

make_pool 40G
for name in "${names[@]}"; do
    : >"$work/record-$name"
    run 0 create "$name" --size 2G
    mount_container "$name"
done
for ((round = 1; round <= rounds; ++round)); do
    kill_round "$round"
done
echo "$rounds rounds: $(cat "$work"/record-* | grep -c ^done) promises kept"
rule 'what was killed is whole'
for name in "${names[@]}"; do
    run 0 umount "$name"
    check_device "$name"
done
check_pools "$THINSNAP_POOL"
for name in one two; do
    mount_container "$name"
done
check_checks
run 0 umount one
check_pools "$THINSNAP_POOL"
end_server
finish
